/* BART's decoder, a step at a time: self-attention over cached keys and values found through
 * the ancestry, cross-attention over keys and values computed once a text. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/models/bart_layers.h"
#include "engine/kernels/kernels.h"

/* ---- making ---- */

size_t
ac_bart_decoder_packed_bytes(const ac_bart_config *c, const ac_compute *k)
{
    const int64_t C = c->d_model, F = c->decoder_ffn_dim;
    size_t layer = 6 * ac_pack_floats_bytes(C) + ac_linear_packed_bytes(k, 3 * C, C) +
                   ac_linear_packed_bytes(k, 2 * C, C) + 3 * ac_linear_packed_bytes(k, C, C) +
                   ac_linear_packed_bytes(k, F, C) + ac_linear_packed_bytes(k, C, F);

    return ac_bart_embedding_bytes(c) + (size_t) c->decoder_layers * layer +
           ac_linear_packed_bytes(k, c->vocab_size, C);
}

static ac_status
init_head(struct ac_bart_decoder *self, ac_pack *pack, const ac_bart_config *c)
{
    const ac_tensor *weight, *bias = ac_tensors_find(pack->tensors, "final_logits_bias");
    ac_tensor flat;
    ac_status st = ac_pack_tensor(pack, &weight, 2, (int64_t[]){ c->vocab_size, c->d_model },
                                  "shared.weight");

    if (st != AC_OK)
        return st;
    if (bias) {
        st = ac_tensors_need(pack->tensors, &bias, "final_logits_bias", 2,
                             (int64_t[]){ 1, c->vocab_size });
        if (st != AC_OK)
            return st;
        flat = *bias;
        bias = &flat;
    }
    return ac_pack_linear(pack, &self->head, &weight, bias ? &bias : NULL, 1);
}

ac_status
ac_bart_init_decoder(struct ac_bart_decoder *self, ac_pack *pack, const ac_bart_config *c)
{
    static const char *const parts[] = { "q_proj", "k_proj", "v_proj" };
    const int64_t C = c->d_model, F = c->decoder_ffn_dim;
    ac_status st = AC_OK;

    AC_TRY(ac_bart_init_embedding(&self->embedding, pack, c, "decoder"));
    AC_TRY(ac_alloc(&self->layers, c->decoder_layers, sizeof *self->layers));
    for (int64_t l = 0; l < c->decoder_layers; l++) {
        ac_bart_decoder_layer *k = &self->layers[l];
        AC_TRY(ac_bart_init_stacked(&k->qkv, pack, C, "decoder", l, "self_attn", parts, 3));
        AC_TRY(ac_bart_init_linear(&k->out, pack, C, C, "decoder", l, "self_attn.out_proj"));
        AC_TRY(
            ac_bart_init_linear(&k->cross_q, pack, C, C, "decoder", l, "encoder_attn.q_proj"));
        AC_TRY(ac_bart_init_stacked(&k->cross_kv, pack, C, "decoder", l, "encoder_attn",
                                    parts + 1, 2));
        AC_TRY(ac_bart_init_linear(&k->cross_out, pack, C, C, "decoder", l,
                                   "encoder_attn.out_proj"));
        AC_TRY(ac_bart_init_linear(&k->fc1, pack, F, C, "decoder", l, "fc1"));
        AC_TRY(ac_bart_init_linear(&k->fc2, pack, C, F, "decoder", l, "fc2"));
        AC_TRY(ac_bart_init_norm(&k->self_attn_norm, pack, C, "decoder", l,
                                 "self_attn_layer_norm"));
        AC_TRY(ac_bart_init_norm(&k->cross_norm, pack, C, "decoder", l,
                                 "encoder_attn_layer_norm"));
        AC_TRY(ac_bart_init_norm(&k->final_norm, pack, C, "decoder", l, "final_layer_norm"));
    }
    st = init_head(self, pack, c);
out:
    return st;
}

void
ac_bart_free_decoder(struct ac_bart_decoder *self, const ac_bart_config *c)
{
    for (int64_t l = 0; self->layers && l < c->decoder_layers; l++) {
        ac_bart_decoder_layer *k = &self->layers[l];
        ac_linear_free(&k->qkv);
        ac_linear_free(&k->out);
        ac_linear_free(&k->cross_q);
        ac_linear_free(&k->cross_kv);
        ac_linear_free(&k->cross_out);
        ac_linear_free(&k->fc1);
        ac_linear_free(&k->fc2);
    }
    free(self->layers);
    ac_linear_free(&self->head);
}

/* ---- the state ---- */

ac_status
ac_bart_state_init(ac_bart_state *self, const ac_bart *bart, int64_t slots, int64_t steps,
                   int64_t texts, int64_t tokens)
{
    const int64_t C = bart->config.d_model, L = bart->config.decoder_layers,
                  H = bart->config.decoder_attention_heads, D = C / H;
    ac_status st = AC_OK;

    *self = (ac_bart_state){ .slots = slots, .steps = steps, .texts = texts, .tokens = tokens };
    AC_TRY(ac_alloc_aligned(&self->keys, L * slots * steps * C, sizeof(float)));
    AC_TRY(ac_alloc_aligned(&self->values, L * slots * steps * C, sizeof(float)));
    self->cross_layer =
        H * (ac_attention_keys_size(tokens, D) + texts * ac_attention_keys_size(1, D) +
             ac_attention_values_size(tokens, D));
    AC_TRY(ac_alloc_aligned(&self->cross, L * self->cross_layer, sizeof(float)));
    AC_TRY(ac_alloc(&self->cross_at, texts + 1, sizeof *self->cross_at));
    AC_TRY(ac_alloc(&self->ancestry, slots * steps, sizeof *self->ancestry));
    AC_TRY(ac_alloc(&self->offsets, texts + 1, sizeof *self->offsets));
out:
    if (st != AC_OK)
        ac_bart_state_free(self);
    return st;
}

void
ac_bart_state_free(ac_bart_state *self)
{
    free(self->keys);
    free(self->values);
    free(self->cross);
    free(self->cross_at);
    free(self->ancestry);
    free(self->offsets);
    *self = (ac_bart_state){ 0 };
}

void
ac_bart_state_fill(ac_bart_state *self, const ac_bart *bart, const float *encoded,
                   const int64_t *offsets, int64_t B, ac_scratch *scratch)
{
    const int64_t C = bart->config.d_model, H = bart->config.decoder_attention_heads, D = C / H;
    const size_t mark = ac_scratch_mark(scratch);
    float *kv = ac_scratch_take(scratch, (size_t) (offsets[B] * 2 * C) * sizeof(float));

    AC_CHECK(B <= self->texts && offsets[B] <= self->tokens);
    memcpy(self->offsets, offsets, (size_t) (B + 1) * sizeof *offsets);
    for (int64_t b = 0; b < B; b++) {
        const int64_t n = offsets[b + 1] - offsets[b];
        self->cross_at[b + 1] = self->cross_at[b] + H * (ac_attention_keys_size(n, D) +
                                                         ac_attention_values_size(n, D));
    }
    AC_CHECK(self->cross_at[B] <= self->cross_layer);
    for (int64_t l = 0; l < bart->config.decoder_layers; l++) {
        ac_linear_forward(&bart->decoder->layers[l].cross_kv, kv, encoded, offsets[B],
                          AC_ACTIVATION_NONE, NULL, scratch);
#pragma omp parallel for collapse(2) if (offsets[B] * C > 65536)
        for (int64_t b = 0; b < B; b++) {
            for (int64_t h = 0; h < H; h++) {
                const int64_t n = offsets[b + 1] - offsets[b];
                const float *from = kv + offsets[b] * 2 * C + h * D;
                float *keys = self->cross + l * self->cross_layer + self->cross_at[b] +
                              h * (self->cross_at[b + 1] - self->cross_at[b]) / H;
                ac_attention_pack(keys, keys + ac_attention_keys_size(n, D), from, from + C,
                                  2 * C, n, D);
            }
        }
    }
    ac_scratch_release(scratch, mark);
}

/* ---- a step ---- */

enum { LINES_TOGETHER = 12 };

static size_t
room(int64_t n)
{
    return ac_scratch_room((size_t) n * sizeof(float));
}

/* Attention weights of one head: the longer of the steps and the longest text. */
static int64_t
longest_row(const ac_bart_config *c, const ac_bart_state *state)
{
    return state->steps > c->max_position_embeddings ? state->steps
                                                     : c->max_position_embeddings;
}

size_t
ac_bart_decode_scratch_bytes(const ac_bart *self, const ac_bart_state *state, int64_t R)
{
    const ac_bart_config *c = &self->config;
    const int64_t C = c->d_model, F = c->decoder_ffn_dim,
                  M = R > state->tokens ? R : state->tokens;
    const ac_bart_decoder_layer *k = self->decoder->layers;
    const ac_linear *all[] = { &self->decoder->head, &k->qkv,       &k->out, &k->cross_q,
                               &k->cross_kv,         &k->cross_out, &k->fc1, &k->fc2 };
    const size_t threads = (size_t) omp_get_max_threads();
    const size_t rows = threads * ac_attention_rows_scratch_bytes(c->max_position_embeddings) +
                        ac_scratch_room((size_t) (R + 1) * sizeof(int32_t));
    const size_t slots = threads * room(longest_row(c, state));
    size_t linear = 0, attention = rows > slots ? rows : slots, step, fill;

    for (int i = 0; i < (c->decoder_layers ? 8 : 1); i++) {
        size_t n = ac_linear_scratch_bytes(all[i], M);
        linear = n > linear ? n : linear;
    }
    step = 3 * room(R * C) + room(R * (3 * C > F ? 3 * C : F)) +
           (linear > attention ? linear : attention);
    fill = room(state->tokens * 2 * C) + linear;
    return step > fill ? step : fill;
}

/* One line, all heads: y [C] from q [C] over n keys; key(i), value(i) are found by the caller's
 * strides or slots. */
static void
attend_slots(float *y, const float *q, const float *keys, const float *values,
             const int32_t *ancestry, int64_t steps, int64_t n, int64_t H, int64_t D,
             float *weights)
{
    const int64_t C = H * D;
    const float scale = 1.0f / sqrtf((float) D);

    for (int64_t h = 0; h < H; h++) {
        for (int64_t t = 0; t < n; t++)
            weights[t] =
                scale * ac_dot(q + h * D, keys + (ancestry[t] * steps + t) * C + h * D, D);
        ac_softmax(weights, n);
        memset(y + h * D, 0, (size_t) D * sizeof(float));
        for (int64_t t = 0; t < n; t++)
            ac_axpy(y + h * D, weights[t], values + (ancestry[t] * steps + t) * C + h * D, D);
    }
}

static void
self_attention(const ac_bart *self, ac_bart_state *s, int64_t layer, float *y, const float *qkv,
               const ac_bart_line *lines, int64_t R, ac_scratch *scratch)
{
    const int64_t C = self->config.d_model, H = self->config.decoder_attention_heads;
    const size_t mark = ac_scratch_mark(scratch), each = room(longest_row(&self->config, s));
    float *keys = s->keys + layer * s->slots * s->steps * C,
          *values = s->values + layer * s->slots * s->steps * C;
    char *weights = ac_scratch_take(scratch, each * (size_t) omp_get_max_threads());

    for (int64_t r = 0; r < R; r++) { /* before anybody looks */
        const int64_t at = (lines[r].slot * s->steps + lines[r].step) * C;
        memcpy(keys + at, qkv + r * 3 * C + C, (size_t) C * sizeof(float));
        memcpy(values + at, qkv + r * 3 * C + 2 * C, (size_t) C * sizeof(float));
    }
#pragma omp parallel for schedule(dynamic, 4) if (R * C > 8192)
    for (int64_t r = 0; r < R; r++)
        attend_slots(y + r * C, qkv + r * 3 * C, keys, values,
                     s->ancestry + lines[r].slot * s->steps, s->steps, lines[r].step + 1, H,
                     C / H,
                     (float *) (void *) (weights + each * (size_t) omp_get_thread_num()));
    ac_scratch_release(scratch, mark);
}

/* Lines of the same text that stand together are one small product, so that its keys are read
 * once for them. */
static int64_t
find_runs(int32_t *starts, const ac_bart_line *lines, int64_t R)
{
    int64_t n = 0;

    for (int64_t r = 0; r < R; r++)
        if (r == 0 || lines[r].text != lines[r - 1].text || r - starts[n - 1] == LINES_TOGETHER)
            starts[n++] = (int32_t) r;
    starts[n] = (int32_t) R;
    return n;
}

static void
cross_attention(const ac_bart *self, const ac_bart_state *s, int64_t layer, float *y,
                const float *q, const ac_bart_line *lines, int64_t R, ac_scratch *scratch)
{
    const int64_t C = self->config.d_model, H = self->config.decoder_attention_heads, D = C / H;
    const size_t mark = ac_scratch_mark(scratch),
                 each = ac_attention_rows_scratch_bytes(self->config.max_position_embeddings);
    char *room_of_threads = ac_scratch_take(scratch, each * (size_t) omp_get_max_threads());
    int32_t *starts = ac_scratch_take(scratch, (size_t) (R + 1) * sizeof *starts);
    const int64_t runs = find_runs(starts, lines, R);

#pragma omp parallel for collapse(2) schedule(dynamic, 4) if (R * C > 8192)
    for (int64_t i = 0; i < runs; i++) {
        for (int64_t h = 0; h < H; h++) {
            const int64_t r = starts[i], text = lines[r].text,
                          n = s->offsets[text + 1] - s->offsets[text];
            const float *keys = s->cross + layer * s->cross_layer + s->cross_at[text] +
                                h * (s->cross_at[text + 1] - s->cross_at[text]) / H;
            ac_attention_rows(y + r * C + h * D, C, q + r * C + h * D, C, starts[i + 1] - r,
                              keys, keys + ac_attention_keys_size(n, D), n, D, -1,
                              room_of_threads + each * (size_t) omp_get_thread_num());
        }
    }
    ac_scratch_release(scratch, mark);
}

void
ac_bart_decode(const ac_bart *self, ac_bart_state *s, float *logits, const ac_bart_line *lines,
               int64_t R, ac_scratch *scratch)
{
    const ac_bart_config *c = &self->config;
    const struct ac_bart_decoder *d = self->decoder;
    const int64_t C = c->d_model, F = c->decoder_ffn_dim;
    const size_t mark = ac_scratch_mark(scratch);
    float *x = ac_scratch_take(scratch, (size_t) (R * C) * sizeof(float));
    float *a = ac_scratch_take(scratch, (size_t) (R * C) * sizeof(float));
    float *b = ac_scratch_take(scratch, (size_t) (R * C) * sizeof(float));
    float *wide =
        ac_scratch_take(scratch, (size_t) (R * (3 * C > F ? 3 * C : F)) * sizeof(float));

    for (int64_t r = 0; r < R; r++) {
        AC_CHECK(lines[r].step < s->steps && lines[r].step < c->max_position_embeddings &&
                 lines[r].slot < s->slots);
        s->ancestry[lines[r].slot * s->steps + lines[r].step] = lines[r].slot;
        ac_bart_embed(&d->embedding, x + r * C, lines[r].token, lines[r].step, C);
    }
    ac_layernorm(x, x, d->embedding.norm.weight, d->embedding.norm.bias, R, C,
                 c->layer_norm_eps);
    ac_bart_tap(self, "decoder", -1, "embed", x, R);
    for (int64_t l = 0; l < c->decoder_layers; l++) {
        const ac_bart_decoder_layer *k = &d->layers[l];
        ac_linear_forward(&k->qkv, wide, x, R, AC_ACTIVATION_NONE, NULL, scratch);
        self_attention(self, s, l, a, wide, lines, R, scratch);
        ac_linear_forward(&k->out, b, a, R, AC_ACTIVATION_NONE, x, scratch);
        ac_layernorm(b, b, k->self_attn_norm.weight, k->self_attn_norm.bias, R, C,
                     c->layer_norm_eps);
        ac_bart_tap(self, "decoder", l, "self_attn_norm", b, R);
        ac_linear_forward(&k->cross_q, wide, b, R, AC_ACTIVATION_NONE, NULL, scratch);
        cross_attention(self, s, l, a, wide, lines, R, scratch);
        ac_linear_forward(&k->cross_out, x, a, R, AC_ACTIVATION_NONE, b, scratch);
        ac_layernorm(x, x, k->cross_norm.weight, k->cross_norm.bias, R, C, c->layer_norm_eps);
        ac_bart_tap(self, "decoder", l, "cross_norm", x, R);
        ac_linear_forward(&k->fc1, wide, x, R, c->activation_function, NULL, scratch);
        ac_linear_forward(&k->fc2, b, wide, R, AC_ACTIVATION_NONE, x, scratch);
        ac_layernorm(x, b, k->final_norm.weight, k->final_norm.bias, R, C, c->layer_norm_eps);
        ac_bart_tap(self, "decoder", l, "", x, R);
    }
    ac_linear_forward(&d->head, logits, x, R, AC_ACTIVATION_NONE, NULL, scratch);
    ac_scratch_release(scratch, mark);
}

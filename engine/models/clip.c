/* CLIP's towers: pre-norm transformers. Vision: class token, patches as one product, positions.
 * Text: causal, packed. SigLIP's: no class token, a pooling head; text neither causal nor of
 * its own length. */
#include "engine/models/clip.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/models/clip_layers.h"
#include "engine/models/clip_pooling.h"
#include "engine/kernels/int8_attention.h"
#include "engine/kernels/kernels.h"
#include "engine/linear/linear.h"
#include "engine/linear/pack.h"

typedef ac_clip_block block;
typedef ac_clip_tower tower;

struct ac_clip_vision {
    tower tower;
    ac_linear patches;        /* [C, 3 P P] */
    const float *class_token; /* [C]; SigLIP has none, nor a norm before the blocks */
    const float *positions;   /* [rows of an image, C] */
    const float *pre_weight, *pre_bias;
    ac_clip_pooling head; /* SigLIP's, in place of a projection */
};

/* ---- making ---- */

/* projection 0: none. */
static size_t
tower_bytes(const ac_clip_tower_config *c, const ac_compute *k, int64_t projection)
{
    const int64_t C = c->hidden_size;
    const ac_compute last = ac_compute_without_int8(k);
    size_t layer = 4 * ac_pack_floats_bytes(C) + ac_linear_packed_bytes(k, 3 * C, C) +
                   ac_linear_packed_bytes(k, C, C) +
                   ac_linear_packed_bytes(k, c->intermediate_size, C) +
                   ac_linear_packed_bytes(k, C, c->intermediate_size);

    return (size_t) c->num_hidden_layers * layer + 2 * ac_pack_floats_bytes(C) +
           (projection ? ac_linear_packed_bytes(&last, projection, C) : 0);
}

static int64_t
patch_count(const ac_clip_config *c)
{
    return (c->image_size / c->patch_size) * (c->image_size / c->patch_size);
}

/* Positions of an image: its patches, and CLIP's class token. */
static int64_t
image_rows(const ac_clip_config *c)
{
    return patch_count(c) + (c->siglip ? 0 : 1);
}

size_t
ac_clip_packed_bytes(const ac_clip_config *c, const ac_compute *k, unsigned towers)
{
    size_t n = 0;

    if (towers & AC_CLIP_VISION)
        n +=
            tower_bytes(&c->vision, k, c->siglip ? 0 : c->projection_dim) +
            (c->siglip ? ac_clip_pooling_packed_bytes(&c->vision, k)
                       : 3 * ac_pack_floats_bytes(c->vision.hidden_size)) +
            ac_pack_floats_bytes(image_rows(c) * c->vision.hidden_size) +
            ac_linear_packed_bytes(k, c->vision.hidden_size, 3 * c->patch_size * c->patch_size);
    if (towers & AC_CLIP_TEXT)
        n += tower_bytes(&c->text, k, c->projection_dim) +
             ac_pack_floats_bytes(c->vocab_size * c->text.hidden_size) +
             ac_pack_floats_bytes(c->max_position_embeddings * c->text.hidden_size);
    return n;
}

static ac_status
init_block(block *self, ac_pack *pack, const ac_clip_tower_config *c, const char *name,
           int64_t layer)
{
    static const char *const parts[] = { "q_proj", "k_proj", "v_proj" };
    const int64_t C = c->hidden_size, F = c->intermediate_size;
    const ac_tensor *weights[3], *biases[3];
    const int l = (int) layer;
    ac_status st = AC_OK;

    AC_TRY(ac_pack_floats(pack, &self->norm1_weight, 1, &C,
                          "%s.encoder.layers.%d.layer_norm1.weight", name, l));
    AC_TRY(ac_pack_floats(pack, &self->norm1_bias, 1, &C,
                          "%s.encoder.layers.%d.layer_norm1.bias", name, l));
    AC_TRY(ac_pack_floats(pack, &self->norm2_weight, 1, &C,
                          "%s.encoder.layers.%d.layer_norm2.weight", name, l));
    AC_TRY(ac_pack_floats(pack, &self->norm2_bias, 1, &C,
                          "%s.encoder.layers.%d.layer_norm2.bias", name, l));
    for (int p = 0; p < 3; p++) {
        AC_TRY(ac_pack_tensor(pack, &weights[p], 2, (int64_t[]){ C, C },
                              "%s.encoder.layers.%d.self_attn.%s.weight", name, l, parts[p]));
        AC_TRY(ac_pack_tensor(pack, &biases[p], 1, &C, "%s.encoder.layers.%d.self_attn.%s.bias",
                              name, l, parts[p]));
    }
    AC_TRY(ac_pack_linear(pack, &self->qkv, weights, biases, 3));
    AC_TRY(ac_pack_linear_named(pack, &self->out, C, C, true,
                                "%s.encoder.layers.%d.self_attn.out_proj", name, l));
    AC_TRY(ac_pack_linear_named(pack, &self->fc1, F, C, true, "%s.encoder.layers.%d.mlp.fc1",
                                name, l));
    AC_TRY(ac_pack_linear_named(pack, &self->fc2, C, F, true, "%s.encoder.layers.%d.mlp.fc2",
                                name, l));
out:
    return st;
}

/* projection NULL: none. */
static ac_status
init_tower(tower *self, ac_pack *pack, const ac_clip_tower_config *c, int64_t projection_dim,
           const char *name, const char *final_norm, const char *projection, bool has_bias)
{
    const int64_t C = c->hidden_size;
    const ac_compute last = ac_compute_without_int8(pack->compute);
    ac_pack projecting;
    ac_status st = AC_OK;

    self->config = *c;
    AC_TRY(ac_alloc(&self->blocks, c->num_hidden_layers, sizeof *self->blocks));
    for (int64_t l = 0; l < c->num_hidden_layers; l++)
        AC_TRY(init_block(&self->blocks[l], pack, c, name, l));
    AC_TRY(ac_pack_floats(pack, &self->final_weight, 1, &C, "%s.%s.weight", name, final_norm));
    AC_TRY(ac_pack_floats(pack, &self->final_bias, 1, &C, "%s.%s.bias", name, final_norm));
    if (projection) {
        projecting = *pack;
        projecting.compute = &last;
        AC_TRY(ac_pack_linear_named(&projecting, &self->projection, projection_dim, C, has_bias,
                                    "%s", projection));
        pack->next = projecting.next;
    }
out:
    return st;
}

static ac_status
init_vision(struct ac_clip_vision *self, ac_pack *pack, const ac_clip_config *c)
{
    const int64_t C = c->vision.hidden_size, P = c->patch_size;
    const ac_tensor *kernel, *bias = NULL;
    ac_status st = AC_OK;

    AC_TRY(init_tower(&self->tower, pack, &c->vision, c->projection_dim, "vision_model",
                      "post_layernorm", c->siglip ? NULL : "visual_projection", false));
    AC_TRY(ac_pack_tensor(pack, &kernel, 4, (int64_t[]){ C, 3, P, P },
                          "vision_model.embeddings.patch_embedding.weight"));
    if (c->siglip)
        AC_TRY(
            ac_pack_tensor(pack, &bias, 1, &C, "vision_model.embeddings.patch_embedding.bias"));
    AC_TRY(ac_pack_linear(pack, &self->patches, &kernel, bias ? &bias : NULL, 1));
    AC_TRY(ac_pack_floats(pack, &self->positions, 2, (int64_t[]){ image_rows(c), C },
                          "vision_model.embeddings.position_embedding.weight"));
    if (c->siglip) {
        st = ac_clip_pooling_init(&self->head, pack, &c->vision);
        goto out;
    }
    AC_TRY(ac_pack_floats(pack, &self->class_token, 1, &C,
                          "vision_model.embeddings.class_embedding"));
    AC_TRY(ac_pack_floats(pack, &self->pre_weight, 1, &C, "vision_model.pre_layrnorm.weight"));
    AC_TRY(ac_pack_floats(pack, &self->pre_bias, 1, &C, "vision_model.pre_layrnorm.bias"));
out:
    return st;
}

static ac_status
init_text(struct ac_clip_text *self, ac_pack *pack, const ac_clip_config *c)
{
    const int64_t C = c->text.hidden_size;
    ac_status st = AC_OK;

    AC_TRY(init_tower(&self->tower, pack, &c->text, c->projection_dim, "text_model",
                      "final_layer_norm", c->siglip ? "text_model.head" : "text_projection",
                      c->siglip));
    AC_TRY(ac_pack_floats(pack, &self->tokens, 2, (int64_t[]){ c->vocab_size, C },
                          "text_model.embeddings.token_embedding.weight"));
    AC_TRY(ac_pack_floats(pack, &self->positions, 2,
                          (int64_t[]){ c->max_position_embeddings, C },
                          "text_model.embeddings.position_embedding.weight"));
out:
    return st;
}

ac_status
ac_clip_init(ac_clip *self, const ac_clip_config *config, const ac_tensors *tensors,
             const ac_compute *compute, unsigned towers, void *packed, bool fill)
{
    ac_pack pack = {
        .tensors = tensors, .compute = compute, .prefix = "", .next = packed, .fill = fill
    };
    const ac_tensor *scale = ac_tensors_find(tensors, "logit_scale");
    ac_status st = AC_OK;

    *self = (ac_clip){ .config = *config, .logit_scale = 1 };
    if (scale && ac_tensor_count(scale) == 1 && scale->dtype <= AC_BF16) {
        ac_tensor_read(scale, &self->logit_scale, 0, 1);
        self->logit_scale = expf(self->logit_scale);
    }
    if (towers & AC_CLIP_VISION) {
        AC_TRY(ac_alloc(&self->vision, 1, sizeof *self->vision));
        AC_TRY(init_vision(self->vision, &pack, config));
    }
    if (towers & AC_CLIP_TEXT) {
        AC_TRY(ac_alloc(&self->text, 1, sizeof *self->text));
        AC_TRY(init_text(self->text, &pack, config));
    }
    AC_CHECK((size_t) (pack.next - (char *) packed) ==
             ac_clip_packed_bytes(config, compute, towers));
out:
    if (st != AC_OK)
        ac_clip_free(self);
    return st;
}

static void
free_tower(tower *self)
{
    for (int64_t l = 0; self->blocks && l < self->config.num_hidden_layers; l++) {
        ac_linear_free(&self->blocks[l].qkv);
        ac_linear_free(&self->blocks[l].out);
        ac_linear_free(&self->blocks[l].fc1);
        ac_linear_free(&self->blocks[l].fc2);
    }
    free(self->blocks);
    ac_linear_free(&self->projection);
}

void
ac_clip_free(ac_clip *self)
{
    if (self->vision) {
        free_tower(&self->vision->tower);
        ac_linear_free(&self->vision->patches);
        ac_clip_pooling_free(&self->vision->head);
    }
    if (self->text)
        free_tower(&self->text->tower);
    free(self->vision);
    free(self->text);
    *self = (ac_clip){ 0 };
}

/* ---- computing ---- */

static void
tap(const ac_clip *self, const char *name, int64_t layer, const float *x, int64_t rows,
    int64_t columns)
{
    char text[64];

    if (!self->tap.fn)
        return;
    if (layer >= 0) {
        snprintf(text, sizeof text, "%s%lld", name, (long long) layer);
        name = text;
    }
    self->tap.fn(self->tap.context, name, x, rows, columns);
}

static size_t
floats(int64_t n)
{
    return ac_scratch_room((size_t) n * sizeof(float));
}

static float *
take(ac_scratch *scratch, int64_t n)
{
    return ac_scratch_take(scratch, (size_t) n * sizeof(float));
}

size_t
ac_clip_linear_scratch_bytes(const tower *self, int64_t T)
{
    size_t most = self->projection.out ? ac_linear_scratch_bytes(&self->projection, T) : 0;

    for (int64_t l = 0; l < self->config.num_hidden_layers; l++) {
        const ac_linear *all[] = { &self->blocks[l].qkv, &self->blocks[l].out,
                                   &self->blocks[l].fc1, &self->blocks[l].fc2 };
        for (int i = 0; i < 4; i++) {
            size_t n = ac_linear_scratch_bytes(all[i], T);
            most = n > most ? n : most;
        }
        const size_t pair =
            ac_linear_pair_scratch_bytes(&self->blocks[l].fc1, &self->blocks[l].fc2, T);
        most = pair > most ? pair : most;
    }
    return most;
}

/* Attention in int8 too, where it is asked for? Not with a causal mask: a text's rows would
 * depend on those after them. */
static bool
rounds_attention(const tower *self, int64_t longest, bool causal)
{
    return !causal && self->config.num_hidden_layers > 0 &&
           self->blocks[0].qkv.compute.precision == AC_PRECISION_INT8 &&
           ac_int8_attention_has(longest,
                                 self->config.hidden_size / self->config.num_attention_heads);
}

/* x and a second copy of it, the normalised input, and the wider of qkv and the hidden layer.
 */
static size_t
tower_scratch(const tower *self, int64_t T, int64_t longest, bool causal)
{
    const int64_t C = self->config.hidden_size, F = self->config.intermediate_size;
    const int64_t D = C / self->config.num_attention_heads;
    size_t attention = rounds_attention(self, longest, causal)
                           ? ac_int8_self_attention_scratch_bytes(longest, D)
                           : ac_self_attention_scratch_bytes(longest, D),
           linear = ac_clip_linear_scratch_bytes(self, T);

    return 3 * floats(T * C) + floats(T * (3 * C > F ? 3 * C : F)) +
           (attention > linear ? attention : linear);
}

/* Rows [n] of x [T, C], ascending, move to its beginning. */
static void
gather_rows(float *x, const int64_t *rows, int64_t n, int64_t C)
{
    for (int64_t i = 0; i < n; i++)
        if (rows[i] != i)
            memcpy(x + i * C, x + rows[i] * C, (size_t) C * sizeof(float));
}

/* Run the blocks over packed sequences; x [T, C]. Where `rows` [n], ascending, says which rows
 * are needed, x is [n, C] in the end, and the last block computes no others behind its
 * attention. */
static void
run_blocks(const ac_clip *self, const tower *t, float *x, const int64_t *offsets, int64_t B,
           bool causal, const int64_t *rows, int64_t n, const char *name, ac_scratch *scratch)
{
    const ac_clip_tower_config *c = &t->config;
    const int64_t C = c->hidden_size, F = c->intermediate_size, H = c->num_attention_heads;
    const bool rounded = rounds_attention(t, offsets[1] - offsets[0], causal);
    int64_t T = offsets[B];
    float *other = take(scratch, T * C), *normed = take(scratch, T * C),
          *wide = take(scratch, T * (3 * C > F ? 3 * C : F));

    for (int64_t l = 0; l < c->num_hidden_layers; l++) {
        const block *k = &t->blocks[l];
        const ac_linear_norm norm1 = { k->norm1_weight, k->norm1_bias, c->layer_norm_eps },
                             norm2 = { k->norm2_weight, k->norm2_bias, c->layer_norm_eps };
        ac_linear_forward_normed(&k->qkv, wide, x, &norm1, normed, T, AC_ACTIVATION_NONE, NULL,
                                 scratch);
        if (rounded)
            ac_int8_self_attention(normed, wide, offsets, B, H, C / H, scratch);
        else
            ac_self_attention(normed, wide, offsets, B, H, C / H, causal, scratch);
        if (rows && l + 1 == c->num_hidden_layers) {
            gather_rows(normed, rows, n, C);
            gather_rows(x, rows, n, C);
            T = n;
        }
        ac_linear_forward(&k->out, other, normed, T, AC_ACTIVATION_NONE, x, scratch);
        ac_linear_forward_pair(&k->fc1, &k->fc2, x, other, &norm2, normed, wide, T,
                               c->hidden_act, other, scratch);
        tap(self, name, l, x, T, C);
    }
}

size_t
ac_clip_images_scratch_bytes(const ac_clip *self, int64_t B)
{
    const ac_clip_config *c = &self->config;
    const int64_t C = c->vision.hidden_size, N = patch_count(c), R = image_rows(c), T = B * R;

    return tower_scratch(&self->vision->tower, T, R, false) +
           (c->siglip ? ac_clip_pooling_scratch_bytes(&self->vision->head, &c->vision, B, N)
                      : 0) +
           ac_scratch_room((size_t) (B + 1) * sizeof(int64_t)) +
           floats(B * N * 3 * c->patch_size * c->patch_size) + 3 * floats(B * N * C) +
           ac_linear_scratch_bytes(&self->vision->patches, B * N);
}

/* pixels [3, S, S] -> patches [N, 3 P P], each as the convolution's kernel lies in memory. */
static void
unfold(float *y, const float *pixels, int64_t S, int64_t P)
{
    const int64_t side = S / P;

    for (int64_t i = 0; i < side; i++)
        for (int64_t j = 0; j < side; j++)
            for (int64_t c = 0; c < 3; c++)
                for (int64_t r = 0; r < P; r++, y += P)
                    memcpy(y, pixels + c * S * S + (i * P + r) * S + j * P,
                           (size_t) P * sizeof(float));
}

/* Class token, patches and their positions -> x [B R, C]. */
static void
embed_patches(const ac_clip *self, float *x, const float *pixels, int64_t B,
              ac_scratch *scratch)
{
    const struct ac_clip_vision *v = self->vision;
    const int64_t S = self->config.image_size, P = self->config.patch_size,
                  C = self->config.vision.hidden_size, N = patch_count(&self->config),
                  R = image_rows(&self->config), first = (R - N) * C;
    const size_t mark = ac_scratch_mark(scratch);
    float *unfolded = take(scratch, B * N * 3 * P * P), *patches = take(scratch, B * N * C);

#pragma omp parallel for
    for (int64_t b = 0; b < B; b++)
        unfold(unfolded + b * N * 3 * P * P, pixels + b * 3 * S * S, S, P);
    ac_linear_forward(&v->patches, patches, unfolded, B * N, AC_ACTIVATION_NONE, NULL, scratch);
#pragma omp parallel for
    for (int64_t b = 0; b < B; b++) {
        float *row = x + b * R * C;
        for (int64_t i = 0; i < first; i++)
            row[i] = v->class_token[i] + v->positions[i];
        for (int64_t i = 0; i < N * C; i++)
            row[first + i] = patches[b * N * C + i] + v->positions[first + i];
    }
    ac_scratch_release(scratch, mark);
}

/* x after the blocks, [B, C] the class tokens or (SigLIP) [B R, C] -> y [B, projection_dim]. */
static void
pool_images(const ac_clip *self, float *y, float *x, int64_t B, ac_scratch *scratch)
{
    const struct ac_clip_vision *v = self->vision;
    const ac_clip_tower_config *c = &self->config.vision;
    const int64_t C = c->hidden_size, R = image_rows(&self->config);

    if (self->config.siglip) {
        ac_layernorm(x, x, v->tower.final_weight, v->tower.final_bias, B * R, C,
                     c->layer_norm_eps);
        ac_clip_pooling_forward(&v->head, c, y, x, B, R, scratch);
        return;
    }
    ac_layernorm(x, x, v->tower.final_weight, v->tower.final_bias, B, C, c->layer_norm_eps);
    tap(self, "vision.pooled", -1, x, B, C);
    ac_linear_forward(&v->tower.projection, y, x, B, AC_ACTIVATION_NONE, NULL, scratch);
}

void
ac_clip_embed_images(const ac_clip *self, float *y, const float *pixels, int64_t B,
                     ac_scratch *scratch)
{
    const struct ac_clip_vision *v = self->vision;
    const ac_clip_tower_config *c = &self->config.vision;
    const int64_t C = c->hidden_size, R = image_rows(&self->config),
                  D = self->config.projection_dim;
    const size_t mark = ac_scratch_mark(scratch);
    int64_t *offsets = ac_scratch_take(scratch, (size_t) (B + 1) * sizeof *offsets);
    float *x = take(scratch, B * R * C);

    for (int64_t b = 0; b <= B; b++)
        offsets[b] = b * R;
    embed_patches(self, x, pixels, B, scratch);
    tap(self, "vision.embed", -1, x, B * R, C);
    if (v->pre_weight)
        ac_layernorm(x, x, v->pre_weight, v->pre_bias, B * R, C, c->layer_norm_eps);
    tap(self, "vision.pre_norm", -1, x, B * R, C);
    /* the class token of each image; all rows where somebody looks */
    run_blocks(self, &v->tower, x, offsets, B, false,
               self->config.siglip || self->tap.fn ? NULL : offsets, B, "vision.layer",
               scratch);
    if (!self->config.siglip && self->tap.fn)
        gather_rows(x, offsets, B, C);
    pool_images(self, y, x, B, scratch);
    tap(self, "vision.projected", -1, y, B, D);
    ac_normalize(y, y, B, D);
    ac_scratch_release(scratch, mark);
}

size_t
ac_clip_texts_scratch_bytes(const ac_clip *self, int64_t B, int64_t tokens)
{
    const int64_t L = self->config.max_position_embeddings,
                  T = self->config.siglip ? B * L : tokens;

    return tower_scratch(&self->text->tower, T, L, !self->config.siglip) +
           ac_scratch_room((size_t) B * sizeof(int64_t)) +
           (self->config.siglip
                ? floats(T) + ac_scratch_room((size_t) (B + 1) * sizeof(int64_t))
                : 0);
}

int64_t
ac_clip_pooled_position(const ac_clip_config *c, const int32_t *ids, int64_t n)
{
    int64_t at = 0;

    if (c->siglip)
        return n - 1;
    if (c->eos_token_id != 2 && !c->pools_highest_id) {
        for (int64_t i = 0; i < n; i++)
            if (ids[i] == c->eos_token_id)
                return i;
        return 0; /* as argmax of an all-zero comparison gives */
    }
    for (int64_t i = 1; i < n; i++)
        if (ids[i] > ids[at])
            at = i;
    return at;
}

static void
embed_texts(const ac_clip *self, float *y, const int32_t *ids, const int64_t *offsets,
            int64_t B, ac_scratch *scratch)
{
    const struct ac_clip_text *t = self->text;
    const ac_clip_tower_config *c = &self->config.text;
    const int64_t C = c->hidden_size, T = offsets[B], D = self->config.projection_dim;
    const size_t mark = ac_scratch_mark(scratch);
    float *x = take(scratch, T * C);
    int64_t *rows = ac_scratch_take(scratch, (size_t) B * sizeof *rows);

    for (int64_t b = 0; b < B; b++) {
        rows[b] = offsets[b] + ac_clip_pooled_position(&self->config, ids + offsets[b],
                                                       offsets[b + 1] - offsets[b]);
        AC_CHECK(offsets[b + 1] > offsets[b] &&
                 offsets[b + 1] - offsets[b] <= self->config.max_position_embeddings);
        for (int64_t i = offsets[b]; i < offsets[b + 1]; i++) {
            const float *token = t->tokens + ids[i] * C,
                        *position = t->positions + (i - offsets[b]) * C;
            AC_CHECK(ids[i] >= 0 && ids[i] < self->config.vocab_size);
            for (int64_t k = 0; k < C; k++)
                x[i * C + k] = token[k] + position[k];
        }
    }
    tap(self, "text.embed", -1, x, T, C);
    run_blocks(self, &t->tower, x, offsets, B, !self->config.siglip, self->tap.fn ? NULL : rows,
               B, "text.layer", scratch);
    if (self->tap.fn) { /* all rows, then the pooled ones */
        ac_layernorm(x, x, t->tower.final_weight, t->tower.final_bias, T, C, c->layer_norm_eps);
        tap(self, "text.final_norm", -1, x, T, C);
        gather_rows(x, rows, B, C);
    } else {
        ac_layernorm(x, x, t->tower.final_weight, t->tower.final_bias, B, C, c->layer_norm_eps);
    }
    tap(self, "text.pooled", -1, x, B, C);
    ac_linear_forward(&t->tower.projection, y, x, B, AC_ACTIVATION_NONE, NULL, scratch);
    tap(self, "text.projected", -1, y, B, D);
    ac_normalize(y, y, B, D);
    ac_scratch_release(scratch, mark);
}

/* SigLIP: each text padded to the context. */
static void
embed_padded(const ac_clip *self, float *y, const int32_t *ids, const int64_t *offsets,
             int64_t B, ac_scratch *scratch)
{
    const int64_t L = self->config.max_position_embeddings;
    const size_t mark = ac_scratch_mark(scratch);
    int32_t *padded = ac_scratch_take(scratch, (size_t) (B * L) * sizeof *padded);
    int64_t *places = ac_scratch_take(scratch, (size_t) (B + 1) * sizeof *places);

    for (int64_t b = 0; b <= B; b++)
        places[b] = b * L;
    for (int64_t b = 0; b < B; b++) {
        const int64_t n = offsets[b + 1] - offsets[b];
        AC_CHECK(n <= L);
        for (int64_t i = 0; i < L; i++)
            padded[b * L + i] = i < n ? ids[offsets[b] + i] : self->config.pad_token_id;
    }
    embed_texts(self, y, padded, places, B, scratch);
    ac_scratch_release(scratch, mark);
}

void
ac_clip_embed_texts(const ac_clip *self, float *y, const int32_t *ids, const int64_t *offsets,
                    int64_t B, ac_scratch *scratch)
{
    if (self->config.siglip)
        embed_padded(self, y, ids, offsets, B, scratch);
    else
        embed_texts(self, y, ids, offsets, B, scratch);
}

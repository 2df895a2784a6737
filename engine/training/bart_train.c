/* The trainer: which parameters are trained, the backward pass's weights, and the memory of a
 * batch. */
#include "engine/training/bart_train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/training/bart_train_layers.h"

/* ---- parameters ---- */

/* A norm of the model, the name of its tensors, and where its slot is. */
typedef struct norm_entry {
    char stem[AC_PARAMETER_NAME_BYTES - 8];
    ac_bart_norm *norm;
    ac_norm_slot *slot;
} norm_entry;

static bool
is_trainable(const char *name)
{
    return strstr(name, "layer_norm") && strstr(name, "encoder");
}

/* Every layer norm of every layer, the trainable ones among them. */
static int64_t
list_norms(const ac_bart_trainer *self, norm_entry *out)
{
    const ac_bart_config *c = &self->bart->config;
    int64_t n = 0;

    for (int64_t l = 0; l < c->encoder_layers; l++) {
        ac_bart_encoder_layer *k = &self->bart->encoder->layers[l];
        ac_encoder_backward *b = &self->backward->encoder[l];
        out[n] = (norm_entry){ .norm = &k->self_attn_norm, .slot = &b->self_attn_norm };
        snprintf(out[n++].stem, sizeof out->stem,
                 "model.encoder.layers.%d.self_attn_layer_norm", (int) l);
        out[n] = (norm_entry){ .norm = &k->final_norm, .slot = &b->final_norm };
        snprintf(out[n++].stem, sizeof out->stem, "model.encoder.layers.%d.final_layer_norm",
                 (int) l);
    }
    for (int64_t l = 0; l < c->decoder_layers; l++) {
        ac_bart_decoder_layer *k = &self->bart->decoder->layers[l];
        ac_decoder_backward *b = &self->backward->decoder[l];
        out[n] = (norm_entry){ .norm = &k->self_attn_norm, .slot = &b->self_attn_norm };
        snprintf(out[n++].stem, sizeof out->stem,
                 "model.decoder.layers.%d.self_attn_layer_norm", (int) l);
        out[n] = (norm_entry){ .norm = &k->cross_norm, .slot = &b->cross_norm };
        snprintf(out[n++].stem, sizeof out->stem,
                 "model.decoder.layers.%d.encoder_attn_layer_norm", (int) l);
        out[n] = (norm_entry){ .norm = &k->final_norm, .slot = &b->final_norm };
        snprintf(out[n++].stem, sizeof out->stem, "model.decoder.layers.%d.final_layer_norm",
                 (int) l);
    }
    return n;
}

static int
compare_parameter(const void *a, const void *b)
{
    return strcmp(((const ac_bart_parameter *) a)->name, ((const ac_bart_parameter *) b)->name);
}

static int64_t
offset_of(const ac_bart_trainer *self, const char *stem, const char *end)
{
    ac_bart_parameter wanted;
    const ac_bart_parameter *found;

    snprintf(wanted.name, sizeof wanted.name, "%s.%s", stem, end);
    found = bsearch(&wanted, self->parameters, (size_t) self->parameter_count, sizeof wanted,
                    compare_parameter);
    return found ? found->offset : -1;
}

/* The trainable tensors by name, their values copied from the model, and the model's norms
 * turned to the copies. */
static ac_status
init_parameters(ac_bart_trainer *self)
{
    const ac_bart_config *c = &self->bart->config;
    const int64_t C = c->d_model, norms = 2 * c->encoder_layers + 3 * c->decoder_layers;
    norm_entry *entries = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&entries, norms, sizeof *entries));
    AC_TRY(ac_alloc(&self->parameters, 2 * norms, sizeof *self->parameters));
    AC_CHECK(list_norms(self, entries) == norms);
    for (int64_t i = 0; i < norms; i++) {
        for (int part = 0; is_trainable(entries[i].stem) && part < 2; part++)
            snprintf(self->parameters[self->parameter_count++].name, AC_PARAMETER_NAME_BYTES,
                     "%s.%s", entries[i].stem, part ? "bias" : "weight");
    }
    qsort(self->parameters, (size_t) self->parameter_count, sizeof *self->parameters,
          compare_parameter);
    for (int64_t i = 0; i < self->parameter_count; i++)
        self->parameters[i].offset = i * C;
    self->count = self->parameter_count * C;
    AC_TRY(ac_alloc_aligned(&self->values, self->count, sizeof *self->values));
    AC_TRY(ac_alloc(&self->backward->sums, self->count, sizeof *self->backward->sums));
    for (int64_t i = 0; i < norms; i++) {
        norm_entry *e = &entries[i];
        *e->slot = (ac_norm_slot){ offset_of(self, e->stem, "weight"),
                                   offset_of(self, e->stem, "bias") };
        if (e->slot->weight < 0)
            continue;
        memcpy(self->values + e->slot->weight, e->norm->weight, (size_t) C * sizeof(float));
        memcpy(self->values + e->slot->bias, e->norm->bias, (size_t) C * sizeof(float));
        *e->norm =
            (ac_bart_norm){ self->values + e->slot->weight, self->values + e->slot->bias };
    }
out:
    free(entries);
    return st;
}

/* ---- weights of the backward pass ---- */

size_t
ac_bart_trainer_packed_bytes(const ac_bart_config *c, const ac_compute *k)
{
    const int64_t C = c->d_model, E = c->encoder_ffn_dim, F = c->decoder_ffn_dim;
    const size_t square = ac_linear_transposed_packed_bytes(k, C, C),
                 qkv = ac_linear_transposed_packed_bytes(k, 3 * C, C);
    size_t bytes = ac_linear_transposed_packed_bytes(k, c->vocab_size, C);

    for (int64_t l = 0; l < c->encoder_layers; l++)
        bytes += ac_linear_transposed_packed_bytes(k, E, C) +
                 ac_linear_transposed_packed_bytes(k, C, E) + (l ? qkv + square : 0);
    for (int64_t l = 0; l < c->decoder_layers; l++)
        bytes += ac_linear_transposed_packed_bytes(k, F, C) +
                 ac_linear_transposed_packed_bytes(k, C, F) + square +
                 ac_linear_transposed_packed_bytes(k, 2 * C, C) + (l ? qkv + 2 * square : 0);
    return bytes;
}

/* One layer's transposed weights: `names` of its parts below "STACK.layers.L.", each [rows,
 * columns]. */
static ac_status
turn(ac_linear_transposed *out, const ac_linear *forward, ac_pack *pack, const char *stack,
     int64_t layer, const char *const *names, int parts)
{
    const ac_tensor *weights[3] = { 0 };
    const int64_t rows = forward->out / parts;
    ac_status st = AC_OK;

    for (int p = 0; p < parts; p++)
        AC_TRY(ac_pack_tensor(pack, &weights[p], 2, (int64_t[]){ rows, forward->in },
                              "%s.layers.%d.%s.weight", stack, (int) layer, names[p]));
    AC_TRY(ac_linear_transposed_init(out, forward, weights, parts, pack->next, pack->fill));
    pack->next += ac_linear_transposed_packed_bytes(pack->compute, forward->out, forward->in);
out:
    return st;
}

static ac_status
init_encoder_backward(ac_encoder_backward *self, const ac_bart_encoder_layer *k, ac_pack *pack,
                      int64_t l)
{
    ac_status st = AC_OK;

    AC_TRY(turn(&self->fc1, &k->fc1, pack, "encoder", l, (const char *[]){ "fc1" }, 1));
    AC_TRY(turn(&self->fc2, &k->fc2, pack, "encoder", l, (const char *[]){ "fc2" }, 1));
    if (l == 0)
        goto out;
    AC_TRY(turn(&self->qkv, &k->qkv, pack, "encoder", l,
                (const char *[]){ "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj" },
                3));
    AC_TRY(turn(&self->out, &k->out, pack, "encoder", l,
                (const char *[]){ "self_attn.out_proj" }, 1));
out:
    return st;
}

static ac_status
init_decoder_backward(ac_decoder_backward *self, const ac_bart_decoder_layer *k, ac_pack *pack,
                      int64_t l)
{
    ac_status st = AC_OK;

    AC_TRY(turn(&self->fc1, &k->fc1, pack, "decoder", l, (const char *[]){ "fc1" }, 1));
    AC_TRY(turn(&self->fc2, &k->fc2, pack, "decoder", l, (const char *[]){ "fc2" }, 1));
    AC_TRY(turn(&self->cross_kv, &k->cross_kv, pack, "decoder", l,
                (const char *[]){ "encoder_attn.k_proj", "encoder_attn.v_proj" }, 2));
    AC_TRY(turn(&self->cross_out, &k->cross_out, pack, "decoder", l,
                (const char *[]){ "encoder_attn.out_proj" }, 1));
    if (l == 0)
        goto out;
    AC_TRY(turn(&self->qkv, &k->qkv, pack, "decoder", l,
                (const char *[]){ "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj" },
                3));
    AC_TRY(turn(&self->out, &k->out, pack, "decoder", l,
                (const char *[]){ "self_attn.out_proj" }, 1));
    AC_TRY(turn(&self->cross_q, &k->cross_q, pack, "decoder", l,
                (const char *[]){ "encoder_attn.q_proj" }, 1));
out:
    return st;
}

static ac_status
init_backward(ac_bart_trainer *self, const ac_tensors *tensors, const ac_compute *compute,
              void *packed, bool fill)
{
    const ac_bart_config *c = &self->bart->config;
    ac_pack pack = { .tensors = tensors, .compute = compute, .next = packed, .fill = fill };
    const ac_tensor *head;
    ac_bart_layout layout;
    ac_status st = AC_OK;

    AC_TRY(ac_bart_layout_find(&layout, tensors, c));
    pack.prefix = layout.prefix;
    AC_TRY(ac_alloc(&self->backward, 1, sizeof *self->backward));
    AC_TRY(
        ac_alloc(&self->backward->encoder, c->encoder_layers, sizeof *self->backward->encoder));
    AC_TRY(
        ac_alloc(&self->backward->decoder, c->decoder_layers, sizeof *self->backward->decoder));
    for (int64_t l = 0; l < c->encoder_layers; l++)
        AC_TRY(init_encoder_backward(&self->backward->encoder[l],
                                     &self->bart->encoder->layers[l], &pack, l));
    for (int64_t l = 0; l < c->decoder_layers; l++)
        AC_TRY(init_decoder_backward(&self->backward->decoder[l],
                                     &self->bart->decoder->layers[l], &pack, l));
    AC_TRY(ac_tensors_need(tensors, &head, layout.head, 2,
                           (int64_t[]){ c->vocab_size, c->d_model }));
    AC_TRY(ac_linear_transposed_init(&self->backward->head, &self->bart->decoder->head, &head,
                                     1, pack.next, fill));
out:
    return st;
}

ac_status
ac_bart_trainer_init(ac_bart_trainer *self, ac_bart *bart, const ac_tensors *tensors,
                     const ac_compute *compute, void *packed, bool fill)
{
    ac_status st = AC_OK;

    *self = (ac_bart_trainer){ .bart = bart };
    if (bart->config.encoder_layers < 1 || bart->config.decoder_layers < 1)
        return ac_error_set(
            AC_E_ARG,
            "%s: a BART without encoder or decoder layers has no layer norms to train",
            tensors->source);
    AC_TRY(init_backward(self, tensors, compute, packed, fill));
    AC_TRY(init_parameters(self));
    AC_TRY(ac_alloc(&self->activations, 1, sizeof *self->activations));
    AC_TRY(ac_alloc(&self->activations->encoder, bart->config.encoder_layers,
                    sizeof *self->activations->encoder));
    AC_TRY(ac_alloc(&self->activations->decoder, bart->config.decoder_layers,
                    sizeof *self->activations->decoder));
    AC_TRY(ac_alloc(&self->activations->encoder_inputs, bart->config.encoder_layers,
                    sizeof(float *)));
    AC_TRY(ac_alloc(&self->activations->decoder_inputs, bart->config.decoder_layers,
                    sizeof(float *)));
out:
    if (st != AC_OK)
        ac_bart_trainer_free(self);
    return st;
}

static void
free_backward(struct ac_bart_backward *self, const ac_bart_config *c)
{
    for (int64_t l = 0; self->encoder && l < c->encoder_layers; l++) {
        ac_encoder_backward *b = &self->encoder[l];
        ac_linear_transposed_free(&b->qkv);
        ac_linear_transposed_free(&b->out);
        ac_linear_transposed_free(&b->fc1);
        ac_linear_transposed_free(&b->fc2);
    }
    for (int64_t l = 0; self->decoder && l < c->decoder_layers; l++) {
        ac_decoder_backward *b = &self->decoder[l];
        ac_linear_transposed_free(&b->qkv);
        ac_linear_transposed_free(&b->out);
        ac_linear_transposed_free(&b->cross_q);
        ac_linear_transposed_free(&b->cross_kv);
        ac_linear_transposed_free(&b->cross_out);
        ac_linear_transposed_free(&b->fc1);
        ac_linear_transposed_free(&b->fc2);
    }
    ac_linear_transposed_free(&self->head);
    free(self->encoder);
    free(self->decoder);
    free(self->sums);
    free(self);
}

void
ac_bart_trainer_free(ac_bart_trainer *self)
{
    if (self->backward)
        free_backward(self->backward, &self->bart->config);
    if (self->activations) {
        ac_scratch_free(&self->activations->arena);
        ac_scratch_free(&self->activations->scratch);
        free(self->activations->encoder);
        free(self->activations->decoder);
        free(self->activations->encoder_inputs);
        free(self->activations->decoder_inputs);
        free(self->activations);
    }
    free(self->parameters);
    free(self->values);
    *self = (ac_bart_trainer){ 0 };
}

void
ac_bart_trainer_set_dropout(ac_bart_trainer *self, double probability, uint64_t seed)
{
    const ac_bart_config *c = &self->bart->config;
    const double own[3] = { (double) c->dropout, (double) c->attention_dropout,
                            (double) c->activation_dropout };
    ac_dropout *const places[3] = { &self->dropout, &self->attention_dropout,
                                    &self->activation_dropout };

    for (int i = 0; i < 3; i++)
        *places[i] =
            ac_dropout_make(own[i] > 0 && probability >= 0 ? probability : own[i], seed);
}

/* ---- the memory of a batch ---- */

/* The same walk first adds up the bytes (base NULL), then hands them out. */
typedef struct bump {
    char *base;
    size_t used;
} bump;

static void *
take(bump *self, int64_t count, size_t size)
{
    void *p = self->base ? self->base + self->used : NULL;

    self->used += ac_scratch_room((size_t) count * size);
    return p;
}

static float *
take_floats(bump *self, int64_t count)
{
    return take(self, count, sizeof(float));
}

static ac_saved_norm
take_norm(bump *self, const struct ac_bart_activations *m, int64_t rows, int64_t C)
{
    ac_saved_norm k = { 0 };

    if (m->gradient) {
        k.normal = take_floats(self, rows * C);
        k.rstd = take_floats(self, rows);
    }
    return k;
}

static void
lay_out_layers(struct ac_bart_activations *m, bump *at, const ac_bart_config *c)
{
    const int64_t C = c->d_model, T = m->T, N = m->N;
    const bool one = m->recompute || !m->gradient; /* one layer's memory serves all */

    for (int64_t l = 0; l < c->encoder_layers; l++) {
        m->encoder_inputs[l] = m->recompute ? take_floats(at, T * C) : NULL;
        if (one && l) {
            m->encoder[l] = m->encoder[0];
            continue;
        }
        /* nothing below layer 0's first norm is needed in the backward pass, so its projections
         * may lie in `wide` */
        m->encoder[l].qkv = one || l ? take_floats(at, T * 3 * C) : NULL;
        m->encoder[l].hidden = take_floats(at, T * c->encoder_ffn_dim);
        m->encoder[l].self_attn_norm = take_norm(at, m, T, C);
        m->encoder[l].final_norm = take_norm(at, m, T, C);
    }
    for (int64_t l = 0; l < c->decoder_layers; l++) {
        m->decoder_inputs[l] = m->recompute ? take_floats(at, N * C) : NULL;
        if (one && l) {
            m->decoder[l] = m->decoder[0];
            continue;
        }
        m->decoder[l].qkv = one || l ? take_floats(at, N * 3 * C) : NULL;
        m->decoder[l].q = take_floats(at, N * C);
        m->decoder[l].kv = take_floats(at, T * 2 * C);
        m->decoder[l].hidden = take_floats(at, N * c->decoder_ffn_dim);
        m->decoder[l].self_attn_norm = take_norm(at, m, N, C);
        m->decoder[l].cross_norm = take_norm(at, m, N, C);
        m->decoder[l].final_norm = take_norm(at, m, N, C);
    }
}

static size_t
lay_out(struct ac_bart_activations *m, char *base, const ac_bart_config *c)
{
    const int64_t C = c->d_model, T = m->T, N = m->N, R = T > N ? T : N;
    int64_t wide = 3 * C;
    bump at = { .base = base };

    wide = c->encoder_ffn_dim > wide ? c->encoder_ffn_dim : wide;
    wide = c->decoder_ffn_dim > wide ? c->decoder_ffn_dim : wide;
    lay_out_layers(m, &at, c);
    m->item = take(&at, T, sizeof *m->item);
    m->decoder_item = take(&at, N, sizeof *m->decoder_item);
    m->encoded = take_floats(&at, T * C);
    m->x = take_floats(&at, R * C);
    m->a = take_floats(&at, R * C);
    m->b = take_floats(&at, R * C);
    m->wide = take_floats(&at, R * wide);
    if (m->gradient) {
        m->g = take_floats(&at, R * C);
        m->d_encoded = take_floats(&at, T * C);
        m->d_encoded_next = take_floats(&at, T * C);
    }
    m->target_rows = take(&at, N, sizeof *m->target_rows);
    m->losses = take(&at, N, sizeof *m->losses);
    m->logits = take_floats(&at, (N < AC_LOSS_ROWS ? N : AC_LOSS_ROWS) * c->vocab_size);
    m->block = take_floats(&at, AC_LOSS_ROWS * C);
    m->d_block = take_floats(&at, AC_LOSS_ROWS * C);
    return at.used;
}

static size_t
larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Scratch of the operations: the largest of any of them. */
static size_t
scratch_bytes(const ac_bart_trainer *self, const struct ac_bart_activations *m)
{
    const ac_bart_encoder_layer *e = self->bart->encoder->layers;
    const ac_bart_decoder_layer *d = self->bart->decoder->layers;
    const ac_linear *forward[] = { &e->qkv,     &e->out,      &e->fc1,
                                   &e->fc2,     &d->qkv,      &d->out,
                                   &d->cross_q, &d->cross_kv, &d->cross_out,
                                   &d->fc1,     &d->fc2,      &self->bart->decoder->head };
    const int64_t R = m->T > m->N ? m->T : m->N, C = self->bart->config.d_model;
    const int64_t longest = m->longest > m->longest_decoder ? m->longest : m->longest_decoder;
    const struct ac_bart_backward *backward = self->backward;
    size_t most = larger(ac_attention_scratch_bytes(longest, longest),
                         ac_layernorm_backward_scratch_bytes(R, C));

    for (size_t i = 0; i < sizeof forward / sizeof *forward; i++)
        most = larger(most, ac_linear_scratch_bytes(forward[i], R));
    for (int64_t l = 0; m->gradient && l < self->bart->config.encoder_layers; l++) {
        const ac_linear_transposed *list[] = { &backward->encoder[l].fc1,
                                               &backward->encoder[l].fc2,
                                               &backward->encoder[l].qkv,
                                               &backward->encoder[l].out };
        for (int i = 0; i < (l ? 4 : 2); i++)
            most = larger(most, ac_linear_transposed_scratch_bytes(list[i], R));
    }
    for (int64_t l = 0; m->gradient && l < self->bart->config.decoder_layers; l++) {
        const ac_decoder_backward *b = &backward->decoder[l];
        const ac_linear_transposed *list[] = { &b->fc1, &b->fc2, &b->cross_kv, &b->cross_out,
                                               &b->qkv, &b->out, &b->cross_q };
        for (int i = 0; i < (l ? 7 : 4); i++)
            most = larger(most, ac_linear_transposed_scratch_bytes(list[i], R));
    }
    return m->gradient ? larger(most, ac_linear_transposed_scratch_bytes(&backward->head, R))
                       : most;
}

static void
measure(struct ac_bart_activations *m, const ac_bart_config *c, const ac_bart_batch *batch)
{
    m->T = batch->offsets[batch->B];
    m->N = batch->decoder_offsets[batch->B];
    m->longest = m->longest_decoder = 0;
    for (int64_t b = 0; b < batch->B; b++) {
        const int64_t n = batch->offsets[b + 1] - batch->offsets[b],
                      k = batch->decoder_offsets[b + 1] - batch->decoder_offsets[b];
        AC_CHECK(n > 0 && n <= c->max_position_embeddings && k > 0 &&
                 k <= c->max_position_embeddings);
        m->longest = n > m->longest ? n : m->longest;
        m->longest_decoder = k > m->longest_decoder ? k : m->longest_decoder;
    }
}

static void
number_rows(int32_t *item, const int64_t *offsets, int64_t B)
{
    for (int64_t b = 0; b < B; b++)
        for (int64_t t = offsets[b]; t < offsets[b + 1]; t++)
            item[t] = (int32_t) b;
}

ac_status
ac_bart_trainer_run(ac_bart_trainer *self, const ac_bart_batch *batch, float *gradient,
                    ac_bart_loss *loss)
{
    struct ac_bart_activations *m = self->activations;
    const ac_bart_config *c = &self->bart->config;
    size_t arena, scratch;
    ac_status st = AC_OK;

    measure(m, c, batch);
    m->gradient = gradient != NULL;
    m->recompute = m->gradient && self->recompute;
    arena = lay_out(m, NULL, c);
    scratch = scratch_bytes(self, m);
    AC_TRY(ac_scratch_reserve(&m->arena, arena));
    AC_TRY(ac_scratch_reserve(&m->scratch, scratch));
    lay_out(m, (char *) m->arena.base, c);
    number_rows(m->item, batch->offsets, batch->B);
    number_rows(m->decoder_item, batch->decoder_offsets, batch->B);

    *loss = (ac_bart_loss){ .bytes = arena + scratch };
    ac_train_forward(self, batch);
    ac_train_head(self, batch, loss);
    if (!gradient)
        goto out;
    memset(self->backward->sums, 0, (size_t) self->count * sizeof *self->backward->sums);
    if (loss->targets)
        ac_train_backward(self, batch);
    for (int64_t i = 0; i < self->count; i++)
        gradient[i] = (float) self->backward->sums[i];
out:
    return st;
}

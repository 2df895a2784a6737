/* The backward pass: from the gradient at the decoder's output to every trainable norm, ending
 * at the lowest of each stack. */
#include <stdio.h>
#include <string.h>

#include "engine/kernels/activation.h"
#include "engine/training/bart_train_layers.h"

static void
swap(float **a, float **b)
{
    float *t = *a;

    *a = *b;
    *b = t;
}

static void
tap(const ac_bart_trainer *self, const char *stack, int64_t layer, const float *x, int64_t rows)
{
    char name[64];

    if (!self->tap.fn)
        return;
    snprintf(name, sizeof name, "%s.layer%lld", stack, (long long) layer);
    self->tap.fn(self->tap.context, name, x, rows, self->bart->config.d_model);
}

/* g [rows, C] in place through a norm; wanted false: only the norm's own gradient. */
static void
through_norm(ac_bart_trainer *self, const ac_rows *rows, float *g, const ac_bart_norm *norm,
             const ac_saved_norm *saved, const ac_norm_slot *slot, bool wanted)
{
    double *sums = self->backward->sums;

    ac_layernorm_backward(wanted ? g : NULL, slot->weight >= 0 ? sums + slot->weight : NULL,
                          slot->bias >= 0 ? sums + slot->bias : NULL, g, saved->normal,
                          saved->rstd, norm->weight, rows->count, self->bart->config.d_model,
                          &self->activations->scratch);
}

/* b = the gradient of a branch whose dropped output was added: g through the dropout of the
 * place. */
static void
branch_of(ac_bart_trainer *self, const ac_rows *rows, float *b, const float *g, uint32_t place)
{
    const int64_t C = self->bart->config.d_model;

    memcpy(b, g, (size_t) (rows->count * C) * sizeof(float));
    ac_train_drop(&self->dropout, rows, b, C, place);
}

/* y = the gradient at the feed-forward's input: g at its sum with the residual. Uses b and
 * wide. */
static void
through_feed_forward(ac_bart_trainer *self, const ac_rows *rows, float *y, const float *g,
                     const ac_linear_transposed *fc1, const ac_linear_transposed *fc2,
                     const float *hidden, bool decoder, int64_t layer)
{
    struct ac_bart_activations *m = self->activations;
    const int64_t F = fc1->forward->out;

    branch_of(self, rows, m->b, g, ac_place(decoder, layer, AC_PLACE_FFN_OUT));
    ac_linear_transposed_apply(fc2, m->wide, m->b, rows->count, NULL, &m->scratch);
    ac_train_drop(&self->activation_dropout, rows, m->wide, F,
                  ac_place(decoder, layer, AC_PLACE_ACTIVATION));
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < rows->count; r++)
        ac_activation_backward(self->bart->config.activation_function, m->wide + r * F,
                               hidden + r * F, F);
    ac_linear_transposed_apply(fc1, y, m->wide, rows->count, g, &m->scratch);
}

/* y = the gradient at a self-attention's input; g at its sum with the residual. Uses b and
 * wide; y is neither b nor g. */
static void
through_self_attention(ac_bart_trainer *self, const ac_rows *rows, float *y, const float *g,
                       const ac_linear_transposed *qkv, const ac_linear_transposed *out,
                       const ac_attention *attention, uint32_t place)
{
    struct ac_bart_activations *m = self->activations;
    const int64_t C = self->bart->config.d_model;

    branch_of(self, rows, m->b, g, place);
    ac_linear_transposed_apply(out, y, m->b, rows->count, NULL, &m->scratch);
    ac_attention_backward(attention, m->wide, m->wide + C, m->wide + 2 * C, y, &m->scratch);
    ac_linear_transposed_apply(qkv, y, m->wide, rows->count, g, &m->scratch);
}

/* m->g: from a layer's output to its input. */
static void
decoder_layer_back(ac_bart_trainer *self, const ac_bart_batch *batch, int64_t l)
{
    struct ac_bart_activations *m = self->activations;
    const ac_bart_decoder_layer *k = &self->bart->decoder->layers[l];
    const ac_decoder_backward *backward = &self->backward->decoder[l];
    const ac_saved_decoder *saved = &m->decoder[l];
    const ac_attention cross = ac_train_cross_attention(self, batch, l),
                       attention = ac_train_decoder_attention(self, batch, l);
    const ac_rows rows = ac_decoder_rows(self, batch);
    const int64_t C = self->bart->config.d_model;

    through_norm(self, &rows, m->g, &k->final_norm, &saved->final_norm, &backward->final_norm,
                 true);
    through_feed_forward(self, &rows, m->a, m->g, &backward->fc1, &backward->fc2, saved->hidden,
                         true, l);
    through_norm(self, &rows, m->a, &k->cross_norm, &saved->cross_norm, &backward->cross_norm,
                 true);

    branch_of(self, &rows, m->b, m->a, ac_place(true, l, AC_PLACE_CROSS_OUT));
    ac_linear_transposed_apply(&backward->cross_out, m->g, m->b, m->N, NULL, &m->scratch);
    ac_attention_backward(&cross, l ? m->b : NULL, m->wide, m->wide + C, m->g, &m->scratch);
    ac_linear_transposed_apply(&backward->cross_kv, m->d_encoded_next, m->wide, m->T,
                               m->d_encoded, &m->scratch);
    swap(&m->d_encoded, &m->d_encoded_next);
    if (l == 0) /* below lies nothing trainable */
        return;

    ac_linear_transposed_apply(&backward->cross_q, m->g, m->b, m->N, m->a, &m->scratch);
    through_norm(self, &rows, m->g, &k->self_attn_norm, &saved->self_attn_norm,
                 &backward->self_attn_norm, true);
    through_self_attention(self, &rows, m->a, m->g, &backward->qkv, &backward->out, &attention,
                           ac_place(true, l, AC_PLACE_SELF_OUT));
    swap(&m->a, &m->g);
}

static void
encoder_layer_back(ac_bart_trainer *self, const ac_bart_batch *batch, int64_t l)
{
    struct ac_bart_activations *m = self->activations;
    const ac_bart_encoder_layer *k = &self->bart->encoder->layers[l];
    const ac_encoder_backward *backward = &self->backward->encoder[l];
    const ac_saved_encoder *saved = &m->encoder[l];
    const ac_attention attention = ac_train_encoder_attention(self, batch, l);
    const ac_rows rows = ac_encoder_rows(self, batch);

    through_norm(self, &rows, m->g, &k->final_norm, &saved->final_norm, &backward->final_norm,
                 true);
    through_feed_forward(self, &rows, m->a, m->g, &backward->fc1, &backward->fc2, saved->hidden,
                         false, l);
    through_norm(self, &rows, m->a, &k->self_attn_norm, &saved->self_attn_norm,
                 &backward->self_attn_norm, l > 0);
    if (l == 0)
        return;
    through_self_attention(self, &rows, m->g, m->a, &backward->qkv, &backward->out, &attention,
                           ac_place(false, l, AC_PLACE_SELF_OUT));
}

void
ac_train_backward(ac_bart_trainer *self, const ac_bart_batch *batch)
{
    struct ac_bart_activations *m = self->activations;
    const ac_bart_config *c = &self->bart->config;
    const int64_t C = c->d_model;

    memset(m->d_encoded, 0, (size_t) (m->T * C) * sizeof(float));
    for (int64_t l = c->decoder_layers - 1; l >= 0; l--) {
        if (m->recompute) {
            memcpy(m->x, m->decoder_inputs[l], (size_t) (m->N * C) * sizeof(float));
            ac_train_decoder_layer(self, batch, l);
        }
        tap(self, "decoder", l, m->g, m->N);
        decoder_layer_back(self, batch, l);
    }
    memcpy(m->g, m->d_encoded, (size_t) (m->T * C) * sizeof(float));
    for (int64_t l = c->encoder_layers - 1; l >= 0; l--) {
        if (m->recompute) {
            memcpy(m->x, m->encoder_inputs[l], (size_t) (m->T * C) * sizeof(float));
            ac_train_encoder_layer(self, batch, l);
        }
        tap(self, "encoder", l, m->g, m->T);
        encoder_layer_back(self, batch, l);
    }
}

/* The forward pass of training: whole texts at once, dropout, and what the backward pass needs
 * is saved. */
#include <string.h>

#include "engine/kernels/activation.h"
#include "engine/training/bart_train_layers.h"
#include "engine/kernels/kernels.h"

void
ac_train_drop(const ac_dropout *dropout, const ac_rows *rows, float *x, int64_t width,
              uint32_t place)
{
    if (!rows->streams || !ac_dropout_is_on(dropout))
        return;
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < rows->count; r++) {
        const int32_t item = rows->item[r];
        ac_dropout_row(dropout, x + r * width, width, rows->streams[item], place,
                       r - rows->offsets[item]);
    }
}

void
ac_train_activate(const ac_bart_trainer *self, const ac_rows *rows, float *wide,
                  const float *hidden, int64_t F, uint32_t place)
{
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < rows->count; r++) {
        memcpy(wide + r * F, hidden + r * F, (size_t) F * sizeof(float));
        ac_activation_apply(self->bart->config.activation_function, wide + r * F, F);
    }
    ac_train_drop(&self->activation_dropout, rows, wide, F, place);
}

/* y = norm(residual + dropout(branch)); branch [rows, C] is used up. y may be residual. */
static void
add_and_normalise(const ac_bart_trainer *self, const ac_rows *rows, float *y, float *branch,
                  const float *residual, const ac_bart_norm *norm, const ac_saved_norm *saved,
                  uint32_t place)
{
    const int64_t C = self->bart->config.d_model;

    ac_train_drop(&self->dropout, rows, branch, C, place);
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < rows->count; r++)
        ac_axpy(branch + r * C, 1.0f, residual + r * C, C);
    ac_layernorm_save(y, saved->normal, saved->rstd, branch, norm->weight, norm->bias,
                      rows->count, C, self->bart->config.layer_norm_eps);
}

/* x [rows, C] through fc1, activation, fc2, the residual and the final norm, in place. */
static void
feed_forward(ac_bart_trainer *self, const ac_rows *rows, const ac_linear *fc1,
             const ac_linear *fc2, const ac_bart_norm *norm, float *hidden,
             const ac_saved_norm *saved, bool decoder, int64_t layer)
{
    struct ac_bart_activations *m = self->activations;

    ac_linear_forward(fc1, hidden, m->x, rows->count, AC_ACTIVATION_NONE, NULL, &m->scratch);
    ac_train_activate(self, rows, m->wide, hidden, fc1->out,
                      ac_place(decoder, layer, AC_PLACE_ACTIVATION));
    ac_linear_forward(fc2, m->b, m->wide, rows->count, AC_ACTIVATION_NONE, NULL, &m->scratch);
    add_and_normalise(self, rows, m->x, m->b, m->x, norm, saved,
                      ac_place(decoder, layer, AC_PLACE_FFN_OUT));
}

/* ---- attention ---- */

/* Self-attention over a stacked projection qkv [rows, 3 C]. */
static ac_attention
stacked(const ac_bart_trainer *self, const float *qkv, const ac_rows *rows, int64_t B,
        int64_t H, bool causal, uint32_t place)
{
    const int64_t C = self->bart->config.d_model;
    ac_attention a = {
        .q = qkv,
        .k = qkv + C,
        .v = qkv + 2 * C,
        .q_row = 3 * C,
        .kv_row = 3 * C,
        .q_offsets = rows->offsets,
        .kv_offsets = rows->offsets,
        .B = B,
        .H = H,
        .D = C / H,
        .causal = causal,
        .streams = rows->streams,
        .place = place,
    };

    if (rows->streams)
        a.dropout = self->attention_dropout;
    return a;
}

/* Layer 0's projections are not saved: they pass through `wide`. */
static float *
projection(const ac_bart_trainer *self, float *saved)
{
    return saved ? saved : self->activations->wide;
}

ac_attention
ac_train_encoder_attention(const ac_bart_trainer *self, const ac_bart_batch *batch, int64_t l)
{
    const ac_rows rows = ac_encoder_rows(self, batch);

    return stacked(self, projection(self, self->activations->encoder[l].qkv), &rows, batch->B,
                   self->bart->config.encoder_attention_heads, false,
                   ac_place(false, l, AC_PLACE_SELF_WEIGHTS));
}

ac_attention
ac_train_decoder_attention(const ac_bart_trainer *self, const ac_bart_batch *batch, int64_t l)
{
    const ac_rows rows = ac_decoder_rows(self, batch);

    return stacked(self, projection(self, self->activations->decoder[l].qkv), &rows, batch->B,
                   self->bart->config.decoder_attention_heads, true,
                   ac_place(true, l, AC_PLACE_SELF_WEIGHTS));
}

ac_attention
ac_train_cross_attention(const ac_bart_trainer *self, const ac_bart_batch *batch, int64_t l)
{
    const ac_saved_decoder *saved = &self->activations->decoder[l];
    const int64_t C = self->bart->config.d_model,
                  H = self->bart->config.decoder_attention_heads;
    ac_attention a = {
        .q = saved->q,
        .k = saved->kv,
        .v = saved->kv + C,
        .q_row = C,
        .kv_row = 2 * C,
        .q_offsets = batch->decoder_offsets,
        .kv_offsets = batch->offsets,
        .B = batch->B,
        .H = H,
        .D = C / H,
        .streams = batch->streams,
        .place = ac_place(true, l, AC_PLACE_CROSS_WEIGHTS),
    };

    if (batch->streams)
        a.dropout = self->attention_dropout;
    return a;
}

/* ---- layers ---- */

void
ac_train_encoder_layer(ac_bart_trainer *self, const ac_bart_batch *batch, int64_t l)
{
    struct ac_bart_activations *m = self->activations;
    const ac_bart_encoder_layer *k = &self->bart->encoder->layers[l];
    const ac_saved_encoder *saved = &m->encoder[l];
    const ac_attention attention = ac_train_encoder_attention(self, batch, l);
    const ac_rows rows = ac_encoder_rows(self, batch);

    ac_linear_forward(&k->qkv, projection(self, saved->qkv), m->x, m->T, AC_ACTIVATION_NONE,
                      NULL, &m->scratch);
    ac_attention_forward(&attention, m->a, &m->scratch);
    ac_linear_forward(&k->out, m->b, m->a, m->T, AC_ACTIVATION_NONE, NULL, &m->scratch);
    add_and_normalise(self, &rows, m->x, m->b, m->x, &k->self_attn_norm, &saved->self_attn_norm,
                      ac_place(false, l, AC_PLACE_SELF_OUT));
    feed_forward(self, &rows, &k->fc1, &k->fc2, &k->final_norm, saved->hidden,
                 &saved->final_norm, false, l);
}

void
ac_train_decoder_layer(ac_bart_trainer *self, const ac_bart_batch *batch, int64_t l)
{
    struct ac_bart_activations *m = self->activations;
    const ac_bart_decoder_layer *k = &self->bart->decoder->layers[l];
    const ac_saved_decoder *saved = &m->decoder[l];
    const ac_attention attention = ac_train_decoder_attention(self, batch, l),
                       cross = ac_train_cross_attention(self, batch, l);
    const ac_rows rows = ac_decoder_rows(self, batch);

    ac_linear_forward(&k->qkv, projection(self, saved->qkv), m->x, m->N, AC_ACTIVATION_NONE,
                      NULL, &m->scratch);
    ac_attention_forward(&attention, m->a, &m->scratch);
    ac_linear_forward(&k->out, m->b, m->a, m->N, AC_ACTIVATION_NONE, NULL, &m->scratch);
    add_and_normalise(self, &rows, m->x, m->b, m->x, &k->self_attn_norm, &saved->self_attn_norm,
                      ac_place(true, l, AC_PLACE_SELF_OUT));

    ac_linear_forward(&k->cross_q, saved->q, m->x, m->N, AC_ACTIVATION_NONE, NULL, &m->scratch);
    ac_linear_forward(&k->cross_kv, saved->kv, m->encoded, m->T, AC_ACTIVATION_NONE, NULL,
                      &m->scratch);
    ac_attention_forward(&cross, m->a, &m->scratch);
    ac_linear_forward(&k->cross_out, m->b, m->a, m->N, AC_ACTIVATION_NONE, NULL, &m->scratch);
    add_and_normalise(self, &rows, m->x, m->b, m->x, &k->cross_norm, &saved->cross_norm,
                      ac_place(true, l, AC_PLACE_CROSS_OUT));
    feed_forward(self, &rows, &k->fc1, &k->fc2, &k->final_norm, saved->hidden,
                 &saved->final_norm, true, l);
}

static void
embed(const ac_bart_trainer *self, const ac_bart_embedding *embedding, const ac_rows *rows,
      const int32_t *ids, bool decoder)
{
    const ac_bart_config *c = &self->bart->config;
    float *x = self->activations->x;

    for (int64_t r = 0; r < rows->count; r++) {
        AC_CHECK(ids[r] >= 0 && ids[r] < c->vocab_size);
        ac_bart_embed(embedding, x + r * c->d_model, ids[r], r - rows->offsets[rows->item[r]],
                      c->d_model);
    }
    ac_layernorm(x, x, embedding->norm.weight, embedding->norm.bias, rows->count, c->d_model,
                 c->layer_norm_eps);
    ac_train_drop(&self->dropout, rows, x, c->d_model,
                  ac_place(decoder, 0, AC_PLACE_EMBEDDING));
}

void
ac_train_forward(ac_bart_trainer *self, const ac_bart_batch *batch)
{
    struct ac_bart_activations *m = self->activations;
    const ac_bart_config *c = &self->bart->config;
    const ac_rows encoder = ac_encoder_rows(self, batch),
                  decoder = ac_decoder_rows(self, batch);
    const int64_t C = c->d_model;

    embed(self, &self->bart->encoder->embedding, &encoder, batch->ids, false);
    for (int64_t l = 0; l < c->encoder_layers; l++) {
        if (m->encoder_inputs[l])
            memcpy(m->encoder_inputs[l], m->x, (size_t) (m->T * C) * sizeof(float));
        ac_train_encoder_layer(self, batch, l);
    }
    memcpy(m->encoded, m->x, (size_t) (m->T * C) * sizeof(float));

    embed(self, &self->bart->decoder->embedding, &decoder, batch->decoder_ids, true);
    for (int64_t l = 0; l < c->decoder_layers; l++) {
        if (m->decoder_inputs[l])
            memcpy(m->decoder_inputs[l], m->x, (size_t) (m->N * C) * sizeof(float));
        ac_train_decoder_layer(self, batch, l);
    }
}

/* ---- the head ---- */

/* Logits, losses and, with a gradient, d_block of targets [first, first + n). */
static void
head_block(ac_bart_trainer *self, const ac_bart_batch *batch, int64_t first, int64_t n,
           float scale)
{
    struct ac_bart_activations *m = self->activations;
    const int64_t C = self->bart->config.d_model, V = self->bart->config.vocab_size;

    for (int64_t i = 0; i < n; i++)
        memcpy(m->block + i * C, m->x + m->target_rows[first + i] * C,
               (size_t) C * sizeof(float));
    ac_linear_forward(&self->bart->decoder->head, m->logits, m->block, n, AC_ACTIVATION_NONE,
                      NULL, &m->scratch);
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t i = 0; i < n; i++) {
        const int32_t target = batch->labels[m->target_rows[first + i]];
        m->losses[first + i] =
            m->gradient ? ac_cross_entropy_backward(m->logits + i * V, V, target, scale)
                        : ac_cross_entropy(m->logits + i * V, V, target);
    }
    if (!m->gradient)
        return;
    ac_linear_transposed_apply(&self->backward->head, m->d_block, m->logits, n, NULL,
                               &m->scratch);
    for (int64_t i = 0; i < n; i++)
        memcpy(m->g + m->target_rows[first + i] * C, m->d_block + i * C,
               (size_t) C * sizeof(float));
}

void
ac_train_head(ac_bart_trainer *self, const ac_bart_batch *batch, ac_bart_loss *loss)
{
    struct ac_bart_activations *m = self->activations;
    int64_t targets = 0;

    for (int64_t r = 0; r < m->N; r++) {
        if (batch->labels[r] == AC_NO_TARGET)
            continue;
        AC_CHECK(batch->labels[r] >= 0 && batch->labels[r] < self->bart->config.vocab_size);
        m->target_rows[targets++] = (int32_t) r;
    }
    if (m->gradient)
        memset(m->g, 0, (size_t) (m->N * self->bart->config.d_model) * sizeof(float));
    for (int64_t i = 0; i < targets; i += AC_LOSS_ROWS)
        head_block(self, batch, i, targets - i < AC_LOSS_ROWS ? targets - i : AC_LOSS_ROWS,
                   1.0f / (float) targets);
    for (int64_t i = 0; i < targets; i++)
        loss->sum += m->losses[i];
    loss->targets = targets;
}

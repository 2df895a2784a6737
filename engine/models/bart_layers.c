/* What BART's encoder and decoder have in common: making their layers, embedding, the tap. */
#include "engine/models/bart_layers.h"

#include <math.h>
#include <stdio.h>

ac_status
ac_bart_init_norm(ac_bart_norm *self, ac_pack *pack, int64_t C, const char *stack,
                  int64_t layer, const char *name)
{
    ac_status st = ac_pack_floats(pack, &self->weight, 1, &C, "%s.layers.%d.%s.weight", stack,
                                  (int) layer, name);

    if (st == AC_OK)
        st = ac_pack_floats(pack, &self->bias, 1, &C, "%s.layers.%d.%s.bias", stack,
                            (int) layer, name);
    return st;
}

ac_status
ac_bart_init_stacked(ac_linear *self, ac_pack *pack, int64_t C, const char *stack,
                     int64_t layer, const char *attention, const char *const *names, int parts)
{
    const ac_tensor *weights[3], *biases[3];
    ac_status st = AC_OK;

    for (int p = 0; p < parts; p++) {
        AC_TRY(ac_pack_tensor(pack, &weights[p], 2, (int64_t[]){ C, C },
                              "%s.layers.%d.%s.%s.weight", stack, (int) layer, attention,
                              names[p]));
        AC_TRY(ac_pack_tensor(pack, &biases[p], 1, &C, "%s.layers.%d.%s.%s.bias", stack,
                              (int) layer, attention, names[p]));
    }
    st = ac_pack_linear(pack, self, weights, biases, parts);
out:
    return st;
}

ac_status
ac_bart_init_linear(ac_linear *self, ac_pack *pack, int64_t out, int64_t in, const char *stack,
                    int64_t layer, const char *name)
{
    return ac_pack_linear_named(pack, self, out, in, true, "%s.layers.%d.%s", stack,
                                (int) layer, name);
}

size_t
ac_bart_embedding_bytes(const ac_bart_config *c)
{
    return ac_pack_floats_bytes(c->vocab_size * c->d_model) +
           ac_pack_floats_bytes((2 + c->max_position_embeddings) * c->d_model) +
           2 * ac_pack_floats_bytes(c->d_model);
}

ac_status
ac_bart_init_embedding(ac_bart_embedding *self, ac_pack *pack, const ac_bart_config *c,
                       const char *stack, const char *tokens)
{
    const int64_t C = c->d_model;
    ac_pack whole = *pack; /* whole names, as the table's */
    ac_status st = AC_OK;

    whole.prefix = "";
    self->scale = c->scale_embedding ? sqrtf((float) C) : 1;
    AC_TRY(ac_pack_floats(&whole, &self->tokens, 2, (int64_t[]){ c->vocab_size, C }, "%s",
                          tokens));
    pack->next = whole.next;
    AC_TRY(ac_pack_floats(pack, &self->positions, 2,
                          (int64_t[]){ 2 + c->max_position_embeddings, C },
                          "%s.embed_positions.weight", stack));
    AC_TRY(ac_pack_floats(pack, &self->norm.weight, 1, &C, "%s.layernorm_embedding.weight",
                          stack));
    AC_TRY(ac_pack_floats(pack, &self->norm.bias, 1, &C, "%s.layernorm_embedding.bias", stack));
out:
    return st;
}

void
ac_bart_tap(const ac_bart *self, const char *stack, int64_t layer, const char *what,
            const float *x, int64_t rows)
{
    char name[64];

    if (!self->tap.fn)
        return;
    if (layer < 0)
        snprintf(name, sizeof name, "%s.%s", stack, what);
    else
        snprintf(name, sizeof name, "%s.layer%lld%s%s", stack, (long long) layer,
                 *what ? "." : "", what);
    self->tap.fn(self->tap.context, name, x, rows, self->config.d_model);
}

void
ac_bart_embed(const ac_bart_embedding *self, float *y, int32_t id, int64_t position, int64_t C)
{
    const float *token = self->tokens + id * C, *place = self->positions + (2 + position) * C;

    for (int64_t i = 0; i < C; i++)
        y[i] = token[i] * self->scale + place[i];
}

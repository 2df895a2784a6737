#include "engine/models/decoder.h"

#include <string.h>

static bool
same_decoder(const ac_decoder *a, const ac_decoder *b)
{
    return a->type == b->type && a->model == b->model && a->vocab_size == b->vocab_size &&
           a->max_positions == b->max_positions;
}

static int64_t
larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

ac_status
ac_decoder_state_reserve(ac_decoder_state *self, const ac_decoder *decoder,
                         const ac_decoder_capacity *needed)
{
    ac_decoder_capacity have = self->capacity;
    ac_status st;

    if (!same_decoder(&self->decoder, decoder)) {
        ac_decoder_state_free(self);
        have = (ac_decoder_capacity){ 0 };
    }
    if (needed->slots <= have.slots && needed->positions <= have.positions &&
        needed->rows <= have.rows && needed->inputs <= have.inputs &&
        needed->input_tokens <= have.input_tokens)
        return AC_OK;
    ac_decoder_state_free(self);
    self->decoder = *decoder;
    self->capacity = (ac_decoder_capacity){
        .slots = larger(needed->slots, have.slots),
        .positions = larger(needed->positions, have.positions),
        .rows = larger(needed->rows, have.rows),
        .inputs = larger(needed->inputs, have.inputs),
        .input_tokens = needed->input_tokens > have.input_tokens
                            ? needed->input_tokens + needed->input_tokens / 4
                            : have.input_tokens, /* they differ from call to call */
    };
    st = decoder->type->state_init(decoder->model, self);
    if (st != AC_OK)
        ac_decoder_state_free(self);
    return st;
}

void
ac_decoder_state_free(ac_decoder_state *self)
{
    if (self->own && self->decoder.type->state_free)
        self->decoder.type->state_free(self);
    ac_kv_cache_free(&self->cache);
    *self = (ac_decoder_state){ 0 };
}

static size_t
rows_bytes(const ac_decoder_state *self)
{
    return (size_t) self->capacity.rows * sizeof(ac_decoder_row);
}

size_t
ac_decoder_scratch_bytes(const ac_decoder_state *self)
{
    return self->decoder.type->scratch_bytes(self->decoder.model, &self->capacity) +
           ac_scratch_room(rows_bytes(self)); /* prefill's */
}

void
ac_decoder_read_inputs(ac_decoder_state *self, const ac_decoder_inputs *inputs,
                       ac_scratch *scratch)
{
    if (!self->decoder.type->read_inputs)
        return;
    AC_CHECK(inputs->count <= self->capacity.inputs &&
             inputs->offsets[inputs->count] <= self->capacity.input_tokens);
    self->decoder.type->read_inputs(self->decoder.model, self, inputs, scratch);
}

void
ac_decoder_step(ac_decoder_state *self, float *logits, const ac_decoder_row *rows, int64_t R,
                ac_scratch *scratch)
{
    AC_CHECK(R <= self->capacity.rows);
    for (int64_t r = 0; r < R; r++)
        AC_CHECK(rows[r].token >= 0 && rows[r].token < self->decoder.vocab_size &&
                 rows[r].position < self->decoder.max_positions);
    ac_kv_cache_enter(&self->cache, rows, R);
    self->decoder.type->step(self->decoder.model, self, logits, rows, R, scratch);
}

/* Tokens that two prompts have in common. The last of `b` does not count: its logits are
 * wanted. */
static int64_t
common(const ac_decoder_prompt *a, const ac_decoder_prompt *b)
{
    const int64_t most = a->count < b->count - 1 ? a->count : b->count - 1;
    int64_t n = 0;

    while (n < most && a->tokens[n] == b->tokens[n])
        n++;
    return n;
}

/* Let prompt i continue the earlier prompt that it has most in common with. Returns how many
 * tokens are so read already. */
static int64_t
share(ac_decoder_state *self, const ac_decoder_prompt *prompts, int64_t i)
{
    const bool any_input = !self->decoder.type->read_inputs;
    int64_t best = 0, from = i;

    for (int64_t j = 0; j < i && best < prompts[i].count - 1; j++) {
        const int64_t n = any_input || prompts[j].input == prompts[i].input
                              ? common(&prompts[j], &prompts[i])
                              : 0;
        if (n > best) {
            best = n;
            from = j;
        }
    }
    ac_kv_cache_fork(&self->cache, prompts[i].slot, prompts[from].slot, best);
    return best;
}

/* As ac_decoder_prefill_behind; behind < 0: prompts share with each other. */
static void
prefill(ac_decoder_state *self, float *logits, const ac_decoder_prompt *prompts, int64_t n,
        int32_t behind, int64_t common, ac_scratch *scratch)
{
    const size_t mark = ac_scratch_mark(scratch);
    ac_decoder_row *rows = ac_scratch_take(scratch, rows_bytes(self));
    int64_t R = 0, wanted = 0;

    for (int64_t i = 0; i < n; i++) {
        const ac_decoder_prompt *p = &prompts[i];
        if (behind >= 0)
            ac_kv_cache_fork(&self->cache, p->slot, behind, common);
        for (int64_t t = behind < 0 ? share(self, prompts, i) : common; t < p->count; t++) {
            const ac_decoder_row row = { p->tokens[t], p->slot, p->input, (int32_t) t,
                                         t + 1 == p->count };
            if (R == self->capacity.rows) {
                ac_decoder_step(self, logits, rows, R, scratch);
                logits += wanted * self->decoder.vocab_size;
                R = wanted = 0;
            }
            rows[R++] = row;
            wanted += row.wants_logits;
            ac_kv_cache_enter(&self->cache, &row, 1); /* now: a later prompt may fork it */
        }
    }
    if (R)
        ac_decoder_step(self, logits, rows, R, scratch);
    ac_scratch_release(scratch, mark);
}

void
ac_decoder_prefill(ac_decoder_state *self, float *logits, const ac_decoder_prompt *prompts,
                   int64_t n, ac_scratch *scratch)
{
    prefill(self, logits, prompts, n, -1, 0, scratch);
}

void
ac_decoder_prefill_behind(ac_decoder_state *self, float *logits,
                          const ac_decoder_prompt *prompts, int64_t n, int32_t behind,
                          int64_t common, ac_scratch *scratch)
{
    prefill(self, logits, prompts, n, behind, common, scratch);
}

int64_t
ac_decoder_gather_wanted(float *x, int64_t C, const ac_decoder_row *rows, int64_t R)
{
    int64_t n = 0;

    for (int64_t r = 0; r < R; r++)
        if (rows[r].wants_logits) {
            if (n != r)
                memcpy(x + n * C, x + r * C, (size_t) C * sizeof *x);
            n++;
        }
    return n;
}

#include "tests/support/causal.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "engine/base/memory.h"

void
test_causal_init(test_causal *self, const ac_causal_config *config, const ac_tensors *tensors,
                 ac_compute compute)
{
    size_t bytes;

    if (ac_causal_check(config, tensors, &compute, &bytes) != AC_OK)
        fail_msg("%s", ac_error_message());
    assert_int_equal(ac_alloc_aligned(&self->packed, (int64_t) bytes, 1), AC_OK);
    if (ac_causal_init(&self->net, config, tensors, &compute, self->packed, true) != AC_OK)
        fail_msg("%s", ac_error_message());
}

void
test_causal_free(test_causal *self)
{
    ac_causal_free(&self->net);
    free(self->packed);
    self->packed = NULL;
}

float *
test_causal_logits(const test_causal *self, const int32_t *ids, int64_t n, int64_t together)
{
    const int64_t V = self->net.config.vocab_size;
    const ac_decoder view = ac_causal_as_decoder(&self->net);
    const ac_decoder_capacity capacity = { .slots = 2, .positions = n, .rows = together };
    float *logits = calloc((size_t) (n * V), sizeof *logits);
    ac_decoder_row *rows = calloc((size_t) together, sizeof *rows);
    ac_decoder_state state = { 0 };
    ac_scratch scratch = { 0 };

    assert_int_equal(ac_decoder_state_reserve(&state, &view, &capacity), AC_OK);
    assert_int_equal(ac_scratch_reserve(&scratch, ac_decoder_scratch_bytes(&state)), AC_OK);
    for (int64_t t = 0; t < n; t += together) {
        const int64_t R = n - t < together ? n - t : together;
        for (int64_t r = 0; r < R; r++)
            rows[r] = (ac_decoder_row){ ids[t + r], 1, 0, (int32_t) (t + r), true };
        ac_decoder_step(&state, logits + t * V, rows, R, &scratch);
    }
    ac_decoder_state_free(&state);
    ac_scratch_free(&scratch);
    free(rows);
    return logits;
}

int32_t *
test_ids(const json_t *list, int64_t *n)
{
    int32_t *ids;

    *n = (int64_t) json_array_size(list);
    ids = calloc((size_t) *n + 1, sizeof *ids);
    for (int64_t i = 0; i < *n; i++)
        ids[i] = (int32_t) json_integer_value(json_array_get(list, (size_t) i));
    return ids;
}

static void
check_candidate(const ac_candidate *c, int64_t prompt, const json_t *expected,
                const json_t *score, const char *what)
{
    if (c->count - prompt != (int64_t) json_array_size(expected))
        fail_msg("%s: %lld new tokens, expected %zu", what, (long long) (c->count - prompt),
                 json_array_size(expected));
    for (int64_t i = prompt; i < c->count; i++)
        if (c->ids[i] != json_integer_value(json_array_get(expected, (size_t) (i - prompt))))
            fail_msg("%s, new token %lld: %d", what, (long long) (i - prompt), c->ids[i]);
    if (score) {
        const double wanted = json_number_value(score);
        if (!(fabs(c->score - wanted) <= 1e-4 + 1e-5 * fabs(wanted)))
            fail_msg("%s: score %.9g, expected %.9g", what, c->score, wanted);
    }
}

void
test_causal_generates(const test_causal *self, const ac_generation_config *config,
                      const int32_t *prompt, int64_t n, const json_t *expected,
                      const json_t *scores, const char *what)
{
    const ac_decoder view = ac_causal_as_decoder(&self->net);
    /* the same prompt twice: its second reading shares the first's */
    int32_t *prompts = calloc((size_t) (2 * n), sizeof *prompts);
    const int64_t offsets[] = { 0, n, 2 * n };
    const uint64_t streams[2] = { 0 };
    const ac_generation_input input = {
        .prompts = prompts, .prompt_offsets = offsets, .streams = streams, .count = 2
    };
    ac_generator generator = { 0 };
    ac_generated out = { 0 };

    for (int64_t i = 0; i < 2 * n; i++)
        prompts[i] = prompt[i % n];
    if (ac_generate(&generator, &view, config, &input, &out) != AC_OK)
        fail_msg("%s: %s", what, ac_error_message());
    for (int64_t text = 0; text < 2; text++)
        for (size_t k = 0; k < json_array_size(expected); k++) {
            const ac_candidate c = ac_generated_at(&out, text, (int64_t) k);
            check_candidate(&c, n, json_array_get(expected, k), json_array_get(scores, k),
                            what);
        }
    ac_generated_free(&out);
    ac_generator_free(&generator);
    free(prompts);
}

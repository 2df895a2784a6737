/** Causal models of the golden data: opened, read token by token, generated with. */
#ifndef AC_TESTS_SUPPORT_CAUSAL_H
#define AC_TESTS_SUPPORT_CAUSAL_H

#include <jansson.h>

#include "engine/generation/generate.h"
#include "engine/models/causal.h"
#include "io/checkpoint/weights.h"

/** A model with its weights in memory of its own. */
typedef struct test_causal {
    ac_causal net;
    void *packed;
} test_causal;

/** Fails the test where it cannot be made. `tensors` outlive it. */
void test_causal_init(test_causal *self, const ac_causal_config *config,
                      const ac_tensors *tensors, ac_compute compute);
void test_causal_free(test_causal *self);

/** Logits [n, vocab_size] of ids [n], `together` tokens per step; free with free(). */
float *test_causal_logits(const test_causal *self, const int32_t *ids, int64_t n,
                          int64_t together);

/** The ids of a JSON list; free with free(). */
int32_t *test_ids(const json_t *list, int64_t *n);

/**
 * The sequences of a prompt under `config` are the lists of `expected` (new tokens), and their
 * scores those of `scores` within 1e-4 + 1e-5 |score|; NULL: not compared.
 */
void test_causal_generates(const test_causal *self, const ac_generation_config *config,
                           const int32_t *prompt, int64_t n, const json_t *expected,
                           const json_t *scores, const char *what);

#endif

/* BART, layer by layer and token by token, against the Python reference. Tolerances:
 * golden/bart/README.md (hidden states 5e-5; logits and cross-entropies 2e-4: ten times what
 * PyTorch differs by between its own ways of computing). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/kernels/activation.h"
#include "engine/models/bart.h"
#include "io/checkpoint/model_config.h"
#include "io/checkpoint/weights.h"
#include "tests/support/golden.h"
#include "tests/support/model.h"

/* Golden rows of one text within a padded tensor [B, longest, C]. */
typedef struct comparison {
    const ac_tensors *expected;
    int64_t text;  /* which row of the batch */
    int64_t token; /* the decoder's step; 0 for the encoder */
    int compared;
} comparison;

static void
compare(void *context, const char *name, const float *x, int64_t rows, int64_t columns)
{
    comparison *c = context;
    const ac_tensor *t = ac_tensors_find(c->expected, name);

    if (!t) /* the reference recorded no such place for this model */
        return;
    assert_int_equal(t->rank, 3);
    assert_int_equal(t->shape[2], columns);
    test_assert_close(
        name, x, test_floats(c->expected, name) + (c->text * t->shape[1] + c->token) * columns,
        rows * columns, 5e-5);
    c->compared++;
}

/* How long text b is; where the data has no lengths, its rows have no padding. */
static int64_t
length_of(const ac_tensors *golden, const char *name, int64_t b, int64_t longest)
{
    return ac_tensors_find(golden, name) ? test_integer(test_tensor(golden, name), b) : longest;
}

/* Logits [rows, V] of decoder tokens [from, from + rows) of a text, and their cross-entropies.
 */
static void
check_rows(const ac_tensors *golden, const float *logits, int64_t text, int64_t logits_row,
           int64_t from, int64_t rows)
{
    const ac_tensor *logits_tensor = test_tensor(golden, "logits"),
                    *labels = ac_tensors_find(golden, "labels");
    const int64_t V = logits_tensor->shape[logits_tensor->rank - 1];

    test_assert_close("logits", logits, test_floats(golden, "logits") + (logits_row + from) * V,
                      rows * V, 2e-4);
    for (int64_t t = 0; labels && t < rows; t++) {
        const int64_t at = text * labels->shape[labels->rank - 1] + from + t,
                      label = test_integer(labels, at);
        if (label >= 0) {
            const float loss = ac_log_sum_exp(logits + t * V, V) - logits[t * V + label];
            test_assert_close("token_cross_entropy", &loss,
                              test_floats(golden, "token_cross_entropy") + at, 1, 2e-4);
        }
    }
}

/* One text: encode, then decode with cached keys and values, `together` tokens per step.
 * Returns the number of tokens. */
static int64_t
check_text(ac_bart *bart, const ac_tensors *golden, int64_t text, int64_t logits_row,
           int64_t together, comparison *c)
{
    const ac_tensor *ids = test_tensor(golden, "encoder_input_ids"),
                    *decoder = test_tensor(golden, "decoder_input_ids");
    const int64_t n = length_of(golden, "encoder_lengths", text, ids->shape[ids->rank - 1]);
    const int64_t m =
        length_of(golden, "decoder_lengths", text, decoder->shape[decoder->rank - 1]);
    const int64_t V = bart->config.vocab_size, offsets[2] = { 0, n };
    float *logits = calloc((size_t) (together * V), sizeof *logits);
    int32_t *packed = calloc((size_t) n, sizeof *packed);
    ac_decoder_row *rows = calloc((size_t) together, sizeof *rows);
    const ac_decoder view = ac_bart_as_decoder(bart);
    const ac_decoder_capacity capacity = {
        .slots = 2, .positions = m, .rows = together, .inputs = 1, .input_tokens = n
    };
    ac_decoder_state state = { 0 };
    ac_scratch scratch = { 0 };

    for (int64_t i = 0; i < n; i++)
        packed[i] = (int32_t) test_integer(ids, text * ids->shape[ids->rank - 1] + i);
    assert_int_equal(ac_decoder_state_reserve(&state, &view, &capacity), AC_OK);
    assert_int_equal(ac_scratch_reserve(&scratch, ac_decoder_scratch_bytes(&state)), AC_OK);
    c->text = text;
    c->token = 0;
    ac_decoder_read_inputs(&state, &(ac_decoder_inputs){ packed, offsets, 1 }, &scratch);
    for (int64_t t = 0; t < m; t += together) {
        const int64_t R = m - t < together ? m - t : together;
        for (int64_t r = 0; r < R; r++)
            rows[r] = (ac_decoder_row){ (int32_t) test_integer(
                                            decoder,
                                            text * decoder->shape[decoder->rank - 1] + t + r),
                                        1, 0, (int32_t) (t + r), true };
        c->token = t;
        ac_decoder_step(&state, logits, rows, R, &scratch);
        check_rows(golden, logits, text, logits_row, t, R);
    }
    ac_decoder_state_free(&state);
    ac_scratch_free(&scratch);
    free(logits);
    free(packed);
    free(rows);
    return m;
}

static void
check_model(const char *model, ac_compute compute)
{
    char name[64], *folder, *path;
    ac_weights weights;
    ac_safetensors golden;
    ac_bart_config config;
    ac_bart bart;
    comparison c = { 0 };
    const ac_tensor *texts;
    void *packed;
    int64_t row = 0;

    snprintf(name, sizeof name, "bart/%s", model);
    folder = golden_path(name);
    snprintf(name, sizeof name, "bart/%s_expected.safetensors", model);
    path = golden_path(name);
    if (!folder || !path) {
        free(folder);
        free(path);
        skip();
    }
    assert_int_equal(ac_weights_open(&weights, folder), AC_OK);
    assert_int_equal(ac_safetensors_open(&golden, path), AC_OK);
    assert_int_equal(ac_bart_config_load(&config, folder), AC_OK);
    assert_int_equal(
        ac_alloc_aligned(&packed, (int64_t) ac_bart_packed_bytes(&config, &compute), 1), AC_OK);
    if (ac_bart_init(&bart, &config, &weights.tensors, NULL, &compute, packed, true) != AC_OK)
        fail_msg("%s", ac_error_message());
    c.expected = &golden.tensors;
    bart.tap = (ac_tap){ compare, &c };
    texts = test_tensor(&golden.tensors, "encoder_input_ids");
    for (int64_t b = 0; b < (texts->rank == 2 ? texts->shape[0] : 1); b++) {
        check_text(&bart, &golden.tensors, b, row, 3, &c); /* as a prompt is read */
        row += check_text(&bart, &golden.tensors, b, row, 1, &c);
    }
    assert_int_equal(row, test_tensor(&golden.tensors, "logits")->shape[0]);
    assert_true(c.compared > 0 || texts->rank == 1);
    ac_bart_free(&bart);
    ac_safetensors_close(&golden);
    ac_weights_close(&weights);
    free(packed);
    free(folder);
    free(path);
}

static void
model_a(void **state)
{
    (void) state;
    test_on_each_backend("a", check_model);
}

static void
model_b(void **state)
{
    (void) state;
    test_on_each_backend("b", check_model);
}

/* The weights of a published checkpoint: no "model." in front, no final_logits_bias, fp16. */
static void
base_model_fp16(void **state)
{
    (void) state;
    test_on_each_backend("a_basemodel_fp16", check_model);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(model_a), cmocka_unit_test(model_b),
                                        cmocka_unit_test(base_model_fp16) };

    ac_compute_init(2);
    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}

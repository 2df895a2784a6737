/* The text tower over a prefix tree against one text at a time. Bound 1e-6 in every component:
 * both are float32 products of the same rows in another grouping, and components are below 1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/models/clip.h"
#include "engine/models/clip_prefix.h"
#include "io/checkpoint/model_config.h"
#include "io/checkpoint/weights.h"
#include "tests/support/golden.h"
#include "tests/support/model.h"

enum { TEXTS = 240 };

typedef struct sample {
    int32_t *ids;
    int64_t *offsets;
} sample;

static int64_t longest; /* of the model in hand: the rows' width, for the comparison */

static int
by_ids(const void *a, const void *b)
{
    const int32_t *x = a, *y = b; /* length, then ids, zeros after */

    for (int64_t i = 1; i <= x[0] && i <= y[0]; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return (x[0] > y[0]) - (x[0] < y[0]);
}

/* Sorted texts: start token, words, end token: short ones that begin alike, very long ones,
 * ones cut at the context, equal ones, the empty text, and one with an end token in its middle.
 */
static void
draw(sample *s, const ac_clip_config *c)
{
    const int64_t width = 1 + c->max_position_embeddings;
    int32_t *rows = calloc((size_t) (TEXTS * width), sizeof *rows);
    const int32_t end = c->eos_token_id != 2 ? c->eos_token_id : (int32_t) c->vocab_size - 1;

    srand(7);
    longest = c->max_position_embeddings;
    for (int64_t b = 0; b < TEXTS; b++) {
        int32_t *row = rows + b * width, n = 2 + rand() % 5;
        if (b % 9 == 0)
            n = 2 + rand() % (int) (longest - 1);
        if (b % 50 == 0)
            n = (int32_t) longest;
        if (b < 3)
            n = 2;
        for (int32_t i = 1; i <= n; i++)
            row[i] = i == 1   ? 0
                     : i == n ? end
                              : 1 + rand() % (i < 4 ? 5 : (int) c->vocab_size - 3);
        if (b == 17)
            row[2] = end;
        row[0] = (int32_t) ac_clip_pooled_length(c, row + 1, n);
    }
    qsort(rows, TEXTS, (size_t) width * sizeof *rows, by_ids);
    s->ids = calloc((size_t) (TEXTS * width), sizeof *s->ids);
    s->offsets = calloc(TEXTS + 1, sizeof *s->offsets);
    for (int64_t b = 0; b < TEXTS; b++) {
        memcpy(s->ids + s->offsets[b], rows + b * width + 1,
               (size_t) rows[b * width] * sizeof *rows);
        s->offsets[b + 1] = s->offsets[b] + rows[b * width];
    }
    free(rows);
}

static void
check(const ac_clip *clip)
{
    const int64_t D = clip->config.projection_dim;
    ac_scratch scratch = { 0 };
    ac_prefix_tree tree = { 0 };
    sample s;
    float *alone = calloc(TEXTS * (size_t) D, sizeof *alone),
          *together = calloc(TEXTS * (size_t) D, sizeof *together);
    float *again = calloc(TEXTS * (size_t) D, sizeof *again);
    int64_t nodes;

    draw(&s, &clip->config);
    assert_int_equal(
        ac_scratch_reserve(&scratch, ac_clip_texts_scratch_bytes(clip, 1, longest)), AC_OK);
    for (int64_t b = 0; b < TEXTS; b++) {
        const int64_t one[2] = { 0, s.offsets[b + 1] - s.offsets[b] };
        ac_clip_embed_texts(clip, alone + b * D, s.ids + s.offsets[b], one, 1, &scratch);
    }
    for (int64_t limit = 64; limit <= 100000; limit *= 40) { /* many small trees, few, one */
        for (int64_t first = 0; first < TEXTS; first += tree.texts) {
            const int64_t n =
                ac_prefix_tree_fit(s.ids, s.offsets + first, TEXTS - first, limit, &nodes);
            assert_int_equal(ac_prefix_tree_build(&tree, s.ids, s.offsets + first, n), AC_OK);
            omp_set_num_threads(2);
            assert_int_equal(
                ac_scratch_reserve(&scratch, ac_clip_prefixes_scratch_bytes(clip, &tree)),
                AC_OK);
            ac_clip_embed_prefixes(clip, together + first * D, &tree, &scratch);
            omp_set_num_threads(1);
            ac_clip_embed_prefixes(clip, again + first * D, &tree, &scratch);
        }
        test_assert_close("prefix tree against one at a time", together, alone, TEXTS * D,
                          1e-6);
        assert_memory_equal(together, again, TEXTS * (size_t) D * sizeof *again);
    }
    omp_set_num_threads(2);
    ac_prefix_tree_free(&tree);
    ac_scratch_free(&scratch);
    free(s.ids);
    free(s.offsets);
    free(alone);
    free(together);
    free(again);
}

static void
check_model(const char *folder)
{
    ac_compute backends[TEST_BACKENDS];
    const int n = test_backends(backends);
    ac_clip_config config;

    assert_int_equal(ac_clip_config_load(&config, folder, NULL), AC_OK);
    for (int i = 0; i < n; i++) {
        ac_weights weights;
        ac_clip clip;
        void *packed;
        assert_int_equal(ac_weights_open(&weights, folder), AC_OK);
        assert_int_equal(ac_alloc_aligned(&packed,
                                          (int64_t) ac_clip_packed_bytes(&config, &backends[i],
                                                                         AC_CLIP_TEXT),
                                          1),
                         AC_OK);
        if (ac_clip_init(&clip, &config, &weights.tensors, &backends[i], AC_CLIP_TEXT, packed,
                         true) != AC_OK)
            fail_msg("%s", ac_error_message());
        check(&clip);
        ac_clip_free(&clip);
        ac_weights_close(&weights);
        free(packed);
    }
}

static void
golden_model(const char *name)
{
    char *folder = golden_path(name);

    if (!folder)
        skip();
    check_model(folder);
    free(folder);
}

static void
model_a(void **state)
{
    (void) state;
    golden_model("clip/a");
}

static void
model_b(void **state)
{
    (void) state;
    golden_model("clip/b");
}

static void
model_demo(void **state)
{
    (void) state;
    check_model(AC_SOURCE_DIR "/models/demo/clip");
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(model_a), cmocka_unit_test(model_b),
                                        cmocka_unit_test(model_demo) };

    ac_compute_init(2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

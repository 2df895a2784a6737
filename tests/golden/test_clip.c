/* CLIP's towers, layer by layer, against the Python reference. Tolerances:
 * golden/clip/README.md (hidden states 5e-5, values within ±15; unit embeddings 1e-5; logits
 * 2e-4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/models/clip.h"
#include "engine/kernels/kernels.h"
#include "io/checkpoint/model_config.h"
#include "io/checkpoint/weights.h"
#include "tests/support/golden.h"
#include "tests/support/model.h"

typedef struct comparison {
    const ac_tensors *expected;
    int compared;
} comparison;

static void
compare(void *context, const char *name, const float *x, int64_t rows, int64_t columns)
{
    comparison *c = context;

    assert_int_equal(ac_tensor_count(test_tensor(c->expected, name)), rows * columns);
    test_assert_close(name, x, test_floats(c->expected, name), rows * columns, 5e-5);
    c->compared++;
}

/* All texts together, then each alone. embeddings [B, D] */
static void
check_texts(ac_clip *clip, const ac_tensors *expected, float *embeddings, ac_scratch *scratch)
{
    const ac_tensor *ids = test_tensor(expected, "input_ids"),
                    *lengths = test_tensor(expected, "lengths");
    const int64_t B = ids->shape[0], context = ids->shape[1], D = clip->config.projection_dim;
    int32_t *packed = calloc((size_t) (B * context), sizeof *packed);
    int64_t *offsets = calloc((size_t) B + 1, sizeof *offsets);
    float *alone = calloc((size_t) D, sizeof *alone);

    for (int64_t b = 0; b < B; b++) {
        const int64_t n = test_integer(lengths, b);
        for (int64_t i = 0; i < n; i++)
            packed[offsets[b] + i] = (int32_t) test_integer(ids, b * context + i);
        offsets[b + 1] = offsets[b] + n;
    }
    assert_int_equal(
        ac_scratch_reserve(scratch, ac_clip_texts_scratch_bytes(clip, B, offsets[B])), AC_OK);
    ac_clip_embed_texts(clip, embeddings, packed, offsets, B, scratch);
    test_assert_close("text_embeds", embeddings, test_floats(expected, "text_embeds"), B * D,
                      1e-5);
    clip->tap.fn = NULL;
    for (int64_t b = 0; b < B; b++) {
        const int64_t one[2] = { 0, offsets[b + 1] - offsets[b] };
        ac_clip_embed_texts(clip, alone, packed + offsets[b], one, 1, scratch);
        test_assert_close("one text alone", alone, embeddings + b * D, D, 1e-5);
    }
    free(packed);
    free(offsets);
    free(alone);
}

static void
check_model(const char *model, ac_compute compute)
{
    char name[64], *folder, *path;
    ac_weights weights;
    ac_safetensors golden;
    ac_clip_config config;
    ac_clip clip;
    ac_scratch scratch = { 0 };
    comparison c = { 0 };
    float *texts, *images;
    void *packed;
    int64_t B, N, D;

    snprintf(name, sizeof name, "clip/%s", model);
    folder = golden_path(name);
    snprintf(name, sizeof name, "clip/%s_expected.safetensors", model);
    path = golden_path(name);
    if (!folder || !path) {
        free(folder);
        free(path);
        skip();
    }
    assert_int_equal(ac_weights_open(&weights, folder), AC_OK);
    assert_int_equal(ac_safetensors_open(&golden, path), AC_OK);
    assert_int_equal(ac_clip_config_load(&config, folder, NULL), AC_OK);
    assert_int_equal(
        ac_alloc_aligned(&packed, (int64_t) ac_clip_packed_bytes(&config, &compute, 3), 1),
        AC_OK);
    if (ac_clip_init(&clip, &config, &weights.tensors, &compute, AC_CLIP_VISION | AC_CLIP_TEXT,
                     packed, true) != AC_OK)
        fail_msg("%s", ac_error_message());
    c.expected = &golden.tensors;
    clip.tap = (ac_tap){ compare, &c };
    B = test_tensor(&golden.tensors, "pixel_values")->shape[0];
    N = test_tensor(&golden.tensors, "input_ids")->shape[0];
    D = config.projection_dim;
    images = calloc((size_t) (B * D), sizeof *images);
    texts = calloc((size_t) (N * D), sizeof *texts);
    assert_int_equal(ac_scratch_reserve(&scratch, ac_clip_images_scratch_bytes(&clip, B)),
                     AC_OK);
    ac_clip_embed_images(&clip, images, test_floats(&golden.tensors, "pixel_values"), B,
                         &scratch);
    test_assert_close("image_embeds", images, test_floats(&golden.tensors, "image_embeds"),
                      B * D, 1e-5);
    check_texts(&clip, &golden.tensors, texts, &scratch);
    for (int64_t b = 0; b < B; b++) {
        for (int64_t n = 0; n < N; n++) {
            const float logit = clip.logit_scale * ac_dot(images + b * D, texts + n * D, D);
            test_assert_close("logits_per_image", &logit,
                              test_floats(&golden.tensors, "logits_per_image") + b * N + n, 1,
                              2e-4);
        }
    }
    assert_int_equal(c.compared,
                     4 + config.vision.num_hidden_layers + 4 + config.text.num_hidden_layers);
    ac_clip_free(&clip);
    ac_safetensors_close(&golden);
    ac_weights_close(&weights);
    ac_scratch_free(&scratch);
    free(packed);
    free(images);
    free(texts);
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

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(model_a), cmocka_unit_test(model_b) };

    ac_compute_init(2);
    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}

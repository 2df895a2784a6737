/* AC_TEST_LABELS: formats */
/* One CLIP in every format it is published in: OpenAI's names and Hugging Face's, fp32 and
 * fp16, zip, TorchScript and the format before PyTorch 1.6. Tolerances: golden/clip/README.md
 * (unit embeddings 1e-5, logits 2e-4; tensors exact; fp16 half its last place). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels/kernels.h"
#include "io/checkpoint/model_config.h"
#include "io/checkpoint/weights.h"
#include "tests/support/golden.h"
#include "tests/support/model.h"

/* Opens golden/clip/<name>; skips where it is not here. */
static void
open_weights(ac_weights *w, const char *name)
{
    char relative[128], *path;

    snprintf(relative, sizeof relative, "clip/%s", name);
    path = golden_path(relative);
    if (!path)
        skip();
    if (ac_weights_open(w, path) != AC_OK)
        fail_msg("%s", ac_error_message());
    free(path);
}

static float *
read_floats(const ac_tensor *t)
{
    float *x = malloc((size_t) ac_tensor_count(t) * sizeof *x);

    assert_non_null(x);
    ac_tensor_read(t, x, 0, ac_tensor_count(t));
    return x;
}

/* Every tensor of model a against the same tensor of another file; relative 0: equal to the
 * bit. */
static void
compare_tensors(const char *file, ac_dtype dtype, double relative, double absolute)
{
    ac_weights expected, found;
    int compared = 0;

    open_weights(&found, file); /* this one may be missing: before there is anything to free */
    open_weights(&expected, "a");
    for (int64_t i = 0; i < expected.tensors.count; i++) {
        const ac_tensor *e = &expected.tensors.items[i],
                        *f = ac_tensors_find(&found.tensors, e->name);
        float *x, *y;

        if (e->dtype != AC_F32) /* position_ids */
            continue;
        if (!f)
            fail_msg("%s: no tensor %s", file, e->name);
        assert_int_equal(f->dtype, dtype);
        assert_int_equal(f->rank, e->rank);
        assert_memory_equal(f->shape, e->shape, (size_t) e->rank * sizeof *e->shape);
        x = read_floats(f);
        y = read_floats(e);
        for (int64_t k = 0; k < ac_tensor_count(e); k++)
            if (!(fabs((double) x[k] - (double) y[k]) <=
                  relative * fabs((double) y[k]) + absolute))
                fail_msg("%s: %s: element %lld is %.9g, expected %.9g", file, e->name,
                         (long long) k, (double) x[k], (double) y[k]);
        free(x);
        free(y);
        compared++;
    }
    assert_true(compared > 0);
    ac_weights_close(&found);
    ac_weights_close(&expected);
}

static void
pytorch_model_bin(void **state)
{
    (void) state;
    compare_tensors("a_pytorch_model.bin", AC_F32, 0, 0);
}

static void
openai_state_dict(void **state)
{
    (void) state;
    compare_tensors("a_openai_state_dict.pt", AC_F32, 0, 0);
}

static void
legacy_fp16(void **state)
{
    (void) state;
    compare_tensors("a_pytorch_model_fp16_legacy.bin", AC_F16, 0x1p-11, 0x1p-25);
}

static void
embed(const ac_weights *weights, const ac_tensors *inputs, const ac_tensors *expected)
{
    const ac_tensor *ids = test_tensor(inputs, "input_ids"),
                    *lengths = test_tensor(inputs, "lengths");
    const int64_t N = ids->shape[0], context = ids->shape[1],
                  B = test_tensor(inputs, "pixel_values")->shape[0];
    const ac_compute compute = { AC_BACKEND_OPENBLAS, AC_PRECISION_FP32 };
    int32_t *packed_ids = calloc((size_t) (N * context), sizeof *packed_ids);
    int64_t *offsets = calloc((size_t) N + 1, sizeof *offsets), D;
    float *images, *texts;
    ac_clip_config config;
    ac_scratch scratch = { 0 };
    ac_clip clip;
    void *packed;
    char *folder = golden_path("clip/a");

    assert_int_equal(ac_clip_config_load(&config, folder, NULL), AC_OK);
    D = config.projection_dim;
    images = calloc((size_t) (B * D), sizeof *images);
    texts = calloc((size_t) (N * D), sizeof *texts);
    assert_int_equal(
        ac_alloc_aligned(&packed, (int64_t) ac_clip_packed_bytes(&config, &compute, 3), 1),
        AC_OK);
    if (ac_clip_init(&clip, &config, &weights->tensors, &compute, AC_CLIP_VISION | AC_CLIP_TEXT,
                     packed, true) != AC_OK)
        fail_msg("%s", ac_error_message());
    for (int64_t n = 0; n < N; n++) {
        offsets[n + 1] = offsets[n] + test_integer(lengths, n);
        for (int64_t i = offsets[n]; i < offsets[n + 1]; i++)
            packed_ids[i] = (int32_t) test_integer(ids, n * context + i - offsets[n]);
    }
    assert_int_equal(ac_scratch_reserve(&scratch, ac_clip_images_scratch_bytes(&clip, B)),
                     AC_OK);
    ac_clip_embed_images(&clip, images, test_floats(inputs, "pixel_values"), B, &scratch);
    assert_int_equal(
        ac_scratch_reserve(&scratch, ac_clip_texts_scratch_bytes(&clip, N, offsets[N])), AC_OK);
    ac_clip_embed_texts(&clip, texts, packed_ids, offsets, N, &scratch);
    test_assert_close("image_embeds", images, test_floats(expected, "image_embeds"), B * D,
                      1e-5);
    test_assert_close("text_embeds", texts, test_floats(expected, "text_embeds"), N * D, 1e-5);
    for (int64_t i = 0; i < B * N; i++) {
        const float logit = clip.logit_scale * ac_dot(images + i / N * D, texts + i % N * D, D);
        test_assert_close("logits_per_image", &logit,
                          test_floats(expected, "logits_per_image") + i, 1, 2e-4);
    }
    ac_clip_free(&clip);
    ac_scratch_free(&scratch);
    free(packed);
    free(packed_ids);
    free(offsets);
    free(images);
    free(texts);
    free(folder);
}

static void
openai_torchscript(void **state)
{
    char *inputs_path = golden_path("clip/a_expected.safetensors"),
         *expected_path = golden_path("clip/a_fp16_expected.safetensors");
    ac_weights weights;
    ac_safetensors inputs, expected;
    ac_clip_config config;

    (void) state;
    if (!inputs_path || !expected_path)
        skip();
    open_weights(&weights, "a_openai_fp16_torchscript.pt");
    assert_true(weights.is_openai);
    assert_int_equal(ac_safetensors_open(&inputs, inputs_path), AC_OK);
    assert_int_equal(ac_safetensors_open(&expected, expected_path), AC_OK);
    embed(&weights, &inputs.tensors, &expected.tensors);
    /* its heads are not width / 64, so a config is needed, and asked for */
    if (ac_openai_clip_config(&config, &weights.tensors) != AC_OK)
        assert_non_null(strstr(ac_error_message(), "clip.model_config"));
    else
        assert_int_equal(config.vision.num_attention_heads * 64, config.vision.hidden_size);
    ac_safetensors_close(&inputs);
    ac_safetensors_close(&expected);
    ac_weights_close(&weights);
    free(inputs_path);
    free(expected_path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pytorch_model_bin),
        cmocka_unit_test(openai_state_dict),
        cmocka_unit_test(legacy_fp16),
        cmocka_unit_test(openai_torchscript),
    };

    ac_compute_init(2);
    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}

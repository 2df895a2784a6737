/* preprocess: images -> CLIP's input, as .npy. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/image/preprocess.h"
#include "io/file/json_write.h"
#include "io/checkpoint/clip_files.h"
#include "io/checkpoint/npy.h"
#include "jobs/cli/tools/images.h"
#include "jobs/cli/tools/tools.h"

static const ac_option options[] = {
    { "size", 0, "S", "side of the square (CLIP: 224), by OpenAI's recipe" },
    { "model", 0, "DIR", "in place of --size: as this CLIP model's files say" },
    { "model-config", 0, "F",
      "a config.json or open_clip_config.json that is not in the model's folder" },
    { "out", 0, "X.npy", "uint8 [N, S, S, 3], a zero row where an image cannot be used" },
    { "float", 0, NULL, "fp32 [N, 3, S, S], normalised, in place of bytes" },
    { "max-pixels", 0, "N", "an image with more pixels is rejected (default: 178956970)" },
    { "threads", 0, "N", "threads (default: the machine's cores)" },
    { NULL, 0, NULL, NULL },
};

ac_status
ac_images_read(uint8_t *rgb, ac_item_status *statuses, const char *const *files, int64_t n,
               const ac_preprocess_recipe *recipe, int64_t max_pixels)
{
    const int64_t S = recipe->size;
    const int threads = omp_get_max_threads();
    ac_resizer *resizers = NULL;
    ac_status st = ac_alloc(&resizers, threads, sizeof *resizers), worst = AC_OK;

    if (st != AC_OK)
        return st;
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t i = 0; i < n; i++) {
        ac_image p = { 0 };
        ac_status one = ac_image_read_file_for(&p, files[i], recipe, max_pixels, &statuses[i]);
        if (one == AC_OK && statuses[i].reason == AC_GOOD)
            one = ac_image_preprocess(rgb + i * S * S * 3, &p, recipe,
                                      &resizers[omp_get_thread_num()]);
        ac_image_free(&p);
        if (one != AC_OK) {
#pragma omp critical
            worst = one;
        }
    }
    for (int t = 0; t < threads; t++)
        ac_resizer_free(&resizers[t]);
    free(resizers);
    return worst == AC_OK ? AC_OK : ac_error_set(worst, "out of memory while reading images");
}

ac_status
ac_images_report(const ac_item_status *statuses, const char *const *files, int64_t n)
{
    ac_buffer line = { 0 };
    int64_t bad = 0;

    for (int64_t i = 0; i < n; i++) {
        const bool ok = statuses[i].reason == AC_GOOD;
        ac_buffer_push_text(&line, "{\"file\": ");
        ac_json_text(&line, files[i]);
        ac_buffer_printf(&line, ", \"ok\": %s, \"reason\": ", ok ? "true" : "false");
        if (ok) {
            ac_buffer_push_text(&line, "null}");
        } else {
            ac_json_text(&line, ac_reject_reason_name(statuses[i].reason));
            ac_buffer_push_text(&line, ", \"detail\": ");
            ac_json_text(&line, statuses[i].detail);
            ac_buffer_push_char(&line, '}');
        }
        ac_json_put(&line);
        bad += !ok;
    }
    ac_buffer_free(&line);
    return bad ? ac_error_set(AC_E_BAD_ITEMS, "%lld of %lld images could not be used",
                              (long long) bad, (long long) n)
               : AC_OK;
}

/* OpenAI's recipe at --size, or that of --model. */
static ac_status
read_recipe(const ac_arguments *a, ac_preprocess_recipe *out)
{
    const char *model = ac_arguments_get(a, "model"), *size;
    ac_clip_files files;
    int64_t S = 0;
    ac_status st = AC_OK;

    if (model && ac_arguments_has(a, "size"))
        AC_FAIL(AC_E_ARG, "give either --size or --model");
    if (!model) {
        AC_TRY(ac_arguments_need(a, "size", &size));
        AC_TRY(ac_arguments_int(a, "size", &S, 1, 8192));
        *out = ac_preprocess_openai(S);
        goto out;
    }
    AC_TRY(ac_clip_files_open(&files, model, ac_arguments_get(a, "model-config")));
    *out = files.recipe;
    ac_clip_files_close(&files);
out:
    return st;
}

ac_status
ac_tool_preprocess(int argc, char **argv)
{
    ac_arguments a = { 0 };
    ac_compute compute;
    ac_item_status *statuses = NULL;
    uint8_t *rgb = NULL;
    float *pixels = NULL;
    const char *out_path;
    ac_preprocess_recipe recipe;
    int64_t S, n, max_pixels = AC_MAX_PIXELS;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(stdout, "preprocess --size S|--model DIR --out X.npy [--float] FILE…",
                        "Decode, resize and crop as CLIP's own pre-processing does, or as a "
                        "model's files say.",
                        options);
        goto out;
    }
    AC_TRY(ac_tool_compute(&a, &compute));
    AC_TRY(read_recipe(&a, &recipe));
    S = recipe.size;
    AC_TRY(ac_arguments_int(&a, "max-pixels", &max_pixels, 1, 1000000000000));
    AC_TRY(ac_arguments_need(&a, "out", &out_path));
    n = a.word_count;
    if (n == 0)
        AC_FAIL(AC_E_ARG, "no image given: name one file or more");
    AC_TRY(ac_alloc(&rgb, n * S * S, 3));
    AC_TRY(ac_alloc(&statuses, n, sizeof *statuses));
    AC_TRY(ac_images_read(rgb, statuses, a.words, n, &recipe, max_pixels));
    if (ac_arguments_has(&a, "float")) {
        AC_TRY(ac_alloc(&pixels, n * S * S * 3, sizeof *pixels));
        for (int64_t i = 0; i < n; i++)
            if (statuses[i].reason == AC_GOOD)
                ac_image_normalise(pixels + i * S * S * 3, rgb + i * S * S * 3, &recipe);
        AC_TRY(ac_npy_save(out_path, AC_F32, 4, (int64_t[]){ n, 3, S, S }, pixels));
    } else {
        AC_TRY(ac_npy_save(out_path, AC_U8, 4, (int64_t[]){ n, S, S, 3 }, rgb));
    }
    st = ac_images_report(statuses, a.words, n);
out:
    free(rgb);
    free(pixels);
    free(statuses);
    ac_arguments_free(&a);
    return st;
}

/* One side of each benchmark; the others are bench/peers. Rounds of work of a fixed size are
 * timed, one for each line on stdin (round.h).
 *
 *   ac_bench images FOLDER THREADS IMAGES [PRECISION [KERNELS]]    CLIP's image tower
 *   ac_bench captions FOLDER THREADS TEXTS [PRECISION [KERNELS]]  3 beams, 20 tokens
 *   ac_bench samples FOLDER THREADS TEXTS [PRECISION [KERNELS]]   100 samples of 20 tokens
 *   ac_bench decode|resize THREADS TIMES FILE…    all files TIMES times: decode and resize, or
 *                                                 resize alone */
#include <antarctic.h>
#include <omp.h>

#include "round.h"

enum { SIDE = 224, MOST_PIXELS = 178956970 };

/* The line before the rounds. first: the first text's best caption, for a comparison; or NULL.
 */
static void
say_facts(ac_precision precision, const ac_compute *compute, const ac_candidate *first)
{
    printf("{\"precision\": \"%s\", \"kernels\": \"%s\", \"version\": \"%s\"",
           ac_precision_names[precision], ac_compute_describe(compute), ac_version());
    for (int64_t i = 0; first && i < first->count; i++)
        printf("%s%d", i ? ", " : ", \"first\": [", first->ids[i]);
    printf("%s}\n", first ? "]" : "");
    fflush(stdout);
}

static ac_status
bench_images(const char *folder, int64_t n, ac_precision precision)
{
    const ac_clip_options options = { .model = folder,
                                      .towers = AC_CLIP_VISION,
                                      .compute.precision = precision };
    ac_clip_model clip = { 0 };
    uint8_t *rgb = NULL;
    float *y = NULL;
    bench_round round;
    int64_t S, D;
    ac_status st = AC_OK;

    AC_TRY(ac_clip_model_open(&clip, &options));
    S = clip.net.config.image_size;
    D = clip.net.config.projection_dim;
    AC_TRY(ac_alloc(&rgb, n * 3 * S * S, 1));
    AC_TRY(ac_alloc(&y, n * D, sizeof *y));
    for (int64_t i = 0; i < n * 3 * S * S; i++)
        rgb[i] = (uint8_t) (i * 2654435761u >> 13);
    AC_TRY(ac_clip_model_embed_images(&clip, y, rgb, 2));
    say_facts(precision, &options.compute, NULL);
    while (round_begin(&round)) {
        AC_TRY(ac_clip_model_embed_images(&clip, y, rgb, n));
        round_end(&round, n);
    }
out:
    ac_clip_model_free(&clip);
    free(rgb);
    free(y);
    return st;
}

/* Text t has 40 to 64 tokens; peers/texts.py makes the same. */
static int64_t
make_text(int32_t *ids, int64_t t)
{
    const int64_t n = 40 + t * 7 % 25;

    for (int64_t i = 0; i < n; i++)
        ids[i] = i == 0 ? 0 : i + 1 == n ? 2 : (int32_t) (4 + (t * 7919 + i * 104729) % 50000);
    return n;
}

static ac_status
bench_generate(const char *folder, int64_t texts, bool sample, ac_precision precision)
{
    const ac_bart_options options = { .model = folder, .compute.precision = precision };
    ac_bart_model bart = { 0 };
    ac_generated out = { 0 };
    ac_candidate first;
    int32_t *ids = NULL;
    int64_t *offsets = NULL;
    uint64_t *streams = NULL;
    bench_round round;
    ac_status st = AC_OK;

    AC_TRY(ac_bart_model_open(&bart, &options));
    ac_generation_config_defaults(&bart.generation, bart.net.config.decoder_start_token_id,
                                  bart.net.config.eos_token_id);
    bart.generation.max_length = bart.generation.min_length = 20;
    bart.generation.forced_eos_token_id = 2;
    bart.generation.no_repeat_ngram_size = 3;
    bart.generation.early_stopping = AC_EARLY_TRUE;
    bart.generation.num_beams = sample ? 1 : 3;
    bart.generation.num_return_sequences = sample ? 100 : 3;
    bart.generation.do_sample = sample;
    AC_TRY(ac_alloc(&ids, texts * 64, sizeof *ids));
    AC_TRY(ac_alloc(&offsets, texts + 1, sizeof *offsets));
    AC_TRY(ac_alloc(&streams, texts, sizeof *streams));
    for (int64_t t = 0; t < texts; t++) {
        offsets[t + 1] = offsets[t] + make_text(ids + offsets[t], t);
        streams[t] = (uint64_t) t;
    }
    AC_TRY(ac_bart_model_generate(&bart, ids, offsets, streams, 1, &out));
    first = ac_generated_at(&out, 0, 0);
    say_facts(precision, &options.compute, &first);
    while (round_begin(&round)) {
        ac_generated_free(&out);
        AC_TRY(ac_bart_model_generate(&bart, ids, offsets, streams, texts, &out));
        round_end(&round, texts);
    }
out:
    ac_bart_model_free(&bart);
    ac_generated_free(&out);
    free(ids);
    free(offsets);
    free(streams);
    return st;
}

/* One round: each thread takes images. `decoded` (or NULL): what is resized alone. The files'
 * bytes are in memory, as the other program has them. */
static int
decode_round(uint8_t *rgb, ac_resizer *resizers, const ac_image *decoded, int64_t times,
             int64_t n, const ac_buffer *files)
{
    const ac_preprocess_recipe recipe = ac_preprocess_openai(SIDE);
    int failed = 0;

#pragma omp parallel for schedule(dynamic, 4) reduction(+ : failed)
    for (int64_t i = 0; i < times * n; i++) {
        const int t = omp_get_thread_num();
        ac_image read = { 0 };
        ac_item_status bad = { 0 };

        if (!decoded && (ac_image_decode_for(&read, files[i % n].data, files[i % n].size, 0,
                                             &recipe, MOST_PIXELS, &bad) != AC_OK ||
                         bad.reason != AC_GOOD))
            failed++;
        else if (ac_image_clip_resize(rgb + (int64_t) t * SIDE * SIDE * 3,
                                      decoded ? &decoded[i % n] : &read, SIDE,
                                      &resizers[t]) != AC_OK)
            failed++;
        ac_image_free(&read);
    }
    return failed;
}

static ac_status
bench_decode(bool resize_alone, int threads, int64_t times, int64_t n, char **files)
{
    ac_resizer *resizers = NULL;
    ac_image *decoded = NULL;
    ac_buffer *bytes = NULL;
    uint8_t *rgb = NULL;
    bench_round round;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&resizers, threads, sizeof *resizers));
    AC_TRY(ac_alloc(&decoded, n, sizeof *decoded));
    AC_TRY(ac_alloc(&bytes, n, sizeof *bytes));
    AC_TRY(ac_alloc(&rgb, (int64_t) threads * SIDE * SIDE, 3));
    for (int64_t i = 0; i < n; i++) {
        ac_item_status bad = { 0 };
        AC_TRY(ac_file_bytes(&bytes[i], files[i], &bad));
        if (bad.reason == AC_GOOD)
            AC_TRY(
                ac_image_decode(&decoded[i], bytes[i].data, bytes[i].size, MOST_PIXELS, &bad));
        if (bad.reason != AC_GOOD)
            AC_FAIL(AC_E_FORMAT, "%s: %s", files[i], bad.detail);
    }
    say_facts(AC_PRECISION_FP32, &(ac_compute){ 0 }, NULL);
    while (round_begin(&round)) {
        if (decode_round(rgb, resizers, resize_alone ? decoded : NULL, times, n, bytes) > 0)
            AC_FAIL(AC_E_IO, "an image failed");
        round_end(&round, times * n);
    }
out:
    for (int t = 0; resizers && t < threads; t++)
        ac_resizer_free(&resizers[t]);
    for (int64_t i = 0; decoded && i < n; i++)
        ac_image_free(&decoded[i]);
    for (int64_t i = 0; bytes && i < n; i++)
        ac_buffer_free(&bytes[i]);
    free(bytes);
    free(resizers);
    free(decoded);
    free(rgb);
    return st;
}

int
main(int argc, char **argv)
{
    const char *topic = argc > 1 ? argv[1] : "";
    int precision = 0;
    ac_status st;

    if (argc < 5) {
        fprintf(stderr, "usage: ac_bench images|captions|samples FOLDER THREADS COUNT "
                        "[PRECISION [KERNELS]], or ac_bench decode|resize THREADS TIMES "
                        "FILE…; a round for each line on stdin\n");
        return 1;
    }
    if (strcmp(topic, "decode") == 0 || strcmp(topic, "resize") == 0) {
        ac_compute_init(atoi(argv[2]));
        st = bench_decode(strcmp(topic, "resize") == 0, atoi(argv[2]), atoi(argv[3]), argc - 4,
                          argv + 4);
    } else {
        while (argc > 5 && ac_precision_names[precision + 1] &&
               strcmp(argv[5], ac_precision_names[precision]) != 0)
            precision++;
        ac_compute_init(atoi(argv[3]));
        st = ac_kernels_use(argc > 6 ? argv[6] : "auto");
        if (st == AC_OK)
            st = strcmp(topic, "images") == 0
                     ? bench_images(argv[2], atoi(argv[4]), (ac_precision) precision)
                     : bench_generate(argv[2], atoi(argv[4]), strcmp(topic, "samples") == 0,
                                      (ac_precision) precision);
    }
    if (st != AC_OK)
        fprintf(stderr, "ac_bench %s: %s\n", topic, ac_error_message());
    return st == AC_OK ? 0 : 2;
}

/* One side of each benchmark; the other is bench/peers. Work of a fixed size is timed, and the
 * result printed as one JSON object.
 *
 *   ac_bench images FOLDER THREADS IMAGES [PRECISION [KERNELS]]    CLIP's image tower
 *   ac_bench captions FOLDER THREADS TEXTS [PRECISION [KERNELS]]  3 beams, 20 tokens
 *   ac_bench samples FOLDER THREADS TEXTS [PRECISION [KERNELS]]   100 samples of 20 tokens
 *   ac_bench decode THREADS ROUNDS FILE…       decode and resize; resize alone */
#include <antarctic.h>
#include <omp.h>
#include <time.h>

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

/* Of all threads: on a busy machine the steadier measure. */
static double
cpu_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
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
    int64_t S, D;
    double start, seconds, cpu;
    ac_status st = AC_OK;

    AC_TRY(ac_clip_model_open(&clip, &options));
    S = clip.net.config.image_size;
    D = clip.net.config.projection_dim;
    AC_TRY(ac_alloc(&rgb, n * 3 * S * S, 1));
    AC_TRY(ac_alloc(&y, n * D, sizeof *y));
    for (int64_t i = 0; i < n * 3 * S * S; i++)
        rgb[i] = (uint8_t) (i * 2654435761u >> 13);
    AC_TRY(ac_clip_model_embed_images(&clip, y, rgb, 2));
    start = now();
    cpu = cpu_now();
    AC_TRY(ac_clip_model_embed_images(&clip, y, rgb, n));
    seconds = now() - start;
    cpu = cpu_now() - cpu;
    printf("{\"images\": %lld, \"seconds\": %.4f, \"cpu_seconds\": %.4f, \"precision\": "
           "\"%s\", \"kernels\": \"%s\"}\n",
           (long long) n, seconds, cpu, ac_precision_names[precision],
           ac_compute_describe(&options.compute));
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
    int32_t *ids = NULL;
    int64_t *offsets = NULL;
    uint64_t *streams = NULL;
    double start, seconds, cpu;
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
    start = now();
    cpu = cpu_now();
    AC_TRY(ac_bart_model_generate(&bart, ids, offsets, streams, texts, &out));
    seconds = now() - start;
    cpu = cpu_now() - cpu;
    printf("{\"texts\": %lld, \"seconds\": %.4f, \"cpu_seconds\": %.4f, \"precision\": "
           "\"%s\", \"kernels\": \"%s\", \"first\": [",
           (long long) texts, seconds, cpu, ac_precision_names[precision],
           ac_compute_describe(&options.compute));
    for (int64_t i = 0; i < ac_generated_at(&out, 0, 0).count; i++)
        printf("%s%d", i ? ", " : "", ac_generated_at(&out, 0, 0).ids[i]);
    printf("]}\n");
out:
    ac_bart_model_free(&bart);
    ac_generated_free(&out);
    free(ids);
    free(offsets);
    free(streams);
    return st;
}

/* Each thread takes images; `decoded` keeps what the second half resizes. */
static ac_status
bench_decode(int threads, int64_t rounds, int64_t n, char **files)
{
    enum { S = 224 };
    const int64_t most_pixels = 178956970;
    ac_resizer *resizers = NULL;
    ac_image *decoded = NULL;
    uint8_t *rgb = NULL;
    double start, whole, resize;
    int failed = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&resizers, threads, sizeof *resizers));
    AC_TRY(ac_alloc(&decoded, n, sizeof *decoded));
    AC_TRY(ac_alloc(&rgb, (int64_t) threads * S * S, 3));
    for (int64_t i = 0; i < n; i++) {
        ac_item_status bad = { 0 };
        AC_TRY(ac_image_read_file(&decoded[i], files[i], most_pixels, &bad));
        if (bad.reason != AC_GOOD)
            AC_FAIL(AC_E_FORMAT, "%s: %s", files[i], bad.detail);
    }
    start = now();
#pragma omp parallel for schedule(dynamic, 4) reduction(+ : failed)
    for (int64_t i = 0; i < rounds * n; i++) {
        const int t = omp_get_thread_num();
        ac_image image = { 0 };
        ac_item_status bad = { 0 };
        failed += ac_image_read_file(&image, files[i % n], most_pixels, &bad) != AC_OK ||
                  bad.reason != AC_GOOD ||
                  ac_image_clip_resize(rgb + (int64_t) t * S * S * 3, &image, S,
                                       &resizers[t]) != AC_OK;
        ac_image_free(&image);
    }
    whole = now() - start;
    start = now();
#pragma omp parallel for schedule(dynamic, 4) reduction(+ : failed)
    for (int64_t i = 0; i < rounds * n; i++) {
        const int t = omp_get_thread_num();
        failed += ac_image_clip_resize(rgb + (int64_t) t * S * S * 3, &decoded[i % n], S,
                                       &resizers[t]) != AC_OK;
    }
    resize = now() - start;
    if (failed)
        AC_FAIL(AC_E_IO, "%d images failed", failed);
    printf("{\"images\": %lld, \"seconds\": %.4f, \"resize_seconds\": %.4f}\n",
           (long long) (rounds * n), whole, resize);
out:
    for (int t = 0; resizers && t < threads; t++)
        ac_resizer_free(&resizers[t]);
    for (int64_t i = 0; decoded && i < n; i++)
        ac_image_free(&decoded[i]);
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
                        "[PRECISION [KERNELS]], or ac_bench decode THREADS ROUNDS FILE…\n");
        return 1;
    }
    if (strcmp(topic, "decode") == 0) {
        ac_compute_init(atoi(argv[2]));
        st = bench_decode(atoi(argv[2]), atoi(argv[3]), argc - 4, argv + 4);
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

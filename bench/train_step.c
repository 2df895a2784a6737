/* Seconds and memory of training steps on a model's folder, with made-up texts: for
 * bench/train_step.sh, which puts them beside the reference's way. Prints one JSON line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/random.h"
#include "engine/training/adamw.h"
#include "engine/training/bart_train.h"
#include "io/checkpoint/model_config.h"
#include "io/checkpoint/weights.h"
#include "jobs/cli/options.h"

static const ac_option options[] = {
    { "model", 0, "DIR", "Hugging Face folder of a BART model" },
    { "batch", 0, "B", "items a step (default: 16)" },
    { "table", 0, "N",
      "tokens of a table, on the average: lengths go from 3/4 to 5/4 of it (default: 60)" },
    { "caption", 0, "N", "tokens that the decoder reads, likewise (default: 12)" },
    { "exact", 0, NULL, "every text has just these lengths" },
    { "steps", 0, "N", "measured steps, after one to warm up (default: 2)" },
    { "threads", 0, "N", "default: the machine's cores" },
    { "backend", 0, "B", "auto, openblas, onednn or native" },
    { "precision", 0, "P", "fp32 or bf16" },
    { "recompute", 0, NULL, "keep less between the passes" },
    { "dropout", 0, NULL, "with the model's dropout" },
    { NULL, 0, NULL, NULL },
};

typedef struct texts {
    int64_t B;
    int32_t *ids, *decoder_ids, *labels;
    int64_t *offsets, *decoder_offsets;
    uint64_t *streams;
} texts;

static double
now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static int64_t
length_of(int64_t mean, int64_t b, int64_t B, bool exact)
{
    return exact || B < 2 ? mean : mean * 3 / 4 + b * (mean / 2) / (B - 1);
}

static ac_status
make_texts(texts *t, int64_t B, int64_t table, int64_t caption, int64_t vocab, bool exact)
{
    ac_status st = AC_OK;

    t->B = B;
    AC_TRY(ac_alloc(&t->offsets, B + 1, sizeof(int64_t)));
    AC_TRY(ac_alloc(&t->decoder_offsets, B + 1, sizeof(int64_t)));
    AC_TRY(ac_alloc(&t->streams, B, sizeof(uint64_t)));
    for (int64_t b = 0; b < B; b++) {
        t->offsets[b + 1] = t->offsets[b] + length_of(table, b, B, exact);
        t->decoder_offsets[b + 1] =
            t->decoder_offsets[b] + length_of(caption, B - 1 - b, B, exact);
        t->streams[b] = (uint64_t) b + 1;
    }
    AC_TRY(ac_alloc(&t->ids, t->offsets[B], sizeof(int32_t)));
    AC_TRY(ac_alloc(&t->decoder_ids, t->decoder_offsets[B], sizeof(int32_t)));
    AC_TRY(ac_alloc(&t->labels, t->decoder_offsets[B], sizeof(int32_t)));
    for (int64_t i = 0; i < t->offsets[B]; i++)
        t->ids[i] =
            4 + (int32_t) (ac_random_uniform(1, 1, (uint32_t) i, 0) * (double) (vocab - 5));
    for (int64_t i = 0; i < t->decoder_offsets[B]; i++) {
        t->decoder_ids[i] =
            4 + (int32_t) (ac_random_uniform(1, 2, (uint32_t) i, 0) * (double) (vocab - 5));
        t->labels[i] =
            4 + (int32_t) (ac_random_uniform(1, 3, (uint32_t) i, 0) * (double) (vocab - 5));
    }
out:
    return st;
}

static ac_status
compute_of(const ac_arguments *a, ac_compute *out)
{
    static const char *const backends[] = { "auto", "openblas", "onednn", "native" };
    const char *backend = ac_arguments_get(a, "backend"),
               *precision = ac_arguments_get(a, "precision");
    int64_t threads = sysconf(_SC_NPROCESSORS_ONLN);
    ac_status st = ac_arguments_int(a, "threads", &threads, 1, 4096);

    *out = (ac_compute){ .precision = precision && strcmp(precision, "bf16") == 0
                                          ? AC_PRECISION_BF16
                                          : AC_PRECISION_FP32 };
    for (int i = 0; backend && i < 4; i++)
        if (strcmp(backend, backends[i]) == 0)
            out->backend = (ac_backend) i;
    ac_compute_init((int) threads);
    return st;
}

int
main(int argc, char **argv)
{
    const ac_adamw adamw = { 0.9, 0.999, 1e-8, 0.01 };
    ac_arguments a = { 0 };
    ac_compute compute;
    ac_weights weights = { 0 };
    ac_bart_config config;
    ac_bart bart = { 0 };
    ac_bart_trainer trainer = { 0 };
    ac_bart_batch batch;
    ac_bart_loss loss;
    texts t = { 0 };
    int64_t B = 16, table = 60, caption = 12, steps = 2;
    void *packed = NULL, *packed_back = NULL;
    float *gradient = NULL, *exp_avg = NULL, *exp_avg_sq = NULL;
    double best = 1e30, least_cpu = 1e30;
    struct rusage usage;
    const char *model;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    AC_TRY(ac_arguments_need(&a, "model", &model));
    AC_TRY(ac_arguments_int(&a, "batch", &B, 1, 4096));
    AC_TRY(ac_arguments_int(&a, "table", &table, 3, 4096));
    AC_TRY(ac_arguments_int(&a, "caption", &caption, 2, 4096));
    AC_TRY(ac_arguments_int(&a, "steps", &steps, 1, 1000));
    AC_TRY(compute_of(&a, &compute));
    AC_TRY(ac_weights_open(&weights, model));
    AC_TRY(ac_bart_config_load(&config, model));
    AC_TRY(ac_alloc_aligned(&packed, (int64_t) ac_bart_packed_bytes(&config, &compute), 1));
    AC_TRY(ac_alloc_aligned(&packed_back,
                            (int64_t) ac_bart_trainer_packed_bytes(&config, &compute), 1));
    AC_TRY(ac_bart_init(&bart, &config, &weights.tensors, NULL, &compute, packed, true));
    AC_TRY(
        ac_bart_trainer_init(&trainer, &bart, &weights.tensors, &compute, packed_back, true));
    trainer.recompute = ac_arguments_has(&a, "recompute");
    if (ac_arguments_has(&a, "dropout"))
        ac_bart_trainer_set_dropout(&trainer, -1, 1);
    AC_TRY(make_texts(&t, B, table, caption, config.vocab_size, ac_arguments_has(&a, "exact")));
    AC_TRY(ac_alloc(&gradient, trainer.count, sizeof(float)));
    AC_TRY(ac_alloc(&exp_avg, trainer.count, sizeof(float)));
    AC_TRY(ac_alloc(&exp_avg_sq, trainer.count, sizeof(float)));
    batch = (ac_bart_batch){ .B = B,
                             .ids = t.ids,
                             .offsets = t.offsets,
                             .decoder_ids = t.decoder_ids,
                             .labels = t.labels,
                             .decoder_offsets = t.decoder_offsets,
                             .streams = ac_arguments_has(&a, "dropout") ? t.streams : NULL };
    for (int64_t s = 0; s <= steps; s++) {
        const double started = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
        AC_TRY(ac_bart_trainer_run(&trainer, &batch, gradient, &loss));
        ac_adamw_step(&adamw, trainer.values, exp_avg, exp_avg_sq, gradient, trainer.count,
                      s + 1, 3e-4);
        if (s && now(CLOCK_MONOTONIC) - started < best)
            best = now(CLOCK_MONOTONIC) - started;
        if (s && now(CLOCK_PROCESS_CPUTIME_ID) - cpu < least_cpu)
            least_cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"seconds\": %.4f, \"cpu_seconds\": %.4f, \"loss\": %.6f, \"tokens\": %lld, "
           "\"activation_MB\": %.1f, \"peak_MB\": %.1f, \"kernels\": \"%s\"}\n",
           best, least_cpu, loss.sum / (double) loss.targets,
           (long long) (t.offsets[B] + t.decoder_offsets[B]), (double) loss.bytes / 1e6,
           (double) usage.ru_maxrss * 1024 / 1e6, ac_compute_kernels(&compute));
out:
    if (st != AC_OK)
        fprintf(stderr, "train_step: %s\n", ac_error_message());
    ac_bart_trainer_free(&trainer);
    ac_bart_free(&bart);
    ac_weights_close(&weights);
    ac_arguments_free(&a);
    for (void **p =
             (void *[]){ t.ids, t.decoder_ids, t.labels, t.offsets, t.decoder_offsets,
                         t.streams, packed, packed_back, gradient, exp_avg, exp_avg_sq, NULL };
         *p; p++)
        free(*p);
    return st != AC_OK;
}

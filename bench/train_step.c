/* Seconds and memory of training steps on a model's folder, with made-up texts: for
 * bench/train_step.sh, which puts them beside the reference's way. Prints one JSON line; with
 * --rounds, one for each line on stdin (round.h), after a step to warm up. */
#include <antarctic.h>
#include <getopt.h>
#include <sys/resource.h>
#include <unistd.h>

#include "round.h"

/* What the command line says. */
typedef struct settings {
    const char *model;       /* Hugging Face folder of a BART model */
    int64_t batch;           /* items per step */
    int64_t table, caption;  /* tokens that encoder and decoder read, on the average */
    int64_t steps, threads;  /* steps measured, after one to warm up */
    bool exact;              /* every text has just these lengths; else 3/4 to 5/4 */
    bool rounds;             /* a step for each line on stdin */
    bool recompute, dropout; /* save fewer activations; with the model's dropout */
    const char *backend, *precision;
} settings;

static const struct option options[] = {
    { "model", required_argument, NULL, 'm' },
    { "batch", required_argument, NULL, 'B' },
    { "table", required_argument, NULL, 't' },
    { "caption", required_argument, NULL, 'c' },
    { "steps", required_argument, NULL, 's' },
    { "threads", required_argument, NULL, 'n' },
    { "backend", required_argument, NULL, 'b' },
    { "precision", required_argument, NULL, 'p' },
    { "exact", no_argument, NULL, 'e' },
    { "recompute", no_argument, NULL, 'r' },
    { "dropout", no_argument, NULL, 'd' },
    { "rounds", no_argument, NULL, 'R' },
    { NULL, 0, NULL, 0 },
};

static ac_status
read_settings(settings *self, int argc, char **argv)
{
    int option;

    *self = (settings){ .batch = 16,
                        .table = 60,
                        .caption = 12,
                        .steps = 2,
                        .threads = sysconf(_SC_NPROCESSORS_ONLN) };
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'm': self->model = optarg; break;
        case 'B': self->batch = atoll(optarg); break;
        case 't': self->table = atoll(optarg); break;
        case 'c': self->caption = atoll(optarg); break;
        case 's': self->steps = atoll(optarg); break;
        case 'n': self->threads = atoll(optarg); break;
        case 'b': self->backend = optarg; break;
        case 'p': self->precision = optarg; break;
        case 'e': self->exact = true; break;
        case 'R': self->rounds = true; break;
        case 'r': self->recompute = true; break;
        case 'd': self->dropout = true; break;
        default: return ac_error_set(AC_E_ARG, "this option is not known");
        }
    }
    if (!self->model || optind < argc || self->batch < 1 || self->table < 3 ||
        self->caption < 2 || self->steps < 1 || self->threads < 1)
        return ac_error_set(AC_E_ARG,
                            "usage: bench_train_step --model DIR [--batch B] [--table N] "
                            "[--caption N] [--steps N] [--threads N] [--backend B] "
                            "[--precision P] [--exact] [--recompute] [--dropout] [--rounds]");
    return AC_OK;
}

typedef struct texts {
    int64_t B;
    int32_t *ids, *decoder_ids, *labels;
    int64_t *offsets, *decoder_offsets;
    uint64_t *streams;
} texts;

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

static ac_compute
compute_of(const settings *self)
{
    static const char *const backends[] = { "auto", "openblas", "onednn", "native" };
    ac_compute out = { 0 };

    if (self->precision && strcmp(self->precision, "bf16") == 0)
        out.precision = AC_PRECISION_BF16;
    for (int i = 0; self->backend && i < 4; i++)
        if (strcmp(self->backend, backends[i]) == 0)
            out.backend = (ac_backend) i;
    ac_compute_init((int) self->threads);
    return out;
}

int
main(int argc, char **argv)
{
    const ac_adamw adamw = { 0.9, 0.999, 1e-8, 0.01 };
    settings a;
    ac_compute compute;
    ac_weights weights = { 0 };
    ac_bart_config config;
    ac_bart bart = { 0 };
    ac_bart_trainer trainer = { 0 };
    ac_bart_batch batch;
    ac_bart_loss loss;
    texts t = { 0 };
    void *packed = NULL, *packed_back = NULL;
    float *gradient = NULL, *exp_avg = NULL, *exp_avg_sq = NULL;
    double best = 1e30, least_cpu = 1e30;
    struct rusage usage;
    ac_status st = AC_OK;

    AC_TRY(read_settings(&a, argc, argv));
    compute = compute_of(&a);
    AC_TRY(ac_weights_open(&weights, a.model));
    AC_TRY(ac_bart_config_load(&config, a.model));
    AC_TRY(ac_alloc_aligned(&packed, (int64_t) ac_bart_packed_bytes(&config, &compute), 1));
    AC_TRY(ac_alloc_aligned(&packed_back,
                            (int64_t) ac_bart_trainer_packed_bytes(&config, &compute), 1));
    AC_TRY(ac_bart_init(&bart, &config, &weights.tensors, NULL, &compute, packed, true));
    AC_TRY(
        ac_bart_trainer_init(&trainer, &bart, &weights.tensors, &compute, packed_back, true));
    trainer.recompute = a.recompute;
    if (a.dropout)
        ac_bart_trainer_set_dropout(&trainer, -1, 1);
    AC_TRY(make_texts(&t, a.batch, a.table, a.caption, config.vocab_size, a.exact));
    AC_TRY(ac_alloc(&gradient, trainer.count, sizeof(float)));
    AC_TRY(ac_alloc(&exp_avg, trainer.count, sizeof(float)));
    AC_TRY(ac_alloc(&exp_avg_sq, trainer.count, sizeof(float)));
    batch = (ac_bart_batch){ .B = a.batch,
                             .ids = t.ids,
                             .offsets = t.offsets,
                             .decoder_ids = t.decoder_ids,
                             .labels = t.labels,
                             .decoder_offsets = t.decoder_offsets,
                             .streams = a.dropout ? t.streams : NULL };
    for (int64_t s = 0; a.rounds || s <= a.steps; s++) {
        bench_round round = { now(CLOCK_MONOTONIC), now(CLOCK_PROCESS_CPUTIME_ID) };
        if (a.rounds && s && !round_begin(&round))
            break;
        AC_TRY(ac_bart_trainer_run(&trainer, &batch, gradient, &loss));
        ac_adamw_step(&adamw, trainer.values, exp_avg, exp_avg_sq, gradient, trainer.count,
                      s + 1, 3e-4);
        if (a.rounds && s) {
            round_end(&round, 1);
        } else if (a.rounds) {
            printf("{\"kernels\": \"%s\", \"version\": \"%s\"}\n",
                   ac_compute_describe(&compute), ac_version());
            fflush(stdout);
        }
        if (s && now(CLOCK_MONOTONIC) - round.start < best)
            best = now(CLOCK_MONOTONIC) - round.start;
        if (s && now(CLOCK_PROCESS_CPUTIME_ID) - round.cpu < least_cpu)
            least_cpu = now(CLOCK_PROCESS_CPUTIME_ID) - round.cpu;
    }
    if (a.rounds)
        goto out;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"seconds\": %.4f, \"cpu_seconds\": %.4f, \"loss\": %.6f, \"tokens\": %lld, "
           "\"activation_MB\": %.1f, \"peak_MB\": %.1f, \"kernels\": \"%s\"}\n",
           best, least_cpu, loss.sum / (double) loss.targets,
           (long long) (t.offsets[a.batch] + t.decoder_offsets[a.batch]),
           (double) loss.bytes / 1e6, (double) usage.ru_maxrss * 1024 / 1e6,
           ac_compute_describe(&compute));
out:
    if (st != AC_OK)
        fprintf(stderr, "train_step: %s\n", ac_error_message());
    ac_bart_trainer_free(&trainer);
    ac_bart_free(&bart);
    ac_weights_close(&weights);
    for (void **p =
             (void *[]){ t.ids, t.decoder_ids, t.labels, t.offsets, t.decoder_offsets,
                         t.streams, packed, packed_back, gradient, exp_avg, exp_avg_sq, NULL };
         *p; p++)
        free(*p);
    return st != AC_OK;
}

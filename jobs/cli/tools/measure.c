/* measure: how fast this machine multiplies, by backend and precision, at a model's own shapes;
 * and which settings that means. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/models/bart.h"
#include "engine/models/clip.h"
#include "engine/kernels/kernel_set.h"
#include "engine/kernels/kernels.h"
#include "engine/linear/linear.h"
#include "io/file/json_write.h"
#include "io/checkpoint/model_config.h"
#include "jobs/models/causal_model.h"
#include "jobs/cli/tools/tools.h"

enum { MOST_SHAPES = 16, COMPUTES = 6, SIZES = 2, MOST_COPIES = 512 };

static const double LEAST_SECONDS = 0.03;

/* Few rows are bound by reading weights, which a model of many layers finds in no cache: so
 * many bytes of copies of a layer take turns. */
static const int64_t COPIES_BYTES = 256 << 20;

static const ac_option options[] = {
    { "model", 0, "DIR",
      "a folder of CLIP, BART or a causal language model, or a .gguf file: its own "
      "shapes (default: those of CLIP ViT-B/16 and BART-large)" },
    { "threads", 0, "N", "threads (default: the machine's cores)" },
    { "kernels", 0, "K", "of the backend native: auto, amx, avx512, avx2, … (default: auto)" },
    { "json", 0, NULL, "print one JSON object instead of the table" },
    { NULL, 0, NULL, NULL },
};

static const struct {
    ac_compute compute;
    const char *backend, *precision;
} computes[COMPUTES] = {
    { { AC_BACKEND_NATIVE, AC_PRECISION_FP32 }, "native", "fp32" },
    { { AC_BACKEND_OPENBLAS, AC_PRECISION_FP32 }, "openblas", "fp32" },
    { { AC_BACKEND_ONEDNN, AC_PRECISION_FP32 }, "onednn", "fp32" },
    { { AC_BACKEND_NATIVE, AC_PRECISION_BF16 }, "native", "bf16" },
    { { AC_BACKEND_ONEDNN, AC_PRECISION_BF16 }, "onednn", "bf16" },
    { { AC_BACKEND_NATIVE, AC_PRECISION_INT8 }, "native", "int8" },
};

/* A layer of a model: [out, in], how many it has, and the rows it sees: few and many. */
typedef struct shape {
    const char *name;
    int64_t out, in, count, rows[SIZES];
    double gflops[COMPUTES][SIZES]
                 [2]; /* one thread, all threads; 0: not in this build, or not on this CPU */
    int64_t bytes[COMPUTES]; /* packed weights */
} shape;

typedef struct machine {
    shape shapes[MOST_SHAPES];
    int count, threads;
    double bandwidth[2]; /* GB/s, reading: one thread, all threads */
    double peak[2];      /* GFLOP/s, fp32 multiply-adds on registers */
} machine;

static void
push_shape(machine *m, const char *name, int64_t out, int64_t in, int64_t count, int64_t few,
           int64_t many)
{
    AC_CHECK(m->count < MOST_SHAPES);
    m->shapes[m->count++] =
        (shape){ .name = name, .out = out, .in = in, .count = count, .rows = { few, many } };
}

/* Images one by one, and eight together. */
static void
push_clip(machine *m, const ac_clip_config *c)
{
    const int64_t C = c->vision.hidden_size, F = c->vision.intermediate_size,
                  L = c->vision.num_hidden_layers;
    const int64_t tokens =
        1 + (c->image_size / c->patch_size) * (c->image_size / c->patch_size);

    push_shape(m, "clip vision qkv", 3 * C, C, L, tokens, 8 * tokens);
    push_shape(m, "clip vision out", C, C, L, tokens, 8 * tokens);
    push_shape(m, "clip vision fc1", F, C, L, tokens, 8 * tokens);
    push_shape(m, "clip vision fc2", C, F, L, tokens, 8 * tokens);
}

/* Decoding: three beams of one image, and of sixty-four. */
static void
push_bart(machine *m, const ac_bart_config *c)
{
    const int64_t C = c->d_model, F = c->decoder_ffn_dim, L = c->decoder_layers;

    push_shape(m, "bart decoder qkv", 3 * C, C, L, 3, 192);
    push_shape(m, "bart decoder out, cross", C, C, 3 * L, 3, 192);
    push_shape(m, "bart decoder fc1", F, C, L, 3, 192);
    push_shape(m, "bart decoder fc2", C, F, L, 3, 192);
    push_shape(m, "bart head", c->vocab_size, C, 1, 3, 192);
}

/* One story, and sixty-four. */
static void
push_causal(machine *m, const ac_causal_config *c)
{
    const int64_t C = c->hidden_size, A = c->heads * c->head_size,
                  B = c->key_heads * c->head_size, F = c->intermediate_size, L = c->layers;
    const bool gated = c->type >= AC_CAUSAL_LLAMA;

    push_shape(m, "causal qkv", A + 2 * B, C, L, 1, 64);
    push_shape(m, "causal out", C, A, L, 1, 64);
    push_shape(m, gated ? "causal gate, up" : "causal up", gated ? 2 * F : F, C, L, 1, 64);
    push_shape(m, "causal down", C, F, L, 1, 64);
    push_shape(m, "causal head", c->vocab_size, C, 1, 1, 64);
}

static ac_status
read_shapes(machine *m, const char *model)
{
    ac_clip_config clip = { .vision = { 768, 12, 12, 3072, AC_ACTIVATION_QUICK_GELU, 1e-5f },
                            .image_size = 224,
                            .patch_size = 16 };
    ac_bart_config bart = {
        .d_model = 1024, .decoder_ffn_dim = 4096, .decoder_layers = 12, .vocab_size = 50265
    };
    ac_causal_config causal;
    char first[1024];

    if (model && ac_causal_model_is(model)) {
        const ac_status st = ac_causal_model_config(&causal, model);
        if (st == AC_OK)
            push_causal(m, &causal);
        return st;
    }
    if (!model) {
        push_clip(m, &clip);
        push_bart(m, &bart);
        return AC_OK;
    }
    if (ac_clip_config_load(&clip, model, NULL) == AC_OK) {
        push_clip(m, &clip);
        return AC_OK;
    }
    snprintf(first, sizeof first, "%s", ac_error_message());
    if (ac_bart_config_load(&bart, model) != AC_OK)
        return ac_error_set(AC_E_FORMAT,
                            "%s is neither a CLIP model (%s) nor a BART model (%s)", model,
                            first, ac_error_message());
    push_bart(m, &bart);
    return AC_OK;
}

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

/* A layer, and copies of its packed weights. */
typedef struct copies {
    ac_linear layers[MOST_COPIES];
    int count;
    void *packed;
} copies;

static void
copies_free(copies *self)
{
    for (int i = 0; i < self->count; i++)
        ac_linear_free(&self->layers[i]);
    self->count = 0;
    free(self->packed);
    self->packed = NULL;
}

/* Fails but for memory where this build or this CPU has no such compute. */
static ac_status
copies_init(copies *self, const ac_compute *compute, const ac_tensor *weight, int64_t bytes)
{
    const size_t size = (size_t) bytes;
    int wanted = (int) (COPIES_BYTES / bytes);
    char *at;
    ac_status st = AC_OK;

    wanted = wanted < 1 ? 1 : wanted > MOST_COPIES ? MOST_COPIES : wanted;
    self->count = 0;
    AC_TRY(ac_alloc_aligned(&at, wanted * bytes, 1));
    self->packed = at;
    for (int i = 0; i < wanted; i++) {
        if (i > 0)
            memcpy(at + (size_t) i * size, at, size);
        AC_TRY(ac_linear_init(&self->layers[i], compute, &weight, NULL, 1,
                              at + (size_t) i * size, i == 0));
        self->count++;
    }
out:
    if (st != AC_OK)
        copies_free(self);
    return st;
}

/* GFLOP/s; the best of three bursts, so that others on the machine disturb it less. */
static double
measure_forward(const copies *c, int turns, float *y, const float *x, int64_t M,
                ac_scratch *scratch)
{
    const ac_linear *layers = c->layers;
    double best = 0;

    ac_linear_forward(&layers[0], y, x, M, AC_ACTIVATION_NONE, NULL, scratch);
    for (int burst = 0; burst < 3; burst++) {
        const double start = now();
        double seconds, rate;
        int64_t runs = 0;
        do {
            ac_linear_forward(&layers[runs % turns], y, x, M, AC_ACTIVATION_NONE, NULL,
                              scratch);
            runs++;
            seconds = now() - start;
        } while (seconds < LEAST_SECONDS || runs < turns);
        rate = 2e-9 * (double) (M * layers->out * layers->in * runs) / seconds;
        best = rate > best ? rate : best;
    }
    return best;
}

static ac_status
measure_compute(shape *s, int c, const ac_tensor *weight, float *y, const float *x, int threads)
{
    ac_scratch scratch = { 0 };
    copies *layer = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&layer, 1, sizeof *layer));
    s->bytes[c] = (int64_t) ac_linear_packed_bytes(&computes[c].compute, s->out, s->in);
    omp_set_num_threads(threads);
    st = copies_init(layer, &computes[c].compute, weight, s->bytes[c]);
    if (st != AC_OK) {
        st = st == AC_E_NOMEM ? st : AC_OK; /* not in this build, or not on this CPU */
        goto out;
    }
    AC_TRY(
        ac_scratch_reserve(&scratch, ac_linear_scratch_bytes(&layer->layers[0], s->rows[1])));
    for (int all = 0; all < 2; all++) {
        omp_set_num_threads(all ? threads : 1);
        s->gflops[c][0][all] = measure_forward(layer, layer->count, y, x, s->rows[0], &scratch);
        s->gflops[c][1][all] = measure_forward(layer, 1, y, x, s->rows[1], &scratch);
    }
out:
    omp_set_num_threads(threads);
    if (layer)
        copies_free(layer);
    free(layer);
    ac_scratch_free(&scratch);
    return st;
}

static ac_status
measure_shape(shape *s, int threads)
{
    ac_tensor weight = {
        .name = "weight", .dtype = AC_F32, .rank = 2, .shape = { s->out, s->in }
    };
    float *w = NULL, *x = NULL, *y = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc_aligned(&w, s->out * s->in, sizeof *w));
    AC_TRY(ac_alloc_aligned(&x, s->rows[1] * s->in, sizeof *x));
    AC_TRY(ac_alloc_aligned(&y, s->rows[1] * s->out, sizeof *y));
    for (int64_t i = 0; i < s->out * s->in; i++)
        w[i] = (float) (i % 251 - 125) / 1000;
    for (int64_t i = 0; i < s->rows[1] * s->in; i++)
        x[i] = (float) (i % 241 - 120) / 100;
    weight.data = w;
    for (int c = 0; c < COMPUTES; c++)
        AC_TRY(measure_compute(s, c, &weight, y, x, threads));
out:
    free(w);
    free(x);
    free(y);
    return st;
}

/* All threads at once, as in a job: the clock falls with the number of busy cores. */
static void
measure_peak(machine *m)
{
    enum { ROUNDS = 1 << 20 };

    for (int all = 0; all < 2; all++) {
        omp_set_num_threads(all ? m->threads : 1);
        for (int burst = 0; burst < 5; burst++) {
            const double start = now();
            double total = 0, rate;
#pragma omp parallel reduction(+ : total)
            {
                float sum;
                total += ac_multiply_adds(ROUNDS, &sum);
            }
            rate = 1e-9 * total / (now() - start);
            m->peak[all] = rate > m->peak[all] ? rate : m->peak[all];
        }
    }
    omp_set_num_threads(m->threads);
}

/* Two arrays far larger than any cache, read once. */
static ac_status
measure_bandwidth(machine *m)
{
    enum { N = 1 << 25, BLOCK = 1 << 18 };
    float *a = NULL;
    ac_status st = ac_alloc_aligned(&a, 2 * (int64_t) N, sizeof *a);

    if (st != AC_OK)
        return st;
#pragma omp parallel for
    for (int64_t i = 0; i < 2 * (int64_t) N; i++)
        a[i] = 1;
    for (int all = 0; all < 2; all++) {
        omp_set_num_threads(all ? m->threads : 1);
        for (int burst = 0; burst < 3; burst++) {
            const double start = now();
            double total = 0, rate;
#pragma omp parallel for reduction(+ : total)
            for (int64_t i = 0; i < N; i += BLOCK)
                total += (double) ac_dot(a + i, a + N + i, BLOCK);
            AC_CHECK(total == (double) N);
            rate = 1e-9 * 2 * N * sizeof *a / (now() - start);
            m->bandwidth[all] = rate > m->bandwidth[all] ? rate : m->bandwidth[all];
        }
    }
    omp_set_num_threads(m->threads);
    free(a);
    return AC_OK;
}

/* Seconds of all layers at few or many rows, all threads; 0: not available. */
static double
seconds_of(const machine *m, int c, int k)
{
    double seconds = 0;

    for (int i = 0; i < m->count; i++) {
        const shape *s = &m->shapes[i];
        if (s->gflops[c][k][1] <= 0)
            return 0;
        seconds +=
            2e-9 * (double) (s->count * s->rows[k] * s->out * s->in) / s->gflops[c][k][1];
    }
    return seconds;
}

/* The fastest of a precision at many rows (what a job does); -1: none. */
static int
fastest(const machine *m, ac_precision precision)
{
    int best = -1;

    for (int c = 0; c < COMPUTES; c++)
        if (computes[c].compute.precision == precision && seconds_of(m, c, 1) > 0 &&
            (best < 0 || seconds_of(m, c, 1) < seconds_of(m, best, 1)))
            best = c;
    return best;
}

/* OpenBLAS's bits depend on the batch, so it is advised only where it is clearly ahead. */
static int
advised(const machine *m)
{
    const int best = fastest(m, AC_PRECISION_FP32);

    return computes[best].compute.backend == AC_BACKEND_OPENBLAS &&
                   seconds_of(m, 0, 1) < 1.15 * seconds_of(m, best, 1)
               ? 0
               : best;
}

/* Of all threads. */
static double
share_of_peak(const machine *m, const shape *s, int c, int k)
{
    return s->gflops[c][k][1] / m->peak[1];
}

/* Of all threads: each product reads the weights once. */
static double
share_of_reading(const machine *m, const shape *s, int c, int k)
{
    const double products =
        1e9 * s->gflops[c][k][1] / (2.0 * (double) (s->rows[k] * s->out * s->in));

    return 1e-9 * products * (double) s->bytes[c] / m->bandwidth[1];
}

/* How near a product is to what bounds it. */
static void
print_bound(const machine *m, const shape *s, int k)
{
    const double peak = share_of_peak(m, s, 0, k), reading = share_of_reading(m, s, 0, k);

    printf("  %3.0f %% of %s\n", 100 * (peak > reading ? peak : reading),
           peak > reading ? "the multiply-adds" : "reading");
}

static void
print_table(const machine *m, const char *cpu)
{
    static const ac_precision narrow[] = { AC_PRECISION_BF16, AC_PRECISION_INT8 };
    const int best = advised(m);

    printf("%s, %ld cores\n", cpu, sysconf(_SC_NPROCESSORS_ONLN));
    for (int c = 0; c < 3; c++)
        if (m->shapes[0].gflops[c][0][0] > 0)
            printf("  %-9s %s\n", computes[c].backend,
                   ac_compute_describe(&computes[c].compute));
    printf("memory: %.1f GB/s read by one thread, %.1f by %d\n", m->bandwidth[0],
           m->bandwidth[1], m->threads);
    printf("multiply-adds in fp32, without memory: %.0f GFLOP/s of one thread, %.0f of %d\n\n",
           m->peak[0], m->peak[1], m->threads);
    printf("GFLOP/s, one thread / %d threads. Rows: those of a layer's input.\n%-26s %5s %12s",
           m->threads, "layer", "rows", "out x in");
    for (int c = 0; c < COMPUTES; c++)
        printf("  %9s %s", computes[c].backend, computes[c].precision);
    printf("  native fp32\n");
    for (int i = 0; i < m->count; i++) {
        const shape *s = &m->shapes[i];
        for (int k = 0; k < SIZES; k++) {
            char size[32], cell[32];
            snprintf(size, sizeof size, "%lldx%lld", (long long) s->out, (long long) s->in);
            printf("%-26s %5lld %12s", k ? "" : s->name, (long long) s->rows[k], size);
            for (int c = 0; c < COMPUTES; c++) {
                if (s->gflops[c][k][0] > 0)
                    snprintf(cell, sizeof cell, "%.0f / %.0f", s->gflops[c][k][0],
                             s->gflops[c][k][1]);
                else
                    snprintf(cell, sizeof cell, "-");
                printf("  %14s", cell);
            }
            print_bound(m, s, k);
        }
    }
    printf("\ncompute:\n  threads: %d\n  backend: %s   # fp32 at these shapes: all layers in "
           "%.1f ms at few rows, %.1f ms at many\n",
           m->threads, computes[best].backend, 1e3 * seconds_of(m, best, 0),
           1e3 * seconds_of(m, best, 1));
    printf("  precision: fp32\n");
    if (computes[best].compute.backend != AC_BACKEND_NATIVE)
        printf("backend %s gives other bytes on another kind of CPU; native does not.\n",
               computes[best].backend);
    for (int i = 0; i < 2; i++) {
        const int c = fastest(m, narrow[i]);
        if (c >= 0)
            printf("%s (backend %s) takes %.2f times as long at few rows and %.2f at many, and "
                   "changes results: compare captions before using it.\n",
                   computes[c].precision, computes[c].backend,
                   seconds_of(m, c, 0) / seconds_of(m, best, 0),
                   seconds_of(m, c, 1) / seconds_of(m, best, 1));
    }
}

static void
push_product(ac_buffer *b, const machine *m, const shape *s, int c, int k)
{
    ac_buffer_printf(b,
                     "{\"layer\": \"%s\", \"rows\": %lld, \"out\": %lld, \"in\": %lld, "
                     "\"backend\": \"%s\", \"precision\": \"%s\", "
                     "\"gflops_one_thread\": %.4g, \"gflops\": %.4g",
                     s->name, (long long) s->rows[k], (long long) s->out, (long long) s->in,
                     computes[c].backend, computes[c].precision, s->gflops[c][k][0],
                     s->gflops[c][k][1]);
    ac_buffer_printf(b, ", \"of_reading\": %.4g", share_of_reading(m, s, c, k));
    if (computes[c].compute.precision == AC_PRECISION_FP32)
        ac_buffer_printf(b, ", \"of_multiply_adds\": %.4g", share_of_peak(m, s, c, k));
    ac_buffer_push_text(b, "}");
}

static ac_status
print_json(const machine *m, const char *cpu)
{
    ac_buffer b = { 0 };
    const int best = advised(m);
    ac_status st;

    ac_buffer_push_text(&b, "{\"cpu\": ");
    ac_json_text(&b, cpu);
    ac_buffer_printf(&b, ", \"cores\": %ld, \"threads\": %d, \"kernels\": {",
                     sysconf(_SC_NPROCESSORS_ONLN), m->threads);
    for (int c = 0, n = 0; c < 3; c++) {
        if (m->shapes[0].gflops[c][0][0] <= 0)
            continue;
        ac_buffer_printf(&b, "%s\"%s\": ", n++ ? ", " : "", computes[c].backend);
        ac_json_text(&b, ac_compute_describe(&computes[c].compute));
    }
    ac_buffer_printf(&b,
                     "}, \"read_gb_per_second\": {\"one_thread\": %.4g, \"all_threads\": "
                     "%.4g}, \"multiply_add_gflops\": {\"one_thread\": %.4g, "
                     "\"all_threads\": %.4g}, \"products\": [",
                     m->bandwidth[0], m->bandwidth[1], m->peak[0], m->peak[1]);
    for (int i = 0, n = 0; i < m->count; i++)
        for (int k = 0; k < SIZES; k++)
            for (int c = 0; c < COMPUTES; c++)
                if (m->shapes[i].gflops[c][k][0] > 0) {
                    ac_buffer_push_text(&b, n++ ? ", " : "");
                    push_product(&b, m, &m->shapes[i], c, k);
                }
    ac_buffer_printf(
        &b, "], \"compute\": {\"threads\": %d, \"backend\": \"%s\", \"precision\": \"fp32\"}}",
        m->threads, computes[best].backend);
    st = b.status;
    if (st == AC_OK)
        ac_json_put(&b);
    ac_buffer_free(&b);
    return st;
}

/* "model name" of /proc/cpuinfo. */
static void
cpu_name(char *out, size_t room)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256], *value;

    snprintf(out, room, "unknown CPU");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "model name", 10) == 0 && (value = strchr(line, ':'))) {
            snprintf(out, room, "%s", value + 2);
            out[strcspn(out, "\n")] = '\0';
            break;
        }
    if (f)
        fclose(f);
}

ac_status
ac_tool_measure(int argc, char **argv)
{
    ac_arguments a = { 0 };
    machine m = { 0 };
    int64_t threads = sysconf(_SC_NPROCESSORS_ONLN);
    char cpu[256];
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(
            stdout, "measure [--model DIR] [--json]",
            "Measures matrix products at a model's shapes, memory bandwidth and "
            "fp32 multiply-adds, and suggests compute settings. Takes half a minute. "
            "The last column says how near native products in fp32 are to what bounds "
            "them: reading weights, or multiply-adds.",
            options);
        goto out;
    }
    AC_TRY(ac_arguments_int(&a, "threads", &threads, 1, 4096));
    m.threads = (int) threads;
    ac_compute_init(m.threads);
    AC_TRY(ac_kernels_use(ac_arguments_get(&a, "kernels")));
    AC_TRY(read_shapes(&m, ac_arguments_get(&a, "model")));
    AC_TRY(measure_bandwidth(&m));
    measure_peak(&m);
    for (int i = 0; i < m.count; i++)
        AC_TRY(measure_shape(&m.shapes[i], m.threads));
    cpu_name(cpu, sizeof cpu);
    if (ac_arguments_has(&a, "json"))
        st = print_json(&m, cpu);
    else
        print_table(&m, cpu);
out:
    ac_arguments_free(&a);
    return st;
}

/* topk: the nearest entries of a cache, or of any .npy of vectors. */
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cache_builder/cache.h"
#include "engine/base/memory.h"
#include "engine/retrieval/topk.h"
#include "io/checkpoint/npy.h"
#include "io/checkpoint/tokenizer_openai.h"
#include "io/file/file_look.h"
#include "jobs/cli/terminal.h"
#include "jobs/models/clip_model.h"
#include "jobs/cli/tools/images.h"
#include "jobs/cli/tools/tools.h"

static const ac_option options[] = {
    { "cache", 0, "DIR|X.npy", "a cache, or fp32 [N, D]" },
    { "k", 'k', "K", "how many (default: 10)" },
    { "queries", 0, "Q.npy", "fp32 [N, D]" },
    { "out-ids", 0, "I.npy", "int64 [N, K]; -1 past the end" },
    { "out-scores", 0, "S.npy", "fp32 [N, K]; -inf past the end" },
    { "text", 0, "T", "print the entries nearest to this text (with --model)" },
    { "image", 0, "F", "print the entries nearest to this image (with --model)" },
    { "model", 0, "DIR", "the CLIP model of the cache" },
    { "model-config", 0, "F", "a config.json that is not in the model's folder" },
    { "vocabulary", 0, "DIR|F",
      "read the tokenizer's files from here: a folder, a tokenizer.json, or "
      "OpenAI's " AC_OPENAI_VOCABULARY },
    { "scan", 0, "S",
      "int6, int8, bf16, fp32, or auto (default): the fastest here; the answer is the same" },
    { "repeat", 0, "R", "search R more times and print their times as a JSON line" },
    AC_TOOL_COMPUTE_OPTIONS,
    { NULL, 0, NULL, NULL },
};

/* What is searched: a cache's or a file's vectors. */
typedef struct vectors {
    ac_cache cache;
    ac_npy npy;
    float *owned;
    const float *x; /* [n, D] */
    int64_t n, D;
    ac_texts entries; /* of a cache */
} vectors;

static void
vectors_free(vectors *self)
{
    ac_cache_close(&self->cache);
    ac_npy_close(&self->npy);
    ac_texts_free(&self->entries);
    free(self->owned);
}

/* A .npy of floats [n, D] as fp32: in place or converted into *owned. */
static ac_status
read_matrix(ac_npy *npy, const char *path, const float **x, float **owned, int64_t *n,
            int64_t *D)
{
    int64_t bad;
    ac_status st = ac_npy_open(npy, path);

    if (st != AC_OK)
        return st;
    if (npy->tensor.rank != 2 || npy->tensor.dtype > AC_BF16)
        return ac_error_set(AC_E_FORMAT, "%s: needs floats of shape [N, D]", path);
    *n = npy->tensor.shape[0];
    *D = npy->tensor.shape[1];
    *x = ac_tensor_in_place(&npy->tensor);
    if (!*x) {
        st = ac_alloc_aligned(owned, *n * *D, sizeof **owned);
        if (st != AC_OK)
            return st;
        ac_tensor_read(&npy->tensor, *owned, 0, *n * *D);
        *x = *owned;
    }
    if (!ac_embeddings_check(*x, *n, *D, &bad))
        return ac_error_set(AC_E_FORMAT,
                            "%s: row %" PRId64 " holds a number that is not finite", path, bad);
    return AC_OK;
}

static ac_status
open_vectors(vectors *self, const char *path)
{
    struct stat info;
    ac_status st = AC_OK;

    if (ac_file_stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return read_matrix(&self->npy, path, &self->x, &self->owned, &self->n, &self->D);
    AC_TRY(ac_cache_open(&self->cache, path));
    self->n = self->cache.entries;
    self->D = self->cache.dimension;
    AC_TRY(ac_alloc_aligned(&self->owned, self->n * self->D, sizeof(float)));
    AC_TRY(ac_cache_read_slice(&self->cache, 0, self->n, self->owned, &self->entries));
    self->x = self->owned;
out:
    return st;
}

static ac_status
init_index(ac_topk_index *index, const ac_arguments *a, const vectors *v, int64_t queries)
{
    const char *name = ac_arguments_get(a, "scan");
    ac_scan scan = AC_SCAN_AUTO;

    if (name && !ac_scan_from_name(name, &scan))
        return ac_error_set(AC_E_ARG, "--scan: \"%s\" is none of auto, int6, int8, bf16, fp32",
                            name);
    return ac_topk_index_init(index, v->x, v->n, v->D, 0, scan, queries);
}

static int
compare_doubles(const void *left, const void *right)
{
    const double a = *(const double *) left, b = *(const double *) right;

    return a < b ? -1 : a > b;
}

/* Search again and again, and print the times: what a long-lived index gives, without starting
 * and reading. */
static ac_status
time_searches(const ac_topk_index *index, const float *q, int64_t n, int64_t k, int64_t *ids,
              float *scores, int64_t repeat, double build_seconds)
{
    double *seconds = NULL, cpu;
    int64_t scored = 0;
    ac_buffer line = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&seconds, repeat, sizeof *seconds));
    cpu = (double) clock();
    for (int64_t i = 0; i < repeat; i++) {
        const double start = omp_get_wtime();
        AC_TRY(ac_topk_search(index, q, n, k, ids, scores, &scored));
        seconds[i] = omp_get_wtime() - start;
    }
    cpu = ((double) clock() - cpu) / CLOCKS_PER_SEC / (double) repeat;
    qsort(seconds, (size_t) repeat, sizeof *seconds, compare_doubles);
    ac_buffer_printf(&line,
                     "{\"scan\": \"%s\", \"threads\": %d, \"entries\": %" PRId64
                     ", \"dimension\": %" PRId64 ", \"queries\": %" PRId64,
                     ac_topk_index_scan(index), omp_get_max_threads(), index->n, index->D, n);
    ac_buffer_printf(&line,
                     ", \"k\": %" PRId64 ", \"median_seconds\": %.6g, \"least_seconds\": %.6g, "
                     "\"cpu_seconds\": %.6g, \"build_seconds\": %.6g",
                     k, seconds[repeat / 2], seconds[0], cpu, build_seconds);
    ac_buffer_printf(
        &line, ", \"index_bytes\": %zu, \"embedding_bytes\": %zu, \"scored_per_query\": %.6g}",
        index->bytes, (size_t) (index->n * index->D) * sizeof(float),
        n ? (double) scored / (double) n : 0);
    AC_TRY(line.status);
    ac_json_put(&line);
out:
    ac_buffer_free(&line);
    free(seconds);
    return st;
}

static ac_status
search_file(const ac_arguments *a, const vectors *v, int64_t k)
{
    const char *queries, *ids_path, *scores_path;
    ac_topk_index index = { 0 };
    ac_npy npy = { 0 };
    const float *q = NULL;
    float *owned = NULL, *scores = NULL;
    int64_t n = 0, D = 0, *ids = NULL, repeat = 0;
    double start;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_need(a, "queries", &queries));
    AC_TRY(ac_arguments_need(a, "out-ids", &ids_path));
    AC_TRY(ac_arguments_need(a, "out-scores", &scores_path));
    AC_TRY(ac_arguments_int(a, "repeat", &repeat, 1, 1000000));
    AC_TRY(read_matrix(&npy, queries, &q, &owned, &n, &D));
    if (D != v->D)
        AC_FAIL(AC_E_FORMAT,
                "%s: vectors of %" PRId64 " numbers, those searched have %" PRId64
                "; both must come from one model",
                queries, D, v->D);
    AC_TRY(ac_alloc(&ids, n * k, sizeof *ids));
    AC_TRY(ac_alloc(&scores, n * k, sizeof *scores));
    start = omp_get_wtime();
    AC_TRY(init_index(&index, a, v, n));
    start = omp_get_wtime() - start;
    AC_TRY(ac_topk_search(&index, q, n, k, ids, scores, NULL));
    AC_TRY(ac_npy_save(ids_path, AC_I64, 2, (int64_t[]){ n, k }, ids));
    AC_TRY(ac_npy_save(scores_path, AC_F32, 2, (int64_t[]){ n, k }, scores));
    if (repeat)
        AC_TRY(time_searches(&index, q, n, k, ids, scores, repeat, start));
out:
    ac_topk_index_free(&index);
    ac_npy_close(&npy);
    free(owned);
    free(ids);
    free(scores);
    return st;
}

/* q [D]: the embedding of --text or --image. */
static ac_status
embed_query(const ac_arguments *a, ac_clip_model *clip, float *q)
{
    const char *text = ac_arguments_get(a, "text"), *image = ac_arguments_get(a, "image");
    ac_texts texts = { 0 };
    int64_t cut = 0;
    ac_status st = AC_OK;

    if (text) {
        AC_TRY(ac_texts_push(&texts, text, strlen(text)));
        AC_TRY(ac_clip_model_embed_texts(clip, q, &texts, 0, 1, "", &cut));
    } else {
        st = ac_clip_model_embed_file(clip, q, image, AC_MAX_PIXELS);
    }
out:
    ac_texts_free(&texts);
    return st;
}

/* rank, score, id, and the entry where there is a text. */
static void
print_table(const vectors *v, const int64_t *ids, const float *scores, int64_t k)
{
    printf("%4s  %7s  %9s  %s\n", "rank", "score", "id", v->entries.count ? "entry" : "");
    for (int64_t i = 0; i < k && ids[i] >= 0; i++) {
        const bool named = v->entries.count > 0;
        ac_terminal_print("%4" PRId64 "  %7.4f  %9" PRId64 "  %.*s\n", i + 1,
                          (double) scores[i], ids[i],
                          named ? (int) ac_texts_size(&v->entries, ids[i]) : 0,
                          named ? ac_texts_at(&v->entries, ids[i]) : "");
    }
}

/* One query for a person. */
static ac_status
search_and_print(const ac_arguments *a, const char *path, const vectors *v, int64_t k,
                 const ac_compute *compute)
{
    ac_clip_options o = { .compute = *compute,
                          .towers = AC_CLIP_VISION | AC_CLIP_TEXT,
                          .need_tokenizer = ac_arguments_has(a, "text") };
    ac_clip_model clip = { 0 };
    ac_topk_index index = { 0 };
    float *q = NULL, *scores = NULL;
    int64_t *ids = NULL, width;
    ac_status st = AC_OK;

    if (ac_arguments_has(a, "text") && ac_arguments_has(a, "image"))
        AC_FAIL(AC_E_ARG, "give either --text or --image");
    AC_TRY(ac_arguments_need(a, "model", &o.model));
    o.model_config = ac_arguments_get(a, "model-config");
    o.vocabulary = ac_arguments_get(a, "vocabulary");
    AC_TRY(ac_clip_model_open(&clip, &o));
    width = clip.net.config.projection_dim;
    if (v->cache.folder)
        AC_TRY(ac_cache_check_model(&v->cache, clip.text_fingerprint, clip.path, width));
    if (v->D != width)
        AC_FAIL(AC_E_FORMAT,
                "%s: vectors of %" PRId64 " numbers, the model %s makes %" PRId64
                "; use the model that made them",
                path, v->D, o.model, width);
    AC_TRY(ac_alloc(&q, width, sizeof *q));
    AC_TRY(embed_query(a, &clip, q));
    AC_TRY(ac_alloc(&ids, k, sizeof *ids));
    AC_TRY(ac_alloc(&scores, k, sizeof *scores));
    AC_TRY(init_index(&index, a, v, 1));
    AC_TRY(ac_topk_search(&index, q, 1, k, ids, scores, NULL));
    print_table(v, ids, scores, k);
    if (fflush(stdout) != 0)
        AC_FAIL(AC_E_IO, "standard output cannot be written");
out:
    ac_topk_index_free(&index);
    ac_clip_model_free(&clip);
    free(q);
    free(scores);
    free(ids);
    return st;
}

ac_status
ac_tool_topk(int argc, char **argv)
{
    ac_arguments a = { 0 };
    vectors v = { 0 };
    ac_compute compute;
    const char *path;
    int64_t k = 10;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(
            stdout,
            "topk --cache DIR|X.npy [-k K] --queries Q.npy --out-ids I.npy --out-scores S.npy\n"
            "       antarctic topk --cache DIR --model CLIP [-k K] --text T | --image F",
            "Exact nearest entries by inner product; ties lower id first.", options);
        goto out;
    }
    AC_TRY(ac_arguments_need(&a, "cache", &path));
    AC_TRY(ac_arguments_int(&a, "k", &k, 1, 1000000));
    AC_TRY(ac_tool_compute(&a, &compute));
    AC_TRY(open_vectors(&v, path));
    if (ac_arguments_has(&a, "text") || ac_arguments_has(&a, "image"))
        st = search_and_print(&a, path, &v, k, &compute);
    else
        st = search_file(&a, &v, k);
out:
    vectors_free(&v);
    ac_arguments_free(&a);
    return st;
}

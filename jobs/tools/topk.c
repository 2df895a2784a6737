/* topk: the nearest entries of a cache, or of any .npy of vectors. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache_builder/cache.h"
#include "engine/base/memory.h"
#include "engine/retrieval/topk.h"
#include "io/npy.h"
#include "jobs/models.h"
#include "jobs/tools/pictures.h"
#include "jobs/tools/tools.h"

static const ac_option options[] = {
    { "cache", 0, "DIR|X.npy", "a cache, or fp32 [N, D]" },
    { "k", 'k', "K", "how many (default: 10)" },
    { "queries", 0, "Q.npy", "fp32 [N, D]" },
    { "out-ids", 0, "I.npy", "int64 [N, K]; -1 past the end" },
    { "out-scores", 0, "S.npy", "fp32 [N, K]; -inf past the end" },
    { "text", 0, "T", "print the entries nearest to this text (with --model)" },
    { "image", 0, "F", "print the entries nearest to this picture (with --model)" },
    { "model", 0, "DIR", "the CLIP model of the cache" },
    { "model-config", 0, "F", "a config.json elsewhere than in the model's folder" },
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
read_matrix(ac_npy *npy, const char *path, const float **x, float **owned, int64_t *n, int64_t *D)
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
        return ac_error_set(AC_E_FORMAT, "%s: row %lld holds a number that is not finite", path, (long long) bad);
    return AC_OK;
}

static ac_status
open_vectors(vectors *self, const char *path)
{
    struct stat info;
    ac_status st = AC_OK;

    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
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
search_file(const ac_arguments *a, const vectors *v, int64_t k)
{
    const char *queries, *ids_path, *scores_path;
    ac_topk_index index = { 0 };
    ac_npy npy = { 0 };
    const float *q;
    float *owned = NULL, *scores = NULL;
    int64_t n, D, *ids = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_need(a, "queries", &queries));
    AC_TRY(ac_arguments_need(a, "out-ids", &ids_path));
    AC_TRY(ac_arguments_need(a, "out-scores", &scores_path));
    AC_TRY(read_matrix(&npy, queries, &q, &owned, &n, &D));
    if (D != v->D)
        AC_TRY(ac_error_set(AC_E_FORMAT, "%s: vectors of %lld numbers, those searched have %lld", queries, (long long) D, (long long) v->D));
    AC_TRY(ac_alloc(&ids, n * k, sizeof *ids));
    AC_TRY(ac_alloc(&scores, n * k, sizeof *scores));
    AC_TRY(ac_topk_index_init(&index, v->x, v->n, v->D, 0, AC_SCAN_AUTO, 0));
    AC_TRY(ac_topk_search(&index, q, n, k, ids, scores, NULL));
    AC_TRY(ac_npy_save(ids_path, AC_I64, 2, (int64_t[]) { n, k }, ids));
    AC_TRY(ac_npy_save(scores_path, AC_F32, 2, (int64_t[]) { n, k }, scores));
out:
    ac_topk_index_free(&index);
    ac_npy_close(&npy);
    free(owned);
    free(ids);
    free(scores);
    return st;
}

/* One query for a person: embed it, print rank, score, entry. */
static ac_status
search_and_print(const ac_arguments *a, const vectors *v, int64_t k, const ac_compute *compute)
{
    const char *text = ac_arguments_get(a, "text"), *image = ac_arguments_get(a, "image");
    ac_clip_options o = { .compute = *compute, .towers = AC_CLIP_VISION | AC_CLIP_TEXT, .need_tokenizer = true };
    ac_clip_model clip = { 0 };
    ac_topk_index index = { 0 };
    ac_texts texts = { 0 };
    float *q = NULL, *scores = NULL;
    uint8_t *rgb = NULL;
    int64_t *ids = NULL, cut = 0, S;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_need(a, "model", &o.model));
    o.model_config = ac_arguments_get(a, "model-config");
    AC_TRY(ac_clip_model_open(&clip, &o));
    if (v->cache.folder)
        AC_TRY(ac_cache_check_model(&v->cache, clip.text_fingerprint, clip.path, clip.net.config.projection_dim));
    AC_TRY(ac_alloc(&q, v->D, sizeof *q));
    S = clip.net.config.image_size;
    if (text) {
        AC_TRY(ac_texts_push(&texts, text, strlen(text)));
        AC_TRY(ac_clip_model_embed_texts(&clip, q, &texts, 0, 1, "", &cut));
    } else {
        ac_verdict verdict;
        AC_TRY(ac_alloc(&rgb, S * S, 3));
        AC_TRY(ac_pictures_read(rgb, &verdict, &image, 1, S));
        if (verdict.reason != AC_GOOD)
            AC_TRY(ac_error_set(AC_E_FORMAT, "%s: %s: %s", image, ac_bad_reason_name(verdict.reason), verdict.detail));
        AC_TRY(ac_clip_model_embed_pictures(&clip, q, rgb, 1));
    }
    AC_TRY(ac_alloc(&ids, k, sizeof *ids));
    AC_TRY(ac_alloc(&scores, k, sizeof *scores));
    AC_TRY(ac_topk_index_init(&index, v->x, v->n, v->D, 0, AC_SCAN_AUTO, 0));
    AC_TRY(ac_topk_search(&index, q, 1, k, ids, scores, NULL));
    for (int64_t i = 0; i < k && ids[i] >= 0; i++)
        printf("%4lld  %.4f  %8lld  %.*s\n", (long long) i + 1, (double) scores[i], (long long) ids[i],
               v->entries.count ? (int) ac_texts_size(&v->entries, ids[i]) : 0, v->entries.count ? ac_texts_at(&v->entries, ids[i]) : "");
out:
    ac_topk_index_free(&index);
    ac_clip_model_free(&clip);
    ac_texts_free(&texts);
    free(q);
    free(scores);
    free(rgb);
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
        ac_options_help(stdout, "topk --cache DIR|X.npy [-k K] --queries Q.npy --out-ids I.npy --out-scores S.npy\n"
                        "       antarctic topk --cache DIR --model CLIP [-k K] --text T | --image F",
                        "Exact nearest entries by inner product; ties lower id first.", options);
        goto out;
    }
    AC_TRY(ac_arguments_need(&a, "cache", &path));
    AC_TRY(ac_arguments_int(&a, "k", &k, 1, 1000000));
    AC_TRY(ac_tool_compute(&a, &compute));
    AC_TRY(open_vectors(&v, path));
    if (ac_arguments_has(&a, "text") || ac_arguments_has(&a, "image"))
        st = search_and_print(&a, &v, k, &compute);
    else
        st = search_file(&a, &v, k);
out:
    vectors_free(&v);
    ac_arguments_free(&a);
    return st;
}

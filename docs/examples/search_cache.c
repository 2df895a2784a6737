/* Find a cache's entries that are nearest to a text.
 *
 *     search_cache CACHE CLIP TEXT K
 *
 * CACHE is a folder that `antarctic build-cache` made, CLIP the model that it was made with.
 * Prints score, id and entry, best first. Build: cc search_cache.c $(pkg-config --cflags --libs
 * antarctic) */
#include <antarctic.h>

/* All entries of a cache, ready to be searched. */
typedef struct searchable {
    ac_cache cache;
    ac_texts entries;
    float *embeddings; /* [entries, D]; the index borrows them */
    ac_topk_index index;
} searchable;

static void
searchable_free(searchable *self)
{
    ac_topk_index_free(&self->index);
    ac_texts_free(&self->entries);
    ac_cache_close(&self->cache);
    free(self->embeddings);
}

static ac_status
searchable_open(searchable *self, const char *folder, const ac_clip_model *clip)
{
    ac_status st = AC_OK;

    AC_TRY(ac_cache_open(&self->cache, folder));
    AC_TRY(ac_cache_check_model(&self->cache, clip->text_fingerprint, clip->path,
                                clip->net.config.projection_dim));
    AC_TRY(ac_alloc_aligned(&self->embeddings, self->cache.entries * self->cache.dimension,
                            sizeof *self->embeddings));
    AC_TRY(ac_cache_read_slice(&self->cache, 0, self->cache.entries, self->embeddings,
                               &self->entries));
    st = ac_topk_index_init(&self->index, self->embeddings, self->cache.entries,
                            self->cache.dimension, 0, AC_SCAN_AUTO, 1);
out:
    return st;
}

static ac_status
search(const char *folder, const char *model, const char *text, int64_t k)
{
    const ac_clip_options options = { .model = model,
                                      .towers = AC_CLIP_TEXT,
                                      .need_tokenizer = true };
    ac_clip_model clip = { 0 };
    searchable cache = { 0 };
    ac_texts query = { 0 };
    float *q = NULL, *scores = NULL;
    int64_t *ids = NULL, truncated = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_clip_model_open(&clip, &options));
    AC_TRY(searchable_open(&cache, folder, &clip));
    AC_TRY(ac_alloc(&q, cache.cache.dimension, sizeof *q));
    AC_TRY(ac_alloc(&ids, k, sizeof *ids));
    AC_TRY(ac_alloc(&scores, k, sizeof *scores));
    AC_TRY(ac_texts_push(&query, text, strlen(text)));
    AC_TRY(ac_clip_model_embed_texts(&clip, q, &query, 0, 1, "", &truncated));
    AC_TRY(ac_topk_search(&cache.index, q, 1, k, ids, scores, NULL));
    for (int64_t i = 0; i < k && ids[i] >= 0; i++) /* -1: the cache holds fewer than k */
        printf("%.4f %lld %.*s\n", (double) scores[i], (long long) ids[i],
               (int) ac_texts_size(&cache.entries, ids[i]),
               ac_texts_at(&cache.entries, ids[i]));
out:
    searchable_free(&cache);
    ac_clip_model_free(&clip);
    ac_texts_free(&query);
    free(q);
    free(ids);
    free(scores);
    return st;
}

int
main(int argc, char **argv)
{
    const int64_t k = argc == 5 ? atoll(argv[4]) : 0;

    if (k < 1) {
        fprintf(stderr, "usage: search_cache CACHE CLIP TEXT K\n");
        return 1;
    }
    ac_compute_init(2); /* threads; once per process, before any model */
    if (search(argv[1], argv[2], argv[3], k) != AC_OK) {
        fprintf(stderr, "search_cache: %s\n", ac_error_message());
        return 1;
    }
    return 0;
}

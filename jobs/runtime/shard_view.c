#include "jobs/runtime/shard_view.h"

#include <stdlib.h>

#include "engine/base/memory.h"
#include "io/file/path.h"
#include "io/hdf5/shard_file.h"

void
ac_shard_view_free(ac_shard_view *self)
{
    ac_texts_free(&self->keys);
    ac_texts_free(&self->paths);
    ac_texts_free(&self->thumbnails);
    ac_texts_free(&self->metadata);
    ac_texts_free(&self->bad_keys);
    ac_texts_free(&self->bad_reasons);
    ac_texts_free(&self->bad_details);
    ac_texts_free(&self->entries);
    ac_texts_free(&self->captions);
    ac_texts_free(&self->candidates);
    free(self->ids);
    free(self->scores);
    free(self->caches);
    free(self->cache_ids);
    free(self->probabilities);
    free(self->offsets);
    free(self->clip_scores);
    free(self->candidate_clip_scores);
    free(self->candidate_scores);
    *self = (ac_shard_view){ 0 };
}

/* `count` must be what the shard's embeddings say. */
static ac_status
check_count(const ac_h5_reader *r, const char *what, int64_t count, int64_t needed)
{
    if (count == needed)
        return AC_OK;
    return ac_error_set(
        AC_E_FORMAT,
        "%s: %lld %s where the shard has %lld; remove the file and run the job again", r->path,
        (long long) count, what, (long long) needed);
}

static ac_status
read_embeddings(ac_shard_view *self, const ac_h5_reader *r, unsigned parts)
{
    ac_status st = AC_OK;

    AC_TRY(ac_shard_read_texts(r, AC_EMBED_KEYS, &self->keys));
    AC_TRY(ac_shard_read_texts(r, AC_EMBED_PATHS, &self->paths));
    self->n = self->keys.count;
    AC_TRY(check_count(r, "paths", self->paths.count, self->n));
    if (ac_shard_has(r, AC_EMBED_METADATA)) {
        AC_TRY(ac_shard_read_texts(r, AC_EMBED_METADATA, &self->metadata));
        AC_TRY(check_count(r, "metadata", self->metadata.count, self->n));
    }
    if (parts & AC_VIEW_THUMBNAILS) {
        AC_TRY(ac_shard_read_texts(r, AC_EMBED_THUMBNAILS, &self->thumbnails));
        AC_TRY(check_count(r, "thumbnails", self->thumbnails.count, self->n));
    }
    if (parts & AC_VIEW_BAD) {
        AC_TRY(ac_shard_read_texts(r, AC_EMBED_REJECTED_KEYS, &self->bad_keys));
        AC_TRY(ac_shard_read_texts(r, AC_EMBED_REJECTED_REASONS, &self->bad_reasons));
        AC_TRY(ac_shard_read_texts(r, AC_EMBED_REJECTED_DETAILS, &self->bad_details));
        AC_TRY(check_count(r, "reasons", self->bad_reasons.count, self->bad_keys.count));
        AC_TRY(check_count(r, "details", self->bad_details.count, self->bad_keys.count));
    }
out:
    return st;
}

static ac_status
read_tables(ac_shard_view *self, const ac_h5_reader *r, unsigned parts)
{
    ac_status st = AC_OK;
    int64_t rows;

    (void) parts;
    AC_TRY(ac_shard_shape(r, AC_TABLES_IDS, &rows, &self->K));
    AC_TRY(check_count(r, "tables", rows, self->n));
    AC_TRY(ac_alloc(&self->ids, self->n * self->K, sizeof *self->ids));
    AC_TRY(ac_alloc(&self->scores, self->n * self->K, sizeof *self->scores));
    AC_TRY(ac_shard_read(r, AC_TABLES_IDS, rows, self->K, self->ids));
    AC_TRY(ac_shard_read(r, AC_TABLES_SCORES, rows, self->K, self->scores));
    AC_TRY(ac_shard_read_texts(r, AC_TABLES_ENTRIES, &self->entries));
    AC_TRY(check_count(r, "entries", self->entries.count, self->n * self->K));
    if (ac_shard_has(r, AC_TABLES_CACHES)) {
        AC_TRY(ac_alloc(&self->caches, self->n * self->K, sizeof *self->caches));
        AC_TRY(ac_alloc(&self->cache_ids, self->n * self->K, sizeof *self->cache_ids));
        AC_TRY(ac_shard_read(r, AC_TABLES_CACHES, rows, self->K, self->caches));
        AC_TRY(ac_shard_read(r, AC_TABLES_CACHE_IDS, rows, self->K, self->cache_ids));
    }
    if (ac_shard_has(r, AC_TABLES_PROBABILITIES)) {
        AC_TRY(ac_alloc(&self->probabilities, self->n * self->K, sizeof(float)));
        AC_TRY(ac_shard_read(r, AC_TABLES_PROBABILITIES, rows, self->K, self->probabilities));
    }
out:
    return st;
}

static ac_status
read_captions(ac_shard_view *self, const ac_h5_reader *r, unsigned parts)
{
    ac_status st = AC_OK;
    int64_t total;

    (void) parts;
    AC_TRY(ac_alloc(&self->offsets, self->n + 1, sizeof *self->offsets));
    AC_TRY(ac_alloc(&self->clip_scores, self->n, sizeof(float)));
    AC_TRY(ac_shard_read_texts(r, AC_CAPTIONS_CAPTIONS, &self->captions));
    AC_TRY(check_count(r, "captions", self->captions.count, self->n));
    AC_TRY(ac_shard_read(r, AC_CAPTIONS_CLIP_SCORES, self->n, 0, self->clip_scores));
    AC_TRY(ac_shard_read(r, AC_CAPTIONS_CANDIDATE_OFFSETS, self->n, 0, self->offsets));
    AC_TRY(ac_shard_read_texts(r, AC_CAPTIONS_CANDIDATES, &self->candidates));
    total = self->candidates.count;
    for (int64_t i = 0; i < self->n; i++)
        if (self->offsets[i] < 0 || self->offsets[i] > self->offsets[i + 1])
            AC_FAIL(AC_E_FORMAT, "%s: %s falls at %lld", r->path,
                    ac_datasets[AC_CAPTIONS_CANDIDATE_OFFSETS].name, (long long) i);
    AC_TRY(check_count(r, "candidates", total, self->offsets[self->n]));
    AC_TRY(ac_alloc(&self->candidate_clip_scores, total, sizeof(float)));
    AC_TRY(ac_alloc(&self->candidate_scores, total, sizeof(float)));
    AC_TRY(ac_shard_read(r, AC_CAPTIONS_CANDIDATE_CLIP_SCORES, total, 0,
                         self->candidate_clip_scores));
    AC_TRY(ac_shard_read(r, AC_CAPTIONS_CANDIDATE_SCORES, total, 0, self->candidate_scores));
out:
    return st;
}

ac_status
ac_shard_view_read(ac_shard_view *self, const char *folder, const ac_stage_type *const *stages,
                   int64_t shard, unsigned parts)
{
    static const struct {
        unsigned parts;
        ac_status (*read)(ac_shard_view *self, const ac_h5_reader *r, unsigned parts);
    } files[] = {
        /* in the order of the stages */
        { ~0u, read_embeddings },
        { AC_VIEW_TABLES, read_tables },
        { AC_VIEW_CAPTIONS, read_captions },
    };
    ac_status st = AC_OK;
    ac_h5_reader r = { 0 };
    char *path = NULL;

    ac_shard_view_free(self);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (!(files[i].parts & (parts | AC_VIEW_KEYS)))
            continue;
        if (!stages[i])
            AC_FAIL(AC_E_FORMAT, "%s: the stages of this run do not make what is to be read",
                    folder);
        AC_TRY(ac_path_format(&path, "%s/%s/%05lld.h5", folder, stages[i]->folder,
                              (long long) shard));
        AC_TRY(ac_h5_open(&r, path));
        AC_TRY(files[i].read(self, &r, parts));
        ac_h5_close(&r);
        free(path);
        path = NULL;
    }
out:
    ac_h5_close(&r);
    free(path);
    return st;
}

#include "jobs/cache/labels.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_builder/cache.h"
#include "cache_builder/duplicates.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/text/unicode.h"
#include "io/file/checksum.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "jobs/cache/build.h"
#include "jobs/cache/embed.h"
#include "jobs/runtime/run.h"

typedef struct labels {
    const ac_config *job;
    const ac_clip_model *clip;
    const char *path, *folder, *work;
    ac_texts labels, templates;
    char fingerprint[33]; /* of both */
    char done;            /* the cache is there */
} labels;

static void
labels_free(labels *self)
{
    ac_texts_free(&self->labels);
    ac_texts_free(&self->templates);
}

/* ---- sentences ---- */

static ac_status
read_templates(labels *self)
{
    ac_status st = AC_OK;

    for (const char *at = self->job->retrieval.templates; at && *at;) {
        const size_t n = strcspn(at, "\n");
        const char *place = memmem(at, n, "{}", 2);
        if (!place || memmem(place + 2, n - (size_t) (place + 2 - at), "{}", 2))
            AC_FAIL(AC_E_ARG,
                    "retrieval.templates: \"%.*s\" must hold {} once, where the label is put",
                    (int) n, at);
        AC_TRY(ac_texts_push(&self->templates, at, n));
        at += n + (at[n] == '\n');
    }
out:
    return st;
}

static void
push_sentence(ac_buffer *out, const labels *self, int64_t label, int64_t number)
{
    const char *t = ac_texts_at(&self->templates, number);
    const size_t n = ac_texts_size(&self->templates, number);
    const size_t before = (size_t) ((const char *) memmem(t, n, "{}", 2) - t);

    ac_buffer_push(out, t, before);
    ac_buffer_push(out, ac_texts_at(&self->labels, label), ac_texts_size(&self->labels, label));
    ac_buffer_push(out, t + before + 2, n - before - 2);
    ac_buffer_push_char(out, '\n');
}

/* All sentences, those of a label one after the other. */
static ac_status
push_sentences(ac_buffer *out, const labels *self)
{
    for (int64_t i = 0; i < self->labels.count; i++)
        for (int64_t t = 0; t < self->templates.count; t++)
            push_sentence(out, self, i, t);
    return out->status;
}

static bool
is_blank(const char *text, size_t n)
{
    for (size_t at = 0; at < n;)
        if (!ac_unicode_is_space(ac_utf8_next(text, n, &at)))
            return false;
    return true;
}

/* A line each, but for blank ones: no image is nearest to nothing. */
static ac_status
read_labels(labels *self)
{
    ac_texts lines = { 0 }, none = { 0 };
    int64_t *first = NULL, count = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_cache_read_entries(self->path, &lines));
    for (int64_t i = 0; i < lines.count; i++)
        if (!is_blank(ac_texts_at(&lines, i), ac_texts_size(&lines, i)))
            AC_TRY(
                ac_texts_push(&self->labels, ac_texts_at(&lines, i), ac_texts_size(&lines, i)));
    if (self->labels.count == 0)
        AC_FAIL(AC_E_FORMAT, "%s: no label in it (one per line)", self->path);
    AC_TRY(ac_alloc(&first, self->labels.count, sizeof *first));
    AC_TRY(ac_entries_pick_new(&none, &self->labels, first, &count));
    if (count < self->labels.count)
        ac_log(AC_LOG_WARNING,
               "%s: %lld labels come again, and share the probability of the first", self->path,
               (long long) (self->labels.count - count));
out:
    ac_texts_free(&lines);
    free(first);
    return st;
}

/* Rank 0: what is there, and the file of sentences where the cache is not. */
static ac_status
prepare(labels *self)
{
    ac_cache cache = { 0 };
    ac_buffer sentences = { 0 };
    char *file = NULL, *manifest = NULL;
    ac_status st = AC_OK;

    AC_TRY(read_templates(self));
    AC_TRY(read_labels(self));
    AC_TRY(push_sentences(&sentences, self));
    ac_buffer_printf(&sentences, "%lld\n", (long long) self->templates.count);
    AC_TRY(sentences.status);
    ac_checksum_bytes(sentences.data, sentences.size, self->fingerprint);
    AC_TRY(ac_path_format(&manifest, "%s/manifest.json", self->folder));
    if (ac_file_is_there(manifest)) {
        AC_TRY(ac_cache_open(&cache, self->folder));
        if (cache.source_count != 1 || strcmp(cache.sources[0].kind, "labels") != 0 ||
            strcmp(cache.sources[0].input, self->fingerprint) != 0)
            AC_FAIL(AC_E_ARG,
                    "%s: made from other labels or templates than %s and retrieval.templates "
                    "say; %s",
                    self->folder, self->path, ac_run_advice);
        self->done = 1;
        goto out;
    }
    ac_buffer_reset(&sentences);
    AC_TRY(push_sentences(&sentences, self));
    AC_TRY(ac_run_make_folder(self->work));
    AC_TRY(ac_path_format(&file, "%s/sentences.txt", self->work));
    st = ac_publish_file(file, sentences.data, sentences.size);
out:
    ac_cache_close(&cache);
    ac_buffer_free(&sentences);
    free(file);
    free(manifest);
    return st;
}

/* ---- means ---- */

/* rows [T, D], unit length -> y [D]: their mean, normalised. */
static bool
mean_of(float *y, const float *rows, int64_t T, int64_t D)
{
    double squares = 0;

    for (int64_t d = 0; d < D; d++) {
        double sum = 0;
        for (int64_t t = 0; t < T; t++)
            sum += (double) rows[t * D + d];
        y[d] = (float) (sum / (double) T);
    }
    for (int64_t d = 0; d < D; d++)
        squares += (double) y[d] * (double) y[d];
    for (int64_t d = 0; d < D && squares > 0; d++)
        y[d] = (float) ((double) y[d] / sqrt(squares));
    return squares > 0;
}

/* A shard of labels [first, first + n); rows [n T, D], y [n, D]. */
static ac_status
write_shard(const labels *self, const ac_cache *sentences, ac_cache *cache, int64_t first,
            int64_t n, float *rows, float *y)
{
    const int64_t T = self->templates.count, D = cache->dimension;
    ac_cache_shard shard = { .rows = n };
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_cache_read_slice(sentences, first * T, n * T, rows, NULL));
    for (int64_t i = 0; i < n; i++)
        if (!mean_of(y + i * D, rows + i * T * D, T, D))
            AC_FAIL(AC_E_FORMAT, "%s: the sentences of label %lld have no mean direction",
                    self->path, (long long) (first + i + 1));
    AC_TRY(ac_cache_shard_path(&path, self->folder, cache->shard_count));
    AC_TRY(ac_cache_shard_write(path, &self->labels, first, n, y, D,
                                (ac_compression) self->job->output.compression,
                                shard.checksum));
    st = ac_cache_add_shards(cache, &shard, 1);
out:
    free(path);
    return st;
}

/* Rank 0: the cache of labels from that of sentences. */
static ac_status
write_cache(const labels *self, const char *from)
{
    const int64_t T = self->templates.count, count = self->labels.count;
    ac_cache sentences = { 0 }, cache = { 0 };
    ac_cache_source source = { .kind = "labels",
                               .path = (char *) (uintptr_t) self->path,
                               .entries = count };
    float *rows = NULL, *y = NULL;
    char *shards = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_cache_open(&sentences, from));
    if (sentences.entries != count * T)
        AC_FAIL(AC_E_FORMAT,
                "%s: %lld of its sentences were rejected by the text tower; change the labels",
                self->path, (long long) (count * T - sentences.entries));
    AC_TRY(ac_cache_identity_set(&cache, self->clip->text_fingerprint, self->clip->path, "",
                                 sentences.dimension));
    AC_TRY(ac_path_format(&shards, "%s/shards", self->folder));
    AC_TRY(ac_run_make_folder(shards));
    AC_TRY(ac_alloc_aligned(&rows, AC_CACHE_SHARD_ITEMS * T * cache.dimension, sizeof *rows));
    AC_TRY(ac_alloc_aligned(&y, AC_CACHE_SHARD_ITEMS * cache.dimension, sizeof *y));
    for (int64_t i = 0; i < count; i += AC_CACHE_SHARD_ITEMS)
        AC_TRY(write_shard(self, &sentences, &cache, i,
                           count - i < AC_CACHE_SHARD_ITEMS ? count - i : AC_CACHE_SHARD_ITEMS,
                           rows, y));
    memcpy(source.input, self->fingerprint, sizeof source.input);
    source.cut = sentences.sources[0].cut;
    AC_TRY(ac_cache_add_source(&cache, &source));
    AC_TRY(ac_cache_save(&cache, self->folder));
    ac_log(AC_LOG_INFO, "labels: %lld, each in %lld sentences", (long long) count,
           (long long) T);
out:
    ac_cache_close(&sentences);
    ac_cache_close(&cache);
    free(rows);
    free(y);
    free(shards);
    return st;
}

/* Rank 0: the sentences, which have done their work. */
static ac_status
clean_up(const char *work, const char *sentences)
{
    static const char *const parts[] = { "cache/shards", "cache/journal", "cache" };
    ac_status st = AC_OK;

    for (size_t i = 0; i < sizeof parts / sizeof *parts && st == AC_OK; i++)
        st = ac_remove_files(work, parts[i], false);
    if (st == AC_OK &&
        ((unlink(sentences) != 0 && errno != ENOENT) || (rmdir(work) != 0 && errno != ENOENT)))
        st = ac_error_set(ac_io_failure(errno), "%s: cannot be removed: %s", work,
                          strerror(errno));
    return st == AC_OK ? ac_publish_sync_name(work) : st;
}

ac_status
ac_labels_build_all(const ac_comm *comm, const ac_config *job, ac_clip_model *clip,
                    const char *path, const char *folder, const char *work)
{
    labels self = { .job = job, .clip = clip, .path = path, .folder = folder, .work = work };
    ac_config config = *job; /* borrows its texts */
    char *file = NULL, *built = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_agree_all(comm, comm->rank == 0 ? prepare(&self) : AC_OK));
    ac_broadcast_bytes_all(comm, &self.done, 1, 0);
    st = ac_path_format(&file, "%s/sentences.txt", work);
    if (st == AC_OK)
        st = ac_path_format(&built, "%s/cache", work);
    AC_TRY(ac_agree_all(comm, st));
    if (!self.done) {
        config.input.path = file;
        config.output.shard_items = AC_CACHE_SHARD_ITEMS;
        AC_TRY(ac_build_cache_all(comm, &config, clip, built));
        AC_TRY(ac_agree_all(comm, comm->rank == 0 ? write_cache(&self, built) : AC_OK));
    }
    st = ac_agree_all(comm, comm->rank == 0 ? clean_up(work, file) : AC_OK);
out:
    labels_free(&self);
    free(file);
    free(built);
    return st;
}

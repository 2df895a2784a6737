/* Opening: which sources, which rows, in which order. */
#include "jobs/search/archive.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/checksum.h"
#include "io/file/file_look.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "io/source/location.h"
#include "jobs/caption/stages.h"
#include "jobs/runtime/images.h"
#include "jobs/search/archive_blocks.h"

static void
source_free(ac_archive_source *self)
{
    ac_run_view_close(&self->run);
    ac_config_free(&self->config);
    ac_cache_close(&self->cache);
    free(self->root);
    free(self->path);
}

void
ac_archive_close(ac_archive *self)
{
    for (int i = 0; self->sources && i < self->source_count; i++)
        source_free(&self->sources[i]);
    for (int64_t i = 0; self->blocks && i < self->block_count; i++) {
        ac_texts_free(&self->blocks[i].captions);
        ac_texts_free(&self->blocks[i].locations);
    }
    free(self->sources);
    free(self->blocks);
    free(self->places);
    free(self->embeddings);
    ac_texts_free(&self->keys);
    ac_texts_free(&self->thumbnails);
    *self = (ac_archive){ 0 };
}

/* ---- sources ---- */

static ac_status
read_config(ac_archive_source *self)
{
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_config_init(&self->config));
    AC_TRY(ac_path_format(&path, "%s/config.yaml", self->path));
    AC_TRY(ac_config_read(&self->config, path));
    if (ac_images_place(&self->config))
        st = ac_location_root(ac_images_place(&self->config), &self->root);
out:
    free(path);
    return st;
}

/* The stage embed must be the first, and its shards must still be there. */
static ac_status
open_run(ac_archive_source *self)
{
    static const ac_stage_type *const known[] = { &ac_stage_embed, &ac_stage_retrieve,
                                                  &ac_stage_generate, NULL };
    static const ac_job *const no_jobs[] = { NULL };
    const ac_manifest *m = &self->run.manifest;
    ac_status st = AC_OK;
    char *folder = NULL;

    AC_TRY(ac_run_view_open(&self->run, self->path, no_jobs));
    for (int s = 0; s < m->stage_count; s++) {
        self->run.stages[s] = ac_stage_type_find(known, m->stages[s].name);
        if (self->run.stages[s] == &ac_stage_generate)
            self->captions = s;
    }
    AC_TRY(ac_path_format(&folder, "%s/embeddings", self->path));
    if (m->stage_count == 0 || self->run.stages[0] != &ac_stage_embed ||
        !ac_file_is_there(folder))
        AC_FAIL(AC_E_ARG,
                "%s: a run of %s without embeddings; runs of embed-images, tag and caption "
                "have them",
                self->path, m->job);
    AC_TRY(read_config(self));
    self->blocks = m->shard_count;
out:
    free(folder);
    return st;
}

static ac_status
source_open(ac_archive_source *self, const char *path)
{
    char *stages = NULL;
    ac_status st = AC_OK;

    self->captions = -1;
    AC_TRY(ac_duplicate(&self->path, path, strlen(path)));
    while (strlen(self->path) > 1 && ac_text_ends_with(self->path, "/"))
        self->path[strlen(self->path) - 1] = '\0';
    AC_TRY(ac_path_format(&stages, "%s/embeddings", path));
    /* a run that built a cache of its own is searched for its images */
    if (!ac_file_is_there(stages) && ac_cache_open(&self->cache, path) == AC_OK) {
        self->is_cache = true;
        self->blocks = (self->cache.entries + AC_ARCHIVE_ENTRIES - 1) / AC_ARCHIVE_ENTRIES;
    } else {
        ac_cache_close(&self->cache);
        st = open_run(self);
    }
out:
    free(stages);
    return st;
}

const char *
ac_archive_source_model(const ac_archive_source *source)
{
    return source->is_cache ? source->cache.model : source->run.manifest.clip;
}

static const char *
model_path_of(const ac_archive_source *s)
{
    return s->is_cache ? s->cache.model_path : s->config.clip.model;
}

/* Whatever the two are called. */
static bool
is_same_folder(const char *a, const char *b)
{
    struct stat x, y;

    return strcmp(a, b) == 0 || (ac_file_stat(a, &x) == 0 && ac_file_stat(b, &y) == 0 &&
                                 x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

/* Which may be searched together. */
static ac_status
check_sources(ac_archive *self)
{
    const ac_archive_source *a = &self->sources[0];

    for (int i = 1; i < self->source_count; i++) {
        const ac_archive_source *b = &self->sources[i];
        if (a->is_cache || b->is_cache)
            return ac_error_set(AC_E_ARG,
                                "%s and %s: several runs are searched together, a cache only "
                                "by itself",
                                a->path, b->path);
        for (int j = 0; j < i; j++)
            if (is_same_folder(self->sources[j].path, b->path))
                return ac_error_set(AC_E_ARG, "%s is given twice", b->path);
        if (strcmp(ac_archive_source_model(a), ac_archive_source_model(b)) != 0)
            self->mixed = true;
    }
    return AC_OK;
}

const char *
ac_archive_model(const ac_archive *self)
{
    return ac_archive_source_model(&self->sources[0]);
}

const char *
ac_archive_model_path(const ac_archive *self)
{
    return model_path_of(&self->sources[0]);
}

/* ---- rows ---- */

static ac_status
push_row(ac_archive *self, ac_texts *keys, int64_t *capacity, const char *key, size_t n,
         ac_archive_place place)
{
    ac_status st = ac_grow(&self->places, capacity, keys->count + 1, sizeof *self->places);

    if (st == AC_OK)
        self->places[keys->count] = place;
    return st == AC_OK ? ac_texts_push(keys, key, n) : st;
}

static ac_status
list_run(ac_archive *self, int number, ac_texts *keys, int64_t *capacity)
{
    const ac_archive_source *s = &self->sources[number];
    ac_item_walk walk = { 0 };
    ac_status st = AC_OK;
    bool found;

    AC_TRY(ac_run_view_walk(&s->run, &walk, AC_VIEW_KEYS, 1, true, false));
    for (;;) {
        AC_TRY(ac_item_walk_next(&walk, &found));
        if (!found)
            break;
        AC_TRY(push_row(
            self, keys, capacity, walk.key.bytes, walk.key.size,
            (ac_archive_place){ number, (int32_t) walk.row, s->first_block + walk.shard }));
    }
out:
    ac_item_walk_close(&walk);
    return st;
}

static ac_status
list_cache(ac_archive *self, int number, ac_texts *keys, int64_t *capacity)
{
    const ac_archive_source *s = &self->sources[number];
    ac_texts entries = { 0 };
    ac_status st = AC_OK;

    for (int64_t from = 0; from < s->cache.entries; from += AC_ARCHIVE_ENTRIES) {
        const int64_t left = s->cache.entries - from,
                      count = left < AC_ARCHIVE_ENTRIES ? left : AC_ARCHIVE_ENTRIES;
        AC_TRY(ac_cache_read_slice(&s->cache, from, count, NULL, &entries));
        for (int64_t i = 0; i < count; i++)
            AC_TRY(push_row(self, keys, capacity, ac_texts_at(&entries, i),
                            ac_texts_size(&entries, i),
                            (ac_archive_place){ number, (int32_t) i,
                                                s->first_block + from / AC_ARCHIVE_ENTRIES }));
    }
out:
    ac_texts_free(&entries);
    return st;
}

/* A row with its key, to be sorted. */
typedef struct keyed {
    const char *key;
    size_t size;
    int64_t at; /* as listed: sources in their order */
} keyed;

static int
compare_keyed(const void *left, const void *right)
{
    const keyed *a = left, *b = right;
    const int order = ac_bytes_compare(a->key, a->size, b->key, b->size);

    return order ? order : (a->at > b->at) - (a->at < b->at);
}

/* Listed rows in the order of their keys. */
static ac_status
sort_rows(ac_archive *self, const ac_texts *listed)
{
    ac_archive_place *places = NULL;
    keyed *all = NULL;
    bool sorted = true;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&all, listed->count, sizeof *all));
    AC_TRY(ac_alloc(&places, listed->count, sizeof *places));
    for (int64_t i = 0; i < listed->count; i++) {
        all[i] = (keyed){ ac_texts_at(listed, i), ac_texts_size(listed, i), i };
        sorted = sorted && (i == 0 || compare_keyed(&all[i - 1], &all[i]) < 0);
    }
    if (!sorted)
        qsort(all, (size_t) listed->count, sizeof *all, compare_keyed);
    for (int64_t i = 0; i < listed->count; i++) {
        places[i] = self->places[all[i].at];
        AC_TRY(ac_texts_push(&self->keys, all[i].key, all[i].size));
    }
    free(self->places);
    self->places = places;
    places = NULL;
    self->n = listed->count;
out:
    free(all);
    free(places);
    return st;
}

static ac_status
list_rows(ac_archive *self)
{
    ac_texts keys = { 0 };
    int64_t capacity = 0;
    ac_status st = AC_OK;

    for (int i = 0; i < self->source_count; i++)
        AC_TRY(self->sources[i].is_cache ? list_cache(self, i, &keys, &capacity)
                                         : list_run(self, i, &keys, &capacity));
    if (keys.count == 0)
        AC_FAIL(AC_E_FORMAT, "%s%s: nothing in it was embedded", self->sources[0].path,
                self->source_count > 1 ? " and the others" : "");
    st = sort_rows(self, &keys);
out:
    ac_texts_free(&keys);
    return st;
}

ac_status
ac_archive_open(ac_archive *self, const char *const *paths, int count)
{
    ac_status st = AC_OK;

    *self = (ac_archive){ .thumbnail_block = -1 };
    AC_TRY(ac_alloc(&self->sources, count, sizeof *self->sources));
    self->source_count = count;
    for (int i = 0; i < count; i++) {
        ac_archive_source *s = &self->sources[i];
        AC_TRY(source_open(s, paths[i]));
        s->first_block = self->block_count;
        self->block_count += s->blocks;
        if (!s->is_cache && !s->run.done)
            ac_log(AC_LOG_WARNING, "%s: this run is not finished; what is there counts",
                   s->path);
    }
    AC_TRY(check_sources(self));
    AC_TRY(ac_alloc(&self->blocks, self->block_count, sizeof *self->blocks));
    AC_TRY(list_rows(self));
    st = ac_archive_find_width(self);
out:
    return st;
}

/* The first row whose key is not before this one. */
static int64_t
lower_bound(const ac_archive *self, const char *key, size_t n)
{
    int64_t low = 0, high = self->n;

    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (ac_bytes_compare(ac_texts_at(&self->keys, middle),
                             ac_texts_size(&self->keys, middle), key, n) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of this source, which may be named with a slash behind it; NULL: of any. */
static bool
is_of(const ac_archive *self, int64_t row, const char *source)
{
    const char *path = self->sources[self->places[row].source].path;
    size_t n = source ? strlen(source) : 0;

    while (n > 1 && source[n - 1] == '/')
        n--;
    return !source || (strlen(path) == n && memcmp(path, source, n) == 0);
}

/* The only row whose key is told as this text; -1: none, or several. */
static ac_status
find_told(const ac_archive *self, const char *key, size_t n, const char *source, int64_t *row)
{
    ac_buffer wanted = { 0 }, told = { 0 };
    bool several = false;
    ac_status st = AC_OK;

    *row = -1;
    AC_TRY(ac_json_string(&wanted, key, n));
    for (int64_t i = 0; i < self->n && !several; i++) {
        ac_buffer_reset(&told);
        AC_TRY(
            ac_json_string(&told, ac_texts_at(&self->keys, i), ac_texts_size(&self->keys, i)));
        if (told.size != wanted.size || memcmp(told.data, wanted.data, told.size) != 0 ||
            !is_of(self, i, source))
            continue;
        several = *row >= 0;
        *row = several ? -1 : i;
    }
out:
    ac_buffer_free(&wanted);
    ac_buffer_free(&told);
    return st;
}

ac_status
ac_archive_find(const ac_archive *self, const char *key, size_t n, const char *source,
                int64_t *row, int64_t *others)
{
    const int64_t first = lower_bound(self, key, n);
    int64_t end = first;

    *row = -1;
    *others = 0;
    for (; end < self->n && ac_texts_is(&self->keys, end, key, n); end++)
        if (*row < 0 && is_of(self, end, source))
            *row = end;
    for (int64_t i = first; *row >= 0 && i < end; i++)
        *others += self->places[i].source != self->places[*row].source;
    return *row < 0 && memmem(key, n, "\xef\xbf\xbd", 3) ? find_told(self, key, n, source, row)
                                                         : AC_OK;
}

ac_status
ac_archive_fingerprint(const ac_archive *self, char hex[33])
{
    ac_checksum sum = { 0 };
    const ac_status st = ac_checksum_init(&sum);

    if (st != AC_OK)
        return st;
    ac_checksum_update(&sum, ac_archive_model(self), 33);
    ac_checksum_update(&sum, self->keys.bytes.data, self->keys.bytes.size);
    ac_checksum_update(&sum, self->keys.offsets,
                       (size_t) (self->n + 1) * sizeof *self->keys.offsets);
    for (int i = 0; i < self->source_count; i++) {
        const ac_archive_source *s = &self->sources[i];
        for (int64_t b = 0; !s->is_cache && b < s->blocks; b++)
            ac_checksum_update(&sum, s->run.manifest.stages[0].shards[b].checksum, 33);
        ac_checksum_update(&sum, s->is_cache ? s->cache.fingerprint : "", s->is_cache ? 33 : 0);
    }
    ac_checksum_digest(&sum, hex);
    ac_checksum_free(&sum);
    return AC_OK;
}

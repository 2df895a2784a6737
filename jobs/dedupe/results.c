#include "jobs/dedupe/results.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/json_write.h"
#include "io/image/decode.h"
#include "io/source/location.h"
#include "jobs/runtime/images.h"
#include "jobs/runtime/tar_input.h"

void
ac_dedupe_results_free(ac_dedupe_results *self)
{
    free(self->parents);
    free(self->pixels);
    *self = (ac_dedupe_results){ 0 };
}

/* ---- groups: connected components ---- */

/* The lowest row of a row's group; ways are made shorter as they are gone. */
static int64_t
root_of(int64_t *parents, int64_t i)
{
    while (parents[i] != i) {
        parents[i] = parents[parents[i]];
        i = parents[i];
    }
    return i;
}

static void
join(int64_t *parents, int64_t a, int64_t b)
{
    a = root_of(parents, a);
    b = root_of(parents, b);
    if (a < b)
        parents[b] = a;
    else
        parents[a] = b;
}

/* ---- pairs ---- */

static void
push_pair(ac_buffer *line, const ac_archive *archive, const ac_pair *p)
{
    ac_buffer_push_text(line, "{");
    ac_json_texts_field(line, "a", &archive->keys, p->a);
    ac_buffer_push_text(line, ", ");
    ac_json_texts_field(line, "b", &archive->keys, p->b);
    ac_buffer_push_text(line, ", \"score\": ");
    ac_json_float(line, p->score);
    ac_buffer_push_text(line, "}\n");
}

/* Of a shard, the pairs from the front half of the rows, or those from the back. */
static ac_status
write_shard(ac_dedupe_results *self, int64_t shard, bool front, ac_pair_list *pairs,
            ac_text_file *file)
{
    const int64_t half = self->archive->n / 2;
    ac_buffer line = { 0 };
    ac_status st = ac_dedupe_read_shard(self->run, shard, pairs);

    for (int64_t i = 0; st == AC_OK && i < pairs->count; i++) {
        if ((pairs->items[i].a < half) != front)
            continue;
        join(self->parents, pairs->items[i].a, pairs->items[i].b);
        ac_buffer_reset(&line);
        push_pair(&line, self->archive, &pairs->items[i]);
        st = line.status;
        if (st == AC_OK)
            ac_text_file_write(file, line.data, line.size);
    }
    ac_buffer_free(&line);
    return st;
}

/* The front half by ascending shards, the back by descending ones: in the order of a. */
static ac_status
write_pairs(ac_dedupe_results *self)
{
    const int64_t shards = self->run->manifest.shard_count;
    ac_text_file file = { 0 };
    ac_pair_list pairs = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_run_create_file(self->run, &file, "pairs.jsonl"));
    for (int64_t s = 0; s < shards; s++)
        AC_TRY(write_shard(self, s, true, &pairs, &file));
    for (int64_t s = shards; s-- > 0;)
        AC_TRY(write_shard(self, s, false, &pairs, &file));
    st = ac_text_file_commit(&file);
out:
    ac_text_file_abandon(&file);
    ac_pair_list_free(&pairs);
    return st;
}

static ac_status
count_pairs(ac_dedupe_results *self)
{
    ac_status st = AC_OK;

    for (int64_t s = 0; s < self->run->manifest.shard_count && st == AC_OK; s++) {
        int64_t count = 0;
        st = ac_dedupe_count_shard(self->run, s, &count);
        self->pairs += count;
    }
    if (st == AC_OK && self->pairs > AC_DEDUPE_MOST_PAIRS && !self->run->config->dedupe.all)
        st = ac_dedupe_too_many(self->run->config->dedupe.threshold);
    return st;
}

/* ---- sizes of images ---- */

/* The source's item of a key; -1: there is none. Items are in the order of keys. */
static ac_status
find_item(const ac_image_source *images, const ac_texts *keys, int64_t row, int64_t *item)
{
    int64_t low = 0, high = images->count;
    ac_buffer key = { 0 };
    ac_status st = AC_OK;

    *item = -1;
    while (low < high && *item < 0) {
        const int64_t middle = low + (high - low) / 2;
        int order;
        AC_TRY(ac_image_source_key(images, middle, &key));
        order = ac_bytes_compare(key.data ? key.data : "", key.size, ac_texts_at(keys, row),
                                 ac_texts_size(keys, row));
        if (order == 0)
            *item = middle;
        else if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
out:
    ac_buffer_free(&key);
    return st;
}

static ac_status
read_size(const ac_image_source *images, const ac_texts *keys, int64_t row, ac_buffer *bytes,
          int64_t *pixels)
{
    ac_item_status status = { 0 };
    int64_t item, width = 0, height = 0;
    ac_status st = AC_OK;

    *pixels = 0;
    AC_TRY(find_item(images, keys, row, &item));
    if (item < 0)
        goto out;
    ac_buffer_reset(bytes);
    AC_TRY(ac_image_source_read(images, item, bytes, &status));
    if (status.reason != AC_GOOD)
        goto out;
    AC_TRY(ac_image_read_size(bytes->data, bytes->size, ac_image_source_page(images, item),
                              INT64_MAX, &width, &height, &status));
    if (status.reason == AC_GOOD)
        *pixels = width * height;
out:
    return st;
}

/* grouped [n]: rows that are in a group with another. */
static void
mark_grouped(const ac_dedupe_results *self, bool *grouped)
{
    for (int64_t i = 0; i < self->archive->n; i++) {
        const int64_t root = root_of(self->parents, i);
        if (root != i)
            grouped[i] = grouped[root] = true;
    }
}

/* The images are where the run's own config says. What is gone has no size, and what cannot be
 * opened gives none: then the lowest keys are kept. */
static ac_status
read_sizes(ac_dedupe_results *self, const bool *grouped)
{
    const ac_archive *archive = self->archive;
    const ac_archive_source *s = &archive->sources[0];
    ac_image_source images = { 0 };
    int64_t unknown = 0;
    bool is_tars = false;
    ac_status st = AC_OK;

    if (s->is_cache)
        return AC_OK;
    st = ac_tar_input_open_index(&images, &s->config, "input.path", s->path, &is_tars);
    if (st == AC_OK && !is_tars)
        st = ac_images_open_input(&images, &s->config, NULL);
    if (st != AC_OK) {
        ac_log(AC_LOG_WARNING,
               "of each group the lowest key is kept: the images' sizes cannot be read (%s)",
               ac_error_message());
        return AC_OK;
    }
#pragma omp parallel reduction(+ : unknown)
    {
        ac_buffer bytes = { 0 };
#pragma omp for schedule(dynamic, 16)
        for (int64_t i = 0; i < archive->n; i++) {
            if (!grouped[i])
                continue;
            if (read_size(&images, &archive->keys, i, &bytes, &self->pixels[i]) != AC_OK)
                self->pixels[i] = 0;
            unknown += self->pixels[i] == 0;
        }
        ac_buffer_free(&bytes);
    }
    if (unknown)
        ac_log(AC_LOG_WARNING, "the sizes of %lld images are not known: gone, or changed",
               (long long) unknown);
    ac_image_source_free(&images);
    return AC_OK;
}

/* ---- groups ---- */

/* keep [n], for roots: the row that is kept: the largest, then the lowest. */
static void
choose_kept(const ac_dedupe_results *self, int64_t *keep)
{
    for (int64_t i = 0; i < self->archive->n; i++)
        keep[i] = i;
    for (int64_t i = 0; i < self->archive->n; i++) {
        const int64_t root = root_of(self->parents, i);
        if (self->pixels[i] > self->pixels[keep[root]])
            keep[root] = i;
    }
}

/* next [n]: the next row of the same group, -1 at its end; last [n]: scratch. */
static void
link_groups(const ac_dedupe_results *self, int64_t *next, int64_t *last)
{
    for (int64_t i = 0; i < self->archive->n; i++) {
        const int64_t root = root_of(self->parents, i);
        next[i] = -1;
        if (root != i)
            next[last[root]] = i;
        last[root] = i;
    }
}

static void
push_group(ac_buffer *line, const ac_texts *keys, int64_t root, int64_t kept,
           const int64_t *next)
{
    const char *comma = "";

    ac_buffer_push_text(line, "{");
    ac_json_texts_field(line, "keep", keys, kept);
    ac_buffer_push_text(line, ", \"drop\": [");
    for (int64_t i = root; i >= 0; i = next[i]) {
        if (i == kept)
            continue;
        ac_buffer_push_text(line, comma);
        ac_json_string(line, ac_texts_at(keys, i), ac_texts_size(keys, i));
        comma = ", ";
    }
    ac_buffer_push_text(line, "]}\n");
}

/* In the order of the rows that are kept. dropped [n] is set. */
static ac_status
write_groups(ac_dedupe_results *self, bool *dropped)
{
    const int64_t n = self->archive->n;
    int64_t *keep = NULL, *next = NULL, *last = NULL;
    ac_text_file file = { 0 };
    ac_buffer line = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&keep, n, sizeof *keep));
    AC_TRY(ac_alloc(&next, n, sizeof *next));
    AC_TRY(ac_alloc(&last, n, sizeof *last));
    AC_TRY(ac_run_create_file(self->run, &file, "groups.jsonl"));
    choose_kept(self, keep);
    link_groups(self, next, last);
    for (int64_t i = 0; i < n; i++) {
        const int64_t root = root_of(self->parents, i);
        dropped[i] = keep[root] != i;
        self->dropped += dropped[i];
        if (keep[root] != i || next[root] < 0)
            continue;
        self->groups++;
        ac_buffer_reset(&line);
        push_group(&line, &self->archive->keys, root, i, next);
        AC_TRY(line.status);
        ac_text_file_write(&file, line.data, line.size);
    }
    st = ac_text_file_commit(&file);
out:
    ac_text_file_abandon(&file);
    ac_buffer_free(&line);
    free(keep);
    free(next);
    free(last);
    return st;
}

/* ---- what is kept ---- */

/* A path for each image, each file once; a line for each entry. */
static ac_status
write_kept(const ac_dedupe_results *self, const bool *dropped)
{
    const bool is_cache = self->archive->sources[0].is_cache;
    ac_text_file file = { 0 };
    ac_buffer line = { 0 }, before = { 0 };
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_run_create_file(self->run, &file, "kept.txt"));
    for (int64_t i = 0; i < self->archive->n; i++) {
        int64_t page;
        size_t size;
        if (dropped[i])
            continue;
        free(path);
        AC_TRY(ac_archive_path(self->archive, i, &path));
        size = is_cache ? strlen(path) : ac_location_page(path, strlen(path), &page);
        ac_buffer_reset(&line);
        AC_TRY(ac_text_push_name_line(&line, path, size));
        if (!is_cache && before.size == line.size &&
            memcmp(before.data, line.data, line.size) == 0)
            continue; /* another page of the same file */
        ac_text_file_write(&file, line.data, line.size);
        ac_buffer_reset(&before);
        AC_TRY(ac_buffer_push(&before, line.data, line.size));
    }
    st = ac_text_file_commit(&file);
out:
    ac_text_file_abandon(&file);
    ac_buffer_free(&line);
    ac_buffer_free(&before);
    free(path);
    return st;
}

ac_status
ac_dedupe_results_write(ac_dedupe_results *self)
{
    const int64_t n = self->archive->n;
    bool *grouped = NULL, *dropped = NULL;
    ac_status st = AC_OK;

    AC_TRY(count_pairs(self));
    AC_TRY(ac_alloc(&self->parents, n, sizeof *self->parents));
    AC_TRY(ac_alloc(&self->pixels, n, sizeof *self->pixels));
    AC_TRY(ac_alloc(&grouped, n, sizeof *grouped));
    AC_TRY(ac_alloc(&dropped, n, sizeof *dropped));
    for (int64_t i = 0; i < n; i++)
        self->parents[i] = i;
    AC_TRY(write_pairs(self));
    mark_grouped(self, grouped);
    AC_TRY(read_sizes(self, grouped));
    AC_TRY(write_groups(self, dropped));
    st = write_kept(self, dropped);
out:
    free(grouped);
    free(dropped);
    return st;
}

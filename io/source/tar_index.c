#include "io/source/tar_index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/checksum.h"
#include "io/file/file_look.h"
#include "io/file/io_failure.h"
#include "io/file/text_file.h"
#include "io/source/location.h"
#include "io/source/tar_notes.h"

const char ac_tar_index_magic[16] = "antarctic tars1";

uint64_t
ac_tar_options_hash(const ac_tar_options *options)
{
    const int64_t values[] = { (int64_t) options->grouping, (int64_t) options->prefix,
                               options->all_pages, options->captioned };
    const char *captions = options->captioned && options->captions ? options->captions : "";

    return XXH64(captions, strlen(captions),
                 XXH64(options->skip ? options->skip : "",
                       options->skip ? strlen(options->skip) : 0,
                       XXH64(values, sizeof values, 0)));
}

bool
ac_tar_captions_are_json(const ac_tar_options *options)
{
    return options->captions && strncmp(options->captions, "json:", 5) == 0;
}

/* ---- opening ---- */

/* Does every record lie inside the file? */
static bool
is_sound(const ac_tar_index *self)
{
    const ac_tar_head *h = self->head;

    for (int64_t t = 0; t < h->tars; t++) {
        const ac_tar_record *r = &self->tars[t];
        if (r->path < 0 || r->path >= h->paths_bytes || r->name < 0 ||
            r->name >= h->paths_bytes)
            return false;
    }
    return self->notes[h->notes_bytes - 1] == '\0' &&
           (h->paths_bytes == 0 || self->paths[h->paths_bytes - 1] == '\0');
}

ac_status
ac_tar_index_open(ac_tar_index *self, const char *path)
{
    const int64_t most = INT64_MAX / 8;
    const char *at;
    const ac_tar_head *h;
    ac_status st = AC_OK;

    *self = (ac_tar_index){ 0 };
    AC_TRY(ac_map_open(&self->map, path));
    h = (const ac_tar_head *) (const void *) self->map.data;
    if (self->map.size < sizeof *h || memcmp(h->magic, ac_tar_index_magic, 16) != 0)
        AC_FAIL(AC_E_FORMAT, "%s: no index of tars of this version", path);
    if (h->tars < 0 || h->items < 0 || h->paths_bytes < 0 || h->texts_bytes < 0 ||
        h->notes_bytes < 1 || h->tars > most / (int64_t) sizeof *self->tars ||
        h->items > most / (int64_t) sizeof *self->items || h->paths_bytes > most ||
        h->texts_bytes > most || h->notes_bytes > most ||
        sizeof *h + (size_t) h->tars * sizeof *self->tars +
                (size_t) h->items * sizeof *self->items +
                (size_t) (h->paths_bytes + h->texts_bytes + h->notes_bytes) !=
            self->map.size)
        AC_FAIL(AC_E_FORMAT, "%s: a truncated index of tars; remove it and run again", path);
    self->head = h;
    at = (const char *) self->map.data + sizeof *h;
    self->tars = (const ac_tar_record *) (const void *) at;
    at += (size_t) h->tars * sizeof *self->tars;
    self->items = (const ac_tar_item *) (const void *) at;
    at += (size_t) h->items * sizeof *self->items;
    self->paths = at;
    self->texts = at + h->paths_bytes;
    self->notes = self->texts + h->texts_bytes;
    if (!is_sound(self))
        st = ac_error_set(AC_E_FORMAT, "%s: a damaged index of tars; remove it and run again",
                          path);
out:
    if (st != AC_OK)
        ac_tar_index_close(self);
    return st;
}

void
ac_tar_index_close(ac_tar_index *self)
{
    ac_map_close(&self->map);
    *self = (ac_tar_index){ 0 };
}

bool
ac_tar_index_is_current(const ac_tar_index *self, int64_t tar, char why[200])
{
    const ac_tar_record *r = &self->tars[tar];
    struct stat info;

    if (ac_file_stat(ac_tar_index_path(self, tar), &info) != 0) {
        if (ac_io_failure(errno) == AC_E_RETRY) /* whoever opens it says so */
            return true;
        snprintf(why, 200, "it is gone");
    } else if (info.st_size != r->bytes)
        snprintf(why, 200, "%lld bytes, and not %lld", (long long) info.st_size,
                 (long long) r->bytes);
    else if (info.st_mtim.tv_sec != r->seconds || info.st_mtim.tv_nsec != r->nanoseconds)
        snprintf(why, 200, "another modification time");
    else
        return true;
    return false;
}

/* Do the items' texts lie one behind the other? */
static bool
items_are_sound(const ac_tar_index *self)
{
    const ac_tar_head *h = self->head;
    int64_t text = 0;

    for (int64_t i = 0; i < h->items; i++) {
        const ac_tar_item *item = &self->items[i];
        if (item->text != text || item->tar >= h->tars)
            return false;
        text += (int64_t) item->key_size + item->name_size;
    }
    return text == h->texts_bytes;
}

bool
ac_tar_index_matches(const ac_tar_index *self, const ac_tar_place *tars, int64_t count,
                     const ac_tar_options *options)
{
    char why[200];

    if (self->head->tars != count || self->head->options != ac_tar_options_hash(options))
        return false;
    for (int64_t t = 0; t < count; t++)
        if (strcmp(tars[t].path, ac_tar_index_path(self, t)) != 0 ||
            strcmp(tars[t].name, ac_tar_index_name(self, t)) != 0 ||
            !ac_tar_index_is_current(self, t, why))
            return false;
    return items_are_sound(self);
}

/* ---- merging ---- */

/* A tar's scan, and what stands in front of its keys. */
typedef struct part {
    const ac_tar_index *scan;
    const char *prefix; /* "" or, with its slash added when it is used, "00001" */
    size_t prefix_size; /* 0: none */
    const char *name;
    uint32_t tar;
} part;

typedef struct entry {
    const ac_tar_item *item;
    const part *part;
} entry;

typedef struct merger {
    const ac_tar_options *options;
    part *parts;
    int64_t count, items;
    entry *entries; /* [items] */
    ac_tar_notes notes;
    bool prefixed;
    ac_tar_head head;
} merger;

static bool
is_damage(const ac_tar_item *item)
{
    return item->image_at < 0;
}

/* A key is three texts, one behind the other. */
static void
key_of(const entry *e, const char *texts[3], size_t sizes[3])
{
    const bool prefixed = e->part->prefix_size && !is_damage(e->item);

    texts[0] = e->part->prefix;
    sizes[0] = prefixed ? e->part->prefix_size : 0;
    texts[1] = "/";
    sizes[1] = prefixed;
    texts[2] = is_damage(e->item) ? e->part->name : e->part->scan->texts + e->item->text;
    sizes[2] = is_damage(e->item) ? strlen(e->part->name) : e->item->key_size;
}

static size_t
key_size_of(const entry *e)
{
    const char *texts[3];
    size_t sizes[3];

    key_of(e, texts, sizes);
    return sizes[0] + sizes[1] + sizes[2];
}

static const char *
name_of(const entry *e)
{
    return e->part->scan->texts + e->item->text + e->item->key_size;
}

static int
compare_keys(const entry *x, const entry *y)
{
    const char *a[3], *b[3];
    size_t m[3], n[3], i = 0, j = 0;
    int p = 0, q = 0;

    key_of(x, a, m);
    key_of(y, b, n);
    for (;;) {
        size_t both;
        int order;
        while (p < 3 && i == m[p])
            p++, i = 0;
        while (q < 3 && j == n[q])
            q++, j = 0;
        if (p == 3 || q == 3)
            return (p < 3) - (q < 3);
        both = m[p] - i < n[q] - j ? m[p] - i : n[q] - j;
        order = memcmp(a[p] + i, b[q] + j, both);
        if (order)
            return order;
        i += both;
        j += both;
    }
}

static int
compare_entries(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    const int order = compare_keys(x, y);

    if (order)
        return order;
    if (x->part != y->part)
        return x->part->tar < y->part->tar ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static void
sort(merger *self)
{
    if (self->items)
        qsort(self->entries, (size_t) self->items, sizeof *self->entries, compare_entries);
}

/* Is there a key in more than one tar? */
static bool
keys_meet(const merger *self)
{
    for (int64_t i = 1; i < self->items; i++)
        if (self->entries[i - 1].part != self->entries[i].part &&
            compare_keys(&self->entries[i - 1], &self->entries[i]) == 0)
            return true;
    return false;
}

static int
compare_prefixes(const void *a, const void *b)
{
    const part *x = *(const part *const *) a, *y = *(const part *const *) b;

    return ac_bytes_compare(x->prefix, x->prefix_size, y->prefix, y->prefix_size);
}

/* Tars' stems; where two are equal, all their paths. */
static ac_status
set_prefixes(merger *self)
{
    const part **sorted = NULL;
    bool equal = false;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&sorted, self->count, sizeof(part *)));
    for (int64_t t = 0; t < self->count; t++) {
        part *p = &self->parts[t];
        const char *slash = strrchr(p->name, '/');
        p->prefix = slash ? slash + 1 : p->name;
        p->prefix_size = ac_location_tar_stem(p->prefix);
        sorted[t] = p;
    }
    qsort(sorted, (size_t) self->count, sizeof *sorted, compare_prefixes);
    for (int64_t t = 1; t < self->count; t++)
        equal = equal || compare_prefixes(&sorted[t - 1], &sorted[t]) == 0;
    for (int64_t t = 0; equal && t < self->count; t++) {
        part *p = &self->parts[t];
        p->prefix = p->name + (p->name[0] == '/');
        p->prefix_size = ac_location_tar_stem(p->prefix);
    }
    self->prefixed = true;
out:
    free(sorted);
    return st;
}

static ac_status
gather(merger *self, const ac_tar_index *scans)
{
    int64_t n = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self->parts, self->count, sizeof *self->parts));
    for (int64_t t = 0; t < self->count; t++) {
        self->items += scans[t].head->items;
        self->parts[t] = (part){ .scan = &scans[t],
                                 .prefix = "",
                                 .name = ac_tar_index_name(&scans[t], 0),
                                 .tar = (uint32_t) t };
        AC_TRY(ac_tar_notes_read(&self->notes, scans[t].notes));
    }
    AC_TRY(ac_alloc(&self->entries, self->items, sizeof *self->entries));
    for (int64_t t = 0; t < self->count; t++)
        for (int64_t i = 0; i < scans[t].head->items; i++)
            self->entries[n++] = (entry){ &scans[t].items[i], &self->parts[t] };
out:
    return st;
}

/* Keys, extensions, sizes, and what the tars' captions hash to: not where they lie. */
static ac_status
make_fingerprint(merger *self)
{
    ac_checksum sum = { 0 };
    char hex[33];
    ac_status st = ac_checksum_init(&sum);

    if (st != AC_OK)
        return st;
    for (int64_t i = 0; i < self->items; i++) {
        const entry *e = &self->entries[i];
        const char *texts[3], *name = name_of(e);
        const size_t n = e->item->name_size, stem = ac_location_stem(name, n);
        const int64_t sizes_of[] = { e->item->image_size, e->item->caption_size,
                                     e->item->metadata_size, e->item->reason };
        size_t sizes[3];
        key_of(e, texts, sizes);
        for (int k = 0; k < 3; k++)
            ac_checksum_update(&sum, texts[k], sizes[k]);
        ac_checksum_update(&sum, "", 1);
        ac_checksum_update(&sum, name + stem, n - stem);
        ac_checksum_update(&sum, sizes_of, sizeof sizes_of);
    }
    for (int64_t t = 0; t < self->count; t++)
        ac_checksum_update(&sum, &self->parts[t].scan->tars[0].captions,
                           sizeof self->parts[t].scan->tars[0].captions);
    if (self->options->captioned && self->options->captions)
        ac_checksum_update(&sum, self->options->captions, strlen(self->options->captions));
    ac_checksum_digest(&sum, hex);
    ac_checksum_free(&sum);
    memcpy(self->head.fingerprint, hex, sizeof hex);
    return AC_OK;
}

static void
write_items(const merger *self, ac_text_file *file)
{
    int64_t text = 0;

    for (int64_t i = 0; i < self->items; i++) {
        const entry *e = &self->entries[i];
        ac_tar_item item = *e->item;
        item.text = text;
        item.tar = e->part->tar;
        item.key_size = (uint32_t) key_size_of(e);
        text += (int64_t) item.key_size + item.name_size;
        ac_text_file_write(file, (const char *) &item, sizeof item);
    }
}

static void
write_texts(const merger *self, ac_text_file *file)
{
    for (int64_t i = 0; i < self->items; i++) {
        const entry *e = &self->entries[i];
        const char *texts[3];
        size_t sizes[3];
        key_of(e, texts, sizes);
        for (int k = 0; k < 3; k++)
            if (sizes[k])
                ac_text_file_write(file, texts[k], sizes[k]);
        ac_text_file_write(file, name_of(e), e->item->name_size);
    }
}

static ac_status
write_index(merger *self, const char *path)
{
    ac_text_file file = { 0 };
    ac_buffer notes = { 0 };
    int64_t at = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_tar_notes_print(&self->notes, &notes));
    memcpy(self->head.magic, ac_tar_index_magic, sizeof self->head.magic);
    self->head.tars = self->count;
    self->head.items = self->items;
    self->head.prefixed = self->prefixed;
    self->head.options = ac_tar_options_hash(self->options);
    self->head.notes_bytes = (int64_t) notes.size + 1;
    for (int64_t t = 0; t < self->count; t++)
        self->head.paths_bytes += self->parts[t].scan->head->paths_bytes;
    for (int64_t i = 0; i < self->items; i++)
        self->head.texts_bytes +=
            (int64_t) key_size_of(&self->entries[i]) + self->entries[i].item->name_size;
    AC_TRY(ac_text_file_create(&file, path));
    ac_text_file_write(&file, (const char *) &self->head, sizeof self->head);
    for (int64_t t = 0; t < self->count; t++) {
        ac_tar_record record = self->parts[t].scan->tars[0];
        record.path += at;
        record.name += at;
        at += self->parts[t].scan->head->paths_bytes;
        ac_text_file_write(&file, (const char *) &record, sizeof record);
    }
    write_items(self, &file);
    for (int64_t t = 0; t < self->count; t++)
        ac_text_file_write(&file, self->parts[t].scan->paths,
                           (size_t) self->parts[t].scan->head->paths_bytes);
    write_texts(self, &file);
    ac_text_file_write(&file, notes.data, (size_t) self->head.notes_bytes);
    st = ac_text_file_commit(&file);
out:
    ac_text_file_abandon(&file);
    ac_buffer_free(&notes);
    return st;
}

ac_status
ac_tar_index_merge(const char *path, const ac_tar_index *scans, int64_t count,
                   const ac_tar_options *options)
{
    const ac_tar_prefix prefix = options->keep_prefix ? options->keep_prefix : options->prefix;
    merger self = { .options = options, .count = count };
    ac_status st = AC_OK;

    AC_TRY(gather(&self, scans));
    if (prefix == AC_TAR_PREFIX_TAR)
        AC_TRY(set_prefixes(&self));
    sort(&self);
    if (prefix == AC_TAR_PREFIX_AUTO && keys_meet(&self)) {
        AC_TRY(set_prefixes(&self));
        sort(&self);
    }
    AC_TRY(make_fingerprint(&self));
    st = write_index(&self, path);
out:
    ac_tar_notes_free(&self.notes);
    free(self.parts);
    free(self.entries);
    return st;
}

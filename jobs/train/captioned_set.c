/* The file: its head, and per set streams, offsets, token ids, keys, each up to a multiple of 8
 * bytes. */
#include "jobs/train/captioned_set.h"

#include <string.h>

#include "io/file/text_file.h"

typedef struct file_head {
    char magic[16];
    ac_set_size sizes[AC_SETS];
} file_head;

static const char magic[16] = "antarctic train";

/* ---- making ---- */

void
ac_set_builder_init(ac_set_builder *self, int64_t tables_each, const char *folder)
{
    *self = (ac_set_builder){ .tables_each = tables_each };
    self->streams.folder = self->captions_ends.folder = folder;
    self->table_ids.folder = self->caption_ids.folder = folder;
    self->table_ends.folder = self->caption_ends.folder = folder;
    ac_spilled_texts_init(&self->keys, folder);
}

void
ac_set_builder_free(ac_set_builder *self)
{
    ac_spill_free(&self->streams);
    ac_spill_free(&self->captions_ends);
    ac_spill_free(&self->table_ids);
    ac_spill_free(&self->caption_ids);
    ac_spill_free(&self->table_ends);
    ac_spill_free(&self->caption_ends);
    ac_spilled_texts_free(&self->keys);
}

static ac_status
push_list(ac_spill *all, ac_spill *ends, const int32_t *ids, int64_t n)
{
    int64_t end;
    ac_status st = AC_OK;

    AC_TRY(ac_spill_push(all, ids, (size_t) n * sizeof *ids));
    end = (int64_t) (all->size / sizeof *ids);
    st = ac_spill_push(ends, &end, sizeof end);
out:
    return st;
}

ac_status
ac_set_builder_push_table(ac_set_builder *self, const int32_t *ids, int64_t n)
{
    return push_list(&self->table_ids, &self->table_ends, ids, n);
}

ac_status
ac_set_builder_push_caption(ac_set_builder *self, const int32_t *ids, int64_t n)
{
    return push_list(&self->caption_ids, &self->caption_ends, ids, n);
}

void
ac_set_builder_drop_tables(ac_set_builder *self)
{
    const int64_t tables = self->count * self->tables_each,
                  *ends = (const int64_t *) (const void *) self->table_ends.data;

    self->table_ends.size = (size_t) tables * sizeof *ends;
    self->table_ids.size = tables ? (size_t) ends[tables - 1] * sizeof(int32_t) : 0;
}

ac_status
ac_set_builder_push_image(ac_set_builder *self, const char *key, size_t n, uint64_t stream)
{
    const int64_t captions = (int64_t) (self->caption_ends.size / sizeof(int64_t));
    ac_status st = AC_OK;

    AC_TRY(ac_spilled_texts_push(&self->keys, key, n));
    AC_TRY(ac_spill_push(&self->streams, &stream, sizeof stream));
    AC_TRY(ac_spill_push(&self->captions_ends, &captions, sizeof captions));
    self->count++;
out:
    return st;
}

/* ---- the file ---- */

static void
write_padded(ac_text_file *file, const ac_spill *bytes)
{
    ac_text_file_write(file, bytes->data ? bytes->data : "", bytes->size);
    ac_text_file_write(file, "\0\0\0\0\0\0\0", -bytes->size % 8);
}

/* [count + 1] of the ends. */
static void
write_offsets(ac_text_file *file, const ac_spill *ends)
{
    static const int64_t zero = 0;

    ac_text_file_write(file, (const char *) &zero, sizeof zero);
    write_padded(file, ends);
}

ac_status
ac_captioned_sets_write(const ac_set_builder sets[AC_SETS], const char *path,
                        ac_set_size sizes[AC_SETS])
{
    file_head head = { 0 };
    ac_text_file file = { 0 };
    ac_status st = AC_OK;

    memcpy(head.magic, magic, sizeof magic);
    for (int s = 0; s < AC_SETS; s++) {
        const ac_set_builder *b = &sets[s];
        sizes[s] = head.sizes[s] = (ac_set_size){
            .count = b->count,
            .tables_each = b->tables_each,
            .captions = (int64_t) (b->caption_ends.size / sizeof(int64_t)),
            .table_ids = (int64_t) (b->table_ids.size / sizeof(int32_t)),
            .caption_ids = (int64_t) (b->caption_ids.size / sizeof(int32_t)),
            .key_bytes = (int64_t) b->keys.bytes.size,
        };
    }
    AC_TRY(ac_text_file_create(&file, path));
    ac_text_file_write(&file, (const char *) &head, sizeof head);
    for (int s = 0; s < AC_SETS; s++) {
        write_padded(&file, &sets[s].streams);
        write_offsets(&file, &sets[s].captions_ends);
        write_offsets(&file, &sets[s].table_ends);
        write_offsets(&file, &sets[s].caption_ends);
        write_offsets(&file, &sets[s].keys.ends);
        write_padded(&file, &sets[s].table_ids);
        write_padded(&file, &sets[s].caption_ids);
        write_padded(&file, &sets[s].keys.bytes);
    }
    st = ac_text_file_commit(&file);
out:
    ac_text_file_abandon(&file);
    return st;
}

/* n values of `size` bytes at *at, which moves behind them. */
static const void *
take(const unsigned char **at, int64_t n, size_t size)
{
    const void *begin = *at;

    *at += ((size_t) n * size + 7) & ~(size_t) 7;
    return begin;
}

/* @return where the next set begins */
static const unsigned char *
view(ac_captioned_set *set, const ac_set_size *size, const unsigned char *at)
{
    *set = (ac_captioned_set){ .count = size->count, .tables_each = size->tables_each };
    set->tables.count = size->count * size->tables_each;
    set->captions.count = size->captions;
    set->streams = take(&at, size->count, sizeof(uint64_t));
    set->caption_offsets = take(&at, size->count + 1, sizeof(int64_t));
    set->tables.offsets = take(&at, set->tables.count + 1, sizeof(int64_t));
    set->captions.offsets = take(&at, size->captions + 1, sizeof(int64_t));
    set->key_offsets = take(&at, size->count + 1, sizeof(int64_t));
    set->tables.ids = take(&at, size->table_ids, sizeof(int32_t));
    set->captions.ids = take(&at, size->caption_ids, sizeof(int32_t));
    set->key_bytes = take(&at, size->key_bytes, 1);
    return at;
}

ac_status
ac_captioned_sets_open(ac_captioned_set *const sets[AC_SETS], ac_map *map, const char *path,
                       const ac_set_size sizes[AC_SETS])
{
    const file_head *head;
    const unsigned char *at;
    ac_status st = AC_OK;

    AC_TRY(ac_map_open(map, path));
    head = (const file_head *) (const void *) map->data;
    at = map->data + sizeof *head;
    if (map->size >= sizeof *head && memcmp(head->magic, magic, sizeof magic) == 0 &&
        memcmp(head->sizes, sizes, sizeof head->sizes) == 0) {
        for (int s = 0; s < AC_SETS; s++)
            at = view(sets[s], &sizes[s], at);
        if (at == map->data + map->size)
            goto out;
    }
    for (int s = 0; s < AC_SETS; s++)
        *sets[s] = (ac_captioned_set){ 0 };
    st =
        ac_error_set(AC_E_FORMAT, "%s: not the file that was published there; run again", path);
out:
    return st;
}

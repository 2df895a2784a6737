#include "jobs/runtime/item_list.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/checksum.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "jobs/runtime/run.h"

static const char magic[8] = { 'A', 'C', 'I', 'T', 'E', 'M', 'S', '1' };

/* Before an item's texts; numbers as of this kind of machine (little-endian). */
typedef struct record_head {
    int64_t size, mtime, number;
    uint32_t key_bytes, location_bytes, detail_bytes, reason;
    char hash[32];     /* zeros: not known */
    char metadata[32]; /* zeros: none, or not wanted */
} record_head;

enum { MOST_TEXT_BYTES = 1 << 20 }; /* of a key or a location */

void
ac_listed_item_free(ac_listed_item *self)
{
    ac_buffer_free(&self->key);
    ac_buffer_free(&self->location);
    ac_buffer_free(&self->scratch);
    *self = (ac_listed_item){ 0 };
}

int
ac_listed_item_compare(const ac_listed_item *a, const ac_listed_item *b)
{
    const int keys = ac_bytes_compare(a->key.data, a->key.size, b->key.data, b->key.size);

    return keys ? keys
                : ac_bytes_compare(a->location.data, a->location.size, b->location.data,
                                   b->location.size);
}

ac_status
ac_listed_item_of(ac_listed_item *self, const ac_image_source *images, int64_t i, bool metadata)
{
    ac_status st = AC_OK;

    self->number = -1;
    self->metadata[0] = '\0';
    self->stamp = ac_image_source_stamp(images, i);
    AC_TRY(ac_image_source_hash(images, i, self->hash));
    if (metadata) {
        AC_TRY(ac_image_source_metadata(images, i, &self->scratch));
        if (self->scratch.size)
            ac_checksum_bytes(self->scratch.data, self->scratch.size, self->metadata);
    }
    AC_TRY(ac_image_source_key(images, i, &self->key));
    AC_TRY(ac_image_source_locate(images, i, &self->location));
    st = ac_image_source_check(images, i, &self->status);
out:
    return st;
}

ac_status
ac_item_list_path(const char *folder, int64_t generation, char **path)
{
    return ac_path_format(path, "%s/generations/%05lld.items", folder, (long long) generation);
}

/* ---- writing ---- */

ac_status
ac_item_list_create(ac_item_list_writer *self, const char *folder, int64_t generation,
                    int64_t count)
{
    ac_status st = AC_OK;
    char *path = NULL;

    *self = (ac_item_list_writer){ .left = count };
    AC_TRY(ac_path_format(&path, "%s/generations", folder));
    AC_TRY(ac_run_make_folder(path));
    free(path);
    AC_TRY(ac_item_list_path(folder, generation, &path));
    AC_TRY(ac_zstd_file_create(&self->file, path));
    AC_TRY(ac_zstd_file_write(&self->file, magic, sizeof magic));
    st = ac_zstd_file_write(&self->file, &count, sizeof count);
out:
    free(path);
    return st;
}

ac_status
ac_item_list_push(ac_item_list_writer *self, const ac_listed_item *item)
{
    record_head head = { .size = item->stamp.size,
                         .mtime = item->stamp.mtime,
                         .number = item->number,
                         .key_bytes = (uint32_t) item->key.size,
                         .location_bytes = (uint32_t) item->location.size,
                         .detail_bytes = (uint32_t) strlen(item->status.detail),
                         .reason = (uint32_t) item->status.reason };

    AC_CHECK(self->left > 0);
    self->left--;
    if (item->key.size > MOST_TEXT_BYTES || item->location.size > MOST_TEXT_BYTES)
        return ac_error_set(AC_E_LIMIT, "a key or path of %zu bytes is too long",
                            item->key.size > item->location.size ? item->key.size
                                                                 : item->location.size);
    if (item->hash[0])
        memcpy(head.hash, item->hash, sizeof head.hash);
    if (item->metadata[0])
        memcpy(head.metadata, item->metadata, sizeof head.metadata);
    ac_buffer_reset(&self->record);
    ac_buffer_push(&self->record, &head, sizeof head);
    ac_buffer_push(&self->record, item->key.data, item->key.size);
    ac_buffer_push(&self->record, item->location.data, item->location.size);
    ac_buffer_push(&self->record, item->status.detail, head.detail_bytes);
    return self->record.status == AC_OK
               ? ac_zstd_file_write(&self->file, self->record.data, self->record.size)
               : self->record.status;
}

ac_status
ac_item_list_commit(ac_item_list_writer *self)
{
    AC_CHECK(self->left == 0);
    return ac_zstd_file_commit(&self->file);
}

ac_status
ac_item_list_commit_as(ac_item_list_writer *self, const char *folder, int64_t generation)
{
    char *path = NULL;
    ac_status st = ac_item_list_path(folder, generation, &path);

    if (st != AC_OK)
        return st;
    free(self->file.file.path);
    self->file.file.path = path;
    return ac_item_list_commit(self);
}

void
ac_item_list_abandon(ac_item_list_writer *self)
{
    ac_zstd_file_abandon(&self->file);
    ac_buffer_free(&self->record);
}

/* ---- reading ---- */

static ac_status
read_bytes(ac_item_list_reader *self, void *bytes, size_t n)
{
    int64_t got = 0;
    ac_status st = ac_byte_stream_read(&self->stream, bytes, (int64_t) n, &got);

    if (st == AC_OK && got < (int64_t) n)
        st = ac_error_set(AC_E_FORMAT,
                          "%s: truncated: remove it, and --update computes every image again",
                          self->path);
    return st;
}

ac_status
ac_item_list_open(ac_item_list_reader *self, const char *folder, int64_t generation,
                  bool *found)
{
    ac_status st = AC_OK;
    char begin[sizeof magic];

    *self = (ac_item_list_reader){ 0 };
    *found = false;
    AC_TRY(ac_item_list_path(folder, generation, &self->path));
    if (!ac_file_is_there(self->path))
        goto out;
    AC_TRY(ac_byte_stream_open(&self->stream, self->path));
    self->open = true;
    AC_TRY(read_bytes(self, begin, sizeof begin));
    AC_TRY(read_bytes(self, &self->count, sizeof self->count));
    if (memcmp(begin, magic, sizeof magic) != 0 || self->count < 0)
        AC_FAIL(AC_E_FORMAT, "%s: not a list of a run's items", self->path);
    *found = true;
out:
    if (!*found)
        ac_item_list_close(self);
    return st;
}

static ac_status
read_text(ac_item_list_reader *self, ac_buffer *out, size_t n)
{
    ac_status st;

    ac_buffer_reset(out);
    st = ac_buffer_reserve(out, n);
    if (st == AC_OK)
        st = read_bytes(self, out->data, n);
    if (st != AC_OK)
        return st;
    out->size = n;
    out->data[n] = '\0';
    return AC_OK;
}

ac_status
ac_item_list_next(ac_item_list_reader *self, ac_listed_item *item, bool *found)
{
    record_head head;
    ac_status st = AC_OK;

    *found = false;
    if (self->read == self->count) { /* the end verifies the checksum */
        int64_t got = 0;
        char more;
        AC_TRY(ac_byte_stream_read(&self->stream, &more, 1, &got));
        if (got)
            AC_FAIL(AC_E_FORMAT, "%s: more than its %lld items", self->path,
                    (long long) self->count);
        goto out;
    }
    AC_TRY(read_bytes(self, &head, sizeof head));
    if (head.key_bytes > MOST_TEXT_BYTES || head.location_bytes > MOST_TEXT_BYTES ||
        head.detail_bytes >= AC_REJECT_DETAIL_BYTES ||
        head.reason > AC_REJECT_CAPTION_NOT_UTF8 || head.number < 0)
        AC_FAIL(AC_E_FORMAT, "%s: item %lld cannot be true", self->path,
                (long long) self->read);
    item->stamp = (ac_image_stamp){ head.size, head.mtime };
    item->number = head.number;
    memcpy(item->hash, head.hash, sizeof head.hash);
    item->hash[32] = '\0';
    memcpy(item->metadata, head.metadata, sizeof head.metadata);
    item->metadata[32] = '\0';
    item->status.reason = (ac_reject_reason) head.reason;
    AC_TRY(read_text(self, &item->key, head.key_bytes));
    AC_TRY(read_text(self, &item->location, head.location_bytes));
    AC_TRY(read_bytes(self, item->status.detail, head.detail_bytes));
    item->status.detail[head.detail_bytes] = '\0';
    self->read++;
    *found = true;
out:
    return st;
}

void
ac_item_list_close(ac_item_list_reader *self)
{
    if (self->open)
        ac_byte_stream_close(&self->stream);
    free(self->path);
    *self = (ac_item_list_reader){ 0 };
}

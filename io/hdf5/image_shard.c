#include "io/hdf5/image_shard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/checksum.h"
#include "io/file/file_open.h"
#include "io/file/publish.h"

enum { HASH_BYTES = 32, PIXELS_RANK = 4, MOST_NAMED = 20 };

static ac_status
read_numbers(const ac_h5_reader *h5, ac_dataset_id id, int64_t n, int64_t **out)
{
    ac_status st = ac_alloc(out, n, sizeof **out);

    return st == AC_OK ? ac_shard_read(h5, id, n, 0, *out) : st;
}

static ac_status
wrong_count(const ac_image_shard *self, ac_dataset_id id, int64_t count)
{
    return ac_error_set(AC_E_FORMAT, "%s: %s of %lld images, but there are %lld: damaged",
                        self->path, ac_datasets[id].name, (long long) count,
                        (long long) self->keys.count);
}

/* Where the encoded bytes of each image lie. */
static ac_status
read_offsets(ac_image_shard *self, const ac_h5_reader *h5)
{
    const int64_t n = self->keys.count, ends = n + 1;
    char name[AC_DATASET_NAME_BYTES];
    ac_status st = AC_OK;

    ac_dataset_stored_name(AC_IMAGES_IMAGES, false, name);
    AC_TRY(ac_h5_chunks_load(&self->data, h5, name, 1));
    ac_dataset_stored_name(AC_IMAGES_IMAGES, true, name);
    AC_TRY(ac_alloc(&self->offsets, ends, sizeof *self->offsets));
    AC_TRY(ac_h5_read(h5, name, AC_I64, 1, &ends, self->offsets));
    for (int64_t i = 0; i < n; i++)
        if (self->offsets[i + 1] < self->offsets[i])
            AC_FAIL(AC_E_FORMAT, "%s: dataset %s falls at %lld: damaged", self->path, name,
                    (long long) i);
    if (self->offsets[0] != 0 || self->offsets[n] != self->data.rows)
        AC_FAIL(AC_E_FORMAT, "%s: dataset %s does not span the images' bytes: damaged",
                self->path, name);
out:
    return st;
}

static ac_status
read_places(ac_image_shard *self, const ac_h5_reader *h5)
{
    ac_status st = AC_OK;

    self->has_pixels = ac_h5_has(h5, ac_datasets[AC_IMAGES_PIXELS].name);
    if (!self->has_pixels)
        return read_offsets(self, h5);
    AC_TRY(ac_h5_chunks_load(&self->data, h5, ac_datasets[AC_IMAGES_PIXELS].name, PIXELS_RANK));
    if (self->data.rows != self->keys.count ||
        (self->data.rows && self->data.chunk_rows != 1) ||
        self->data.shape[1] != self->data.shape[2] || self->data.shape[3] != 3)
        st = ac_error_set(AC_E_FORMAT, "%s: its pixels are not [n, S, S, 3], a row per chunk",
                          self->path);
out:
    return st;
}

ac_status
ac_image_shard_open(ac_image_shard *self, const char *path, int64_t rows)
{
    const ac_shard_schema *schema;
    ac_h5_reader h5 = { 0 };
    ac_status st = AC_OK;

    *self = (ac_image_shard){ 0 };
    AC_TRY(ac_duplicate(&self->path, path, strlen(path)));
    AC_TRY(ac_h5_open(&h5, path));
    schema = ac_shard_schema_read(&h5);
    if (!schema || schema->kind != AC_SHARD_IMAGES)
        AC_FAIL(AC_E_FORMAT, "%s: no shard of an image dataset, by its attribute content",
                path);
    AC_TRY(ac_shard_read_texts(&h5, AC_IMAGES_KEYS, &self->keys));
    if (self->keys.count != rows)
        AC_FAIL(AC_E_FORMAT, "%s: %lld images, the manifest says %lld", path,
                (long long) self->keys.count, (long long) rows);
    AC_TRY(ac_shard_read_texts(&h5, AC_IMAGES_CONTENT_HASH, &self->hashes));
    if (self->hashes.count != rows || (int64_t) self->hashes.bytes.size != rows * HASH_BYTES)
        AC_TRY(wrong_count(self, AC_IMAGES_CONTENT_HASH, self->hashes.count));
    for (int64_t i = 0; i < rows; i++)
        if (ac_texts_size(&self->hashes, i) != HASH_BYTES)
            AC_FAIL(AC_E_FORMAT, "%s: a content_hash is not 32 digits: damaged", path);
    AC_TRY(read_numbers(&h5, AC_IMAGES_PAGE, rows, &self->page));
    AC_TRY(read_places(self, &h5));
    st = ac_file_open(&self->file, path);
    self->is_open = st == AC_OK;
out:
    ac_h5_close(&h5);
    if (st != AC_OK)
        ac_image_shard_close(self);
    return st;
}

/* The captions' offsets from their counts. */
static ac_status
add_up(ac_image_shard *self)
{
    int64_t *at = self->caption_offsets; /* counts yet */
    int64_t sum = 0;

    for (int64_t i = 0; i < self->keys.count; i++) {
        const int64_t count = at[i];
        if (count < 0 || count > self->captions.count - sum)
            return ac_error_set(AC_E_FORMAT, "%s: caption_counts do not fit captions: damaged",
                                self->path);
        at[i] = sum;
        sum += count;
    }
    at[self->keys.count] = sum;
    return AC_OK;
}

static ac_status
read_texts(ac_image_shard *self, const ac_h5_reader *h5, ac_dataset_id id, ac_texts *out)
{
    ac_status st = ac_shard_read_texts(h5, id, out);

    return st == AC_OK && out->count != self->keys.count ? wrong_count(self, id, out->count)
                                                         : st;
}

ac_status
ac_image_shard_read_rest(ac_image_shard *self)
{
    const int64_t n = self->keys.count;
    ac_h5_reader h5 = { 0 };
    ac_status st = AC_OK;

    if (self->has_rest)
        return AC_OK;
    AC_TRY(ac_h5_open(&h5, self->path));
    AC_TRY(read_texts(self, &h5, AC_IMAGES_FORMAT, &self->format));
    AC_TRY(read_texts(self, &h5, AC_IMAGES_METADATA, &self->metadata));
    AC_TRY(read_texts(self, &h5, AC_IMAGES_SOURCE, &self->source));
    AC_TRY(ac_shard_read_texts(&h5, AC_IMAGES_CAPTIONS, &self->captions));
    free(self->width);
    free(self->height);
    free(self->caption_offsets);
    self->width = self->height = self->caption_offsets = NULL;
    AC_TRY(read_numbers(&h5, AC_IMAGES_WIDTH, n, &self->width));
    AC_TRY(read_numbers(&h5, AC_IMAGES_HEIGHT, n, &self->height));
    AC_TRY(ac_alloc(&self->caption_offsets, n + 1, sizeof *self->caption_offsets));
    AC_TRY(ac_shard_read(&h5, AC_IMAGES_CAPTION_COUNTS, n, 0, self->caption_offsets));
    AC_TRY(add_up(self));
    self->has_rest = true;
out:
    ac_h5_close(&h5);
    return st;
}

void
ac_image_shard_close(ac_image_shard *self)
{
    if (self->is_open)
        close(self->file);
    free(self->path);
    ac_texts_free(&self->keys);
    ac_texts_free(&self->hashes);
    free(self->page);
    ac_h5_chunks_free(&self->data);
    free(self->offsets);
    ac_texts_free(&self->format);
    ac_texts_free(&self->captions);
    ac_texts_free(&self->metadata);
    ac_texts_free(&self->source);
    free(self->width);
    free(self->height);
    free(self->caption_offsets);
    *self = (ac_image_shard){ 0 };
}

void
ac_image_shard_contents(const ac_texts *keys, const ac_texts *hashes, char hex[33])
{
    char of[3][33];

    ac_checksum_bytes(keys->bytes.data ? keys->bytes.data : "", keys->bytes.size, of[0]);
    ac_checksum_bytes(keys->offsets,
                      keys->offsets ? (size_t) (keys->count + 1) * sizeof(int64_t) : 0, of[1]);
    ac_checksum_bytes(hashes->bytes.data ? hashes->bytes.data : "", hashes->bytes.size, of[2]);
    ac_checksum_bytes(of, sizeof of, hex);
}

int64_t
ac_image_shard_bytes(const ac_image_shard *self, int64_t i)
{
    return self->has_pixels ? self->data.row_bytes : self->offsets[i + 1] - self->offsets[i];
}

ac_status
ac_image_shard_read(const ac_image_shard *self, int64_t i, ac_buffer *out)
{
    const int64_t n = ac_image_shard_bytes(self, i);
    char hash[HASH_BYTES + 1];
    ac_status st = AC_OK;

    ac_buffer_reset(out);
    if (self->has_pixels)
        AC_FAIL(AC_E_FORMAT, "%s: holds pixels (ingest.store), not the images' files",
                self->path);
    AC_TRY(ac_buffer_reserve(out, (size_t) n));
    AC_TRY(
        ac_h5_chunks_read(&self->data, self->file, self->path, self->offsets[i], n, out->data));
    out->size = (size_t) n;
    out->data[n] = '\0';
    ac_checksum_bytes(out->data, out->size, hash);
    if (!ac_texts_is(&self->hashes, i, hash, HASH_BYTES))
        st = ac_error_set(AC_E_FORMAT,
                          "%s: the bytes of image %.*s are not those that were ingested: the "
                          "shard is damaged (antarctic verify finds all that is)",
                          self->path, (int) ac_texts_size(&self->keys, i),
                          ac_texts_at(&self->keys, i));
out:
    return st;
}

ac_status
ac_image_shard_read_pixels(const ac_image_shard *self, int64_t i, uint8_t *rgb)
{
    AC_CHECK(self->has_pixels);
    return ac_h5_chunks_read_chunk(&self->data, self->file, self->path, i, rgb);
}

ac_status
ac_image_shard_check(const char *path, int64_t rows,
                     void (*damage)(void *context, const char *path), void *context)
{
    ac_image_shard shard = { 0 };
    ac_buffer bytes = { 0 };
    uint8_t *rgb = NULL;
    ac_status st = ac_image_shard_open(&shard, path, rows);

    if (st == AC_OK && shard.has_pixels)
        st = ac_alloc(&rgb, shard.data.row_bytes, 1);
    for (int64_t i = 0, found = 0; st == AC_OK && i < rows; i++) {
        st = shard.has_pixels ? ac_image_shard_read_pixels(&shard, i, rgb)
                              : ac_image_shard_read(&shard, i, &bytes);
        if (st == AC_OK || st == AC_E_NOMEM)
            continue;
        if (found++ < MOST_NAMED)
            damage(context, path);
        st = AC_OK;
    }
    if (st == AC_OK)
        st = ac_image_shard_read_rest(&shard);
    if (st != AC_OK && st != AC_E_NOMEM)
        damage(context, path);
    ac_image_shard_close(&shard);
    ac_buffer_free(&bytes);
    free(rgb);
    return st == AC_E_NOMEM ? st : AC_OK;
}

/* An image dataset as a source of images. */
#include "io/source/image_dataset.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/text/unicode.h"
#include "io/file/checksum.h"
#include "io/file/file_look.h"
#include "io/file/file_open.h"
#include "io/file/json_file.h"
#include "io/file/path.h"
#include "io/file/text_file.h"
#include "io/source/shard_pool.h"

enum { MOST_SHARDS = 1 << 24, MOST_SIDE = 1 << 14 };

static bool
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ---- an item ---- */

static ac_status
push_text(ac_buffer *out, const ac_texts *texts, int64_t row)
{
    return ac_buffer_push(out, ac_texts_at(texts, row), ac_texts_size(texts, row));
}

static ac_status
key(const void *state, int64_t i, ac_buffer *out)
{
    int64_t row;
    ac_open_shard *s;
    ac_status st = ac_shard_pool_acquire(state, i, false, &s, &row);

    if (st != AC_OK)
        return st;
    st = push_text(out, &s->shard.keys, row);
    ac_shard_pool_release(state, s);
    return st;
}

/* "shards/00000.h5/KEY": for people. */
static ac_status
locate(const void *state, int64_t i, ac_buffer *out)
{
    int64_t row;
    ac_open_shard *s;
    ac_status st = ac_shard_pool_acquire(state, i, false, &s, &row);

    if (st != AC_OK)
        return st;
    ac_buffer_printf(out, "shards/%05lld.h5/", (long long) s->number);
    st = push_text(out, &s->shard.keys, row);
    ac_shard_pool_release(state, s);
    return st;
}

static ac_status
read_item(const void *state, int64_t i, ac_buffer *bytes, ac_item_status *status)
{
    int64_t row;
    ac_open_shard *s;
    ac_status st = ac_shard_pool_acquire(state, i, false, &s, &row);

    (void) status;
    if (st != AC_OK)
        return st;
    st = ac_image_shard_read(&s->shard, row, bytes);
    ac_shard_pool_release(state, s);
    return st;
}

static ac_status
pixels(const void *state, int64_t i, uint8_t *rgb, bool *has)
{
    int64_t row;
    ac_open_shard *s;
    ac_status st = ac_shard_pool_acquire(state, i, false, &s, &row);

    if (st != AC_OK)
        return st;
    *has = s->shard.has_pixels;
    if (*has && s->shard.data.row_bytes != ((const ac_shard_pool *) state)->pixel_bytes)
        st = ac_error_set(AC_E_FORMAT,
                          "%s: its pixels are not of the size that the manifest "
                          "says: damaged",
                          s->shard.path);
    else if (*has)
        st = ac_image_shard_read_pixels(&s->shard, row, rgb);
    ac_shard_pool_release(state, s);
    return st;
}

static ac_status
hash(const void *state, int64_t i, char hex[33])
{
    int64_t row;
    ac_open_shard *s;
    ac_status st = ac_shard_pool_acquire(state, i, false, &s, &row);

    if (st != AC_OK)
        return st;
    memcpy(hex, ac_texts_at(&s->shard.hashes, row), 32);
    hex[32] = '\0';
    ac_shard_pool_release(state, s);
    return AC_OK;
}

static int64_t
page(const void *state, int64_t i)
{
    int64_t row, found = 0;
    ac_open_shard *s;

    if (ac_shard_pool_acquire(state, i, false, &s, &row) != AC_OK)
        return 0; /* reading the item fails too, and says why */
    found = s->shard.page[row];
    ac_shard_pool_release(state, s);
    return found;
}

static ac_status
check(const void *state, int64_t i, ac_item_status *status)
{
    (void) state;
    (void) i;
    (void) status; /* what was wrong with an item was found when it was ingested */
    return AC_OK;
}

static ac_status
captions(const void *state, int64_t i, ac_texts *out)
{
    int64_t row;
    ac_open_shard *s;
    ac_status st = ac_shard_pool_acquire(state, i, true, &s, &row);

    if (st != AC_OK)
        return st;
    for (int64_t c = s->shard.caption_offsets[row];
         st == AC_OK && c < s->shard.caption_offsets[row + 1]; c++)
        st = ac_texts_push(out, ac_texts_at(&s->shard.captions, c),
                           ac_texts_size(&s->shard.captions, c));
    ac_shard_pool_release(state, s);
    return st;
}

/* The caption without ASCII white space at its ends. */
static size_t
strip(const char **text, size_t n)
{
    while (n && is_space(**text)) {
        ++*text;
        n--;
    }
    while (n && is_space((*text)[n - 1]))
        n--;
    return n;
}

/* For training: captions are stripped, and those that are empty then left out. */
static ac_status
stripped_captions(const void *state, int64_t i, ac_texts *out)
{
    int64_t row;
    ac_open_shard *s;
    ac_status st = ac_shard_pool_acquire(state, i, true, &s, &row);

    if (st != AC_OK)
        return st;
    for (int64_t c = s->shard.caption_offsets[row];
         st == AC_OK && c < s->shard.caption_offsets[row + 1]; c++) {
        const char *text = ac_texts_at(&s->shard.captions, c);
        const size_t n = strip(&text, ac_texts_size(&s->shard.captions, c));
        if (n)
            st = ac_texts_push(out, text, n);
    }
    ac_shard_pool_release(state, s);
    return st;
}

/* For training: an image needs a caption. */
static ac_status
check_captions(const void *state, int64_t i, ac_item_status *status)
{
    ac_texts texts = { 0 };
    ac_status st = stripped_captions(state, i, &texts);

    if (st == AC_OK && texts.count == 0)
        ac_item_status_set(status, AC_REJECT_NO_CAPTION, "no caption came with this image");
    else if (st == AC_OK && ac_utf8_check(texts.bytes.data, texts.bytes.size) != AC_OK)
        ac_item_status_set(status, AC_REJECT_CAPTION_NOT_UTF8, "a caption is not UTF-8");
    ac_texts_free(&texts);
    return st;
}

static ac_status
metadata(const void *state, int64_t i, ac_buffer *out)
{
    int64_t row;
    ac_open_shard *s;
    ac_status st = ac_shard_pool_acquire(state, i, true, &s, &row);

    if (st != AC_OK)
        return st;
    st = push_text(out, &s->shard.metadata, row);
    ac_shard_pool_release(state, s);
    return st;
}

/* ---- for other processes ---- */

typedef struct packed_head {
    int64_t folder_size, shard_count, pixel_bytes, contents;
} packed_head;

static size_t
contents_size(int64_t shard_count)
{
    return (size_t) shard_count * sizeof *((ac_shard_pool *) NULL)->contents;
}

static ac_status
pack(const void *state, ac_buffer *out)
{
    const ac_shard_pool *self = state;
    const packed_head head = { (int64_t) strlen(self->folder), self->shard_count,
                               self->pixel_bytes, self->contents != NULL };

    ac_buffer_push(out, &head, sizeof head);
    ac_buffer_push(out, self->folder, (size_t) head.folder_size);
    if (self->contents)
        ac_buffer_push(out, self->contents, contents_size(self->shard_count));
    return ac_buffer_push(out, self->starts,
                          (size_t) (self->shard_count + 1) * sizeof *self->starts);
}

static ac_status
unpack(void **state, const char *bytes, size_t n)
{
    packed_head head;
    ac_shard_pool *self = NULL;
    ac_status st = AC_OK;

    AC_CHECK(n >= sizeof head);
    memcpy(&head, bytes, sizeof head);
    bytes += sizeof head;
    AC_TRY(ac_shard_pool_new(&self, bytes, (size_t) head.folder_size, head.shard_count));
    bytes += head.folder_size;
    self->pixel_bytes = head.pixel_bytes;
    if (head.contents) {
        AC_TRY(ac_alloc(&self->contents, head.shard_count, sizeof *self->contents));
        memcpy(self->contents, bytes, contents_size(head.shard_count));
        bytes += contents_size(head.shard_count);
    }
    memcpy(self->starts, bytes, (size_t) (head.shard_count + 1) * sizeof *self->starts);
    *state = self;
    self = NULL;
out:
    ac_shard_pool_free(self);
    return st;
}

const ac_image_source_type ac_image_dataset_type = {
    .name = "dataset",
    .key = key,
    .locate = locate,
    .read = read_item,
    .pixels = pixels,
    .hash = hash,
    .check = check,
    .page = page,
    .captions = captions,
    .metadata = metadata,
    .pack = pack,
    .unpack = unpack,
    .free = ac_shard_pool_free,
};

const ac_image_source_type ac_captioned_dataset_type = {
    .name = "captioned dataset",
    .key = key,
    .locate = locate,
    .read = read_item,
    .pixels = pixels,
    .hash = hash,
    .check = check_captions,
    .page = page,
    .captions = stripped_captions,
    .metadata = metadata,
    .pack = pack,
    .unpack = unpack,
    .free = ac_shard_pool_free,
};

/* ---- is it one? ---- */

static ac_status
load_manifest(const char *folder, json_t **out)
{
    char *path = NULL;
    ac_status st = ac_path_format(&path, "%s/manifest.json", folder);

    *out = NULL;
    if (st == AC_OK)
        st = ac_json_file_find(out, path);
    free(path);
    return st;
}

static bool
has_file(const char *folder, const char *name)
{
    char *path = NULL;
    const bool found =
        ac_path_format(&path, "%s/%s", folder, name) == AC_OK && ac_file_is_there(path);

    free(path);
    return found;
}

static const char advice[] = "an image dataset is the folder that `antarctic ingest` makes";

static ac_status
check_folder(const char *folder, const char *what, bool *is_dataset)
{
    json_t *root = NULL;
    const char *job, *content;
    ac_status st = AC_OK;

    AC_TRY(load_manifest(folder, &root));
    job = json_string_value(json_object_get(root, "job"));
    content = json_string_value(json_object_get(root, "content"));
    *is_dataset = job && content && strcmp(content, "images") == 0;
    if (*is_dataset && !has_file(folder, "DONE"))
        AC_FAIL(AC_E_FORMAT,
                "%s: %s: the ingest into this image dataset is not finished; the same command "
                "resumes it",
                what, folder);
    if (json_is_object(json_object_get(root, "cache")))
        AC_FAIL(AC_E_FORMAT, "%s: %s is a cache and holds no images: %s", what, folder, advice);
    if (job && !*is_dataset && json_is_array(json_object_get(root, "stages")))
        AC_FAIL(AC_E_FORMAT, "%s: %s is the folder of a run of %s and holds no images: %s",
                what, folder, job, advice);
    if (!root && has_file(folder, "manifest.json") && has_file(folder, "shards/00000.h5"))
        st = ac_error_set(AC_E_FORMAT,
                          "%s: %s: its manifest.json is damaged, so it is no image dataset",
                          what, folder);
out:
    json_decref(root);
    return st;
}

ac_status
ac_image_dataset_is(const char *input, const char *what, bool *is_dataset)
{
    struct stat info;

    *is_dataset = false;
    if (ac_file_stat(input, &info) != 0)
        return AC_OK; /* whoever opens it says why */
    if (S_ISDIR(info.st_mode))
        return check_folder(input, what, is_dataset);
    if (S_ISREG(info.st_mode) && ac_file_begins(input, "\x89HDF\r\n\x1a\n", 8))
        return ac_error_set(AC_E_FORMAT, "%s: %s is an HDF5 file, which is no input: %s", what,
                            input, advice);
    return AC_OK;
}

/* ---- opening ---- */

/* Rows and checksums of the shards, from the manifest. */
static ac_status
read_shards(ac_shard_pool *self, const json_t *shards, ac_checksum *sum)
{
    ac_status st = AC_OK;
    json_t *line;
    size_t i;

    json_array_foreach(shards, i, line)
    {
        json_int_t shard = -1, rows = -1;
        const char *checksum = NULL;
        if (json_unpack(line, "{s:I, s:I, s:s}", "shard", &shard, "rows", &rows, "checksum",
                        &checksum) != 0 ||
            shard != (json_int_t) i || rows < 0 || rows > INT64_MAX / MOST_SHARDS)
            AC_FAIL(AC_E_FORMAT, "%s/manifest.json: shard %zu is not there: damaged",
                    self->folder, i);
        self->starts[i + 1] = self->starts[i] + (int64_t) rows;
        ac_checksum_update(sum, &rows, sizeof rows);
        ac_checksum_update(sum, checksum, strlen(checksum) + 1);
    }
out:
    return st;
}

/* "pixels": {"size": S, "recipe": "…"}, where the dataset holds CLIP's input. */
static ac_status
read_recipe(ac_shard_pool *self, const json_t *root, ac_image_source *out, ac_checksum *sum)
{
    const json_t *pixels = json_object_get(root, "pixels");
    const json_int_t S = json_integer_value(json_object_get(pixels, "size"));
    const char *recipe = json_string_value(json_object_get(pixels, "recipe"));

    if (!pixels)
        return AC_OK;
    if (!recipe || !*recipe || S < 1 || S > MOST_SIDE || strlen(recipe) >= sizeof out->pixels)
        return ac_error_set(AC_E_FORMAT,
                            "%s/manifest.json: pixels has no size and recipe: "
                            "damaged",
                            self->folder);
    self->pixel_bytes = S * S * 3;
    snprintf(out->pixels, sizeof out->pixels, "%s", recipe);
    ac_checksum_update(sum, recipe, strlen(recipe) + 1);
    return AC_OK;
}

/* contents.txt: a line per shard. Datasets of before have none. */
static ac_status
read_contents(ac_shard_pool *self)
{
    const size_t digits = sizeof *self->contents - 1;
    ac_buffer text = { 0 };
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/" AC_IMAGE_CONTENTS, self->folder));
    if (!ac_file_is_there(path))
        goto out;
    AC_TRY(ac_text_file_read(path, &text));
    if (text.size != (size_t) self->shard_count * (digits + 1))
        AC_FAIL(AC_E_FORMAT, "%s: not a line of %zu digits per shard: damaged", path, digits);
    AC_TRY(ac_alloc(&self->contents, self->shard_count, sizeof *self->contents));
    for (int64_t s = 0; s < self->shard_count; s++)
        memcpy(self->contents[s], text.data + (size_t) s * (digits + 1), digits);
out:
    ac_buffer_free(&text);
    free(path);
    return st;
}

/* HDF5 tells a file that is cut or gone when it is opened. */
static ac_status
check_shards(const ac_shard_pool *self)
{
    ac_status st = AC_OK;
    char *path = NULL;

    for (int64_t i = 0; i < self->shard_count; i++) {
        ac_h5_reader h5 = { 0 };
        free(path);
        AC_TRY(ac_shard_pool_path(self, i, &path));
        st = ac_h5_open(&h5, path);
        ac_h5_close(&h5);
        if (st != AC_OK)
            AC_TRY(ac_error_prefix(
                st, "image dataset %s: a shard is truncated, damaged or gone", self->folder));
    }
out:
    free(path);
    return st;
}

ac_status
ac_image_dataset_open(ac_image_source *out, const char *folder)
{
    ac_checksum sum = { 0 };
    json_t *root = NULL, *stage, *shards;
    ac_shard_pool *self = NULL;
    size_t n = strlen(folder);
    ac_status st = AC_OK;

    *out = (ac_image_source){ 0 };
    while (n > 1 && folder[n - 1] == '/')
        n--;
    AC_TRY(ac_checksum_init(&sum));
    AC_TRY(load_manifest(folder, &root));
    stage = json_array_get(json_object_get(root, "stages"), 0);
    shards = json_object_get(stage, "shards");
    if (!json_is_array(shards) || json_array_size(shards) > MOST_SHARDS)
        AC_FAIL(AC_E_FORMAT, "%s/manifest.json: names no shards: damaged", folder);
    AC_TRY(ac_shard_pool_new(&self, folder, n, (int64_t) json_array_size(shards)));
    AC_TRY(read_shards(self, shards, &sum));
    AC_TRY(read_recipe(self, root, out, &sum));
    if (self->starts[self->shard_count] == 0)
        AC_FAIL(AC_E_FORMAT, "%s: this image dataset holds no image", folder);
    AC_TRY(check_shards(self));
    AC_TRY(read_contents(self));
    ac_checksum_digest(&sum, out->fingerprint);
    out->type = &ac_image_dataset_type;
    out->count = self->starts[self->shard_count];
    out->state = self;
    self = NULL;
out:
    ac_shard_pool_free(self);
    json_decref(root);
    ac_checksum_free(&sum);
    if (st != AC_OK)
        *out = (ac_image_source){ 0 };
    return st;
}

ac_status
ac_captioned_dataset_open(ac_image_source *out, const char *folder)
{
    const ac_status st = ac_image_dataset_open(out, folder);

    if (st == AC_OK)
        out->type = &ac_captioned_dataset_type;
    return st;
}

/* An image dataset as a source of images. Shards are opened when an item of theirs is asked
 * for, and a few stay open; HDF5 is called under a lock, since it knows no threads, but images
 * are read without it, by their offsets. */
#include "io/source/image_dataset.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/text/unicode.h"
#include "io/file/checksum.h"
#include "io/file/path.h"
#include "io/file/publish.h"

enum { KEPT_OPEN = 4, MOST_SHARDS = 1 << 24, MOST_SIDE = 1 << 14 };

/* An open shard. */
typedef struct slot {
    ac_image_shard shard;
    int64_t number; /* -1: none */
    int64_t used;   /* when, by the dataset's clock */
    int users;      /* threads that read it */
} slot;

typedef struct dataset {
    char *folder;
    int64_t shard_count;
    int64_t *starts; /* [shard_count + 1]: the first item of each */
    int64_t pixel_bytes; /* of CLIP's input, where the dataset holds that; else 0 */
    pthread_mutex_t lock;
    slot **slots; /* [slot_count], owned */
    int64_t slot_count, slot_capacity, clock;
} dataset;

static bool
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
free_state(void *state)
{
    dataset *self = state;

    if (!self)
        return;
    for (int64_t i = 0; i < self->slot_count; i++) {
        ac_image_shard_close(&self->slots[i]->shard);
        free(self->slots[i]);
    }
    free(self->slots);
    free(self->starts);
    free(self->folder);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static ac_status
dataset_new(dataset **out, const char *folder, size_t n, int64_t shard_count)
{
    dataset *self = NULL;
    ac_status st = AC_OK;

    *out = NULL;
    AC_TRY(ac_alloc(&self, 1, sizeof *self));
    pthread_mutex_init(&self->lock, NULL);
    self->shard_count = shard_count;
    AC_TRY(ac_duplicate(&self->folder, folder, n));
    AC_TRY(ac_alloc(&self->starts, shard_count + 1, sizeof *self->starts));
    *out = self;
    self = NULL;
out:
    free_state(self);
    return st;
}

/* ---- open shards ---- */

static ac_status
shard_path(const dataset *self, int64_t number, char **path)
{
    return ac_path_format(path, "%s/shards/%05lld.h5", self->folder, (long long) number);
}

/* The shard's slot, or an empty one for it: a new one, or the one that nobody has used for the
 * longest time. */
static ac_status
find_slot(dataset *self, int64_t number, slot **out)
{
    slot *oldest = NULL, *made = NULL;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->slot_count; i++) {
        slot *s = self->slots[i];
        if (s->number == number) {
            *out = s;
            return AC_OK;
        }
        if (s->users == 0 && (!oldest || s->used < oldest->used))
            oldest = s;
    }
    if (oldest && self->slot_count >= KEPT_OPEN) {
        ac_image_shard_close(&oldest->shard);
        oldest->number = -1;
        *out = oldest;
        return AC_OK;
    }
    AC_TRY(ac_grow(&self->slots, &self->slot_capacity, self->slot_count + 1,
                   sizeof *self->slots));
    AC_TRY(ac_alloc(&made, 1, sizeof *made));
    made->number = -1;
    *out = self->slots[self->slot_count++] = made;
out:
    return st;
}

static ac_status
fill_slot(dataset *self, slot *s, int64_t number)
{
    char *path = NULL;
    ac_status st = shard_path(self, number, &path);

    if (st == AC_OK)
        st = ac_image_shard_open(&s->shard, path,
                                 self->starts[number + 1] - self->starts[number]);
    if (st == AC_OK)
        s->number = number;
    free(path);
    return st;
}

/* The shard of item i, open until it is released. rest: all of it is wanted.
 * @param[out] row  the item's in the shard */
static ac_status
acquire(const void *state, int64_t i, bool rest, slot **out, int64_t *row)
{
    dataset *self = (dataset *) (uintptr_t) state;
    int64_t low = 0, high = self->shard_count - 1;
    slot *s = NULL;
    ac_status st;

    while (low < high) { /* the last shard that begins at i or before: empty ones are passed */
        const int64_t middle = high - (high - low) / 2;
        if (self->starts[middle] <= i)
            low = middle;
        else
            high = middle - 1;
    }
    pthread_mutex_lock(&self->lock);
    st = find_slot(self, low, &s);
    if (st == AC_OK && s->number != low)
        st = fill_slot(self, s, low);
    if (st == AC_OK && rest)
        st = ac_image_shard_read_rest(&s->shard);
    if (st == AC_OK) {
        s->users++;
        s->used = ++self->clock;
        *out = s;
        *row = i - self->starts[low];
    }
    pthread_mutex_unlock(&self->lock);
    return st;
}

static void
release(const void *state, slot *s)
{
    dataset *self = (dataset *) (uintptr_t) state;

    pthread_mutex_lock(&self->lock);
    s->users--;
    pthread_mutex_unlock(&self->lock);
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
    slot *s;
    ac_status st = acquire(state, i, false, &s, &row);

    if (st != AC_OK)
        return st;
    st = push_text(out, &s->shard.keys, row);
    release(state, s);
    return st;
}

/* "shards/00000.h5/KEY": for people. */
static ac_status
locate(const void *state, int64_t i, ac_buffer *out)
{
    int64_t row;
    slot *s;
    ac_status st = acquire(state, i, false, &s, &row);

    if (st != AC_OK)
        return st;
    ac_buffer_printf(out, "shards/%05lld.h5/", (long long) s->number);
    st = push_text(out, &s->shard.keys, row);
    release(state, s);
    return st;
}

static ac_status
read_item(const void *state, int64_t i, ac_buffer *bytes, ac_item_status *status)
{
    int64_t row;
    slot *s;
    ac_status st = acquire(state, i, false, &s, &row);

    (void) status;
    if (st != AC_OK)
        return st;
    st = ac_image_shard_read(&s->shard, row, bytes);
    release(state, s);
    return st;
}

static ac_status
pixels(const void *state, int64_t i, uint8_t *rgb, bool *has)
{
    int64_t row;
    slot *s;
    ac_status st = acquire(state, i, false, &s, &row);

    if (st != AC_OK)
        return st;
    *has = s->shard.has_pixels;
    if (*has && s->shard.data.row_bytes != ((const dataset *) state)->pixel_bytes)
        st = ac_error_set(AC_E_FORMAT, "%s: its pixels are not of the size that the manifest "
                                       "says: damaged",
                          s->shard.path);
    else if (*has)
        st = ac_image_shard_read_pixels(&s->shard, row, rgb);
    release(state, s);
    return st;
}

static int64_t
page(const void *state, int64_t i)
{
    int64_t row, found = 0;
    slot *s;

    if (acquire(state, i, false, &s, &row) != AC_OK)
        return 0; /* reading the item fails too, and says why */
    found = s->shard.page[row];
    release(state, s);
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
    slot *s;
    ac_status st = acquire(state, i, true, &s, &row);

    if (st != AC_OK)
        return st;
    for (int64_t c = s->shard.caption_offsets[row];
         st == AC_OK && c < s->shard.caption_offsets[row + 1]; c++)
        st = ac_texts_push(out, ac_texts_at(&s->shard.captions, c),
                           ac_texts_size(&s->shard.captions, c));
    release(state, s);
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
    slot *s;
    ac_status st = acquire(state, i, true, &s, &row);

    if (st != AC_OK)
        return st;
    for (int64_t c = s->shard.caption_offsets[row];
         st == AC_OK && c < s->shard.caption_offsets[row + 1]; c++) {
        const char *text = ac_texts_at(&s->shard.captions, c);
        const size_t n = strip(&text, ac_texts_size(&s->shard.captions, c));
        if (n)
            st = ac_texts_push(out, text, n);
    }
    release(state, s);
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
    slot *s;
    ac_status st = acquire(state, i, true, &s, &row);

    if (st != AC_OK)
        return st;
    st = push_text(out, &s->shard.metadata, row);
    release(state, s);
    return st;
}

/* ---- for other processes ---- */

typedef struct packed_head {
    int64_t folder_size, shard_count, pixel_bytes;
} packed_head;

static ac_status
pack(const void *state, ac_buffer *out)
{
    const dataset *self = state;
    const packed_head head = { (int64_t) strlen(self->folder), self->shard_count,
                               self->pixel_bytes };

    ac_buffer_push(out, &head, sizeof head);
    ac_buffer_push(out, self->folder, (size_t) head.folder_size);
    return ac_buffer_push(out, self->starts,
                          (size_t) (self->shard_count + 1) * sizeof *self->starts);
}

static ac_status
unpack(void **state, const char *bytes, size_t n)
{
    packed_head head;
    dataset *self;
    ac_status st;

    AC_CHECK(n >= sizeof head);
    memcpy(&head, bytes, sizeof head);
    bytes += sizeof head;
    st = dataset_new(&self, bytes, (size_t) head.folder_size, head.shard_count);
    if (st == AC_OK) {
        self->pixel_bytes = head.pixel_bytes;
        memcpy(self->starts, bytes + head.folder_size,
               (size_t) (head.shard_count + 1) * sizeof *self->starts);
        *state = self;
    }
    return st;
}

const ac_image_source_type ac_image_dataset_type = {
    .name = "dataset",
    .key = key,
    .locate = locate,
    .read = read_item,
    .pixels = pixels,
    .check = check,
    .page = page,
    .captions = captions,
    .metadata = metadata,
    .pack = pack,
    .unpack = unpack,
    .free = free_state,
};

const ac_image_source_type ac_captioned_dataset_type = {
    .name = "captioned dataset",
    .key = key,
    .locate = locate,
    .read = read_item,
    .pixels = pixels,
    .check = check_captions,
    .page = page,
    .captions = stripped_captions,
    .metadata = metadata,
    .pack = pack,
    .unpack = unpack,
    .free = free_state,
};

/* ---- is it one? ---- */

static ac_status
load_manifest(const char *folder, json_t **out)
{
    char *path = NULL;
    ac_status st = ac_path_format(&path, "%s/manifest.json", folder);

    *out = st == AC_OK ? json_load_file(path, 0, NULL) : NULL;
    free(path);
    return st;
}

static bool
has_file(const char *folder, const char *name)
{
    char *path = NULL;
    const bool found =
        ac_path_format(&path, "%s/%s", folder, name) == AC_OK && access(path, F_OK) == 0;

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

static bool
is_hdf5(const char *path)
{
    char head[8] = { 0 };
    FILE *f = fopen(path, "rb");
    const bool read_some = f && fread(head, sizeof head, 1, f) == 1;

    if (f)
        fclose(f);
    return read_some && memcmp(head, "\x89HDF\r\n\x1a\n", sizeof head) == 0;
}

ac_status
ac_image_dataset_is(const char *input, const char *what, bool *is_dataset)
{
    struct stat info;

    *is_dataset = false;
    if (stat(input, &info) != 0)
        return AC_OK; /* whoever opens it says why */
    if (S_ISDIR(info.st_mode))
        return check_folder(input, what, is_dataset);
    if (S_ISREG(info.st_mode) && is_hdf5(input))
        return ac_error_set(AC_E_FORMAT, "%s: %s is an HDF5 file, which is no input: %s", what,
                            input, advice);
    return AC_OK;
}

/* ---- opening ---- */

/* Rows and checksums of the shards, from the manifest. */
static ac_status
read_shards(dataset *self, const json_t *shards, ac_checksum *sum)
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
read_recipe(dataset *self, const json_t *root, ac_image_source *out, ac_checksum *sum)
{
    const json_t *pixels = json_object_get(root, "pixels");
    const json_int_t S = json_integer_value(json_object_get(pixels, "size"));
    const char *recipe = json_string_value(json_object_get(pixels, "recipe"));

    if (!pixels)
        return AC_OK;
    if (!recipe || !*recipe || S < 1 || S > MOST_SIDE || strlen(recipe) >= sizeof out->pixels)
        return ac_error_set(AC_E_FORMAT, "%s/manifest.json: pixels has no size and recipe: "
                                         "damaged",
                            self->folder);
    self->pixel_bytes = S * S * 3;
    snprintf(out->pixels, sizeof out->pixels, "%s", recipe);
    ac_checksum_update(sum, recipe, strlen(recipe) + 1);
    return AC_OK;
}

/* HDF5 tells a file that is cut or gone when it is opened. */
static ac_status
check_shards(const dataset *self)
{
    ac_status st = AC_OK;
    char *path = NULL;

    for (int64_t i = 0; i < self->shard_count; i++) {
        ac_h5_reader h5 = { 0 };
        free(path);
        AC_TRY(shard_path(self, i, &path));
        st = ac_h5_open(&h5, path);
        ac_h5_close(&h5);
        if (st != AC_OK)
            AC_TRY(ac_error_prefix(st, "image dataset %s: a shard is cut or damaged, or gone",
                                   self->folder));
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
    dataset *self = NULL;
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
    AC_TRY(dataset_new(&self, folder, n, (int64_t) json_array_size(shards)));
    AC_TRY(read_shards(self, shards, &sum));
    AC_TRY(read_recipe(self, root, out, &sum));
    if (self->starts[self->shard_count] == 0)
        AC_FAIL(AC_E_FORMAT, "%s: this image dataset holds no image", folder);
    AC_TRY(check_shards(self));
    ac_checksum_digest(&sum, out->fingerprint);
    out->type = &ac_image_dataset_type;
    out->count = self->starts[self->shard_count];
    out->state = self;
    self = NULL;
out:
    free_state(self);
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

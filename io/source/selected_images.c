#include "io/source/selected_images.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

typedef struct selected {
    const ac_image_source *source;
    const int64_t *numbers;
} selected;

static ac_status
key(const void *state, int64_t i, ac_buffer *out)
{
    const selected *self = state;
    const int64_t n = self->numbers[i];

    return n < 0 ? ac_buffer_push(out, "", 0)
                 : self->source->type->key(self->source->state, n, out);
}

static ac_status
locate(const void *state, int64_t i, ac_buffer *out)
{
    const selected *self = state;
    const int64_t n = self->numbers[i];

    return n < 0 ? ac_buffer_push(out, "", 0)
                 : self->source->type->locate(self->source->state, n, out);
}

static ac_status
gone(ac_item_status *status)
{
    return ac_item_status_set(status, AC_REJECT_UNREADABLE, "no longer in the input");
}

static ac_status
file(const void *state, int64_t i, char **path)
{
    const selected *self = state;
    const int64_t n = self->numbers[i];

    *path = NULL;
    return n < 0 ? ac_error_set(AC_E_ARG, "item %lld is no longer in the input", (long long) i)
                 : ac_image_source_file(self->source, n, path);
}

static ac_status
read_item(const void *state, int64_t i, ac_buffer *bytes, ac_item_status *status)
{
    const selected *self = state;
    const int64_t n = self->numbers[i];

    return n < 0 ? gone(status) : ac_image_source_read(self->source, n, bytes, status);
}

static ac_status
check(const void *state, int64_t i, ac_item_status *status)
{
    const selected *self = state;
    const int64_t n = self->numbers[i];

    return n < 0 ? gone(status) : ac_image_source_check(self->source, n, status);
}

static int64_t
page(const void *state, int64_t i)
{
    const selected *self = state;
    const int64_t n = self->numbers[i];

    return n < 0 ? 0 : ac_image_source_page(self->source, n);
}

static ac_status
pixels(const void *state, int64_t i, uint8_t *rgb, bool *has)
{
    const selected *self = state;
    const int64_t n = self->numbers[i];

    *has = false;
    return n < 0 ? AC_OK : ac_image_source_pixels(self->source, n, rgb, has);
}

/* "" where the source does not know it: no image is then equal to another. */
static ac_status
hash(const void *state, int64_t i, char hex[33])
{
    const selected *self = state;
    const int64_t n = self->numbers[i];

    hex[0] = '\0';
    return n < 0 ? AC_OK : ac_image_source_hash(self->source, n, hex);
}

static ac_status
captions(const void *state, int64_t i, ac_texts *out)
{
    const selected *self = state;
    const int64_t n = self->numbers[i];

    return n < 0 ? AC_OK : ac_image_source_captions(self->source, n, out);
}

static ac_status
metadata(const void *state, int64_t i, ac_buffer *out)
{
    const selected *self = state;
    const int64_t n = self->numbers[i];

    return n < 0 ? AC_OK : ac_image_source_metadata(self->source, n, out);
}

static const ac_image_source_type plain_type = {
    .name = "selected",
    .key = key,
    .locate = locate,
    .file = file,
    .read = read_item,
    .pixels = pixels,
    .check = check,
    .page = page,
    .captions = captions,
    .metadata = metadata,
    .free = free,
};

/* Of a source that knows hashes. */
static const ac_image_source_type hashed_type = {
    .name = "selected",
    .key = key,
    .locate = locate,
    .file = file,
    .read = read_item,
    .pixels = pixels,
    .hash = hash,
    .check = check,
    .page = page,
    .captions = captions,
    .metadata = metadata,
    .free = free,
};

ac_status
ac_selected_images_open(ac_image_source *out, const ac_image_source *source,
                        const int64_t *numbers, int64_t count)
{
    selected *self = NULL;
    ac_status st = ac_alloc(&self, 1, sizeof *self);

    *out = (ac_image_source){ 0 };
    if (st == AC_OK) {
        *self = (selected){ source, numbers };
        *out = (ac_image_source){
            .type = source->type->hash ? &hashed_type : &plain_type,
            .state = self,
            .count = count,
        };
        memcpy(out->pixels, source->pixels, sizeof out->pixels);
    }
    return st;
}

/* ---- those that a list names ---- */

typedef struct listed {
    selected shown; /* first: the functions above take it */
    ac_image_source source;
    int64_t *numbers, count;
    char *root;
} listed;

static void
free_listed(void *state)
{
    listed *self = state;

    ac_image_source_free(&self->source);
    free(self->numbers);
    free(self->root);
    free(self);
}

static ac_status
locate_listed(const void *state, int64_t i, ac_buffer *out)
{
    ac_buffer_push_text(out, ((const listed *) state)->root);
    return locate(state, i, out);
}

static ac_status
check_listed_captions(const void *state, int64_t i, ac_item_status *status)
{
    const listed *self = state;

    return ac_image_source_check_captions(&self->source, self->numbers[i], status);
}

static ac_image_stamp
stamp_listed(const void *state, int64_t i)
{
    const listed *self = state;

    return ac_image_source_stamp(&self->source, self->numbers[i]);
}

/* Without its source. */
static ac_status
new_listed(listed **out, const void *numbers, int64_t count, const char *root)
{
    listed *self = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self, 1, sizeof *self));
    AC_TRY(ac_alloc(&self->numbers, count, sizeof *self->numbers));
    AC_TRY(ac_duplicate(&self->root, root, strlen(root)));
    if (count)
        memcpy(self->numbers, numbers, (size_t) count * sizeof *self->numbers);
    self->count = count;
    self->shown = (selected){ &self->source, self->numbers };
    *out = self;
    self = NULL;
out:
    if (self)
        free_listed(self);
    return st;
}

#define LISTED                                                                            \
    .name = "listed", .key = key, .locate = locate_listed, .read = read_item,             \
    .pixels = pixels, .check = check, .page = page, .captions = captions,                 \
    .check_captions = check_listed_captions, .metadata = metadata, .stamp = stamp_listed, \
    .free = free_listed

const ac_image_source_type ac_listed_images_type = { LISTED };
const ac_image_source_type ac_listed_hashed_images_type = { LISTED, .hash = hash };

ac_status
ac_listed_images_take(ac_image_source *images, const void *numbers, int64_t count,
                      const char *root)
{
    listed *self = NULL;
    const ac_status st = new_listed(&self, numbers, count, root);

    if (st == AC_OK) {
        self->source = *images;
        self->source.passed_over = (ac_passed_over){ 0 }; /* stays where it was */
        images->type =
            images->type->hash ? &ac_listed_hashed_images_type : &ac_listed_images_type;
        images->state = self;
        images->count = count;
        images->choice = AC_CAPTIONS_OWN; /* the source below has made it */
    }
    return st;
}

const ac_image_source *
ac_listed_images_whole(const ac_image_source *images)
{
    return images->type == &ac_listed_images_type ||
                   images->type == &ac_listed_hashed_images_type
               ? &((const listed *) images->state)->source
               : images;
}

const int64_t *
ac_listed_images_numbers(const ac_image_source *images, const char **root)
{
    const listed *self = images->state;

    *root = self->root;
    return self->numbers;
}

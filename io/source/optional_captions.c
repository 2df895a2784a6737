#include "io/source/optional_captions.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/source/captioned_images.h"

static ac_status
key(const void *state, int64_t i, ac_buffer *out)
{
    return ac_image_source_key(state, i, out);
}

static ac_status
locate(const void *state, int64_t i, ac_buffer *out)
{
    return ac_image_source_locate(state, i, out);
}

static ac_status
file(const void *state, int64_t i, char **path)
{
    return ac_image_source_file(state, i, path);
}

static ac_status
read_item(const void *state, int64_t i, ac_buffer *bytes, ac_item_status *status)
{
    return ac_image_source_read(state, i, bytes, status);
}

static int64_t
page(const void *state, int64_t i)
{
    return ac_image_source_page(state, i);
}

static ac_status
check(const void *state, int64_t i, ac_item_status *status)
{
    const ac_status st = ac_image_source_check(state, i, status);

    if (status->reason == AC_REJECT_NO_CAPTION || status->reason == AC_REJECT_CAPTION_NOT_UTF8)
        *status = (ac_item_status){ 0 };
    return st;
}

static ac_status
captions(const void *state, int64_t i, ac_texts *out)
{
    return ac_image_source_captions(state, i, out);
}

static ac_status
metadata(const void *state, int64_t i, ac_buffer *out)
{
    return ac_image_source_metadata(state, i, out);
}

static ac_image_stamp
stamp(const void *state, int64_t i)
{
    return ac_image_source_stamp(state, i);
}

static ac_status
pack(const void *state, ac_buffer *out)
{
    const ac_image_source *self = state;

    AC_CHECK(self->type == &ac_captioned_images_type);
    AC_CHECK(sizeof self->count == AC_OPTIONAL_CAPTIONS_HEAD);
    ac_buffer_push(out, &self->count, sizeof self->count);
    return self->type->pack(self->state, out);
}

static ac_status
unpack(void **state, const char *bytes, size_t n)
{
    ac_image_source *self = NULL;
    ac_status st = ac_alloc(&self, 1, sizeof *self);

    if (st == AC_OK) {
        self->type = &ac_captioned_images_type;
        memcpy(&self->count, bytes, sizeof self->count);
        st = self->type->unpack(&self->state, bytes + sizeof self->count,
                                n - sizeof self->count);
    }
    if (st == AC_OK)
        *state = self;
    else
        free(self);
    return st;
}

static void
free_state(void *state)
{
    ac_image_source_free(state);
    free(state);
}

const ac_image_source_type ac_optional_captions_type = {
    .name = "images with references",
    .key = key,
    .locate = locate,
    .file = file,
    .read = read_item,
    .page = page,
    .check = check,
    .captions = captions,
    .metadata = metadata,
    .stamp = stamp,
    .pack = pack,
    .unpack = unpack,
    .free = free_state,
};

ac_status
ac_optional_captions_open(ac_image_source *out, ac_image_source *captioned)
{
    ac_image_source *self = NULL;
    ac_status st = ac_alloc(&self, 1, sizeof *self);

    *out = (ac_image_source){ 0 };
    if (st != AC_OK) {
        ac_image_source_free(captioned);
        return st;
    }
    *self = *captioned;
    *captioned = (ac_image_source){ 0 };
    *out = (ac_image_source){ .type = &ac_optional_captions_type,
                              .state = self,
                              .count = self->count };
    memcpy(out->fingerprint, self->fingerprint, sizeof out->fingerprint);
    return AC_OK;
}

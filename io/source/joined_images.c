#include "io/source/joined_images.h"

#include <stdlib.h>

#include "engine/base/memory.h"
#include "io/file/checksum.h"

typedef struct joined {
    ac_joined_part parts[AC_JOINED_MOST];
    int count;
} joined;

/* The part of item i. @param[out] within  the item in its source
 * @param[out] repeat  which time it is there */
static const ac_joined_part *
find(const void *state, int64_t i, int64_t *within, int64_t *repeat)
{
    const joined *self = state;
    const ac_joined_part *p = self->parts;

    for (; i >= p->source->count * p->repeats; p++)
        i -= p->source->count * p->repeats;
    *within = i / p->repeats;
    *repeat = i % p->repeats;
    return p;
}

static ac_status
key(const void *state, int64_t i, ac_buffer *out)
{
    int64_t within, repeat;
    const ac_joined_part *p = find(state, i, &within, &repeat);
    ac_status st = AC_OK;

    AC_TRY(ac_buffer_push_text(out, p->prefix));
    AC_TRY(p->source->type->key(p->source->state, within, out));
    if (p->repeats > 1)
        st = ac_buffer_printf(out, "#%lld", (long long) repeat);
out:
    return st;
}

static ac_status
locate(const void *state, int64_t i, ac_buffer *out)
{
    int64_t within, repeat;
    const ac_joined_part *p = find(state, i, &within, &repeat);

    return ac_image_source_locate(p->source, within, out);
}

static ac_status
file(const void *state, int64_t i, char **path)
{
    int64_t within, repeat;
    const ac_joined_part *p = find(state, i, &within, &repeat);

    return ac_image_source_file(p->source, within, path);
}

static ac_status
read_item(const void *state, int64_t i, ac_buffer *bytes, ac_item_status *status)
{
    int64_t within, repeat;
    const ac_joined_part *p = find(state, i, &within, &repeat);

    return ac_image_source_read(p->source, within, bytes, status);
}

static ac_status
pixels(const void *state, int64_t i, uint8_t *rgb, bool *has)
{
    int64_t within, repeat;
    const ac_joined_part *p = find(state, i, &within, &repeat);

    return ac_image_source_pixels(p->source, within, rgb, has);
}

static int64_t
page(const void *state, int64_t i)
{
    int64_t within, repeat;
    const ac_joined_part *p = find(state, i, &within, &repeat);

    return ac_image_source_page(p->source, within);
}

static ac_status
check(const void *state, int64_t i, ac_item_status *status)
{
    int64_t within, repeat;
    const ac_joined_part *p = find(state, i, &within, &repeat);

    return ac_image_source_check(p->source, within, status);
}

static ac_status
captions(const void *state, int64_t i, ac_texts *out)
{
    int64_t within, repeat;
    const ac_joined_part *p = find(state, i, &within, &repeat);

    return ac_image_source_captions(p->source, within, out);
}

static ac_status
metadata(const void *state, int64_t i, ac_buffer *out)
{
    int64_t within, repeat;
    const ac_joined_part *p = find(state, i, &within, &repeat);

    return ac_image_source_metadata(p->source, within, out);
}

static const ac_image_source_type type = {
    .name = "joined",
    .key = key,
    .locate = locate,
    .file = file,
    .read = read_item,
    .pixels = pixels,
    .page = page,
    .check = check,
    .captions = captions,
    .metadata = metadata,
    .free = free,
};

ac_status
ac_joined_images_open(ac_image_source *out, const ac_joined_part *parts, int count)
{
    joined *self = NULL;
    ac_buffer prints = { 0 };
    ac_status st = AC_OK;

    AC_CHECK(count >= 1 && count <= AC_JOINED_MOST);
    *out = (ac_image_source){ 0 };
    AC_TRY(ac_alloc(&self, 1, sizeof *self));
    self->count = count;
    for (int p = 0; p < count; p++) {
        self->parts[p] = parts[p];
        out->count += parts[p].source->count * parts[p].repeats;
        ac_buffer_printf(&prints, "%s%s", p ? " " : "", parts[p].source->fingerprint);
    }
    AC_TRY(prints.status);
    ac_checksum_bytes(prints.data, prints.size, out->fingerprint);
    out->type = &type;
    out->state = self;
    self = NULL;
out:
    ac_buffer_free(&prints);
    free(self);
    return st;
}

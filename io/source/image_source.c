#include "io/source/image_source.h"

void
ac_image_source_free(ac_image_source *self)
{
    if (self->type)
        self->type->free(self->state);
    ac_passed_over_free(&self->passed_over);
    *self = (ac_image_source){ 0 };
}

ac_status
ac_image_source_key(const ac_image_source *self, int64_t i, ac_buffer *out)
{
    ac_buffer_reset(out);
    return self->type->key(self->state, i, out);
}

ac_status
ac_image_source_key_is(const ac_image_source *self, int64_t i, const ac_texts *keys,
                       int64_t row, ac_buffer *scratch, bool *same)
{
    const ac_status st = ac_image_source_key(self, i, scratch);

    *same = st == AC_OK && ac_texts_is(keys, row, scratch->data, scratch->size);
    return st;
}

ac_status
ac_image_source_locate(const ac_image_source *self, int64_t i, ac_buffer *out)
{
    ac_buffer_reset(out);
    return self->type->locate(self->state, i, out);
}

ac_status
ac_image_source_file(const ac_image_source *self, int64_t i, char **path)
{
    *path = NULL;
    if (!self->type->file)
        return ac_error_set(AC_E_ARG, "images of this input (%s) are no files of their own",
                            self->type->name);
    return self->type->file(self->state, i, path);
}

ac_status
ac_image_source_read(const ac_image_source *self, int64_t i, ac_buffer *bytes,
                     ac_item_status *status)
{
    ac_buffer_reset(bytes);
    *status = (ac_item_status){ 0 };
    return self->type->read(self->state, i, bytes, status);
}

ac_status
ac_image_source_pixels(const ac_image_source *self, int64_t i, uint8_t *rgb, bool *has)
{
    *has = false;
    return self->type->pixels ? self->type->pixels(self->state, i, rgb, has) : AC_OK;
}

ac_status
ac_image_source_hash(const ac_image_source *self, int64_t i, char hex[33])
{
    hex[0] = '\0';
    return self->type->hash ? self->type->hash(self->state, i, hex) : AC_OK;
}

int64_t
ac_image_source_page(const ac_image_source *self, int64_t i)
{
    return self->type->page ? self->type->page(self->state, i) : 0;
}

ac_status
ac_image_source_check(const ac_image_source *self, int64_t i, ac_item_status *status)
{
    *status = (ac_item_status){ 0 };
    return self->type->check(self->state, i, status);
}

ac_status
ac_image_source_captions(const ac_image_source *self, int64_t i, ac_texts *out)
{
    ac_texts_reset(out);
    return self->type->captions ? self->type->captions(self->state, i, out) : AC_OK;
}

ac_status
ac_image_source_check_captions(const ac_image_source *self, int64_t i, ac_item_status *status)
{
    *status = (ac_item_status){ 0 };
    return self->type->check_captions ? self->type->check_captions(self->state, i, status)
                                      : AC_OK;
}

ac_status
ac_image_source_metadata(const ac_image_source *self, int64_t i, ac_buffer *out)
{
    ac_buffer_reset(out);
    return self->type->metadata ? self->type->metadata(self->state, i, out) : AC_OK;
}

ac_image_stamp
ac_image_source_stamp(const ac_image_source *self, int64_t i)
{
    return self->type->stamp ? self->type->stamp(self->state, i) : (ac_image_stamp){ -1, -1 };
}

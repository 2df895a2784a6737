#include "io/source/image_source.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "io/file/json_value.h"

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
ac_image_source_choose_captions(ac_image_source *self, const char *captions)
{
    static const char json[] = "json:";
    const size_t n = sizeof json - 1;

    self->choice = AC_CAPTIONS_OWN;
    if (!captions || strcmp(captions, "txt") == 0)
        return AC_OK;
    self->choice = strcmp(captions, "none") == 0 ? AC_CAPTIONS_NONE : AC_CAPTIONS_FIELD;
    if (self->choice == AC_CAPTIONS_FIELD &&
        (strncmp(captions, json, n) != 0 || !captions[n] ||
         strlen(captions + n) >= sizeof self->caption_field))
        return ac_error_set(
            AC_E_ARG, "input.captions: \"%s\" is none of txt, json:FIELD (json:caption), none",
            captions);
    if (self->choice == AC_CAPTIONS_FIELD)
        snprintf(self->caption_field, sizeof self->caption_field, "%s", captions + n);
    return AC_OK;
}

/* A text is a caption as it stands; empty ones are none. */
static ac_status
push_field(const ac_image_source *self, int64_t i, ac_texts *out)
{
    ac_buffer metadata = { 0 };
    json_t *root = NULL;
    const json_t *field;
    ac_status st = AC_OK;

    AC_TRY(ac_image_source_metadata(self, i, &metadata));
    root = metadata.size ? ac_json_parse_metadata(metadata.data, metadata.size) : NULL;
    field = json_object_get(root, self->caption_field);
    for (size_t c = 0; c < (json_is_array(field) ? json_array_size(field) : 1); c++) {
        const json_t *one = json_is_array(field) ? json_array_get(field, c) : field;
        const char *text = json_string_value(one);
        const size_t n = json_string_length(one);
        if (n > 1 || (n && *text != '\r')) /* as lines end in a .txt, and as in tars */
            AC_TRY(ac_texts_push(out, text, n - (text[n - 1] == '\r')));
    }
out:
    json_decref(root);
    ac_buffer_free(&metadata);
    return st;
}

ac_status
ac_image_source_captions(const ac_image_source *self, int64_t i, ac_texts *out)
{
    ac_texts_reset(out);
    if (self->choice != AC_CAPTIONS_OWN)
        return self->choice == AC_CAPTIONS_FIELD ? push_field(self, i, out) : AC_OK;
    return self->type->captions ? self->type->captions(self->state, i, out) : AC_OK;
}

ac_status
ac_image_source_check_captions(const ac_image_source *self, int64_t i, ac_item_status *status)
{
    *status = (ac_item_status){ 0 };
    if (self->choice != AC_CAPTIONS_OWN)
        return AC_OK;
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

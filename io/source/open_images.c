#include "io/source/open_images.h"

#include <string.h>

#include "io/source/captioned_images.h"
#include "io/source/image_dataset.h"
#include "io/source/image_files.h"
#include "io/source/optional_captions.h"
#include "io/source/tar_images.h"

/* The kinds that can be packed. */
static const ac_image_source_type *const types[] = {
    &ac_image_files_type,       &ac_captioned_images_type, &ac_image_dataset_type,
    &ac_captioned_dataset_type, &ac_tar_images_type,       &ac_optional_captions_type,
};
enum { TYPES = sizeof types / sizeof *types };

typedef struct packed_head {
    int64_t type, count; /* which of types[] */
    char fingerprint[33], pixels[AC_PIXELS_BYTES];
    ac_caption_choice choice;
    char caption_field[AC_CAPTION_FIELD_BYTES];
} packed_head;

ac_status
ac_images_open(ac_image_source *out, const char *input, const char *what,
               const ac_image_options *options)
{
    const ac_tar_options tar_options = { .all_pages = options->all_pages,
                                         .skip = options->skip };
    ac_tar_inputs tars = { .first_compressed = -1 };
    bool is_dataset;
    ac_status st = AC_OK;

    *out = (ac_image_source){ 0 };
    AC_TRY(ac_image_dataset_is(input, what, &is_dataset));
    if (!is_dataset)
        AC_TRY(ac_tar_inputs_find(&tars, input, what, options->skip));
    st = is_dataset   ? ac_image_dataset_open(out, input)
         : tars.count ? ac_tar_images_open_alone(out, &tars, &tar_options)
                      : ac_image_files_open(out, input, what, options);
out:
    ac_tar_inputs_free(&tars);
    return st;
}

ac_status
ac_images_pack(const ac_image_source *self, ac_buffer *out)
{
    packed_head head = { .count = self->count, .choice = self->choice };

    while (head.type < TYPES && types[head.type] != self->type)
        head.type++;
    AC_CHECK(head.type < TYPES);
    memcpy(head.fingerprint, self->fingerprint, sizeof head.fingerprint);
    memcpy(head.pixels, self->pixels, sizeof head.pixels);
    memcpy(head.caption_field, self->caption_field, sizeof head.caption_field);
    ac_buffer_push(out, &head, sizeof head);
    return self->type->pack(self->state, out);
}

ac_status
ac_images_packed_index(const char *bytes, size_t n, char **path)
{
    packed_head head;

    *path = NULL;
    AC_CHECK(n >= sizeof head);
    memcpy(&head, bytes, sizeof head);
    AC_CHECK(head.type >= 0 && head.type < TYPES);
    return types[head.type] == &ac_image_files_type
               ? ac_image_files_packed_index(bytes + sizeof head, n - sizeof head, path)
               : AC_OK;
}

ac_status
ac_images_unpack(ac_image_source *out, const char *bytes, size_t n)
{
    packed_head head;
    ac_status st;

    *out = (ac_image_source){ 0 };
    AC_CHECK(n >= sizeof head);
    memcpy(&head, bytes, sizeof head);
    AC_CHECK(head.type >= 0 && head.type < TYPES);
    st = types[head.type]->unpack(&out->state, bytes + sizeof head, n - sizeof head);
    if (st == AC_OK) {
        out->type = types[head.type];
        out->count = head.count;
        memcpy(out->fingerprint, head.fingerprint, sizeof out->fingerprint);
        memcpy(out->pixels, head.pixels, sizeof out->pixels);
        out->choice = head.choice;
        memcpy(out->caption_field, head.caption_field, sizeof out->caption_field);
    }
    return st;
}

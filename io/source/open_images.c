#include "io/source/open_images.h"

#include <stdlib.h>
#include <string.h>

#include "io/source/captioned_images.h"
#include "io/source/image_dataset.h"
#include "io/source/image_files.h"
#include "io/source/optional_captions.h"
#include "io/source/place_list.h"
#include "io/source/selected_images.h"
#include "io/source/tar_images.h"

/* The kinds that can be packed. */
static const ac_image_source_type *const types[] = {
    &ac_image_files_type,       &ac_captioned_images_type,     &ac_image_dataset_type,
    &ac_captioned_dataset_type, &ac_tar_images_type,           &ac_optional_captions_type,
    &ac_listed_images_type,     &ac_listed_hashed_images_type,
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
    char *dataset = NULL;
    bool is_dataset;
    ac_status st = AC_OK;

    *out = (ac_image_source){ 0 };
    AC_TRY(ac_place_dataset_find(input, what, &is_dataset, &dataset));
    if (!is_dataset)
        AC_TRY(ac_tar_inputs_find(&tars, input, what, options->skip));
    AC_TRY(is_dataset   ? ac_image_dataset_open(out, dataset)
           : tars.count ? ac_tar_images_open_alone(out, &tars, &tar_options)
                        : ac_image_files_open(out, input, what, options));
    if (is_dataset || tars.count)
        st = ac_place_list_select(out, input, what);
out:
    if (st != AC_OK)
        ac_image_source_free(out);
    free(dataset);
    ac_tar_inputs_free(&tars);
    return st;
}

/* A list of some items, behind its head; then the whole, with a head of its own. */
typedef struct packed_list {
    int64_t count, root_size; /* root_size: with its zero byte */
} packed_list;

static ac_status
pack_list(const ac_image_source *self, ac_buffer *out)
{
    const char *root;
    const int64_t *numbers = ac_listed_images_numbers(self, &root);
    const packed_list list = { self->count, (int64_t) strlen(root) + 1 };

    ac_buffer_push(out, &list, sizeof list);
    ac_buffer_push(out, root, (size_t) list.root_size);
    ac_buffer_push(out, numbers, (size_t) list.count * sizeof *numbers);
    return ac_images_pack(ac_listed_images_whole(self), out);
}

static ac_status
unpack_list(ac_image_source *out, const char *bytes, size_t n)
{
    packed_list list;
    const char *root = bytes + sizeof list;
    size_t before;
    ac_status st;

    AC_CHECK(n >= sizeof list);
    memcpy(&list, bytes, sizeof list);
    before = sizeof list + (size_t) list.root_size + (size_t) list.count * sizeof(int64_t);
    AC_CHECK(n >= before);
    st = ac_images_unpack(out, bytes + before, n - before);
    if (st == AC_OK)
        st = ac_listed_images_take(out, root + list.root_size, list.count, root);
    if (st != AC_OK)
        ac_image_source_free(out);
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
    return self->type->pack ? self->type->pack(self->state, out) : pack_list(self, out);
}

ac_status
ac_images_packed_files(const char *bytes, size_t n, char *paths[2])
{
    packed_head head;

    paths[0] = paths[1] = NULL;
    AC_CHECK(n >= sizeof head);
    memcpy(&head, bytes, sizeof head);
    AC_CHECK(head.type >= 0 && head.type < TYPES);
    bytes += sizeof head;
    n -= sizeof head;
    if (types[head.type] == &ac_optional_captions_type) {
        bytes += AC_OPTIONAL_CAPTIONS_HEAD;
        n -= AC_OPTIONAL_CAPTIONS_HEAD;
    } else if (types[head.type] != &ac_image_files_type &&
               types[head.type] != &ac_captioned_images_type)
        return AC_OK;
    return ac_image_files_packed_files(bytes, n, paths);
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
    bytes += sizeof head;
    n -= sizeof head;
    if (types[head.type]->unpack) {
        st = types[head.type]->unpack(&out->state, bytes, n);
        out->type = st == AC_OK ? types[head.type] : NULL;
    } else {
        st = unpack_list(out, bytes, n);
    }
    if (st == AC_OK) {
        out->count = head.count;
        memcpy(out->fingerprint, head.fingerprint, sizeof out->fingerprint);
        memcpy(out->pixels, head.pixels, sizeof out->pixels);
        out->choice = head.choice;
        memcpy(out->caption_field, head.caption_field, sizeof out->caption_field);
    }
    return st;
}

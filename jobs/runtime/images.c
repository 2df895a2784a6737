#include "jobs/runtime/images.h"

#include <string.h>

#include "engine/base/log.h"
#include "io/source/captioned_images.h"
#include "io/source/open_images.h"
#include "io/source/optional_captions.h"
#include "jobs/runtime/tar_input.h"

ac_status
ac_images_open_input(ac_image_source *images, const ac_config *config)
{
    ac_caption_notes notes = { 0 };
    ac_image_source coco = { 0 };
    bool is_tars;
    ac_status st = AC_OK;

    if (!config->input.path_annotations) {
        AC_TRY(ac_tar_input_open_alone(images, config, config->input.path, "input.path",
                                       &is_tars));
        return is_tars ? AC_OK
                       : ac_images_open(images, config->input.path, "input.path",
                                        config->input.pages == AC_PAGES_ALL);
    }
    AC_TRY(ac_captioned_coco_open(&coco, config->input.path_annotations,
                                  config->input.path_images, &notes));
    if (notes.without_image || notes.empty_captions)
        ac_log(AC_LOG_WARNING,
               "input.path: left out: %lld captions of images that are not listed, %lld empty "
               "ones",
               (long long) notes.without_image, (long long) notes.empty_captions);
    st = ac_optional_captions_open(images, &coco);
out:
    ac_image_source_free(&coco);
    ac_caption_notes_free(&notes);
    return st;
}

const char *
ac_images_place(const ac_config *config)
{
    return config->input.path ? config->input.path : config->input.path_images;
}

ac_status
ac_images_share_all(ac_image_source *images, const ac_comm *comm, ac_status st)
{
    ac_buffer packed = { 0 };
    int64_t bytes;

    if (comm->rank == 0 && st == AC_OK)
        st = ac_images_pack(images, &packed);
    AC_TRY(ac_agree_all(comm, st));
    bytes = (int64_t) packed.size;
    ac_broadcast_bytes_all(comm, &bytes, sizeof bytes, 0);
    if (comm->rank != 0)
        st = ac_buffer_reserve(&packed, (size_t) bytes);
    AC_TRY(ac_agree_all(comm, st));
    ac_broadcast_bytes_all(comm, packed.data, (size_t) bytes, 0);
    if (comm->rank != 0)
        st = ac_images_unpack(images, packed.data, (size_t) bytes);
    st = ac_agree_all(comm, st);
out:
    ac_buffer_free(&packed);
    return st;
}

void
ac_images_log_passed_over(const ac_image_source *images, const char *what)
{
    const ac_passed_over *passed = &images->passed_over;
    ac_buffer text = { 0 };

    if (passed->files) {
        ac_passed_over_print(passed, &text);
        ac_log(AC_LOG_INFO, "%s: passed over by their extension: %.*s", what, (int) text.size,
               text.size ? text.data : "");
    }
    if (passed->apple_double)
        ac_log(AC_LOG_INFO, "%s: passed over: %lld ._ files, which macOS leaves beside others",
               what, (long long) passed->apple_double);
    for (int k = 0; k < passed->kinds; k++)
        if (strcmp(passed->kind[k].extension, "tar") == 0)
            ac_log(
                AC_LOG_WARNING,
                "%s: images are the input; %lld tars beside them are passed over: give them to "
                "a run of their own",
                what, (long long) passed->kind[k].count);
    ac_buffer_free(&text);
}

#include "jobs/runtime/images.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "io/file/path.h"
#include "io/source/captioned_images.h"
#include "io/source/open_images.h"
#include "io/source/optional_captions.h"
#include "jobs/runtime/attempt.h"
#include "jobs/runtime/tar_input.h"

ac_image_options
ac_images_options(const ac_config *config)
{
    return (ac_image_options){ .all_pages = config->input.pages == AC_PAGES_ALL,
                               .skip = config->input.skip,
                               .split = config->input.split };
}

void
ac_images_log_notes(const ac_caption_notes *notes, const char *what)
{
    const ac_texts *without = &notes->names_without_image;
    ac_buffer names = { 0 };

    if (notes->without_image) {
        for (int64_t i = 0; i < without->count; i++)
            ac_buffer_printf(&names, "%s%.*s", i ? ", " : "", (int) ac_texts_size(without, i),
                             ac_texts_at(without, i));
        ac_log(AC_LOG_WARNING, "%s: %lld captions belong to no image and are left out: %s%s",
               what, (long long) notes->without_image, names.data ? names.data : "",
               notes->without_image > without->count ? ", …" : "");
    }
    if (notes->unusable_captions) {
        const ac_texts *unusable = &notes->names_unusable;
        ac_buffer_reset(&names);
        for (int64_t i = 0; i < unusable->count; i++)
            ac_buffer_printf(&names, "%s%.*s", i ? ", " : "", (int) ac_texts_size(unusable, i),
                             ac_texts_at(unusable, i));
        ac_log(AC_LOG_WARNING,
               "%s: %lld captions hold \\u0000, half of a surrogate pair or bytes that are not "
               "UTF-8, and are left out: %s%s",
               what, (long long) notes->unusable_captions, names.data ? names.data : "",
               notes->unusable_captions > unusable->count ? ", …" : "");
    }
    if (notes->no_splits)
        ac_log(AC_LOG_WARNING, "%s: the annotations tell no splits: all images are taken",
               what);
    if (notes->empty_captions)
        ac_log(AC_LOG_WARNING, "%s: %lld empty captions are left out", what,
               (long long) notes->empty_captions);
    ac_buffer_free(&names);
}

ac_status
ac_images_index_path(const ac_config *config, const char *folder, const char *what, char **path)
{
    char prefix[16];

    ac_part_prefix(prefix, config);
    return ac_path_format(path, "%s/journal/%s%s.files", folder, prefix, what);
}

/* texts: what ranks that do not open it need of captions and metadata is published too. */
static ac_status
open_input(ac_image_source *images, const ac_config *config, const char *folder, bool texts)
{
    ac_image_options options = ac_images_options(config);
    char *index = NULL, *published = NULL, prefix[16];
    ac_caption_notes notes = { 0 };
    ac_image_source coco = { 0 };
    bool is_tars;
    ac_status st = AC_OK;

    if (folder)
        AC_TRY(ac_images_index_path(config, folder, "input.path", &index));
    ac_part_prefix(prefix, config);
    if (folder && texts)
        AC_TRY(ac_path_format(&published, "%s/journal/%sinput.path.texts", folder, prefix));
    options.index = index;
    options.texts = published;
    if (!config->input.path_annotations) {
        AC_TRY(ac_tar_input_open_alone(images, config, config->input.path, "input.path",
                                       &is_tars));
        if (!is_tars) {
            AC_TRY(ac_images_open(images, config->input.path, "input.path", &options));
            st = ac_image_source_choose_captions(images, config->input.captions);
        }
        goto out;
    }
    AC_TRY(ac_captioned_coco_open(&coco, config->input.path_annotations,
                                  config->input.path_images, &options, &notes));
    ac_images_log_notes(&notes, "input.path");
    AC_TRY(ac_optional_captions_open(images, &coco));
    st = ac_image_source_choose_captions(images, config->input.captions);
out:
    free(index);
    free(published);
    ac_image_source_free(&coco);
    ac_caption_notes_free(&notes);
    return st;
}

ac_status
ac_images_open_input(ac_image_source *images, const ac_config *config, const char *folder)
{
    return open_input(images, config, folder, false);
}

ac_status
ac_images_open_input_all(ac_image_source *images, const ac_comm *comm, const ac_config *config,
                         const char *folder, bool texts)
{
    ac_status st = AC_OK;

    if (comm->rank == 0)
        st = open_input(images, config, folder, texts && comm->size > 1);
    if (comm->rank == 0 && st == AC_OK)
        ac_images_log_passed_over(images, "input.path");
    return ac_images_share_all(images, comm, config, st);
}

const char *
ac_images_place(const ac_config *config)
{
    return config->input.path ? config->input.path : config->input.path_images;
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
    ac_skip_log(&passed->skipped, what);
    ac_buffer_free(&text);
}

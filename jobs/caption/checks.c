/* What a job of images is refused for: by its input, or by how many of its items were rejected.
 */
#include <string.h>

#include "engine/image/preprocess.h"
#include "jobs/caption/stages.h"

ac_status
ac_check_pixels(const ac_image_source *images, const ac_config *config,
                const ac_clip_model *clip, const char *what, bool crops)
{
    ac_buffer wanted = { 0 };
    ac_status st = AC_OK;

    if (!images->pixels[0])
        return AC_OK;
    if (crops)
        AC_FAIL(
            AC_E_ARG,
            "%s: this dataset holds CLIP's input (ingest.store: pixels), and no random crop "
            "can be taken of that: ingest it with store: original, or set "
            "train.crops_per_image to 0",
            what);
    ac_preprocess_print(&clip->recipe, config->input.apply_exif, &wanted);
    AC_TRY(wanted.status);
    if (strcmp(wanted.data, images->pixels) != 0)
        st = ac_error_set(AC_E_ARG,
                          "%s: this dataset holds CLIP's input (ingest.store: pixels), made by "
                          "another recipe (%s) than %s wants (%s): ingest it for this model "
                          "(--set clip.model=…), or with store: original",
                          what, images->pixels, config->clip.model, wanted.data);
out:
    ac_buffer_free(&wanted);
    return st;
}

ac_status
ac_check_bad_items(const ac_run *run)
{
    /* An update's shards hold items that left too: merging has counted (not where a part of it
     * ends). */
    const int64_t items = run->manifest.items, bad = !run->numbers
                                                         ? ac_run_bad(run, AC_STAGE_EMBED)
                                                     : ac_run_is_part(run) ? 0
                                                                           : run->bad;
    const int64_t most = ac_config_max_bad_items(run->config, items);

    if (items && bad == items)
        return ac_error_set(AC_E_BAD_ITEMS,
                            "all of the %lld items are rejected, so there is no result. "
                            "%s/bad_items.jsonl says why",
                            (long long) items, run->folder);
    if (bad <= most)
        return AC_OK;
    return ac_error_set(AC_E_BAD_ITEMS,
                        "%lld of %lld items are rejected, more than limits.max_bad_items "
                        "allows (%lld). %s/bad_items.jsonl names them. Correct them, or run "
                        "again with a higher limit: finished shards stay",
                        (long long) bad, (long long) items, (long long) most, run->folder);
}

#include "jobs/runtime/images.h"

#include "engine/base/log.h"
#include "io/source/open_images.h"

ac_status
ac_images_open_input(ac_image_source *images, const ac_config *config)
{
    return ac_images_open(images, config->input.path, "input.path",
                          config->input.pages == AC_PAGES_ALL);
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
    ac_buffer_free(&text);
}

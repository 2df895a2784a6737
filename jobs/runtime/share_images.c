#include "jobs/runtime/share_images.h"

#include <stdlib.h>

#include "engine/base/log.h"
#include "io/source/open_images.h"
#include "io/source/place_list.h"
#include "io/source/selected_images.h"
#include "jobs/runtime/visible.h"

/* A rank that did not open the source. */
static ac_status
unpack(ac_image_source *images, const ac_comm *comm, const ac_config *config,
       const ac_buffer *packed)
{
    char *paths[2];
    ac_status st = ac_images_packed_files(packed->data, packed->size, paths);

    for (int p = 0; p < 2 && st == AC_OK; p++)
        if (paths[p])
            st = ac_visible_wait(paths[p], config, comm->heartbeat);
    if (st == AC_OK)
        st = ac_images_unpack(images, packed->data, packed->size);
    free(paths[0]);
    free(paths[1]);
    return st;
}

ac_status
ac_images_share_all(ac_image_source *images, const ac_comm *comm, const ac_config *config,
                    ac_status st)
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
    packed.size = (size_t) bytes;
    if (comm->rank != 0)
        st = unpack(images, comm, config, &packed);
    st = ac_agree_all(comm, st);
out:
    ac_buffer_free(&packed);
    return st;
}

ac_status
ac_images_select_all(ac_image_source *images, const ac_comm *comm, const ac_config *config,
                     const char *input, const char *what)
{
    const int64_t count = images->count;
    int64_t listed;
    ac_status st = AC_OK;

    if (comm->rank == 0)
        st = ac_place_list_select(images, input, what);
    AC_TRY(ac_agree_all(comm, st));
    listed = ac_listed_images_whole(images) != images;
    ac_broadcast_bytes_all(comm, &listed, sizeof listed, 0);
    if (!listed)
        return AC_OK;
    if (comm->rank == 0)
        ac_log(AC_LOG_INFO, "%s: the list names %lld of the %lld items", what,
               (long long) images->count, (long long) count);
    else
        ac_image_source_free(images);
    st = ac_images_share_all(images, comm, config, st);
out:
    return st;
}

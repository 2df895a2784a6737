#include "jobs/runtime/images.h"

#include "io/source/open_images.h"

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

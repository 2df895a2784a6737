#include <stdio.h>

#include "engine/base/memory.h"
#include "io/image/formats.h"

bool
ac_image_check_size(int64_t width, int64_t height, int64_t max_pixels,
                    ac_item_status *item_status)
{
    if (width < 1 || height < 1) {
        ac_item_status_set(item_status, AC_REJECT_CORRUPT, "%lld x %lld pixels",
                           (long long) width, (long long) height);
        return false;
    }
    if (max_pixels == AC_IMAGE_SIZE_ONLY || width > max_pixels / height) {
        ac_item_status_set(item_status, AC_REJECT_TOO_LARGE,
                           "%lld x %lld pixels, limits.max_pixels is %lld", (long long) width,
                           (long long) height, (long long) max_pixels);
        return false;
    }
    return true;
}

bool
ac_image_size_read(const ac_item_status *item_status, int64_t *width, int64_t *height)
{
    long long w, h;

    if (item_status->reason != AC_REJECT_TOO_LARGE ||
        sscanf(item_status->detail, "%lld x %lld pixels", &w, &h) != 2)
        return false;
    *width = w;
    *height = h;
    return true;
}

static ac_status
allocate(ac_image *out, ac_image_mode mode, int64_t width, int64_t height, int64_t max_pixels,
         ac_item_status *item_status, bool zeroed)
{
    const size_t bytes = (size_t) ac_image_pixel_bytes(mode);

    if (!ac_image_check_size(width, height, max_pixels, item_status))
        return AC_OK;
    out->mode = mode;
    out->width = width;
    out->height = height;
    return zeroed ? ac_alloc(&out->pixels, width * height, bytes)
                  : ac_alloc_aligned(&out->pixels, width * height, bytes);
}

ac_status
ac_image_allocate(ac_image *out, ac_image_mode mode, int64_t width, int64_t height,
                  int64_t max_pixels, ac_item_status *item_status)
{
    return allocate(out, mode, width, height, max_pixels, item_status, true);
}

ac_status
ac_image_allocate_unset(ac_image *out, ac_image_mode mode, int64_t width, int64_t height,
                        int64_t max_pixels, ac_item_status *item_status)
{
    return allocate(out, mode, width, height, max_pixels, item_status, false);
}

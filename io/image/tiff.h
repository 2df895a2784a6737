/** A TIFF page as its tags describe it. Private to io/image; needs libtiff. */
#ifndef AC_IO_IMAGE_TIFF_H
#define AC_IO_IMAGE_TIFF_H

#include <tiffio.h>

#include "engine/base/item_status.h"
#include "engine/image/image.h"

typedef struct ac_tiff {
    TIFF *tif;
    uint32_t width, height;
    uint16_t bits, samples, photometric, planar, format, compression;
    uint16_t extras; /* samples beyond the colours */
    uint16_t extra;  /* what the first of them means, EXTRASAMPLE_…; of no tag: alpha */
    ac_image_mode mode;
    int colours;       /* samples that are kept, alpha included */
    bool as_rgba;      /* libtiff turns it into RGBA (YCbCr with subsampled colour) */
    bool swapped;      /* bytes of wide samples exchanged, as Pillow does */
    bool associated;   /* colours are multiplied by alpha */
    char message[160]; /* libtiff's last error, "" */
    bool damaged;      /* a warning that means pixels are missing */
} ac_tiff;

/** Mode and colours from the tags: what Pillow reads, and a little more. */
bool ac_tiff_choose_mode(ac_tiff *self, ac_item_status *item_status);

/** All pixels into out, which has the mode and size of self. */
AC_MUST_CHECK ac_status ac_tiff_read_pixels(ac_tiff *self, ac_image *out, int64_t max_pixels,
                                            ac_item_status *item_status);

#endif

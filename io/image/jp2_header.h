/** What a JPEG 2000 file says of itself, before anything is decoded. Private to io/image. */
#ifndef AC_IO_IMAGE_JP2_HEADER_H
#define AC_IO_IMAGE_JP2_HEADER_H

#include <stddef.h>

#include "engine/base/item_status.h"
#include "engine/image/image.h"

/** Starts zeroed. */
typedef struct ac_jp2_header {
    int64_t width, height;
    int components; /* 1 to 4 */
    int bits;       /* of the first component */
    bool boxes;     /* not a bare code stream */
    ac_image_mode mode;
    bool ycc; /* sYCC: to be turned into RGB */
    uint8_t palette[256][3];
} ac_jp2_header;

/** Of a bare code stream or a file of boxes (JP2, JPX). Sizes and tiles that no honest file has
 * are refused here: OpenJPEG would allocate what they claim. */
bool ac_jp2_read_header(ac_jp2_header *self, const unsigned char *bytes, size_t n,
                        ac_item_status *item_status);

#endif

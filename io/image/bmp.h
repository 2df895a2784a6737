/** What a BMP's header says. Private to io/image. */
#ifndef AC_IO_IMAGE_BMP_H
#define AC_IO_IMAGE_BMP_H

#include <stdbool.h>

#include "engine/base/item_status.h"
#include "engine/image/image.h"

typedef struct ac_bmp {
    const unsigned char *bytes; /* the file; not owned */
    size_t n, palette_at;
    uint32_t pixels_at, header, compression, colours;
    int64_t width, height;
    int bits, green_bits; /* bits per pixel; of 16 bits those of green */
    bool top_down;
    int8_t byte[4]; /* where red, green, blue, alpha lie in a pixel of 24 or 32 bits */
} ac_bmp;

/** Run lengths of 4 or 8 bits per pixel into out's pixels, which are zeroed: what a jump passes
 * over, and rows that end early, are index 0. */
void ac_bmp_read_runs(const ac_bmp *self, ac_image *out, ac_item_status *item_status);

#endif

/** GIF's LZW. Private to io/image. */
#ifndef AC_IO_IMAGE_GIF_H
#define AC_IO_IMAGE_GIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/item_status.h"

enum { AC_LZW_CODES = 4096 };

/** Codes and where their pixels go; nothing is owned. The caller sets the first group, zeroes
 * the rest. */
typedef struct ac_lzw {
    const unsigned char *bytes; /* [n]: blocks, each after its length */
    size_t n;
    int code_bits;                 /* 0 to 8 */
    uint8_t *pixels;               /* the frame's first pixel, rows `stride` apart */
    int64_t stride, width, height; /* at least one pixel */
    bool interlaced;

    size_t at, block; /* bytes left in the present block */
    uint32_t bits;
    int bit_count;
    int64_t x, y, row_step;        /* the next pixel */
    int sweep;                     /* of an interlaced frame: 0 to 3 */
    uint16_t before[AC_LZW_CODES]; /* a code's string is that of the code before it, */
    uint8_t last[AC_LZW_CODES];    /* and one more pixel */
    uint8_t string[AC_LZW_CODES];
} ac_lzw;

/** Every pixel of the frame, or a status: what ends early is truncated. */
void ac_gif_unpack(ac_lzw *self, ac_item_status *item_status);

#endif

/** Pillow's antialiased resize, to the byte. Private to engine/image. */
#ifndef AC_ENGINE_IMAGE_RESIZE_H
#define AC_ENGINE_IMAGE_RESIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/image/image.h"
#include "engine/image/recipe.h"

/** The taps of outputs [first, first + count) of a resize from `in` to `out`: in double for
 * wide samples, in fixed point of 22 bits for bytes. Owned. */
typedef struct ac_taps {
    int64_t count, most; /* outputs; taps of one at most */
    int64_t *start;      /* [count]: its first input */
    int64_t *length;     /* [count] */
    double *exact;       /* [count, most]: they add up to 1 but for rounding */
    int32_t *weights;    /* [count, most] */
    int16_t *pairs; /* [count, (most + 3) / 4, 8]: of four weights the low 11 bits (signed),
                       then what is above them */
    int64_t start_capacity, length_capacity, exact_capacity, weight_capacity, pair_capacity;
} ac_taps;

AC_MUST_CHECK ac_status ac_taps_bicubic(ac_taps *self, int64_t in, int64_t out, int64_t first,
                                        int64_t count);
AC_MUST_CHECK ac_status ac_taps_bilinear(ac_taps *self, int64_t in, int64_t out, int64_t first,
                                         int64_t count);
/** Any filter but nearest, which has no taps. */
AC_MUST_CHECK ac_status ac_taps_filtered(ac_taps *self, ac_resample filter, int64_t in,
                                         int64_t out, int64_t first, int64_t count);
void ac_taps_free(ac_taps *self);

/** One pass along rows: y [rows, taps->count, C] from x [rows, width, C], bytes. */
void ac_resize_horizontal(uint8_t *y, const uint8_t *x, int64_t rows, int64_t width, int C,
                          const ac_taps *taps);
/** The same for RGB with AVX2, as many rows as it can take four at a time; returns how many it
 * did. */
int64_t ac_resize_horizontal_rgb_avx2(uint8_t *y, const uint8_t *x, int64_t rows, int64_t width,
                                      const ac_taps *taps);
/** Both passes over RGB with AVX-512 VNNI: y [down->count, across->count, 3] from x [rows,
 * width, 3], along rows first. Scratch: ac_resize_rgb_scratch_bytes, aligned as of malloc.
 * False: not done, the image is too narrow. */
bool ac_resize_rgb_avx512_vnni(uint8_t *y, const uint8_t *x, int64_t rows, int64_t width,
                               const ac_taps *across, const ac_taps *down, uint8_t *scratch);
int64_t ac_resize_rgb_scratch_bytes(int64_t rows, int64_t width, const ac_taps *across,
                                    const ac_taps *down);
/** Both passes over an image of C channels, along rows first, by the fastest kernels in use.
 * between, capacity: a buffer that grows. */
AC_MUST_CHECK ac_status ac_resize_both(uint8_t *y, const uint8_t *x, int64_t rows,
                                       int64_t width, int C, const ac_taps *across,
                                       const ac_taps *down, uint8_t **between,
                                       int64_t *capacity);
/** One pass along columns: y [taps->count, n] from x [height, n], n = width × channels. */
void ac_resize_vertical(uint8_t *y, const uint8_t *x, int64_t n, const ac_taps *taps);

/**
 * The same passes over one channel of a wide mode (I16, I16B, I, F), in double precision.
 * Integers are rounded after each pass, half away from 0, and those of 16 bits clipped; F is
 * stored as float. I16B's bytes are taken in the wrong order, low first, since Pillow 13
 * does so: its pixels are no longer meaningful, but they are those of Pillow.
 */
void ac_resize_horizontal_wide(void *y, const void *x, int64_t rows, int64_t width,
                               const ac_taps *taps, ac_image_mode mode);
void ac_resize_vertical_wide(void *y, const void *x, int64_t n, const ac_taps *taps,
                             ac_image_mode mode);

#endif

#include "engine/image/crop.h"

#include <math.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"

enum { TRIES = 10, NUMBERS = 3 }; /* random numbers per try: area, top, left */

/* A whole number of [0, n). */
static int64_t
draw_below(int64_t n, uint64_t seed, uint64_t stream, uint32_t crop, uint32_t position)
{
    return (int64_t) (ac_random_uniform(seed, stream, crop, position) * (double) n);
}

ac_crop
ac_crop_draw(int64_t width, int64_t height, uint64_t seed, uint64_t stream, uint32_t crop)
{
    const int64_t shorter = width < height ? width : height;

    for (uint32_t t = 0; t < TRIES; t++) {
        const double share = 0.75 + 0.25 * ac_random_uniform(seed, stream, crop, NUMBERS * t);
        const int64_t side = (int64_t) nearbyint(
            sqrt((double) width * (double) height * share)); /* halves to even, as Python's */
        if (side >= 1 && side <= shorter)
            return (ac_crop){
                .top = draw_below(height - side + 1, seed, stream, crop, NUMBERS * t + 1),
                .left = draw_below(width - side + 1, seed, stream, crop, NUMBERS * t + 2),
                .height = side,
                .width = side
            };
    }
    return (ac_crop){ .top = (height - shorter) / 2,
                      .left = (width - shorter) / 2,
                      .height = shorter,
                      .width = shorter };
}

ac_status
ac_image_crop_resize(uint8_t *rgb, const ac_image *p, const ac_crop *c, int64_t S,
                     ac_resizer *self)
{
    const int bytes = ac_image_pixel_bytes(p->mode);
    uint8_t *crop;
    ac_status st = AC_OK;

    AC_CHECK(c->top >= 0 && c->left >= 0 && c->height > 0 && c->width > 0 &&
             c->top + c->height <= p->height && c->left + c->width <= p->width);
    AC_TRY(ac_grow(&self->source, &self->source_capacity, c->width * c->height * 3, 1));
    crop = self->source;
    for (int64_t r = 0; r < c->height; r++)
        ac_image_to_rgb(crop + r * c->width * 3,
                        p->pixels + ((c->top + r) * p->width + c->left) * bytes, c->width,
                        p->mode, p->palette);
    /* a pass whose size does not change is left out */
    if (c->width != S)
        AC_TRY(ac_taps_bilinear(&self->horizontal, c->width, S, 0, S));
    if (c->height != S)
        AC_TRY(ac_taps_bilinear(&self->vertical, c->height, S, 0, S));
    if (c->width != S && c->height != S)
        return ac_resize_both(rgb, crop, c->height, c->width, 3, &self->horizontal,
                              &self->vertical, &self->first, &self->first_capacity);
    if (c->width != S)
        ac_resize_horizontal(rgb, crop, c->height, c->width, 3, &self->horizontal);
    else if (c->height != S)
        ac_resize_vertical(rgb, crop, S * 3, &self->vertical);
    else
        memcpy(rgb, crop, (size_t) (S * S * 3));
out:
    return st;
}

#include "engine/image/preprocess.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

void
ac_resizer_free(ac_resizer *self)
{
    ac_taps_free(&self->horizontal);
    ac_taps_free(&self->vertical);
    free(self->first);
    free(self->second);
    free(self->source);
    *self = (ac_resizer){ 0 };
}

/* Where the crop lies in the resized image, and that image's size. */
typedef struct geometry {
    int64_t width, height, left, top;
} geometry;

static geometry
measure(const ac_image *p, int64_t S)
{
    const int64_t shorter = p->width < p->height ? p->width : p->height;
    geometry g;

    g.width = p->width == shorter ? S : (int64_t) ((double) (S * p->width) / (double) shorter);
    g.height =
        p->height == shorter ? S : (int64_t) ((double) (S * p->height) / (double) shorter);
    g.left = (int64_t) rint((double) (g.width - S) / 2.0); /* halves to even */
    g.top = (int64_t) rint((double) (g.height - S) / 2.0);
    return g;
}

/* Nearest neighbour: the source index of outputs [first, first + S); the scale is added up, not
 * multiplied. */
static void
nearest_indices(int64_t *index, int64_t in, int64_t out, int64_t first, int64_t S)
{
    const double scale = (double) in / (double) out;
    double at = 0.5 * scale;

    for (int64_t i = 0; i < first + S; i++, at += scale)
        if (i >= first)
            index[i - first] = (int64_t) at < in ? (int64_t) at : in - 1;
}

static ac_status
resize_nearest(uint8_t *rgb, const ac_image *p, int64_t S, const geometry *g)
{
    int64_t *index = NULL, *rows;
    ac_status st = ac_alloc(&index, 2 * S, sizeof *index);

    if (st != AC_OK)
        return st;
    rows = index + S;
    nearest_indices(index, p->width, g->width, g->left, S);
    nearest_indices(rows, p->height, g->height, g->top, S);
    for (int64_t y = 0; y < S; y++)
        for (int64_t x = 0; x < S; x++)
            ac_image_to_rgb(rgb + (y * S + x) * 3, p->pixels + rows[y] * p->width + index[x], 1,
                            p->mode, p->palette);
    free(index);
    return AC_OK;
}

static int
muldiv255(int a, int b)
{
    int t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

static void
premultiply(uint8_t *y, const uint8_t *x, int64_t n, int C)
{
    for (int64_t i = 0; i < n; i++) {
        for (int c = 0; c < C - 1; c++)
            y[i * C + c] = (uint8_t) muldiv255(x[i * C + c], x[i * C + C - 1]);
        y[i * C + C - 1] = x[i * C + C - 1];
    }
}

/* The rows (or columns) of the input that taps reach. */
static void
reach(const ac_taps *t, int64_t *first, int64_t *count)
{
    int64_t low = INT64_MAX, high = 0;

    for (int64_t i = 0; i < t->count; i++) {
        low = t->start[i] < low ? t->start[i] : low;
        high = t->start[i] + t->length[i] > high ? t->start[i] + t->length[i] : high;
    }
    *first = low;
    *count = high - low;
}

/* Columns [from, from + n) of x [rows, width, bytes]. */
static void
crop_columns(uint8_t *y, const uint8_t *x, int64_t rows, int64_t width, int64_t from, int64_t n,
             int bytes)
{
    for (int64_t r = 0; r < rows; r++)
        memcpy(y + r * n * bytes, x + (r * width + from) * bytes, (size_t) (n * bytes));
}

static void
pass_along_rows(uint8_t *y, const uint8_t *x, int64_t rows, const ac_image *p, const ac_taps *t)
{
    if (ac_image_mode_is_wide(p->mode))
        ac_resize_horizontal_wide(y, x, rows, p->width, t, p->mode);
    else
        ac_resize_horizontal(y, x, rows, p->width, ac_image_channels(p->mode), t);
}

static void
pass_along_columns(uint8_t *y, const uint8_t *x, int64_t width, const ac_image *p,
                   const ac_taps *t)
{
    if (ac_image_mode_is_wide(p->mode))
        ac_resize_vertical_wide(y, x, width, t, p->mode);
    else
        ac_resize_vertical(y, x, width * ac_image_channels(p->mode), t);
}

/* Both passes in either order; a pass whose size does not change is left out. Result:
 * self->second [S, S, bytes]. */
static ac_status
resize_filtered(ac_resizer *self, const uint8_t *pixels, const ac_image *p, int64_t S,
                const geometry *g)
{
    const int bytes = ac_image_pixel_bytes(p->mode);
    const bool across = g->width != p->width, down = g->height != p->height;
    const bool vertical_first =
        across && g->height < p->height && p->height - g->height > 2 * (p->width - g->width);
    int64_t first_row = g->top, rows = S, first_column = g->left, columns = S;
    ac_status st = AC_OK;

    AC_TRY(ac_grow(&self->second, &self->second_capacity, S * S * bytes, 1));
    if (across)
        AC_TRY(ac_taps_bicubic(&self->horizontal, p->width, g->width, g->left, S));
    if (down)
        AC_TRY(ac_taps_bicubic(&self->vertical, p->height, g->height, g->top, S));
    if (vertical_first) {
        reach(&self->horizontal, &first_column, &columns);
        AC_TRY(ac_grow(&self->first, &self->first_capacity, S * p->width * bytes, 1));
        pass_along_columns(self->first, pixels, p->width, p, &self->vertical);
        pass_along_rows(self->second, self->first, S, p, &self->horizontal);
        return AC_OK;
    }
    if (down) { /* only the rows that the vertical pass needs */
        reach(&self->vertical, &first_row, &rows);
        for (int64_t i = 0; i < S; i++)
            self->vertical.start[i] -= first_row;
    }
    AC_TRY(ac_grow(&self->first, &self->first_capacity, rows * S * bytes, 1));
    pixels += first_row * p->width * bytes;
    if (across)
        pass_along_rows(self->first, pixels, rows, p, &self->horizontal);
    else
        crop_columns(self->first, pixels, rows, p->width, first_column, columns, bytes);
    if (down)
        pass_along_columns(self->second, self->first, S, p, &self->vertical);
    else
        memcpy(self->second, self->first, (size_t) (S * S * bytes));
out:
    return st;
}

ac_status
ac_image_clip_resize(uint8_t *rgb, const ac_image *p, int64_t S, ac_resizer *self)
{
    const geometry g = measure(p, S);
    const bool alpha = p->mode == AC_MODE_RGBA || p->mode == AC_MODE_LA;
    const bool same = g.width == p->width && g.height == p->height;
    const uint8_t *pixels = p->pixels;
    ac_status st = AC_OK;

    if ((p->mode == AC_MODE_P || p->mode == AC_MODE_1) && !same)
        return resize_nearest(rgb, p, S, &g);
    if (alpha && !same) {
        const int C = ac_image_channels(p->mode);
        AC_TRY(ac_grow(&self->source, &self->source_capacity, p->width * p->height * C, 1));
        premultiply(self->source, p->pixels, p->width * p->height, C);
        pixels = self->source;
    }
    AC_TRY(resize_filtered(self, pixels, p, S, &g));
    if (alpha && !same)
        ac_image_divide_by_alpha(self->second, S * S, ac_image_channels(p->mode));
    ac_image_to_rgb(rgb, self->second, S * S, p->mode, p->palette);
out:
    return st;
}

void
ac_image_normalise(float *y, const uint8_t *rgb, int64_t S)
{
    static const float mean[3] = { 0.48145466f, 0.4578275f, 0.40821073f },
                       std[3] = { 0.26862954f, 0.26130258f, 0.27577711f };

    for (int c = 0; c < 3; c++) {
        float table[256];
        for (int v = 0; v < 256; v++)
            table[v] = ((float) v / 255.0f - mean[c]) / std[c];
        for (int64_t i = 0; i < S * S; i++)
            y[c * S * S + i] = table[rgb[3 * i + c]];
    }
}

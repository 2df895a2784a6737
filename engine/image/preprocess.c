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

/* The resized image, which part of it is in the result, and where there. */
typedef struct geometry {
    int64_t width, height;
    int64_t left, top, columns, rows;
    int64_t at_x, at_y; /* what lies outside is padding */
} geometry;

/* Along one side of n pixels: the first in the result, how many, and where they begin there. */
static void
centre(const ac_preprocess_recipe *r, int64_t n, int64_t *first, int64_t *count, int64_t *at)
{
    const int64_t gap = n - r->size;

    *first = 0;
    *count = gap < 0 ? n : r->size;
    *at = 0;
    if (gap < 0)
        *at = r->rgb_first ? (1 - gap) / 2 : -gap / 2;
    else
        *first = r->rgb_first ? gap / 2 : (int64_t) rint((double) gap / 2.0);
}

static void
measure_longest(geometry *g, const ac_image *p, double side)
{
    const double down = (double) p->height / side, across = (double) p->width / side,
                 ratio = down > across ? down : across;

    g->width = (int64_t) rint((double) p->width / ratio);
    g->height = (int64_t) rint((double) p->height / ratio);
    g->width = g->width < 1 ? 1 : g->width;
    g->height = g->height < 1 ? 1 : g->height;
}

static geometry
measure(const ac_image *p, const ac_preprocess_recipe *r)
{
    const int64_t shorter = p->width < p->height ? p->width : p->height, n = r->height;
    geometry g = { .width = p->width, .height = p->height };

    switch (r->resize) {
    case AC_RESIZE_NONE: break;
    case AC_RESIZE_SHORTEST:
        g.width =
            p->width == shorter ? n : (int64_t) ((double) (n * p->width) / (double) shorter);
        g.height =
            p->height == shorter ? n : (int64_t) ((double) (n * p->height) / (double) shorter);
        break;
    case AC_RESIZE_LONGEST: measure_longest(&g, p, (double) n); break;
    case AC_RESIZE_EXACT:
        g.width = r->width;
        g.height = r->height;
        break;
    }
    centre(r, g.width, &g.left, &g.columns, &g.at_x);
    centre(r, g.height, &g.top, &g.rows, &g.at_y);
    return g;
}

/* Along one side, of `in` pixels resized to `out`: what the widest filter reaches from outputs
 * [*first, *first + *count). */
static void
widen(int64_t *first, int64_t *count, int64_t in, int64_t out)
{
    const double scale = (double) in / (double) out, reach = 3 * (scale < 1 ? 1 : scale) + 1;
    const int64_t low = (int64_t) floor((double) *first * scale - reach),
                  high = (int64_t) ceil((double) (*first + *count) * scale + reach);

    *first = low < 0 ? 0 : low;
    *count = (high > in ? in : high) - *first;
}

ac_image_area
ac_preprocess_area(int64_t width, int64_t height, const ac_preprocess_recipe *r)
{
    const ac_image image = { .width = width, .height = height };
    const geometry g = measure(&image, r);
    ac_image_area area = { g.left, g.top, g.columns, g.rows };

    widen(&area.left, &area.columns, width, g.width);
    widen(&area.top, &area.rows, height, g.height);
    return area;
}

/* Nearest neighbour: the source index of outputs [first, first + n); the scale is added up, not
 * multiplied. */
static void
nearest_indices(int64_t *index, int64_t in, int64_t out, int64_t first, int64_t n)
{
    const double scale = (double) in / (double) out;
    double at = 0.5 * scale;

    for (int64_t i = 0; i < first + n; i++, at += scale)
        if (i >= first)
            index[i - first] = (int64_t) at < in ? (int64_t) at : in - 1;
}

static ac_status
resize_nearest(uint8_t *rgb, const ac_image *p, int64_t S, const geometry *g)
{
    const int bytes = ac_image_pixel_bytes(p->mode);
    int64_t *index = NULL, *rows;
    ac_status st = ac_alloc(&index, g->columns + g->rows, sizeof *index);

    if (st != AC_OK)
        return st;
    rows = index + g->columns;
    nearest_indices(index, p->width, g->width, g->left, g->columns);
    nearest_indices(rows, p->height, g->height, g->top, g->rows);
    for (int64_t y = 0; y < g->rows; y++)
        for (int64_t x = 0; x < g->columns; x++)
            ac_image_to_rgb(rgb + ((g->at_y + y) * S + g->at_x + x) * 3,
                            p->pixels + (rows[y] * p->width + index[x]) * bytes, 1, p->mode,
                            p->palette);
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
 * self->second [rows, columns, bytes] of g. */
static ac_status
resize_filtered(ac_resizer *self, const uint8_t *pixels, const ac_image *p, const geometry *g,
                ac_resample filter)
{
    const int bytes = ac_image_pixel_bytes(p->mode);
    const bool across = g->width != p->width, down = g->height != p->height;
    const bool vertical_first =
        across && g->height < p->height && p->height - g->height > 2 * (p->width - g->width);
    int64_t first_row = g->top, rows = g->rows, first_column = g->left, columns = g->columns;
    ac_status st = AC_OK;

    AC_TRY(ac_grow(&self->second, &self->second_capacity, g->rows * g->columns * bytes, 1));
    if (across)
        AC_TRY(ac_taps_filtered(&self->horizontal, filter, p->width, g->width, g->left,
                                g->columns));
    if (down)
        AC_TRY(
            ac_taps_filtered(&self->vertical, filter, p->height, g->height, g->top, g->rows));
    if (vertical_first) {
        reach(&self->horizontal, &first_column, &columns);
        AC_TRY(ac_grow(&self->first, &self->first_capacity, g->rows * p->width * bytes, 1));
        pass_along_columns(self->first, pixels, p->width, p, &self->vertical);
        pass_along_rows(self->second, self->first, g->rows, p, &self->horizontal);
        return AC_OK;
    }
    if (down) { /* only the rows that the vertical pass needs */
        reach(&self->vertical, &first_row, &rows);
        for (int64_t i = 0; i < g->rows; i++)
            self->vertical.start[i] -= first_row;
    }
    if (across && down && !ac_image_mode_is_wide(p->mode))
        return ac_resize_both(self->second, pixels + first_row * p->width * bytes, rows,
                              p->width, bytes, &self->horizontal, &self->vertical, &self->first,
                              &self->first_capacity);
    AC_TRY(ac_grow(&self->first, &self->first_capacity, rows * g->columns * bytes, 1));
    pixels += first_row * p->width * bytes;
    if (across)
        pass_along_rows(self->first, pixels, rows, p, &self->horizontal);
    else
        crop_columns(self->first, pixels, rows, p->width, first_column, columns, bytes);
    if (down)
        pass_along_columns(self->second, self->first, g->columns, p, &self->vertical);
    else
        memcpy(self->second, self->first, (size_t) (g->rows * g->columns * bytes));
out:
    return st;
}

/* Where the image does not cover the result: a pixel of the image's mode, each of whose numbers
 * is `fill`. */
static void
pad(uint8_t *rgb, const ac_image *p, int64_t S, int fill)
{
    uint8_t pixel[8] = { 0 }, colour[3];
    const uint16_t word = (uint16_t) fill;
    const int32_t whole = fill;
    const float real = (float) fill;

    memset(pixel, p->mode == AC_MODE_1 && fill ? 255 : fill, sizeof pixel);
    if (p->mode == AC_MODE_I16)
        memcpy(pixel, &word, sizeof word);
    else if (p->mode == AC_MODE_I16B)
        pixel[0] = 0;
    else if (p->mode == AC_MODE_I)
        memcpy(pixel, &whole, sizeof whole);
    else if (p->mode == AC_MODE_F)
        memcpy(pixel, &real, sizeof real);
    ac_image_to_rgb(colour, pixel, 1, p->mode, p->palette);
    for (int64_t i = 0; i < S * S; i++)
        memcpy(rgb + 3 * i, colour, 3);
}

/* In the image's own mode, then to RGB. */
static ac_status
preprocess(uint8_t *rgb, const ac_image *p, const ac_preprocess_recipe *r, ac_resizer *self)
{
    const geometry g = measure(p, r);
    const int64_t S = r->size;
    const int bytes = ac_image_pixel_bytes(p->mode);
    const bool alpha = p->mode == AC_MODE_RGBA || p->mode == AC_MODE_LA;
    const bool same = g.width == p->width && g.height == p->height;
    const bool nearest =
        p->mode == AC_MODE_P || p->mode == AC_MODE_1 || r->resample == AC_RESAMPLE_NEAREST;
    const uint8_t *pixels = p->pixels;
    ac_status st = AC_OK;

    if (g.columns < S || g.rows < S)
        pad(rgb, p, S, r->fill);
    if (nearest && !same)
        return resize_nearest(rgb, p, S, &g);
    if (alpha && !same) {
        const int C = ac_image_channels(p->mode);
        AC_TRY(ac_grow(&self->source, &self->source_capacity, p->width * p->height * C, 1));
        premultiply(self->source, p->pixels, p->width * p->height, C);
        pixels = self->source;
    }
    AC_TRY(resize_filtered(self, pixels, p, &g, r->resample));
    if (alpha && !same)
        ac_image_divide_by_alpha(self->second, g.rows * g.columns, ac_image_channels(p->mode));
    for (int64_t y = 0; y < g.rows; y++)
        ac_image_to_rgb(rgb + ((g.at_y + y) * S + g.at_x) * 3,
                        self->second + y * g.columns * bytes, g.columns, p->mode, p->palette);
out:
    return st;
}

ac_status
ac_image_preprocess(uint8_t *rgb, const ac_image *p, const ac_preprocess_recipe *r,
                    ac_resizer *self)
{
    const int64_t n = p->width * p->height;
    ac_image converted = { .mode = AC_MODE_RGB, .width = p->width, .height = p->height };
    ac_status st = AC_OK;

    if (!r->rgb_first || p->mode == AC_MODE_RGB)
        return preprocess(rgb, p, r, self);
    AC_TRY(ac_grow(&self->source, &self->source_capacity, 3 * n, 1));
    ac_image_to_rgb(self->source, p->pixels, n, p->mode, p->palette);
    converted.pixels = self->source; /* RGB has no alpha, so nothing else is put there */
    st = preprocess(rgb, &converted, r, self);
out:
    return st;
}

ac_status
ac_image_clip_resize(uint8_t *rgb, const ac_image *p, int64_t S, ac_resizer *self)
{
    const ac_preprocess_recipe recipe = ac_preprocess_openai(S);

    return ac_image_preprocess(rgb, p, &recipe, self);
}

void
ac_image_normalise(float *y, const uint8_t *rgb, const ac_preprocess_recipe *r)
{
    const int64_t n = r->size * r->size;

    for (int c = 0; c < 3; c++) {
        float table[256];
        for (int v = 0; v < 256; v++)
            table[v] = ((float) (v * r->rescale) - r->mean[c]) / r->std[c];
        for (int64_t i = 0; i < n; i++)
            y[c * n + i] = table[rgb[3 * i + c]];
    }
}

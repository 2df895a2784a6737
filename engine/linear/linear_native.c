/* Linear layers by our own products (engine/kernels/product.h): packing of the weights, tiles.
 * A row's bits follow from the row and the weights alone. */
#include <string.h>

#include "engine/kernels/kernel_set.h"
#include "engine/kernels/product.h"
#include "engine/linear/linear_backend.h"

enum {
    ROWS = AC_PRODUCT_ROWS,
    PANEL = AC_PRODUCT_PANEL,
    DEPTH = AC_PRODUCT_DEPTH,
    COLUMNS = 768,       /* of a tile; all but few layers have a multiple */
    FEWEST_COLUMNS = 96, /* COLUMNS halved thrice: whole WIDESTs */
    WHOLE_GROUPS = 12,   /* rows: a multiple of every kernel's */
    LINE = 64,           /* bytes of a cache line */
    SOON = 4096          /* so many bytes ahead the weights of few rows are fetched */
};

static size_t
element_bytes(ac_precision precision)
{
    return precision == AC_PRECISION_BF16 ? sizeof(uint16_t) : sizeof(float);
}

static size_t
weight_bytes(ac_precision precision, int64_t out, int64_t in)
{
    return (size_t) (ac_product_columns(out) * in) * element_bytes(precision);
}

static ac_status
init(ac_linear *self)
{
    self->plan = NULL;
    return AC_OK;
}

static void
pack(const ac_linear *self, void *packed, const float *weight, int64_t column, int64_t columns)
{
    const int64_t K = self->in, last = column + columns == self->out
                                           ? ac_product_columns(self->out) - column
                                           : columns;
    const bool narrow = self->compute.precision == AC_PRECISION_BF16;

    for (int64_t p = 0; p < last; p += PANEL) {
        float *wide = (float *) packed + (column + p) * K;
        uint16_t *half = (uint16_t *) packed + (column + p) * K;
        for (int64_t k = 0; k < K; k++)
            for (int64_t c = 0; c < PANEL; c++) {
                const float w = p + c < columns ? weight[(p + c) * K + k] : 0;
                if (narrow)
                    half[k * PANEL + c] = ac_f32_to_bf16(w);
                else
                    wide[k * PANEL + c] = w;
            }
    }
}

/* Equal blocks of rows: a last block of few rows would read all weights for those. And the
 * widest columns whose tiles leave no thread waiting long for the last: 4 tiles per thread, and
 * an idle share of at most 1 in 32. */
static void
tiling(const ac_linear *self, int64_t M, int threads, int64_t *rows, int64_t *columns)
{
    const int64_t blocks = M > ROWS ? (M + ROWS - 1) / ROWS : 1,
                  even = M > 0 ? (M + blocks - 1) / blocks : 1;

    *rows = (even + WHOLE_GROUPS - 1) / WHOLE_GROUPS * WHOLE_GROUPS;
    *columns = COLUMNS;
    while (threads > 1 && *columns > FEWEST_COLUMNS) {
        const int64_t tiles = blocks * ((self->out + *columns - 1) / *columns),
                      turns = (tiles + threads - 1) / threads;
        if (tiles >= 4 * threads && (turns * threads - tiles) * 32 <= tiles)
            break;
        *columns /= 2;
    }
}

static size_t
tile_scratch_bytes(const ac_linear *self)
{
    (void) self;
    return sizeof(float) * ROWS * (DEPTH + COLUMNS);
}

/* ---- a tile ---- */

/* What the next block of k, or the next tile, reads of x: prefetched a few lines per kernel
 * call, because a block's rows are mostly in no cache nearer than L3. */
typedef struct rows_ahead {
    const char *row;         /* its lines are prefetched now */
    int64_t distance, bytes; /* of rows, of each */
    int64_t at, lines, done; /* bytes of this row; lines in all */
} rows_ahead;

static rows_ahead
look_ahead(const ac_linear *self, const ac_linear_tile *t, int64_t done)
{
    const int64_t in = self->in;
    const bool is_last = done >= in;
    const int64_t k = is_last ? 0 : done, K = in - k < DEPTH ? in - k : DEPTH,
                  bytes = K * (int64_t) sizeof(float);

    return (rows_ahead){ .row = (const char *) ((is_last ? t->next_x : t->x) + k),
                         .distance = in * (int64_t) sizeof(float),
                         .bytes = bytes,
                         .lines =
                             (bytes + LINE - 1) / LINE * (is_last ? t->next_rows : t->rows) };
}

static inline void
prefetch_rows(rows_ahead *self, int64_t until)
{
    for (; self->done < until; self->done++) {
        __builtin_prefetch(self->row + self->at, 0, 2);
        self->at += LINE;
        if (self->at >= self->bytes) {
            self->at = 0;
            self->row += self->distance;
        }
    }
}

/* Row r of the tile, from blocks [columns / width, rows, width]; then the epilogue, while it is
 * in L1. */
static void
finish_row(const ac_linear *self, const ac_linear_tile *t, const float *results, int64_t width,
           int64_t r)
{
    float *y = t->y + r * self->out;

    for (int64_t c = 0; c < t->columns; c += width) {
        const float *from = results + c * t->rows + r * width;
        const int64_t left = t->columns - c;
        if (left < width)
            memcpy(y + c, from, (size_t) left * sizeof *y);
        else
            for (int64_t p = 0; p < width; p += PANEL)
                memcpy(y + c + p, from + p, PANEL * sizeof *y);
    }
    ac_linear_finish_row(self, t, r);
}

/* A tile's product: weights of `each` bytes, and where results go. */
typedef struct product {
    ac_product_kernel kernel;
    size_t each;
    float *results;
} product;

/* Some columns, all rows, over K of k from `k` on; a: those rows, packed. next: the columns and
 * the k that are multiplied after these. The groups of rows share the prefetching of their
 * weights; each prefetches its part of `rows`, which has `calls` in all. One group alone, of
 * two panels, fetches the lines of both shortly before it reads them (ADR 201). */
static void
multiply(const ac_linear *self, const ac_linear_tile *t, const product *p, const float *a,
         int64_t k, int64_t column, int64_t next, rows_ahead *rows, int64_t calls)
{
    const ac_product *kernels = ac_kernels()->product;
    const int64_t in = self->in, width = kernels->panels * PANEL, most = kernels->rows,
                  K = in - k < DEPTH ? in - k : DEPTH, groups = (t->rows + most - 1) / most,
                  shares = groups > kernels->panels ? groups / kernels->panels : 1;
    const char *weights = (const char *) self->packed + (size_t) (t->column * in) * p->each,
               *b = weights + (size_t) (column * in + k * PANEL) * p->each;
    const size_t panel = (size_t) (PANEL * K) * p->each, share = panel / (size_t) shares;
    const bool is_soon = groups == 1 && t->rows > AC_PRODUCT_FEW && kernels->panels > 1;

    for (int64_t g = 0; g < groups; g++) {
        const int64_t r = g * most, R = t->rows - r < most ? t->rows - r : most;
        const ac_product_ahead later = { weights + (size_t) next * p->each +
                                             (size_t) (g / shares * PANEL * in) * p->each +
                                             (size_t) (g % shares) * share,
                                         (int64_t) (share / (size_t) K), false },
                               soon = { b + SOON, (int64_t) (PANEL * p->each), true };
        if (groups > 1)
            prefetch_rows(rows, (column / width * groups + g + 1) * rows->lines / calls);
        p->kernel(p->results + column * t->rows + r * width, width, a, b, PANEL * in, K,
                  (int) R, k > 0, is_soon ? soon : later);
        a += R * K;
    }
}

/* Where there is room for all of x at once, the weights are read in the order of memory. The
 * kernels' results lie in a block of their own for each call: rows of y lie apart by a distance
 * that often maps them all to the same few sets of L1. */
void
ac_linear_native_tile(const ac_linear *self, const ac_linear_tile *t, void *scratch,
                      ac_product_kernel kernel, size_t each)
{
    const ac_product *kernels = ac_kernels()->product;
    const int64_t in = self->in, width = kernels->panels * PANEL, room = ROWS * DEPTH / t->rows,
                  depth = in <= room ? in : DEPTH,
                  calls = (t->rows + kernels->rows - 1) / kernels->rows *
                          ((t->columns + width - 1) / width);
    float *a = scratch;
    const product p = { kernel, each, a + ROWS * DEPTH };

    for (int64_t from = 0; from < in; from += depth) {
        const int64_t to = in - from < depth ? in : from + depth;
        rows_ahead rows = look_ahead(self, t, to);
        for (int64_t k = from; k < to && !(t->again && depth == in); k += DEPTH)
            ac_product_pack_rows(a + (k - from) * t->rows, (ac_matrix){ t->x + k, in, 1 },
                                 t->rows, to - k < DEPTH ? to - k : DEPTH, kernels->rows);
        for (int64_t c = 0; c < t->columns; c += width)
            for (int64_t k = from; k < to; k += DEPTH) {
                const bool is_last = k + DEPTH >= to;
                const int64_t next = !is_last                 ? c * in + (k + DEPTH) * PANEL
                                     : c + width < t->columns ? (c + width) * in + from * PANEL
                                                              : to % in * PANEL;
                multiply(self, t, &p, a + (k - from) * t->rows, k, c, next, &rows, calls);
            }
    }
    for (int64_t r = 0; r < t->rows; r++)
        finish_row(self, t, p.results, width, r);
}

static void
tile(const ac_linear *self, const ac_linear_tile *t, void *scratch)
{
    const ac_product *kernels = ac_kernels()->product;
    const bool narrow = self->compute.precision == AC_PRECISION_BF16;

    ac_linear_native_tile(self, t, scratch, narrow ? kernels->bf16 : kernels->fp32,
                          element_bytes(self->compute.precision));
}

const ac_linear_backend ac_linear_native = {
    .weight_bytes = weight_bytes,
    .init = init,
    .pack = pack,
    .tiling = tiling,
    .tile_scratch_bytes = tile_scratch_bytes,
    .tile = tile,
    .finishes = true,
};

/* Linear layers by our own products (engine/kernels/product.h): packing of the weights, tiles.
 * A row's bits follow from the row and the weights alone. */
#include "engine/kernels/kernel_set.h"
#include "engine/kernels/product.h"
#include "engine/linear/linear_backend.h"

enum {
    ROWS = AC_PRODUCT_ROWS,
    PANEL = AC_PRODUCT_PANEL,
    DEPTH = AC_PRODUCT_DEPTH,
    WIDEST = AC_PRODUCT_WIDEST
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

static void
tiling(const ac_linear *self, int64_t M, int threads, int64_t *rows, int64_t *columns)
{
    const int64_t blocks = (M + ROWS - 1) / ROWS;

    *rows = ROWS;
    *columns = AC_LINEAR_STRIP;
    while (threads > 1 && *columns > 2 * WIDEST &&
           blocks * ((self->out + *columns - 1) / *columns) < 4 * threads)
        *columns /= 2;
}

static size_t
tile_scratch_bytes(const ac_linear *self)
{
    (void) self;
    return sizeof(float) * (ROWS * DEPTH + AC_PRODUCT_MOST_ROWS * WIDEST);
}

/* Some columns, all rows, over K of k from `k` on; a: those rows, packed. */
static void
multiply(const ac_linear *self, const ac_linear_tile *t, const float *a, int64_t k,
         int64_t column, ac_product_kernel kernel, size_t each, float *edge)
{
    const ac_product *kernels = ac_kernels()->product;
    const int64_t in = self->in, width = kernels->panels * PANEL,
                  K = in - k < DEPTH ? in - k : DEPTH,
                  next = k + K < in ? PANEL * K : width * in - PANEL * k;
    const char *b =
        (const char *) self->packed + (size_t) ((t->column + column) * in + k * PANEL) * each;

    for (int64_t r = 0; r < t->rows; r += kernels->rows) {
        const int64_t R = t->rows - r < kernels->rows ? t->rows - r : kernels->rows;
        ac_product_block(kernel, kernels->panels, t->y + r * self->out + column, self->out, a,
                         b, PANEL * in, next, K, R, t->columns - column, k > 0, edge);
        a += R * K;
    }
}

/* Where there is room for all of x at once, the weights are read in the order of memory. */
void
ac_linear_native_tile(const ac_linear *self, const ac_linear_tile *t, void *scratch,
                      ac_product_kernel kernel, size_t each)
{
    const ac_product *kernels = ac_kernels()->product;
    const int64_t in = self->in, width = kernels->panels * PANEL, room = ROWS * DEPTH / t->rows,
                  depth = in <= room ? in : DEPTH;
    float *a = scratch, *edge = a + ROWS * DEPTH;

    for (int64_t from = 0; from < in; from += depth) {
        const int64_t to = in - from < depth ? in : from + depth;
        for (int64_t k = from; k < to; k += DEPTH)
            ac_product_pack_rows(a + (k - from) * t->rows, (ac_matrix){ t->x + k, in, 1 },
                                 t->rows, to - k < DEPTH ? to - k : DEPTH, kernels->rows);
        for (int64_t c = 0; c < t->columns; c += width)
            for (int64_t k = from; k < to; k += DEPTH)
                multiply(self, t, a + (k - from) * t->rows, k, c, kernel, each, edge);
    }
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
};

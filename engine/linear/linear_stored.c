/* Layers whose weights stay as their file stores them: quantized, or in 16 bits. They are laid
 * out for the kernels once and expanded while they are multiplied, in registers for one row and
 * a panel at a time for more. The weights are exactly the file's and every sum is native's, so
 * the bits are those of the expanded layer. */
#include <stdlib.h>
#include <string.h>

#include "engine/kernels/kernel_set.h"
#include "engine/kernels/quantized.h"
#include "engine/linear/linear_backend.h"

enum {
    ROWS = AC_PRODUCT_ROWS,
    PANEL = AC_PRODUCT_PANEL,
    DEPTH = AC_PRODUCT_DEPTH,
    WIDEST = AC_PRODUCT_WIDEST,
    MOST_PARTS = 3
};

/* Columns of one kind: the rows of one weight tensor. Pieces (quantized.h) lie by DEPTH of k,
 * then by panel. */
typedef struct stored_part {
    const ac_quants *quants;
    int64_t first, columns; /* of the layer's */
    size_t at;              /* of its pieces in the packed weights */
} stored_part;

typedef struct stored_plan {
    stored_part parts[MOST_PARTS];
    int count;
    ac_dtype dtype; /* AC_F16, AC_BF16; AC_F32: quantized */
} stored_plan;

static int64_t
panels_of(int64_t columns)
{
    return (columns + PANEL - 1) / PANEL;
}

static size_t
piece_bytes(const ac_quants *quants, int64_t K)
{
    return ac_quantized_piece_bytes(ac_quants_shape_of(quants->kind), K);
}

/* All pieces of a part. */
static size_t
part_bytes(const ac_quants *quants, int64_t columns, int64_t in)
{
    const size_t whole = (size_t) (in / DEPTH) * piece_bytes(quants, DEPTH),
                 rest = in % DEPTH ? piece_bytes(quants, in % DEPTH) : 0;

    return (size_t) panels_of(columns) * (whole + rest);
}

static const ac_quants *
quants_of(const ac_tensor *t)
{
    return t->form ? t->form->quants : NULL;
}

/* How the weights are kept; false: expanded. */
static bool
make_plan(stored_plan *out, const ac_compute *compute, const ac_tensor *const *weights,
          int parts, int64_t in)
{
    int64_t column = 0;
    size_t at = 0;

    *out = (stored_plan){ .count = parts, .dtype = weights[0]->dtype };
    if (ac_backend_resolve(compute) != AC_BACKEND_NATIVE ||
        compute->precision != AC_PRECISION_FP32 || parts > MOST_PARTS)
        return false;
    for (int p = 0; p < parts; p++) {
        const ac_quants *quants = quants_of(weights[p]);
        const int64_t columns = weights[p]->shape[0];
        if (weights[p]->dtype != out->dtype)
            return false;
        if (out->dtype != AC_F16 && out->dtype != AC_BF16) {
            if (!quants || column % PANEL || in % quants->block)
                return false;
            out->parts[p] = (stored_part){ quants, column, columns, at };
            at += part_bytes(quants, columns, in);
        }
        column += columns;
    }
    return true;
}

static size_t
plan_bytes(const stored_plan *self, int64_t out, int64_t in)
{
    const stored_part *last = &self->parts[self->count - 1];

    if (self->dtype != AC_F32)
        return (size_t) (ac_product_columns(out) * in) * sizeof(uint16_t);
    return last->at + part_bytes(last->quants, last->columns, in);
}

/* ---- packing ---- */

/* One panel: its columns' blocks. */
static void
pack_panel(const stored_part *self, char *packed, const ac_tensor *weight, int64_t in,
           int64_t panel)
{
    const ac_quants *q = self->quants;
    const int64_t panels = panels_of(self->columns), blocks = in / q->block;
    const size_t whole = piece_bytes(q, DEPTH);

    for (int64_t k = 0; k < in; k += DEPTH) {
        const int64_t K = in - k < DEPTH ? in - k : DEPTH;
        const size_t bytes = piece_bytes(q, K);
        char *piece =
            packed + self->at + (size_t) (k / DEPTH * panels) * whole + (size_t) panel * bytes;
        memset(piece, 0, bytes);
        for (int64_t c = panel * PANEL; c < self->columns && c < (panel + 1) * PANEL; c++) {
            const unsigned char *from = (const unsigned char *) weight->data +
                                        (size_t) (c * blocks + k / q->block) * q->bytes;
            for (int64_t i = 0; i < K; i += q->block, from += q->bytes) {
                ac_quants_block block;
                q->unpack(&block, from);
                ac_quantized_pack(piece, q, K, (int) (c % PANEL), &block, i);
            }
        }
    }
}

static void
pack_quantized(const stored_plan *self, char *packed, const ac_tensor *const *weights,
               int64_t in)
{
    for (int p = 0; p < self->count; p++) {
        const int64_t panels = panels_of(self->parts[p].columns);
#pragma omp parallel for schedule(dynamic, 4)
        for (int64_t i = 0; i < panels; i++)
            pack_panel(&self->parts[p], packed, weights[p], in, i);
    }
}

/* Numbers [first, first + n) of a tensor of 16 bits, as it stores them. */
static void
read_halves(const ac_tensor *t, uint16_t *y, int64_t first, int64_t n)
{
    const int64_t columns = t->shape[0], rows = ac_tensor_count(t) / columns;
    const char *data = t->data;

    if (!t->form) {
        memcpy(y, data + 2 * first, (size_t) n * sizeof *y);
        return;
    }
    for (int64_t i = 0; i < n;
         i++) /* a transposed view [columns, rows]: plain [rows, columns] */
        memcpy(y + i, data + 2 * ((first + i) % rows * columns + (first + i) / rows), 2);
}

static void
pack_halves(void *packed, const ac_tensor *weight, int64_t column, int64_t in)
{
#pragma omp parallel for schedule(dynamic, 16)
    for (int64_t c = 0; c < weight->shape[0]; c++) {
        uint16_t *to =
            (uint16_t *) packed + (column + c) / PANEL * PANEL * in + (column + c) % PANEL;
        for (int64_t k = 0; k < in; k += DEPTH) {
            const int64_t K = in - k < DEPTH ? in - k : DEPTH;
            uint16_t row[DEPTH];
            read_halves(weight, row, c * in + k, K);
            for (int64_t i = 0; i < K; i++)
                to[(k + i) * PANEL] = row[i];
        }
    }
}

static void
pack_all_halves(void *packed, const ac_tensor *const *weights, int parts, int64_t out,
                int64_t in)
{
    const int64_t whole = out / PANEL * PANEL;
    int64_t column = 0;

    memset((uint16_t *) packed + whole * in, 0,
           (size_t) ((ac_product_columns(out) - whole) * in) * sizeof(uint16_t));
    for (int p = 0; p < parts; p++) {
        pack_halves(packed, weights[p], column, in);
        column += weights[p]->shape[0];
    }
}

/* ---- the backend ---- */

static void
free_plan(ac_linear *self)
{
    free(self->plan);
}

static size_t
tile_scratch_bytes(const ac_linear *self)
{
    return ac_linear_native.tile_scratch_bytes(self) +
           ac_scratch_room(WIDEST * DEPTH * sizeof(float));
}

/* What a thread computes a tile with. */
typedef struct space {
    float *rows, *edge, *expanded; /* [ROWS, DEPTH]; of ac_product_block; [2, DEPTH, PANEL] */
} space;

/* One row times columns of one kind. */
static void
multiply_row(const ac_quantized_kernel *kernel, float *y, const float *x, const char *pieces,
             int64_t K, int64_t columns, bool add, float *edge, size_t bytes)
{
    const int64_t panels = columns / PANEL, left = columns % PANEL;

    kernel->row(y, x, pieces, K, panels, add);
    if (!left)
        return;
    if (add)
        memcpy(edge, y + panels * PANEL, (size_t) left * sizeof *y);
    kernel->row(edge, x, pieces + (size_t) panels * bytes, K, 1, add);
    memcpy(y + panels * PANEL, edge, (size_t) left * sizeof *y);
}

/* Several rows, packed, times columns of one kind: y [rows, columns], ldy apart. */
static void
multiply_rows(const ac_quantized_kernel *kernel, float *y, int64_t ldy, const space *mine,
              int64_t rows, const char *pieces, int64_t K, int64_t columns, bool add,
              size_t bytes)
{
    const ac_product *product = ac_kernels()->product;
    const int64_t width = product->panels * PANEL;

    for (int64_t c = 0; c < columns; c += width) {
        const float *group = mine->rows;
        for (int64_t p = 0; p < product->panels; p++)
            if (c + p * PANEL < columns)
                kernel->expand(mine->expanded + p * PANEL * K,
                               pieces + (size_t) (c / PANEL + p) * bytes, K);
            else
                memset(mine->expanded + p * PANEL * K, 0, (size_t) (PANEL * K) * sizeof *y);
        for (int64_t r = 0; r < rows; r += product->rows) {
            const int64_t R = rows - r < product->rows ? rows - r : product->rows;
            ac_product_block(y + r * ldy + c, ldy, group, mine->expanded, PANEL * K, 0, K, R,
                             columns - c, add, mine->edge);
            group += R * K;
        }
    }
}

static void
tile_quantized(const ac_linear *self, const ac_linear_tile *t, void *scratch)
{
    const stored_plan *plan = self->plan;
    const ac_product *product = ac_kernels()->product;
    const space mine = { .rows = scratch,
                         .edge = (float *) scratch + ROWS * DEPTH,
                         .expanded =
                             (float *) (void *) ((char *) scratch +
                                                 ac_linear_native.tile_scratch_bytes(self)) };

    for (int64_t k = 0; k < self->in; k += DEPTH) {
        const int64_t K = self->in - k < DEPTH ? self->in - k : DEPTH;
        if (t->rows > 1)
            ac_product_pack_rows(mine.rows, (ac_matrix){ t->x + k, self->in, 1 }, t->rows, K,
                                 product->rows);
        for (const stored_part *p = plan->parts; p < plan->parts + plan->count; p++) {
            const int64_t last = p->first + p->columns, end = t->column + t->columns,
                          first = t->column > p->first ? t->column : p->first,
                          columns = (end < last ? end : last) - first;
            const size_t bytes = piece_bytes(p->quants, K);
            const ac_quantized_kernel *kernel = &product->quantized[p->quants->kind];
            const char *pieces =
                (const char *) self->packed + p->at +
                (size_t) (k / DEPTH * panels_of(p->columns)) * piece_bytes(p->quants, DEPTH) +
                (size_t) ((first - p->first) / PANEL) * bytes;
            float *y = t->y + first - t->column;
            if (columns > 0 && t->rows == 1)
                multiply_row(kernel, y, t->x + k, pieces, K, columns, k > 0, mine.edge, bytes);
            else if (columns > 0)
                multiply_rows(kernel, y, self->out, &mine, t->rows, pieces, K, columns, k > 0,
                              bytes);
        }
    }
}

static void
tile_halves(const ac_linear *self, const ac_linear_tile *t, void *scratch)
{
    const ac_product *product = ac_kernels()->product;
    const stored_plan *plan = self->plan;

    ac_linear_native_tile(self, t, scratch,
                          plan->dtype == AC_F16 ? product->fp16 : product->bf16,
                          sizeof(uint16_t));
}

static void
tiling(const ac_linear *self, int64_t M, int threads, int64_t *rows, int64_t *columns)
{
    ac_linear_native.tiling(self, M, threads, rows, columns);
}

static const ac_linear_backend quantized = { .free = free_plan,
                                             .tiling = tiling,
                                             .tile_scratch_bytes = tile_scratch_bytes,
                                             .tile = tile_quantized };
static const ac_linear_backend halves = { .free = free_plan,
                                          .tiling = tiling,
                                          .tile_scratch_bytes = tile_scratch_bytes,
                                          .tile = tile_halves,
                                          .finishes = true };

/* ---- layers ---- */

static void
sizes(const ac_tensor *const *weights, int parts, int64_t *out, int64_t *in)
{
    *out = 0;
    for (int p = 0; p < parts; p++)
        *out += weights[p]->shape[0];
    *in = ac_tensor_count(weights[0]) / weights[0]->shape[0];
}

size_t
ac_linear_stored_bytes(const ac_compute *compute, const ac_tensor *const *weights, int parts)
{
    int64_t out, in;
    stored_plan plan;

    sizes(weights, parts, &out, &in);
    if (!make_plan(&plan, compute, weights, parts, in))
        return ac_linear_packed_bytes(compute, out, in);
    return ac_scratch_room(plan_bytes(&plan, out, in)) +
           ac_scratch_room((size_t) out * sizeof(float));
}

ac_status
ac_linear_init_stored(ac_linear *self, const ac_compute *compute,
                      const ac_tensor *const *weights, const ac_tensor *const *biases,
                      int parts, void *packed, bool fill)
{
    int64_t out, in;
    float *bias;
    stored_plan made, *plan;
    ac_status st = AC_OK;

    sizes(weights, parts, &out, &in);
    if (!make_plan(&made, compute, weights, parts, in))
        return ac_linear_init(self, compute, weights, biases, parts, packed, fill);
    *self = (ac_linear){ .in = in, .out = out, .packed = packed, .compute = *compute };
    AC_TRY(ac_alloc(&plan, 1, sizeof *plan));
    *plan = made;
    self->plan = plan;
    self->backend = plan->dtype == AC_F32 ? &quantized : &halves;
    self->compute.backend = AC_BACKEND_NATIVE;
    bias = (float *) (void *) ((char *) packed + ac_scratch_room(plan_bytes(plan, out, in)));
    self->bias = bias;
    if (!fill)
        goto out;
    if (plan->dtype == AC_F32)
        pack_quantized(plan, packed, weights, in);
    else
        pack_all_halves(packed, weights, parts, out, in);
    ac_linear_read_biases(bias, weights, biases, parts);
out:
    return st;
}

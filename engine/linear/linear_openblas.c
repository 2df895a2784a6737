/* OpenBLAS: fp32 alone; it has no call for packed weights, so they lie as in the file, [out,
 * in]. Its kernels round a row differently by the row's place among those of the call, so the
 * bits depend on M: the tiles of this backend follow from M, out and in alone, and results hold
 * for one size of batch (docs/adr/0201). */
#include <cblas.h>
#include <string.h>

#include "engine/linear/linear_backend.h"

enum { ROWS = 256 };

static size_t
weight_bytes(ac_precision precision, int64_t out, int64_t in)
{
    (void) precision;
    return (size_t) (out * in) * sizeof(float);
}

static ac_status
init(ac_linear *self)
{
    if (self->compute.precision != AC_PRECISION_FP32)
        return ac_error_set(AC_E_ARG,
                            "compute.precision: %s is not one of compute.backend: openblas; "
                            "use native or auto",
                            ac_precision_names[self->compute.precision]);
    return AC_OK;
}

static void
pack(const ac_linear *self, void *packed, const float *weight, int64_t column, int64_t columns)
{
    memcpy((float *) packed + column * self->in, weight,
           (size_t) (columns * self->in) * sizeof(float));
}

static void
tiling(const ac_linear *self, int64_t M, int threads, int64_t *rows, int64_t *columns)
{
    (void) self;
    (void) M;
    (void) threads;
    *rows = ROWS;
    *columns = AC_LINEAR_STRIP;
}

static void
tile(const ac_linear *self, const ac_linear_tile *t, void *scratch)
{
    const float *w = (const float *) self->packed + t->column * self->in;

    (void) scratch;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int) t->rows, (int) t->columns,
                (int) self->in, 1.0f, t->x, (int) self->in, w, (int) self->in, 0.0f, t->y,
                (int) self->out);
}

const ac_linear_backend ac_linear_openblas = {
    .weight_bytes = weight_bytes,
    .init = init,
    .pack = pack,
    .tiling = tiling,
    .tile = tile,
};

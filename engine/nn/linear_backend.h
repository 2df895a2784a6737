/** What a backend of linear layers provides. Private to engine/nn. */
#ifndef AC_ENGINE_NN_LINEAR_BACKEND_H
#define AC_ENGINE_NN_LINEAR_BACKEND_H

#include "engine/nn/linear.h"

/** A tile of a layer: rows of x times a block of columns, without bias. Called by one thread, no nested parallelism. */
typedef struct ac_linear_tile {
    float *y;       /* its first element; rows `out` apart */
    const float *x; /* its first row; rows `in` apart */
    int64_t rows, column, columns;
} ac_linear_tile;

/** oneDNN: bytes of the packed weights; the plan's making and its use. AC_E_ARG where the CPU lacks the precision. */
size_t ac_linear_dnnl_packed_bytes(ac_precision precision, int64_t out, int64_t in);
ac_status ac_linear_dnnl_init(ac_linear *self, const float *weight /* [out, in]; NULL: attach */, void *packed);
void ac_linear_dnnl_free(ac_linear *self);
/** Rows a tile has; fixed by the layer's shape and M alone. */
int64_t ac_linear_dnnl_tile_rows(int64_t M);
size_t ac_linear_dnnl_scratch_bytes(const ac_linear *self);
void ac_linear_dnnl_tile(const ac_linear *self, const ac_linear_tile *tile, void *scratch);

#endif

/**
 * The way back through a frozen linear layer: dx = dy W (+ residual). No gradient of W or of the bias.
 *
 * OpenBLAS multiplies by the layer's own packed weights; oneDNN's packing serves one direction only, so there W^T is packed
 * beside W. Tiles follow from the shapes alone, as in linear.h: the bits do not depend on the number of threads.
 */
#ifndef AC_ENGINE_NN_LINEAR_TRANSPOSED_H
#define AC_ENGINE_NN_LINEAR_TRANSPOSED_H

#include "engine/nn/linear.h"

typedef struct ac_linear_transposed {
    const ac_linear *forward; /* borrowed */
    ac_linear layer;          /* oneDNN: W^T as a layer [in, out]; else zeroed */
} ac_linear_transposed;

/** Bytes of W^T for a layer [out, in]; 0 where the layer's own weights serve. A multiple of 64. */
size_t ac_linear_transposed_packed_bytes(const ac_compute *compute, int64_t out, int64_t in);

/** weights, parts, packed, fill: as ac_linear_init's for `forward`, which outlives this. */
ac_status ac_linear_transposed_init(ac_linear_transposed *self, const ac_linear *forward, const ac_tensor *const *weights, int parts,
                                    void *packed, bool fill);
void ac_linear_transposed_free(ac_linear_transposed *self);

size_t ac_linear_transposed_scratch_bytes(const ac_linear_transposed *self, int64_t M);

/** Shapes: dx [M, in], dy [M, out], residual [M, in] or NULL. dx is neither dy nor residual. Local. Cannot fail. */
void ac_linear_transposed_apply(const ac_linear_transposed *self, float *dx, const float *dy, int64_t M, const float *residual,
                                ac_scratch *scratch);

#endif

/**
 * The backward pass of a frozen linear layer: dx = dy W (+ residual). No gradient of W or of
 * the bias.
 *
 * In fp32 our own product (engine/kernels/product.h) reads the weights as they lie row by row
 * in the model's file (mapped, so the ranks of a node share them), or a copy where the file has
 * another type: the packing of the forward pass would not serve, and a second one would double
 * the model's memory. So it is with every backend. In bf16 W^T is packed as a layer of its own.
 * The bits do not depend on the number of threads.
 */
#ifndef AC_TRAINING_LINEAR_TRANSPOSED_H
#define AC_TRAINING_LINEAR_TRANSPOSED_H

#include "engine/linear/linear.h"

enum { AC_LINEAR_MAX_PARTS = 3 };

typedef struct ac_linear_transposed {
    const ac_linear *forward; /* borrowed */
    int parts;
    const float *weights[AC_LINEAR_MAX_PARTS]; /* fp32: [rows, in] each, in the file or in the
                                                  packed buffer */
    int64_t rows[AC_LINEAR_MAX_PARTS];
    ac_linear layer; /* bf16: W^T as a layer [in, out]; else zeroed */
} ac_linear_transposed;

/** Bytes that a layer [out, in] of any type may use; where the file's weights serve, its pages
 * are never touched. */
size_t ac_linear_transposed_packed_bytes(const ac_compute *compute, int64_t out, int64_t in);

/** weights, parts, packed, fill: as ac_linear_init's for `forward`, which outlives this, as do
 * the tensors. */
AC_MUST_CHECK ac_status ac_linear_transposed_init(ac_linear_transposed *self,
                                                  const ac_linear *forward,
                                                  const ac_tensor *const *weights, int parts,
                                                  void *packed, bool fill);
void ac_linear_transposed_free(ac_linear_transposed *self);

size_t ac_linear_transposed_scratch_bytes(const ac_linear_transposed *self, int64_t M);

/** Shapes: dx [M, in], dy [M, out], residual [M, in] or NULL. dx is neither dy nor residual.
 * Local. Cannot fail. */
void ac_linear_transposed_apply(const ac_linear_transposed *self, float *dx, const float *dy,
                                int64_t M, const float *residual, ac_scratch *scratch);

#endif

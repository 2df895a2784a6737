/**
 * Linear layers over packed weights: y = activation(x W^T + b) (+ residual).
 *
 * A layer does not own its packed weights: the caller gives a buffer of
 * ac_linear_packed_bytes(), 64-byte aligned, which several processes may share (one fills it,
 * the others attach). Matrix products run single-threaded on tiles inside one OpenMP loop, so
 * the bits do not depend on the number of threads. With the backends native and oneDNN a row of
 * y depends on its row of x alone, bit for bit: not on M, nor on its neighbours. With OpenBLAS
 * it depends on M too.
 */
#ifndef AC_LINEAR_LINEAR_H
#define AC_LINEAR_LINEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/memory.h"
#include "engine/base/tensor.h"
#include "engine/kernels/activation.h"
#include "engine/linear/compute.h"

typedef struct ac_linear {
    int64_t in, out;
    const void *packed; /* borrowed */
    const float *bias;  /* [out], inside packed; NULL: none */
    const struct ac_linear_backend *backend;
    void *plan;         /* the backend's own; owned */
    ac_compute compute; /* backend resolved: never AUTO */
} ac_linear;

/** Bytes of packed weights and bias for [out, in]; a multiple of 64. */
size_t ac_linear_packed_bytes(const ac_compute *compute, int64_t out, int64_t in);

/**
 * Make a layer from `parts` weight tensors stacked by rows (query, key, value as one product:
 * parts = 3), or attach to weights that another process has packed.
 *
 * Shapes: weights[i] [out_i, in], the sum of out_i is the layer's out; biases[i] [out_i] or
 * NULL (zeros); biases NULL: no bias.
 * @param[in] packed  ac_linear_packed_bytes() of it, 64-byte aligned, outlives the layer
 * @param[in] fill    true: pack now; false: `packed` already holds the same layer's weights
 */
AC_MUST_CHECK ac_status ac_linear_init(ac_linear *self, const ac_compute *compute,
                                       const ac_tensor *const *weights,
                                       const ac_tensor *const *biases, int parts, void *packed,
                                       bool fill);
void ac_linear_free(ac_linear *self);

/**
 * The same where native weights in fp32 may stay as the tensors store them: quantized (all
 * parts, each of whole panels), in F16, or in BF16. Anything else is packed as above. The bits
 * of products are those of ac_linear_init, and the memory is less. Weights are finite.
 * @param[in] packed  ac_linear_stored_bytes() of it
 */
AC_MUST_CHECK ac_status ac_linear_init_stored(ac_linear *self, const ac_compute *compute,
                                              const ac_tensor *const *weights,
                                              const ac_tensor *const *biases, int parts,
                                              void *packed, bool fill);
size_t ac_linear_stored_bytes(const ac_compute *compute, const ac_tensor *const *weights,
                              int parts);

size_t ac_linear_scratch_bytes(const ac_linear *self, int64_t M);

/**
 * Shapes: y [M, out], x [M, in], residual [M, out] or NULL. y is neither x nor residual. Local.
 * Cannot fail.
 */
void ac_linear_forward(const ac_linear *self, float *y, const float *x, int64_t M,
                       ac_activation activation, const float *residual, ac_scratch *scratch);

/** A layer norm in front of a layer. weight, bias [in]. */
typedef struct ac_linear_norm {
    const float *weight, *bias;
    float eps;
} ac_linear_norm;

/**
 * The same of layernorm(x), with the bits of ac_layernorm and then ac_linear_forward.
 * @param[in] normed  [M, in], what it holds afterwards is undefined; not x
 */
void ac_linear_forward_normed(const ac_linear *self, float *y, const float *x,
                              const ac_linear_norm *norm, float *normed, int64_t M,
                              ac_activation activation, const float *residual,
                              ac_scratch *scratch);

/**
 * Two layers, the second's inputs the first's outputs: y [M, second->out] = second(activation(
 * first(layernorm(x)))) (+ residual), with the bits of both alone.
 * @param[in] normed  [M, first->in], @param[in] hidden  [M, first->out]: undefined afterwards
 * @param[in] scratch ac_linear_pair_scratch_bytes()
 */
void ac_linear_forward_pair(const ac_linear *first, const ac_linear *second, float *y,
                            const float *x, const ac_linear_norm *norm, float *normed,
                            float *hidden, int64_t M, ac_activation activation,
                            const float *residual, ac_scratch *scratch);
size_t ac_linear_pair_scratch_bytes(const ac_linear *first, const ac_linear *second, int64_t M);

/** The definition, in double, on unpacked weights: for the tests. weight [out, in], bias [out]
 * or NULL. */
void ac_linear_ref(float *y, const float *x, const float *weight, const float *bias, int64_t M,
                   int64_t out, int64_t in, ac_activation activation, const float *residual);

#endif

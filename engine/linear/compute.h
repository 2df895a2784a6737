/** How a model computes: backend, precision, taps. Chosen once, when a model is made. */
#ifndef AC_LINEAR_COMPUTE_H
#define AC_LINEAR_COMPUTE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum ac_backend {
    AC_BACKEND_AUTO = 0,
    AC_BACKEND_OPENBLAS,
    AC_BACKEND_ONEDNN,
    AC_BACKEND_NATIVE
} ac_backend;
typedef enum ac_precision { AC_PRECISION_FP32 = 0, AC_PRECISION_BF16 } ac_precision;

/** "fp32", "bf16": by ac_precision, NULL at the end. */
extern const char *const ac_precision_names[];

typedef struct ac_compute {
    ac_backend backend;
    ac_precision precision; /* of the weights of linear layers; everything else is fp32 */
} ac_compute;

/**
 * A look at the tensors inside a forward pass, for the golden tests: called with
 * "vision.layer0" and the like, x [rows, columns] valid during the call. fn NULL: off (the
 * normal case).
 */
typedef struct ac_tap {
    void (*fn)(void *context, const char *name, const float *x, int64_t rows, int64_t columns);
    void *context;
} ac_tap;

/**
 * Once a process, before any model: `threads` for our OpenMP loops, and one for each OpenBLAS
 * call (products run single-threaded on fixed tiles, see linear.h).
 */
void ac_compute_init(int threads);

/** "openblas SkylakeX" or the like: which kernels run, for manifests. Valid until the next call
 * of the thread. */
const char *ac_compute_kernels(const ac_compute *compute);

/** Does this CPU have instructions that multiply bf16 (AVX512-BF16)? oneDNN needs them to be
 * fast, native does not use them. */
bool ac_compute_multiplies_bf16(void);

/**
 * The OPENBLAS_CORETYPE that fits this CPU, where OpenBLAS may not know it; NULL: leave it
 * alone. OpenBLAS reads the variable when it is loaded, so a program sets it and executes
 * itself again.
 */
const char *ac_compute_openblas_coretype(void);

typedef enum ac_activation {
    AC_ACTIVATION_NONE = 0,
    AC_ACTIVATION_GELU,       /* 0.5 x (1 + erf(x / sqrt 2)) */
    AC_ACTIVATION_GELU_NEW,   /* the tanh form, GPT-2 */
    AC_ACTIVATION_QUICK_GELU, /* x sigma(1.702 x) */
    AC_ACTIVATION_RELU
} ac_activation;

#endif

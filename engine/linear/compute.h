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
typedef enum ac_precision {
    AC_PRECISION_FP32 = 0,
    AC_PRECISION_BF16, /* weights rounded to bf16 */
    AC_PRECISION_INT8  /* weights rounded to 8 bits by output, inputs by row (ADR 207) */
} ac_precision;

/** How int8 rounds and sums, by number: another one whenever its results change. Part of a
 * run's fingerprint. 1 until 28 November 2026; 2: attention too, rows in groups (ADR 207). */
enum { AC_INT8_ARITHMETIC = 2 };

/** "fp32", "bf16", "int8": by ac_precision, NULL at the end. */
extern const char *const ac_precision_names[];

typedef struct ac_compute {
    ac_backend backend;
    ac_precision precision; /* of the weights of linear layers; everything else is fp32 */
} ac_compute;

/** The same, but fp32 where it is int8: for small last layers, whose rounding nothing after
 * them evens out. */
ac_compute ac_compute_without_int8(const ac_compute *self);

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
 * Once per process, before any model: `threads` for our OpenMP loops, and one for each OpenBLAS
 * call (products run single-threaded on fixed tiles, see linear.h).
 */
void ac_compute_init(int threads);

/** AUTO: native, which alone gives the same bytes on every CPU. Evidence: docs/adr/0201, 0205.
 */
ac_backend ac_backend_resolve(const ac_compute *compute);

/**
 * Who computes, as far as results depend on it, for manifests: "native", "openblas SkylakeX",
 * "onednn avx512_core". With native the kernel set is not told, because all sets give the same
 * bytes. Valid until the next call of the thread.
 */
const char *ac_compute_kernels(const ac_compute *compute);

/** The same for people: "native avx2" names the kernel set too. */
const char *ac_compute_describe(const ac_compute *compute);

/** Does this one of these texts give the same bytes on every CPU? native does. */
bool ac_compute_is_portable(const char *kernels);

/** Does a run that began with one of these texts give the same bytes when it resumes with the
 * other? Manifests of before name the kernel set ("native avx2, openblas Haswell"). */
bool ac_compute_kernels_agree(const char *a, const char *b);

/**
 * The OPENBLAS_CORETYPE that fits this CPU, where OpenBLAS may not know it; NULL: leave it
 * alone. OpenBLAS reads the variable when it is loaded, so a program sets it and executes
 * itself again.
 */
const char *ac_compute_openblas_coretype(void);

#endif

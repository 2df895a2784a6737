/** Our own matrix product over packed weights. Private to engine/nn. */
#ifndef AC_ENGINE_NN_LINEAR_NATIVE_H
#define AC_ENGINE_NN_LINEAR_NATIVE_H

#include <stdint.h>

/* Weights lie in panels of PANEL columns, a panel [in, PANEL]; their number is even, columns past the last are zero. */
enum { AC_NATIVE_PANEL = 16, AC_NATIVE_DEPTH = 256, AC_NATIVE_MOST_ROWS = 12 };

/**
 * R rows by 1 or 2 panels of columns over K <= AC_NATIVE_DEPTH: y = a b, or y += a b with `add`.
 * Shapes: a [K, R] (packed); b [K, PANEL], the next panel `stride` elements further; y [R, panels PANEL], rows ldy apart.
 * Each number is one chain of fused multiply-adds in the order of k, so it does not depend on R, nor on the kernel.
 */
typedef void (*ac_native_kernel)(float *y, int64_t ldy, const float *a, const void *b, int64_t stride, int64_t K, int R, int add);

typedef struct ac_native_kernels {
    const char *name;
    int rows, panels; /* the most R; panels a call takes */
    ac_native_kernel fp32, bf16;
} ac_native_kernels;

extern const ac_native_kernels ac_native_generic;
#if defined(__x86_64__)
extern const ac_native_kernels ac_native_avx2;
extern const ac_native_kernels ac_native_avx512;
#endif

/** The fastest that this CPU runs. */
const ac_native_kernels *ac_native_best(void);

#endif

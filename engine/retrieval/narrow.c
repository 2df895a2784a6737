#include "engine/retrieval/narrow.h"

#include <math.h>

#include "engine/kernels/kernel_set.h"

enum { LANES = 16, LINE = 16 /* floats of a cache line */ };

typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t bits __attribute__((vector_size(4 * LANES)));

/* Sums of the products and of their magnitudes. */
typedef struct sums {
    float products, magnitudes;
} sums;

/* Compiled once for any CPU and once for each kind of vectors. */
#define INLINE static inline __attribute__((always_inline))

INLINE sums
sum_products(const float *q, const float *c, const float *next, int64_t D)
{
    lanes products[2] = { 0 }, magnitudes[2] = { 0 };
    sums s = { 0 };
    int64_t d = 0;

    for (; d + 2 * LANES <= D; d += 2 * LANES) {
        __builtin_prefetch(next + d);
        __builtin_prefetch(next + d + LINE);
        for (int h = 0; h < 2; h++) {
            const lanes p =
                *(const lanes *) (q + d + h * LANES) * *(const lanes *) (c + d + h * LANES);
            products[h] += p;
            magnitudes[h] += (lanes) ((bits) p & INT32_MAX);
        }
    }
    for (; d < D; d++) {
        s.products += q[d] * c[d];
        s.magnitudes += fabsf(q[d] * c[d]);
    }
    for (int l = 0; l < LANES; l++) {
        s.products += products[0][l] + products[1][l];
        s.magnitudes += magnitudes[0][l] + magnitudes[1][l];
    }
    return s;
}

static sums
sum_products_any(const float *q, const float *c, const float *next, int64_t D)
{
    return sum_products(q, c, next, D);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static sums
sum_products_avx2(const float *q, const float *c, const float *next, int64_t D)
{
    return sum_products(q, c, next, D);
}

__attribute__((target("avx512f"))) static sums
sum_products_avx512(const float *q, const float *c, const float *next, int64_t D)
{
    return sum_products(q, c, next, D);
}
#endif

bool
ac_narrow(double *lower, double *upper, const float *q, const float *c, const float *next,
          int64_t D)
{
    sums s;
    double radius;

#if defined(__x86_64__)
    if (ac_kernels_include(AC_CPU_AVX512))
        s = sum_products_avx512(q, c, next, D);
    else if (ac_kernels_include(AC_CPU_AVX2))
        s = sum_products_avx2(q, c, next, D);
    else
#endif
        s = sum_products_any(q, c, next, D);
    radius =
        1.02 * 0x1p-24 * (double) (D + 8) * (double) s.magnitudes + (double) (D + 8) * 0x1p-126;
    if (!isfinite(s.magnitudes) || !isfinite(s.products))
        return false;
    *lower = (double) s.products - radius;
    *upper = (double) s.products + radius;
    return true;
}

#include "engine/retrieval/scan_select.h"

#include <math.h>
#include <string.h>

static float
round_down(double x)
{
    const float y = (float) x;

    return (double) y > x ? nextafterf(y, -INFINITY) : y;
}

float
ac_scan_limit(double threshold, const ac_scan_query *q)
{
    if (isinf(threshold))
        return (float) threshold;
    return round_down(threshold - q->base - q->constant -
                      AC_SCAN_DOUBLE_CUSHION * (fabs(threshold) + fabs(q->base)));
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2,fma"))) static unsigned
select_avx2(const float *scanned, const float *errors, const float *norms, float spread,
            float slack, float limit)
{
    const __m256 A = _mm256_set1_ps(spread), B = _mm256_set1_ps(slack),
                 T = _mm256_set1_ps(limit);
    unsigned mask = 0;

    for (int h = 0; h < AC_SCAN_GROUP; h += 8) {
        const __m256 radius = _mm256_fmadd_ps(A, _mm256_loadu_ps(errors + h),
                                              _mm256_mul_ps(B, _mm256_loadu_ps(norms + h)));
        const __m256 upper = _mm256_add_ps(_mm256_loadu_ps(scanned + h), radius);
        mask |= (unsigned) _mm256_movemask_ps(_mm256_cmp_ps(upper, T, _CMP_NLT_UQ)) << h;
    }
    return mask;
}

__attribute__((target("avx2"))) static void
scale_avx2(float *scanned, const float *scales, float scale)
{
    for (int h = 0; h < AC_SCAN_GROUP; h += 8) {
        const __m256 x = _mm256_cvtepi32_ps(
            _mm256_loadu_si256((const __m256i *) (const void *) (scanned + h)));
        _mm256_storeu_ps(scanned + h,
                         _mm256_mul_ps(_mm256_mul_ps(x, _mm256_loadu_ps(scales + h)),
                                       _mm256_set1_ps(scale)));
    }
}
#endif

/* Bit j: entry j's upper bound is not below the limit (also where it is not a number). */
static unsigned
select_scalar(const float *scanned, const float *errors, const float *norms, float spread,
              float slack, float limit)
{
    unsigned mask = 0;

    for (int j = 0; j < AC_SCAN_GROUP; j++)
        mask |= (unsigned) !(scanned[j] + (spread * errors[j] + slack * norms[j]) < limit) << j;
    return mask;
}

/* Integer dot products, in place, to scores. */
static void
scale_scalar(float *scanned, const float *scales, float scale)
{
    for (int j = 0; j < AC_SCAN_GROUP; j++) {
        int32_t integer;
        memcpy(&integer, scanned + j, sizeof integer);
        scanned[j] = (float) integer * scales[j] * scale;
    }
}

ac_scan_selection
ac_scan_selection_best(void)
{
#if defined(__x86_64__)
    if (ac_kernels_include(AC_CPU_AVX2))
        return (ac_scan_selection){ select_avx2, scale_avx2 };
#endif
    return (ac_scan_selection){ select_scalar, scale_scalar };
}

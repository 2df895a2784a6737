/* Any CPU: vectors of four floats, which every compiler for x86-64 and aarch64 has registers
 * for. Products of 3 rows by 16 columns. Where the instruction set has no fused multiply-add
 * (x86-64 without FMA) it is computed exactly, at a price: this set is there to compare the
 * others with. */
#include <math.h>
#include <string.h>

#include "engine/base/tensor.h"
#include "engine/kernels/product.h"
#include "engine/kernels/vector.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#elif defined(__x86_64__)
#include <emmintrin.h>
#endif

typedef float vec __attribute__((vector_size(16)));
typedef int32_t ivec __attribute__((vector_size(16)));
typedef uint32_t uvec __attribute__((vector_size(16))); /* whose overflow is defined */

static inline vec
zero(void)
{
    return (vec){ 0, 0, 0, 0 };
}
static inline vec
set1(float x)
{
    return (vec){ x, x, x, x };
}
static inline vec
load(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void
store(float *p, vec v)
{
    memcpy(p, &v, sizeof v);
}
static inline vec
add_(vec a, vec b)
{
    return a + b;
}
#if defined(__aarch64__)
static inline vec
fma_(vec a, vec b, vec c)
{
    return vfmaq_f32(c, a, b);
}
#elif defined(__x86_64__)
/* a b + c rounded to odd: where the sum is not exact, of its two neighbours the one whose last
 * bit is set. Rounding that to float gives what rounding the exact sum would, because a double
 * has more than two bits more. a b is exact, both being floats. */
static inline __m128d
fma_to_odd(__m128d a, __m128d b, __m128d c)
{
    const __m128d zero2 = _mm_setzero_pd();
    const __m128i one = _mm_set1_epi64x(1);
    const __m128d p = _mm_mul_pd(a, b), sum = _mm_add_pd(p, c), c_part = _mm_sub_pd(sum, p);
    const __m128d error = /* of the sum, exact (Knuth) */
        _mm_add_pd(_mm_sub_pd(p, _mm_sub_pd(sum, c_part)), _mm_sub_pd(c, c_part));
    const __m128i bits = _mm_castpd_si128(sum);
    const __m128i inexact = _mm_castpd_si128( /* false for a NaN */
        _mm_or_pd(_mm_cmplt_pd(error, zero2), _mm_cmpgt_pd(error, zero2)));
    const __m128i even = _mm_sub_epi64(_mm_setzero_si128(), _mm_andnot_si128(bits, one));
    const __m128i apart = /* 1: the exact sum is nearer to 0 */
        _mm_srli_epi64(_mm_xor_si128(_mm_castpd_si128(error), bits), 63);
    const __m128i step = _mm_sub_epi64(one, _mm_slli_epi64(apart, 1)); /* 1 or -1 */

    return _mm_castsi128_pd(
        _mm_add_epi64(bits, _mm_and_si128(step, _mm_and_si128(inexact, even))));
}

static inline vec
fma_(vec a, vec b, vec c)
{
    const __m128 low = _mm_cvtpd_ps(
        fma_to_odd(_mm_cvtps_pd((__m128) a), _mm_cvtps_pd((__m128) b), _mm_cvtps_pd((__m128) c)));
    const __m128 high = _mm_cvtpd_ps(fma_to_odd(_mm_cvtps_pd(_mm_movehl_ps((__m128) a, (__m128) a)),
                                                _mm_cvtps_pd(_mm_movehl_ps((__m128) b, (__m128) b)),
                                                _mm_cvtps_pd(_mm_movehl_ps((__m128) c, (__m128) c))));

    return (vec) _mm_movelh_ps(low, high);
}
#else
static inline vec
fma_(vec a, vec b, vec c)
{
    return (vec){ fmaf(a[0], b[0], c[0]), fmaf(a[1], b[1], c[1]), fmaf(a[2], b[2], c[2]),
                  fmaf(a[3], b[3], c[3]) };
}
#endif
static inline vec
load_bf16(const uint16_t *p)
{
    return (vec){ ac_bf16_to_f32(p[0]), ac_bf16_to_f32(p[1]), ac_bf16_to_f32(p[2]),
                  ac_bf16_to_f32(p[3]) };
}

#define ROWS 3
#define PANELS 1
#define WIDTH 4

#include "engine/kernels/simd_body.h"

const ac_product ac_product_generic = { ROWS, PANELS, fp32, bf16 };
const ac_vector ac_vector_generic = AC_VECTOR_TABLE;

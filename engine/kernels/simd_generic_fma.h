/* Vectors of four floats and their fused multiply-add on any CPU: an instruction on aarch64,
 * made of double precision on x86-64, whose baseline has none. */
#include <math.h>
#include <stdint.h>

#if defined(__aarch64__)
#include <arm_neon.h>
#elif defined(__x86_64__)
#include <emmintrin.h>
#endif

typedef float vec __attribute__((vector_size(16)));
typedef int32_t ivec __attribute__((vector_size(16)));
typedef uint32_t uvec __attribute__((vector_size(16))); /* whose overflow is defined */

#if defined(__aarch64__)
static inline vec
fma_(vec a, vec b, vec c)
{
    return vfmaq_f32(c, a, b);
}
#elif defined(__x86_64__)
typedef double pair __attribute__((vector_size(16)));
typedef uint64_t pair_bits __attribute__((vector_size(16)));

static inline pair
first_two(vec v)
{
    return _mm_cvtps_pd(v);
}
static inline pair
last_two(vec v)
{
    return _mm_cvtps_pd(_mm_movehl_ps(v, v));
}

/* a b + c rounded to odd: a product of two floats is exact in a double, `lost` is exactly what
 * the rounding of the sum left out, and where that is not zero the last bit becomes 1. Rounding
 * such a number to a float gives what one rounding of the exact value gives. */
static inline pair
add_to_odd(pair a, pair b, pair c)
{
    const pair product = a * b, sum = product + c, rest = sum - product,
               lost = (product - (sum - rest)) + (c - rest);
    const pair_bits bits = (pair_bits) sum, is_even = (bits & 1) - 1,
                    away = 1 - ((bits ^ (pair_bits) lost) >> 63 << 1); /* 1, or -1: to zero */

    return (pair) (bits + (away & is_even & ((pair_bits) (lost < 0) | (pair_bits) (lost > 0))));
}

static __attribute__((noinline, cold)) vec
fma_to_odd(vec a, vec b, vec c)
{
    return _mm_movelh_ps(_mm_cvtpd_ps(add_to_odd(first_two(a), first_two(b), first_two(c))),
                         _mm_cvtpd_ps(add_to_odd(last_two(a), last_two(b), last_two(c))));
}

/* Rounding twice, to a double and to a float, differs from rounding once only where the double
 * lies halfway between two floats: then its last 28 bits are zero. */
static inline vec
fma_(vec a, vec b, vec c)
{
    const pair low = first_two(a) * first_two(b) + first_two(c),
               high = last_two(a) * last_two(b) + last_two(c);
    const __m128i words = _mm_castps_si128(_mm_shuffle_ps((vec) low, (vec) high, 0x88)),
                  halfway = _mm_cmpeq_epi32(_mm_slli_epi32(words, 4), _mm_setzero_si128());

    if (__builtin_expect(_mm_movemask_epi8(halfway), 0))
        return fma_to_odd(a, b, c);
    return _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
}
#else
static inline vec
fma_(vec a, vec b, vec c)
{
    return (vec){ fmaf(a[0], b[0], c[0]), fmaf(a[1], b[1], c[1]), fmaf(a[2], b[2], c[2]),
                  fmaf(a[3], b[3], c[3]) };
}
#endif

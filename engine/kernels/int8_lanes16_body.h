/* The vectors of 16 numbers of the int8 kernel sets, for int8_body.h; those of generic C are
 * its own. The includer says how rounded numbers are stored. */
#include <immintrin.h>
#include <string.h>

#include "engine/kernels/int8.h"

typedef float vec __attribute__((vector_size(64)));
typedef int32_t ivec __attribute__((vector_size(64)));
typedef uint32_t uvec __attribute__((vector_size(64)));

enum { LANES = 16 };

static inline vec
smaller(vec a, vec b)
{
    return _mm512_min_ps(a, b);
}

static inline vec
larger(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}

static inline vec
fma_(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline ivec
larger_bits(ivec a, ivec b)
{
    return (ivec) _mm512_max_epi32((__m512i) a, (__m512i) b);
}

static inline float
smallest_of(vec v)
{
    return _mm512_reduce_min_ps(v);
}

static inline float
largest_of(vec v)
{
    return _mm512_reduce_max_ps(v);
}

static inline int32_t
largest_bits_of(ivec v)
{
    return _mm512_reduce_max_epi32((__m512i) v);
}

static inline int32_t
sum_of(ivec v)
{
    return _mm512_reduce_add_epi32((__m512i) v);
}

/* x rounded to whole numbers, ties to even, plus zero, at least 0. */
static inline __m512i
rounded(vec x, ivec zero)
{
    return _mm512_max_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(x), (__m512i) zero),
                            _mm512_setzero_si512());
}

/* 255 at most. */
static inline void
store_bytes(uint8_t *p, vec x, ivec zero)
{
    _mm_storeu_si128((__m128i *) (void *) p, _mm512_cvtusepi32_epi8(rounded(x, zero)));
}

/* The vectors of 8 numbers of the int8 kernel sets, for int8_body.h; those of generic C are
 * its own. The includer says how rounded numbers are stored. */
#include <immintrin.h>
#include <string.h>

#include "engine/kernels/int8.h"

typedef float vec __attribute__((vector_size(32)));
typedef int32_t ivec __attribute__((vector_size(32)));
typedef uint32_t uvec __attribute__((vector_size(32)));

enum { LANES = 8 };

static inline vec
smaller(vec a, vec b)
{
    return _mm256_min_ps(a, b);
}

static inline vec
larger(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}

static inline vec
fma_(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline ivec
larger_bits(ivec a, ivec b)
{
    return (ivec) _mm256_max_epi32((__m256i) a, (__m256i) b);
}

#include "engine/kernels/int8_lane_loops_body.h"

/* x rounded to whole numbers, ties to even, plus zero, at least 0. */
static inline __m256i
rounded(vec x, ivec zero)
{
    return _mm256_max_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(x), (__m256i) zero),
                            _mm256_setzero_si256());
}

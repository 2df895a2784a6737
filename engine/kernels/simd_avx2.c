/* AVX2 and FMA: products of 6 rows by 16 columns, 12 accumulators. Compiled with -mavx2 -mfma;
 * called where the CPU has both. */
#include <immintrin.h>

#include "engine/kernels/product.h"
#include "engine/kernels/vector.h"

typedef __m256 vec;
typedef int32_t ivec __attribute__((vector_size(32)));
typedef uint32_t uvec __attribute__((vector_size(32))); /* whose overflow is defined */

static inline vec
zero(void)
{
    return _mm256_setzero_ps();
}
static inline vec
set1(float x)
{
    return _mm256_set1_ps(x);
}
static inline vec
load(const float *p)
{
    return _mm256_loadu_ps(p);
}
static inline void
store(float *p, vec v)
{
    _mm256_storeu_ps(p, v);
}
static inline vec
add_(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}
static inline vec
fma_(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}
static inline vec
load_bf16(const uint16_t *p)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(
        _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *) (const void *) p)), 16));
}

#define ROWS 6
#define PANELS 1
#define WIDTH 8

#include "engine/kernels/simd_body.h"

const ac_product ac_product_avx2 = { ROWS, PANELS, fp32, bf16 };
const ac_vector ac_vector_avx2 = AC_VECTOR_TABLE;

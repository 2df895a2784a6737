/* AVX-512: products of 12 rows by 32 columns, 24 accumulators. Compiled with -mavx512f; called
 * where the CPU has it. */
#include <immintrin.h>

#include "engine/kernels/product.h"
#include "engine/kernels/vector.h"

typedef __m512 vec;
typedef int32_t ivec __attribute__((vector_size(64)));
typedef uint32_t uvec __attribute__((vector_size(64))); /* whose overflow is defined */

static inline vec
zero(void)
{
    return _mm512_setzero_ps();
}
static inline vec
set1(float x)
{
    return _mm512_set1_ps(x);
}
static inline vec
load(const float *p)
{
    return _mm512_loadu_ps(p);
}
static inline void
store(float *p, vec v)
{
    _mm512_storeu_ps(p, v);
}
static inline vec
add_(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}
static inline vec
fma_(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}
static inline vec
load_bf16(const uint16_t *p)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(
        _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *) (const void *) p)), 16));
}

#define ROWS 12
#define PANELS 2
#define WIDTH 16

#include "engine/kernels/simd_body.h"

const ac_product ac_product_avx512 = { ROWS, PANELS, fp32, bf16 };
const ac_vector ac_vector_avx512 = AC_VECTOR_TABLE;

/* AVX-512: products of 12 rows by 32 columns, 24 accumulators. Compiled with -mavx512f; called
 * where the CPU has it. */
#include <immintrin.h>

#include "engine/kernels/product.h"
#include "engine/kernels/quantized.h"
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
static inline vec
load_fp16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) (const void *) p));
}

#define ROWS 12
#define PANELS 2
#define WIDTH 16

#include "engine/kernels/simd_body.h"

static inline vec
fours(uvec x, int is_signed)
{
    const __m512 unsigned_codes =
                     _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                 signed_codes =
                     _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1);

    return _mm512_permutexvar_ps((__m512i) x, is_signed ? signed_codes : unsigned_codes);
}

#define widen_halves(p) \
    _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) (const void *) (p)))
#define fma_exact fma_
#define TOGETHER 4

#include "engine/kernels/quantized_body.h"

const ac_product ac_product_avx512 = { ROWS, PANELS, fp32, bf16, fp16, ac_quantized_avx512 };
const ac_vector ac_vector_avx512 = AC_VECTOR_TABLE;
const ac_quantized_kernel ac_quantized_avx512[] = AC_QUANTIZED_TABLE;

/* AVX2 and FMA: products of 6 rows by 16 columns, 12 accumulators. Compiled with -mavx2 -mfma;
 * called where the CPU has both. */
#include <immintrin.h>

#include "engine/kernels/product.h"
#include "engine/kernels/quantized.h"
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
/* Finite numbers. */
static inline vec
load_fp16(const uint16_t *p)
{
    const __m256i h = _mm256_cvtepu16_epi32(
                      _mm_loadu_si128((const __m128i *) (const void *) p)),
                  size = _mm256_slli_epi32(_mm256_and_si256(h, _mm256_set1_epi32(0x7fff)), 13),
                  sign = _mm256_slli_epi32(_mm256_srli_epi32(h, 15), 31);

    return _mm256_or_ps(_mm256_mul_ps(_mm256_castsi256_ps(size), _mm256_set1_ps(0x1p112f)),
                        _mm256_castsi256_ps(sign));
}

#define ROWS 6
#define PANELS 1
#define WIDTH 8

#include "engine/kernels/simd_body.h"

static inline vec
fours(uvec x, int is_signed)
{
    const ivec codes = is_signed ? (ivec) (x << 28) >> 28 : (ivec) (x & 15);

    return __builtin_convertvector(codes, vec);
}

#define fma_exact fma_
#define TOGETHER 2

#include "engine/kernels/quantized_body.h"

const ac_product ac_product_avx2 = { ROWS, PANELS, fp32, bf16, fp16, ac_quantized_avx2 };
const ac_vector ac_vector_avx2 = AC_VECTOR_TABLE;
const ac_quantized_kernel ac_quantized_avx2[] = AC_QUANTIZED_TABLE;

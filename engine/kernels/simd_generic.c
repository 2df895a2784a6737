/* Any CPU: vectors of four floats, which every compiler for x86-64 and aarch64 has registers
 * for. Products of 3 rows by 16 columns. Sums are fused multiply-adds here too, so the bits are
 * those of the other sets: an instruction on aarch64, made of double precision on x86-64, whose
 * baseline has none. */
#include <math.h>
#include <string.h>

#include "engine/base/tensor.h"
#include "engine/kernels/product.h"
#include "engine/kernels/quantized.h"
#include "engine/kernels/vector.h"

#include "engine/kernels/simd_generic_fma.h"

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
static inline vec
load_bf16(const uint16_t *p)
{
    return (vec){ ac_bf16_to_f32(p[0]), ac_bf16_to_f32(p[1]), ac_bf16_to_f32(p[2]),
                  ac_bf16_to_f32(p[3]) };
}
static inline vec
load_fp16(const uint16_t *p)
{
    return (vec){ ac_f16_to_f32(p[0]), ac_f16_to_f32(p[1]), ac_f16_to_f32(p[2]),
                  ac_f16_to_f32(p[3]) };
}

#define ROWS 3
#define PANELS 1
#define WIDTH 4

#include "engine/kernels/simd_body.h"

static inline vec
fours(uvec x, int is_signed)
{
    const ivec codes = is_signed ? (ivec) (x << 28) >> 28 : (ivec) (x & 15);

    return __builtin_convertvector(codes, vec);
}

#define fma_exact(a, b, c) ((a) * (b) + (c))
#define TOGETHER 1

#include "engine/kernels/quantized_body.h"

const ac_product ac_product_generic = { ROWS, PANELS, fp32, bf16, fp16, ac_quantized_generic };
const ac_vector ac_vector_generic = AC_VECTOR_TABLE;
const ac_quantized_kernel ac_quantized_generic[] = AC_QUANTIZED_TABLE;

/* Any CPU: vectors of four floats, which every compiler for x86-64 and aarch64 has registers
 * for. Products of 3 rows by 16 columns. Without fused multiply-add in the instruction set
 * (x86-64 before 2013) the product is rounded before it is added. */
#include <string.h>

#include "engine/base/tensor.h"
#include "engine/linear/linear_native.h"
#include "engine/kernels/vector.h"

#if defined(__aarch64__)
#include <arm_neon.h>
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
#else
static inline vec
fma_(vec a, vec b, vec c)
{
    return a * b + c;
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

#include "engine/kernels/simd_kernels.h"

const ac_native_kernels ac_native_generic = { "generic", ROWS, PANELS, fp32, bf16 };
const ac_vector ac_vector_generic = AC_VECTOR_TABLE;

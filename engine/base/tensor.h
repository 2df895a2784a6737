/** Tensors as views: what the readers of io hand to the models of engine/models. */
#ifndef AC_ENGINE_BASE_TENSOR_H
#define AC_ENGINE_BASE_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

typedef enum ac_dtype {
    AC_F32 = 0,
    AC_F64,
    AC_F16,
    AC_BF16,
    AC_I8,
    AC_I16,
    AC_I32,
    AC_I64,
    AC_U8,
    AC_U16,
    AC_U32,
    AC_U64,
    AC_BOOL
} ac_dtype;

enum { AC_MAX_RANK = 8 };

size_t ac_dtype_bytes(ac_dtype dtype);
const char *ac_dtype_name(ac_dtype dtype); /* "F32", as in safetensors */

struct ac_tensor;
struct ac_quants;

/** How elements become float32 where `data` is not a plain array of `dtype`: quantized blocks,
 * a transposed matrix. */
typedef struct ac_tensor_form {
    void (*read)(const struct ac_tensor *self, float *y, int64_t first, int64_t n);
    const struct ac_quants *quants; /* quants.h; NULL: not quantized, or not to be kept so */
} ac_tensor_form;

/** Row-major, contiguous, little-endian. Never owns; data need not be aligned (a memory-mapped
 * file). */
typedef struct ac_tensor {
    const char *name;
    ac_dtype dtype;
    int rank;
    int64_t shape[AC_MAX_RANK];
    const void *data;
    const ac_tensor_form *form; /* NULL: a plain array */
} ac_tensor;

int64_t ac_tensor_count(const ac_tensor *self); /* elements; 1 for rank 0 */

/** Convert elements [first, first + n) to float32. Float types only (F16, BF16, F32 exactly;
 * F64 rounded). */
void ac_tensor_read(const ac_tensor *self, float *y, int64_t first, int64_t n);

/** The first of n floats that is not finite; n: there is none. */
int64_t ac_floats_not_finite(const float *x, int64_t n);

/** The matrix [rows, columns] of a plain one [columns, rows]: a view of the same data. */
ac_tensor ac_tensor_transposed(const ac_tensor *self);

/** data as float32 where it already is (type and 4-byte alignment); NULL otherwise. */
const float *ac_tensor_in_place(const ac_tensor *self);

/** A set of tensors, sorted by name (strcmp). Views. */
typedef struct ac_tensors {
    const ac_tensor *items; /* [count] */
    int64_t count;
    const char *source; /* the file or folder, for messages */
} ac_tensors;

/** NULL if there is none of this name. */
const ac_tensor *ac_tensors_find(const ac_tensors *self, const char *name);

/**
 * The tensor of this name with exactly this shape and a float type.
 * @return AC_E_FORMAT naming source, tensor, the shape found and the shape needed
 */
AC_MUST_CHECK ac_status ac_tensors_need(const ac_tensors *self, const ac_tensor **out,
                                        const char *name, int rank, const int64_t *shape);

float ac_f16_to_f32(uint16_t h);
static inline float
ac_bf16_to_f32(uint16_t h)
{
    union {
        uint32_t u;
        float f;
    } v = { .u = (uint32_t) h << 16 };
    return v.f;
}

/** Rounded to nearest, ties to even; NaN stays NaN. */
static inline uint16_t
ac_f32_to_bf16(float f)
{
    union {
        uint32_t u;
        float f;
    } v = { .f = f };
    if ((v.u & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t) (v.u >> 16 | 0x40u);
    return (uint16_t) ((v.u + 0x7fffu + (v.u >> 16 & 1u)) >> 16);
}

#endif

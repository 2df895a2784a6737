/** Walking a model's weights: the same walk first adds up the bytes, then makes the layers.
 * Private to engine/linear. */
#ifndef AC_LINEAR_PACK_H
#define AC_LINEAR_PACK_H

#include <stdio.h>

#include "engine/linear/linear.h"

typedef struct ac_pack {
    const ac_tensors *tensors, *over; /* `over`: laid over them by name; may be NULL */
    const ac_compute *compute;
    const char *prefix; /* in front of every name: "" or "model." */
    char *next;         /* in the packed buffer */
    bool fill;
    bool stored; /* linear layers are made by ac_linear_init_stored */
} ac_pack;

/** The tensor of this name, of this shape. */
AC_MUST_CHECK ac_status ac_pack_tensor(const ac_pack *self, const ac_tensor **out, int rank,
                                       const int64_t *shape, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/** A vector or table as floats: in place where the file's type allows and nothing lies over it,
 * else copied into `packed`. */
AC_MUST_CHECK ac_status ac_pack_floats(ac_pack *self, const float **out, int rank,
                                       const int64_t *shape, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/** Bytes that ac_pack_floats may use for n numbers. */
static inline size_t
ac_pack_floats_bytes(int64_t n)
{
    return ac_scratch_room((size_t) n * sizeof(float));
}

/** A layer from `parts` stacked tensors; the bytes of its packing are taken from the buffer. */
AC_MUST_CHECK ac_status ac_pack_linear(ac_pack *self, ac_linear *out,
                                       const ac_tensor *const *weights,
                                       const ac_tensor *const *biases, int parts);

/** A layer of one weight [rows, columns] and bias under stem.weight, stem.bias; has_bias false:
 * no bias. */
AC_MUST_CHECK ac_status ac_pack_linear_named(ac_pack *self, ac_linear *out, int64_t rows,
                                             int64_t columns, bool has_bias, const char *format,
                                             ...) __attribute__((format(printf, 6, 7)));

#endif

#include "engine/linear/pack.h"

#include <stdarg.h>

enum { NAME_BYTES = 256 };

static ac_status
find(const ac_pack *self, const ac_tensor **out, bool *is_over, int rank, const int64_t *shape,
     const char *format, va_list args)
{
    char name[NAME_BYTES];
    int used = snprintf(name, sizeof name, "%s", self->prefix);

    *is_over = false;
    vsnprintf(name + used, sizeof name - (size_t) used, format, args);
    if (self->over) {
        /* trained layer norms carry the full names, "model." included */
        char full[NAME_BYTES + 8];
        snprintf(full, sizeof full, "model.%s", name + used);
        if (ac_tensors_find(self->over, full)) {
            *is_over = true;
            return ac_tensors_need(self->over, out, full, rank, shape);
        }
    }
    return ac_tensors_need(self->tensors, out, name, rank, shape);
}

ac_status
ac_pack_tensor(const ac_pack *self, const ac_tensor **out, int rank, const int64_t *shape,
               const char *format, ...)
{
    va_list args;
    bool is_over;
    ac_status st;

    va_start(args, format);
    st = find(self, out, &is_over, rank, shape, format, args);
    va_end(args);
    return st;
}

ac_status
ac_pack_floats(ac_pack *self, const float **out, int rank, const int64_t *shape,
               const char *format, ...)
{
    const ac_tensor *t;
    va_list args;
    bool is_over;
    int64_t n;
    ac_status st;

    va_start(args, format);
    st = find(self, &t, &is_over, rank, shape, format, args);
    va_end(args);
    if (st != AC_OK)
        return st;
    n = ac_tensor_count(t);
    *out = ac_tensor_in_place(t);
    if (!*out) {
        if (self->fill)
            ac_tensor_read(t, (float *) (void *) self->next, 0, n);
        *out = (const float *) (void *) self->next;
    }
    self->next += ac_pack_floats_bytes(n);
    return AC_OK;
}

ac_status
ac_pack_linear(ac_pack *self, ac_linear *out, const ac_tensor *const *weights,
               const ac_tensor *const *biases, int parts)
{
    ac_status st = (self->stored ? ac_linear_init_stored : ac_linear_init)(
        out, self->compute, weights, biases, parts, self->next, self->fill);

    if (st == AC_OK)
        self->next += self->stored ? ac_linear_stored_bytes(self->compute, weights, parts)
                                   : ac_linear_packed_bytes(self->compute, out->out, out->in);
    return st;
}

ac_status
ac_pack_linear_named(ac_pack *self, ac_linear *out, int64_t rows, int64_t columns,
                     bool has_bias, const char *format, ...)
{
    const ac_tensor *weight, *bias = NULL;
    char stem[NAME_BYTES];
    va_list args;
    ac_status st;

    va_start(args, format);
    vsnprintf(stem, sizeof stem, format, args);
    va_end(args);
    st = ac_pack_tensor(self, &weight, 2, (int64_t[]){ rows, columns }, "%s.weight", stem);
    if (st == AC_OK && has_bias)
        st = ac_pack_tensor(self, &bias, 1, &rows, "%s.bias", stem);
    if (st == AC_OK)
        st = ac_pack_linear(self, out, &weight, has_bias ? &bias : NULL, 1);
    return st;
}

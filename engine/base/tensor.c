#include "engine/base/tensor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t
ac_dtype_bytes(ac_dtype dtype)
{
    switch (dtype) {
    case AC_I8:
    case AC_U8:
    case AC_BOOL: return 1;
    case AC_F16:
    case AC_BF16:
    case AC_I16:
    case AC_U16: return 2;
    case AC_F32:
    case AC_I32:
    case AC_U32: return 4;
    case AC_F64:
    case AC_I64:
    case AC_U64: return 8;
    }
    return 0;
}

const char *
ac_dtype_name(ac_dtype dtype)
{
    static const char *const names[] = { "F32", "F64", "F16", "BF16", "I8",  "I16", "I32",
                                         "I64", "U8",  "U16", "U32",  "U64", "BOOL" };
    return names[dtype];
}

int64_t
ac_tensor_count(const ac_tensor *self)
{
    int64_t n = 1;

    for (int i = 0; i < self->rank; i++)
        n *= self->shape[i];
    return n;
}

float
ac_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t) (h & 0x8000) << 16;
    uint32_t exponent = (h >> 10) & 31, mantissa = h & 1023;
    union {
        uint32_t u;
        float f;
    } v;

    if (exponent == 31) { /* infinity, NaN */
        v.u = sign | 0x7f800000 | mantissa << 13;
    } else if (exponent) {
        v.u = sign | (exponent + 112) << 23 | mantissa << 13;
    } else { /* zero and subnormals: mantissa × 2^-24, exact */
        v.f = (float) mantissa * 0x1p-24f;
        v.u |= sign;
    }
    return v.f;
}

void
ac_tensor_read(const ac_tensor *self, float *y, int64_t first, int64_t n)
{
    const unsigned char *p =
        (const unsigned char *) self->data + (size_t) first * ac_dtype_bytes(self->dtype);

    if (self->form) {
        self->form->read(self, y, first, n);
        return;
    }
    switch (self->dtype) {
    case AC_F32: memcpy(y, p, (size_t) n * 4); break;
    case AC_F16:
    case AC_BF16:
        for (int64_t i = 0; i < n; i++) {
            uint16_t h;
            memcpy(&h, p + 2 * i, 2);
            y[i] = self->dtype == AC_F16 ? ac_f16_to_f32(h) : ac_bf16_to_f32(h);
        }
        break;
    case AC_F64:
        for (int64_t i = 0; i < n; i++) {
            double d;
            memcpy(&d, p + 8 * i, 8);
            y[i] = (float) d;
        }
        break;
    default:
        ac_bug(__FILE__, __LINE__, "%s: a tensor of type %s read as floats", self->name,
               ac_dtype_name(self->dtype));
    }
}

static void
read_transposed(const ac_tensor *self, float *y, int64_t first, int64_t n)
{
    const int64_t rows = self->shape[0], columns = self->shape[1];
    ac_tensor plain = *self;

    plain.form = NULL;
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = (first + i) % columns * rows + (first + i) / columns;
        if (plain.dtype == AC_F32)
            memcpy(y + i, (const char *) plain.data + 4 * at, 4);
        else
            ac_tensor_read(&plain, y + i, at, 1);
    }
}

ac_tensor
ac_tensor_transposed(const ac_tensor *self)
{
    static const ac_tensor_form transposed = { read_transposed, NULL };
    ac_tensor view = *self;

    AC_CHECK(self->rank == 2 && !self->form);
    view.shape[0] = self->shape[1];
    view.shape[1] = self->shape[0];
    view.form = &transposed;
    return view;
}

const float *
ac_tensor_in_place(const ac_tensor *self)
{
    return !self->form && self->dtype == AC_F32 && (uintptr_t) self->data % sizeof(float) == 0
               ? self->data
               : NULL;
}

static int
compare_name(const void *key, const void *item)
{
    return strcmp(key, ((const ac_tensor *) item)->name);
}

const ac_tensor *
ac_tensors_find(const ac_tensors *self, const char *name)
{
    if (!self->count)
        return NULL;
    return bsearch(name, self->items, (size_t) self->count, sizeof *self->items, compare_name);
}

static void
print_shape(char *text, size_t size, int rank, const int64_t *shape)
{
    size_t used = (size_t) snprintf(text, size, "[");

    for (int i = 0; i < rank && used < size; i++)
        used += (size_t) snprintf(text + used, size - used, "%s%lld", i ? ", " : "",
                                  (long long) shape[i]);
    if (used < size)
        snprintf(text + used, size - used, "]");
}

ac_status
ac_tensors_need(const ac_tensors *self, const ac_tensor **out, const char *name, int rank,
                const int64_t *shape)
{
    const ac_tensor *t = ac_tensors_find(self, name);
    char found[200], needed[200];

    *out = NULL;
    if (!t)
        return ac_error_set(
            AC_E_FORMAT, "%s: has no tensor \"%s\": is this the right model folder, complete?",
            self->source, name);
    if (t->rank != rank || memcmp(t->shape, shape, (size_t) rank * sizeof *shape) != 0) {
        print_shape(found, sizeof found, t->rank, t->shape);
        print_shape(needed, sizeof needed, rank, shape);
        return ac_error_set(
            AC_E_FORMAT, "%s: tensor \"%s\" has shape %s, but %s for %s", self->source, name,
            found, strstr(self->source, ".gguf") ? "the file's keys ask" : "config.json asks",
            needed);
    }
    if (t->dtype > AC_BF16)
        return ac_error_set(AC_E_FORMAT,
                            "%s: tensor \"%s\" has type %s, not a floating-point one",
                            self->source, name, ac_dtype_name(t->dtype));
    *out = t;
    return AC_OK;
}

int64_t
ac_floats_not_finite(const float *x, int64_t n)
{
    enum { BLOCK = 1024, EXPONENT = 0x7f800000 };

    for (int64_t from = 0; from < n; from += BLOCK) {
        const int64_t to = from + BLOCK < n ? from + BLOCK : n;
        int32_t bad = 0;
        for (int64_t i = from; i < to; i++) {
            int32_t bits;
            memcpy(&bits, &x[i], sizeof bits);
            bad += (bits & EXPONENT) == EXPONENT;
        }
        for (int64_t i = from; bad && i < to; i++)
            if (!isfinite(x[i]))
                return i;
    }
    return n;
}

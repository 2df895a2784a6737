#include "engine/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

void
ac_buffer_free(ac_buffer *self)
{
    free(self->data);
    *self = (ac_buffer){ 0 };
}

void
ac_buffer_reset(ac_buffer *self)
{
    self->size = 0;
    if (self->data)
        self->data[0] = '\0';
}

void
ac_buffer_drop(ac_buffer *self, size_t n)
{
    if (!n)
        return;
    self->size -= n;
    memmove(self->data, self->data + n, self->size);
    self->data[self->size] = '\0';
}

ac_status
ac_buffer_reserve(ac_buffer *self, size_t n)
{
    int64_t capacity = (int64_t) self->capacity;

    if (self->status == AC_OK) {
        if (n > (size_t) INT64_MAX / 4 - self->size)
            self->status =
                ac_error_set(AC_E_NOMEM, "out of memory: a text of more than %zu bytes", n);
        else
            self->status = ac_grow(&self->data, &capacity, (int64_t) (self->size + n + 1), 1);
        self->capacity = (size_t) capacity;
    }
    return self->status;
}

ac_status
ac_buffer_push(ac_buffer *self, const void *bytes, size_t n)
{
    if (ac_buffer_reserve(self, n) != AC_OK)
        return self->status;
    if (n)
        memcpy(self->data + self->size, bytes, n);
    self->size += n;
    self->data[self->size] = '\0';
    return AC_OK;
}

ac_status
ac_buffer_push_text(ac_buffer *self, const char *text)
{
    return ac_buffer_push(self, text, strlen(text));
}

ac_status
ac_buffer_push_char(ac_buffer *self, char c)
{
    return ac_buffer_push(self, &c, 1);
}

ac_status
ac_buffer_printf(ac_buffer *self, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    AC_CHECK(n >= 0);
    if (ac_buffer_reserve(self, (size_t) n) != AC_OK)
        return self->status;
    va_start(args, format);
    vsnprintf(self->data + self->size, (size_t) n + 1, format, args);
    va_end(args);
    self->size += (size_t) n;
    return AC_OK;
}

void
ac_texts_free(ac_texts *self)
{
    ac_buffer_free(&self->bytes);
    free(self->offsets);
    *self = (ac_texts){ 0 };
}

void
ac_texts_reset(ac_texts *self)
{
    ac_buffer_reset(&self->bytes);
    self->count = 0;
}

ac_status
ac_texts_push(ac_texts *self, const char *bytes, size_t n)
{
    ac_status st = AC_OK;

    AC_TRY(ac_grow(&self->offsets, &self->capacity, self->count + 2, sizeof *self->offsets));
    AC_TRY(ac_buffer_push(&self->bytes, bytes, n));
    self->offsets[0] = 0;
    self->offsets[++self->count] = (int64_t) self->bytes.size;
out:
    return st;
}

bool
ac_texts_is(const ac_texts *self, int64_t i, const char *bytes, size_t n)
{
    return ac_texts_size(self, i) == n &&
           (n == 0 || memcmp(ac_texts_at(self, i), bytes, n) == 0);
}

bool
ac_texts_same(const ac_texts *self, int64_t i, const ac_texts *other, int64_t j)
{
    return ac_texts_is(self, i, ac_texts_at(other, j), ac_texts_size(other, j));
}

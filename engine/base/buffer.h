/** A growing sequence of bytes; also the string builder. */
#ifndef AC_ENGINE_BASE_BUFFER_H
#define AC_ENGINE_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

/**
 * Starts zeroed ({ 0 }). `data` has a zero byte after its `size` bytes as soon as anything was
 * pushed. Failure sticks: after a failed push `status` is AC_E_NOMEM and later pushes do
 * nothing, so that a writer checks once at its end.
 */
typedef struct ac_buffer {
    char *data;
    size_t size, capacity;
    ac_status status;
} ac_buffer;

void ac_buffer_free(ac_buffer *self);
void ac_buffer_reset(ac_buffer *self); /* size 0, memory and failure kept */
/** Without its first n bytes; what is behind them moves to the front. */
void ac_buffer_drop(ac_buffer *self, size_t n);
/** Room for n more bytes and a zero byte, for whoever writes into data itself. */
ac_status ac_buffer_reserve(ac_buffer *self, size_t n);
ac_status ac_buffer_push(ac_buffer *self, const void *bytes, size_t n);
ac_status ac_buffer_push_text(ac_buffer *self, const char *text);
ac_status ac_buffer_push_char(ac_buffer *self, char c);
ac_status ac_buffer_printf(ac_buffer *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/**
 * Texts as one block of bytes and offsets: text i is bytes[offsets[i] .. offsets[i + 1]).
 * The form in which texts stand in HDF5 shards. Starts zeroed; owns its memory.
 */
typedef struct ac_texts {
    ac_buffer bytes;
    int64_t *offsets; /* [count + 1]; NULL while nothing was pushed */
    int64_t count, capacity;
} ac_texts;

void ac_texts_free(ac_texts *self);
void ac_texts_reset(ac_texts *self);
AC_MUST_CHECK ac_status ac_texts_push(ac_texts *self, const char *bytes, size_t n);
/** A view, not zero-terminated. */
static inline const char *
ac_texts_at(const ac_texts *self, int64_t i)
{
    return self->bytes.data + self->offsets[i];
}
static inline size_t
ac_texts_size(const ac_texts *self, int64_t i)
{
    return (size_t) (self->offsets[i + 1] - self->offsets[i]);
}
/** Is text i these n bytes? */
bool ac_texts_is(const ac_texts *self, int64_t i, const char *bytes, size_t n);
/** Is text i the text j of other? */
bool ac_texts_same(const ac_texts *self, int64_t i, const ac_texts *other, int64_t j);

#endif

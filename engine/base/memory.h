/** Checked allocation, and scratch memory sized up front. */
#ifndef AC_ENGINE_BASE_MEMORY_H
#define AC_ENGINE_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

/**
 * Allocate count × size bytes, zeroed; count 0 gives a valid pointer.
 * @param[out] out  a pointer to the caller's pointer, NULL on failure; free with free()
 * @return AC_E_NOMEM with a message that gives the size (also where count × size overflows)
 */
AC_MUST_CHECK ac_status ac_alloc(void *out, int64_t count, size_t size);

/** The same, 64-byte aligned and not zeroed: for tensors. Several MiB lie in huge pages where
 * the kernel has them. Free with free(). */
AC_MUST_CHECK ac_status ac_alloc_aligned(void *out, int64_t count, size_t size);

enum { AC_HUGE_PAGE = 2 << 20 };

/** Ask the kernel for huge pages: matrix products touch a hundred pages at a time, and looking
 * up small ones costs a tenth of their time (docs/adr/0209-huge-pages.md). Without effect where
 * the kernel has none. p is AC_HUGE_PAGE aligned. */
void ac_memory_prefer_huge(void *p, size_t bytes);

/** Grow *array (may be NULL) so that it holds at least `needed` elements; *capacity is the
 * present room. On failure the array stays as it was. */
AC_MUST_CHECK ac_status ac_grow(void *array, int64_t *capacity, int64_t needed, size_t size);

/** A copy of n bytes with a zero byte after them. Free with free(). */
AC_MUST_CHECK ac_status ac_duplicate(char **out, const char *bytes, size_t n);

/**
 * Scratch: one block, taken from in order and given back all at once or to a mark.
 * A layer takes what its *_scratch_bytes() promised; taking more is a bug, not a failure, so
 * kernels cannot fail. Not shared between threads.
 */
typedef struct ac_scratch {
    unsigned char *base; /* 64-byte aligned */
    size_t size, used;
} ac_scratch;

AC_MUST_CHECK ac_status ac_scratch_init(ac_scratch *self, size_t bytes);
void ac_scratch_free(ac_scratch *self);

/** Make sure of `bytes` in all; the present content is lost. For reuse between batches of
 * different sizes. */
AC_MUST_CHECK ac_status ac_scratch_reserve(ac_scratch *self, size_t bytes);

/** n bytes, 64-byte aligned, not zeroed. */
void *ac_scratch_take(ac_scratch *self, size_t bytes);
static inline size_t
ac_scratch_mark(const ac_scratch *self)
{
    return self->used;
}
static inline void
ac_scratch_release(ac_scratch *self, size_t mark)
{
    self->used = mark;
}

/** Bytes that ac_scratch_take(bytes) uses, padding included: sum these in a *_scratch_bytes()
 * function. */
static inline size_t
ac_scratch_room(size_t bytes)
{
    return (bytes + 63) & ~(size_t) 63;
}

#endif

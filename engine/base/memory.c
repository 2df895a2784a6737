#include "engine/base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* From here on huge pages are asked for: what they add at the end is at most a third. */
enum { WORTH_HUGE = 3 * AC_HUGE_PAGE };

static ac_status
check_size(size_t *bytes, int64_t count, size_t size)
{
    if (count < 0 || __builtin_mul_overflow((size_t) count, size, bytes) ||
        *bytes > (size_t) PTRDIFF_MAX - AC_HUGE_PAGE)
        return ac_error_set(
            AC_E_NOMEM,
            "memory: %lld elements of %zu bytes are more than this machine can address",
            (long long) count, size);
    return AC_OK;
}

static ac_status
out_of_memory(size_t bytes)
{
    return ac_error_set(AC_E_NOMEM,
                        "out of memory: %zu bytes asked for; give the job more memory, fewer "
                        "ranks per node, or "
                        "a smaller compute.batch",
                        bytes);
}

ac_status
ac_alloc(void *out, int64_t count, size_t size)
{
    size_t bytes = 0;
    void *p = NULL;
    ac_status st = check_size(&bytes, count, size);

    if (st == AC_OK && !(p = calloc(bytes ? bytes : 1, 1)))
        st = out_of_memory(bytes);
    memcpy(out, &p, sizeof p);
    return st;
}

ac_status
ac_alloc_aligned(void *out, int64_t count, size_t size)
{
    size_t bytes = 0, align, room;
    void *p = NULL;
    ac_status st = check_size(&bytes, count, size);

    if (st == AC_OK) {
        align = bytes >= WORTH_HUGE ? AC_HUGE_PAGE : 64;
        room = ((bytes ? bytes : 1) + align - 1) & ~(align - 1);
        if (!(p = aligned_alloc(align, room)))
            st = out_of_memory(bytes);
        else if (align == AC_HUGE_PAGE)
            ac_memory_prefer_huge(p, room);
    }
    memcpy(out, &p, sizeof p);
    return st;
}

void
ac_memory_prefer_huge(void *p, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    (void) madvise(p, bytes, MADV_HUGEPAGE); /* refused: nothing is lost but time */
#else
    (void) p;
    (void) bytes;
#endif
}

ac_status
ac_grow(void *array, int64_t *capacity, int64_t needed, size_t size)
{
    void *old, *p;
    size_t bytes = 0;
    int64_t room = *capacity < 16 ? 16 : *capacity;

    if (needed <= *capacity)
        return AC_OK;
    while (room < needed)
        room = room < INT64_MAX / 2 ? room + room / 2 : INT64_MAX;
    if (check_size(&bytes, room, size) != AC_OK)
        return AC_E_NOMEM;
    memcpy(&old, array, sizeof old);
    if (!(p = realloc(old, bytes)))
        return out_of_memory(bytes);
    memcpy(array, &p, sizeof p);
    *capacity = room;
    return AC_OK;
}

ac_status
ac_duplicate(char **out, const char *bytes, size_t n)
{
    ac_status st = ac_alloc(out, (int64_t) n + 1, 1);

    if (st == AC_OK && n)
        memcpy(*out, bytes, n);
    return st;
}

ac_status
ac_scratch_init(ac_scratch *self, size_t bytes)
{
    *self = (ac_scratch){ 0 };
    return ac_scratch_reserve(self, bytes);
}

void
ac_scratch_free(ac_scratch *self)
{
    free(self->base);
    *self = (ac_scratch){ 0 };
}

ac_status
ac_scratch_reserve(ac_scratch *self, size_t bytes)
{
    unsigned char *p;
    ac_status st;

    self->used = 0;
    if (bytes <= self->size)
        return AC_OK;
    ac_scratch_free(self);
    st = ac_alloc_aligned(&p, (int64_t) bytes, 1);
    if (st == AC_OK)
        *self = (ac_scratch){ .base = p, .size = bytes };
    return st;
}

void *
ac_scratch_take(ac_scratch *self, size_t bytes)
{
    void *p = self->base + self->used;

    AC_CHECK(ac_scratch_room(bytes) >= bytes &&
             ac_scratch_room(bytes) <= self->size - self->used);
    self->used += ac_scratch_room(bytes);
    return p;
}

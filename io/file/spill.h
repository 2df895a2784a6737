/**
 * Memory for what grows with the number of items: small it is memory like any other, large it
 * is a file without a name, so that the system may write its pages out and drop them. Growing
 * moves it: keep offsets, not pointers.
 */
#ifndef AC_IO_FILE_SPILL_H
#define AC_IO_FILE_SPILL_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

/** Starts zeroed. */
typedef struct ac_spill {
    char *data; /* [size]; page-aligned, what was not written is zero; NULL: nothing yet */
    size_t size, capacity;
    const char *folder; /* where the file lies; borrowed. NULL: never a file */
    int fd;
    int is_file;
} ac_spill;

/** At least `bytes` in all; `size` stays. AC_E_IO where the disk has no room: a page that was
 * promised is there. */
AC_MUST_CHECK ac_status ac_spill_reserve(ac_spill *self, size_t bytes);

/** n bytes more. */
AC_MUST_CHECK ac_status ac_spill_push(ac_spill *self, const void *bytes, size_t n);

void ac_spill_free(ac_spill *self);

#endif

/** Texts one after the other, as ac_texts: where they are many, in files without a name
 * (io/file/spill.h). */
#ifndef AC_IO_FILE_SPILLED_TEXTS_H
#define AC_IO_FILE_SPILLED_TEXTS_H

#include <string.h>

#include "io/file/spill.h"

/** Starts zeroed: then never in a file. */
typedef struct ac_spilled_texts {
    ac_spill bytes;
    ac_spill ends; /* int64_t [count]: where each ends in `bytes` */
    int64_t count;
} ac_spilled_texts;

/** folder: where the files lie; borrowed. NULL: all is in memory. */
static inline void
ac_spilled_texts_init(ac_spilled_texts *self, const char *folder)
{
    memset(self, 0, sizeof *self);
    self->bytes.folder = self->ends.folder = folder;
}

static inline void
ac_spilled_texts_free(ac_spilled_texts *self)
{
    ac_spill_free(&self->bytes);
    ac_spill_free(&self->ends);
    self->count = 0;
}

AC_MUST_CHECK static inline ac_status
ac_spilled_texts_push(ac_spilled_texts *self, const char *bytes, size_t n)
{
    ac_status st = ac_spill_push(&self->bytes, bytes, n);
    const int64_t end = (int64_t) self->bytes.size;

    if (st == AC_OK)
        st = ac_spill_push(&self->ends, &end, sizeof end);
    self->count += st == AC_OK;
    return st;
}

/** [count]: where each text ends. */
static inline const int64_t *
ac_spilled_texts_ends(const ac_spilled_texts *self)
{
    return (const int64_t *) (const void *) self->ends.data;
}

/** Views, not zero-terminated; valid until the next push. */
static inline const char *
ac_spilled_texts_at(const ac_spilled_texts *self, int64_t i, size_t *n)
{
    const int64_t *ends = ac_spilled_texts_ends(self), begin = i ? ends[i - 1] : 0;

    *n = (size_t) (ends[i] - begin);
    return *n ? self->bytes.data + begin : "";
}

#endif

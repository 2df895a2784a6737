/**
 * The texts of found entries on their way from the ranks that hold them to the one that writes
 * them: the cache is split over the ranks, rank r holds entries [total * r / ranks, total * (r
 * + 1) / ranks).
 */
#ifndef AC_JOBS_CAPTION_ENTRY_TEXTS_H
#define AC_JOBS_CAPTION_ENTRY_TEXTS_H

#include "engine/base/buffer.h"
#include "engine/base/status.h"

typedef struct ac_entry_slice {
    int64_t total, ranks;
    int64_t first, count; /* of this rank */
} ac_entry_slice;

/** The texts of those of ids [n] that lie in this slice, in their order, as lengths and bytes.
 * entries [count]: the slice's. @param[out] out  they are appended */
AC_MUST_CHECK ac_status ac_entry_texts_pack(const ac_entry_slice *self, const int64_t *ids,
                                            int64_t n, const ac_texts *entries, ac_buffer *out);

/** The owners' texts in the order of ids [n] again; id -1: an empty one. all: the ranks' packed
 * blocks, bounds [ranks + 1] theirs. @param[out] entries  they are appended */
AC_MUST_CHECK ac_status ac_entry_texts_unpack(const ac_entry_slice *self, const int64_t *ids,
                                              int64_t n, const char *all, const int64_t *bounds,
                                              ac_texts *entries);

#endif

/** Which of some new entries a cache does not hold yet. */
#ifndef AC_CACHE_BUILDER_DUPLICATES_H
#define AC_CACHE_BUILDER_DUPLICATES_H

#include "engine/base/buffer.h"

/**
 * @param[in] old     entries that are there already
 * @param[in] fresh   entries that want to join
 * @param[out] picked [fresh->count]: the numbers of those that are neither in `old` nor earlier
 * in `fresh`, ascending
 * @param[out] count  how many
 */
AC_MUST_CHECK ac_status ac_entries_pick_new(const ac_texts *old, const ac_texts *fresh,
                                            int64_t *picked, int64_t *count);

/** found [texts->count]: for each text the number of the first of `known` that it is, or -1. */
AC_MUST_CHECK ac_status ac_entries_find(const ac_texts *known, const ac_texts *texts,
                                        int64_t *found);

#endif

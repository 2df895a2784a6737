/** What differs between two caches: which entries, and which embeddings. */
#ifndef AC_CACHE_BUILDER_DIFFERENCE_H
#define AC_CACHE_BUILDER_DIFFERENCE_H

#include "cache_builder/cache.h"

typedef enum ac_cache_change {
    AC_CACHE_REMOVED,
    AC_CACHE_ADDED,
    AC_CACHE_CHANGED, /* the same text with another embedding */
    AC_CACHE_CHANGES
} ac_cache_change;

typedef struct ac_cache_difference {
    int64_t counts[AC_CACHE_CHANGES];
    int64_t same;  /* text and embedding agree */
    int64_t moved; /* of these, and of the changed ones: at another id */
} ac_cache_difference;

/** One change: the entry [n], its ids (-1: not there), and for a changed one the largest
 * difference of two numbers. */
typedef ac_status (*ac_cache_change_visit)(void *context, ac_cache_change change,
                                           const char *entry, size_t n, const int64_t ids[2],
                                           double difference);

/**
 * Entries are paired by their bytes, equal ones in the order of their ids, and visited in the
 * order of bytes. Embeddings are compared where the caches' widths agree. Holds both caches in
 * memory.
 * @param[in] tolerance  embeddings whose numbers differ by no more are the same; 0: the bits
 */
AC_MUST_CHECK ac_status ac_cache_compare(const ac_cache *a, const ac_cache *b, double tolerance,
                                         ac_cache_change_visit visit, void *context,
                                         ac_cache_difference *out);

#endif

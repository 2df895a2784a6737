/** Adding up the records of one kind from many runs: n-grams by their words' texts. */
#ifndef AC_CACHE_BUILDER_MINING_NGRAM_MERGE_H
#define AC_CACHE_BUILDER_MINING_NGRAM_MERGE_H

#include "engine/text/ngram_records.h"

typedef struct ac_ngram_sum {
    uint64_t count, first; /* summed; least */
    uint64_t offset;       /* of its key in keys.data */
    uint32_t key_bytes, tag;
} ac_ngram_sum;

/** Starts zeroed; memory is kept by a reset. */
typedef struct ac_ngram_merge {
    ac_ngram_sum *sums; /* [count], in the order they came */
    int64_t count, capacity;
    uint32_t *slots; /* number + 1; 0: free */
    int64_t slot_room;
    ac_buffer keys;
} ac_ngram_merge;

/* What an n-gram takes beside its key: an entry and its share of slots, both up to half empty.
 */
enum { AC_NGRAM_MERGE_ENTRY_BYTES = 72 };

/** Add the records of one block of bytes. */
AC_MUST_CHECK ac_status ac_ngram_merge_add(ac_ngram_merge *self, const char *records, size_t n);
/** NULL: it was never added. key as in a record. */
const ac_ngram_sum *ac_ngram_merge_find(const ac_ngram_merge *self, const char *key,
                                        uint32_t key_bytes);
void ac_ngram_merge_reset(ac_ngram_merge *self);
void ac_ngram_merge_free(ac_ngram_merge *self);

static inline const char *
ac_ngram_merge_key(const ac_ngram_merge *self, const ac_ngram_sum *sum)
{
    return self->keys.data + sum->offset;
}

#endif

/** The best n-grams of one kind: highest score first, then first seen, then by words. */
#ifndef AC_CACHE_BUILDER_MINING_NGRAM_BEST_H
#define AC_CACHE_BUILDER_MINING_NGRAM_BEST_H

#include "engine/text/ngram_records.h"

typedef struct ac_ngram_candidate {
    double score;
    uint64_t count, first; /* first: 0 where the words decide */
    uint64_t offset;       /* of its key in keys.data */
    uint32_t key_bytes, padding;
} ac_ngram_candidate;

/** Starts zeroed but for `most` and `words`. Holds at most twice `most` at a time. */
typedef struct ac_ngram_best {
    int64_t most;              /* how many are kept */
    int words;                 /* of an n-gram */
    ac_ngram_candidate *items; /* [count] */
    int64_t count, capacity;
    ac_buffer keys;
    bool has_worst; /* `most` better ones than `worst` are here already */
    ac_ngram_candidate worst;
    ac_buffer worst_key;
} ac_ngram_best;

AC_MUST_CHECK ac_status ac_ngram_best_push(ac_ngram_best *self, double score, uint64_t count,
                                           uint64_t first, const char *key, uint32_t key_bytes);
/** false: no n-gram with this score can be among the best any more. */
static inline bool
ac_ngram_best_may_take(const ac_ngram_best *self, double score)
{
    return !self->has_worst || score >= self->worst.score;
}
/** Sort, and drop all but the best `most`. */
AC_MUST_CHECK ac_status ac_ngram_best_finish(ac_ngram_best *self);

/** As bytes, for another process, which adds them to its own. */
AC_MUST_CHECK ac_status ac_ngram_best_write(const ac_ngram_best *self, ac_buffer *out);
AC_MUST_CHECK ac_status ac_ngram_best_read(ac_ngram_best *self, const char *bytes, size_t n);

/** The words of a candidate joined by one space; appended. */
AC_MUST_CHECK ac_status ac_ngram_best_text(const ac_ngram_best *self, int64_t i,
                                           ac_buffer *out);
void ac_ngram_best_free(ac_ngram_best *self);

#endif

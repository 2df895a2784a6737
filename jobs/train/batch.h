/**
 * Which images, captions, crops and dropout a step sees: pure functions of seed, keys and the
 * step's number, so that a resumed run, another number of ranks, or another order of work sees
 * the same.
 */
#ifndef AC_JOBS_TRAIN_BATCH_H
#define AC_JOBS_TRAIN_BATCH_H

#include "engine/training/bart_train.h"
#include "jobs/train/data.h"

/** The order of an epoch: a permutation of [0, set->count) into order [count]. */
void ac_epoch_order(const ac_captioned_set *set, uint64_t seed, int64_t epoch, int64_t *order);

/** The image's caption of this epoch, drawn evenly: an index into set->captions. */
int64_t ac_epoch_caption(const ac_captioned_set *set, uint64_t seed, int64_t epoch,
                         int64_t image);

/** The image's table of this epoch, drawn evenly among its crops': an index into set->tables.
 */
int64_t ac_epoch_table(const ac_captioned_set *set, uint64_t seed, int64_t epoch,
                       int64_t image);

enum {
    AC_VALIDATION_EPOCH = -1
}; /* validation sees the same captions every time, so that its losses can be compared */

/** Memory of one batch; reused. Starts zeroed. */
typedef struct ac_batch_builder {
    ac_id_lists tables, inputs, labels;
    uint64_t *streams;
    int64_t streams_capacity;
} ac_batch_builder;

void ac_batch_builder_free(ac_batch_builder *self);

/**
 * Images [n] of the set as a batch: decoder input is the caption without its last id, targets
 * the caption without its first.
 * @param[in] step  the step whose dropout is drawn; negative: none
 * @param[out] out  views into self
 */
AC_MUST_CHECK ac_status ac_batch_build(ac_batch_builder *self, const ac_captioned_set *set,
                                       uint64_t seed, int64_t epoch, int64_t step,
                                       const int64_t *images, int64_t n, ac_bart_batch *out);

#endif

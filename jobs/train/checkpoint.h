/**
 * Checkpoints: RUN/checkpoints/step=0000500-epoch=05-vloss=2.345.safetensors (without vloss
 * where the step was not validated). Tensors: the trained numbers under Hugging Face's names,
 * and both moments as exp_avg.NAME and exp_avg_sq.NAME. The metadata says what the state
 * belongs to, and holds a checksum of itself and of all numbers. Everything else that a run
 * needs follows from the step. Rank 0's work: all functions are local. docs/FORMATS.md
 */
#ifndef AC_JOBS_TRAIN_CHECKPOINT_H
#define AC_JOBS_TRAIN_CHECKPOINT_H

#include <stdbool.h>

#include "engine/training/bart_train.h"

/** What a checkpoint belongs to: fingerprints of 32 digits. */
typedef struct ac_checkpoint_identity {
    const char *config, *input, *bart;
    int64_t seed;
} ac_checkpoint_identity;

/** Where a run stands. Numbers are borrowed: [trainer->count] each. */
typedef struct ac_checkpoint {
    int64_t step, epoch,
        position; /* steps done; the epoch and the batch within it that come next */
    bool validated;
    double vloss;
    float *values, *exp_avg, *exp_avg_sq;
} ac_checkpoint;

/** One that is there. */
typedef struct ac_checkpoint_file {
    char name[96];
    int64_t step;
    bool validated;
    double vloss;
} ac_checkpoint_file;

/** Starts zeroed. */
typedef struct ac_checkpoints {
    char *folder;
    const ac_bart_trainer *trainer; /* borrowed: names and sizes */
    ac_checkpoint_identity identity;
    ac_checkpoint_file *files; /* sorted by step */
    int64_t count, capacity;
} ac_checkpoints;

/**
 * Look through the folder (made if it is not there). Of files that are damaged it is said, and
 * they are removed; one of another model, config or data, or of a newer version of this
 * program, is an error. Half-written files of a killed run are removed.
 */
AC_MUST_CHECK ac_status ac_checkpoints_open(ac_checkpoints *self, const char *folder,
                                            const ac_bart_trainer *trainer,
                                            const ac_checkpoint_identity *identity);
void ac_checkpoints_free(ac_checkpoints *self);

/** Publish one, then remove those that are neither among the `keep` best by vloss (ties: the
 * earlier) nor the last. */
AC_MUST_CHECK ac_status ac_checkpoints_save(ac_checkpoints *self,
                                            const ac_checkpoint *checkpoint, int64_t keep);

/** Remove what is neither among the `keep` best nor the last. After opening, too: a kill may
 * have come between a save and this. */
AC_MUST_CHECK ac_status ac_checkpoints_prune(ac_checkpoints *self, int64_t keep);

/** Read file i's numbers and place into *out. */
AC_MUST_CHECK ac_status ac_checkpoints_load(const ac_checkpoints *self, int64_t i,
                                            ac_checkpoint *out);

/** The best by vloss; -1: none was validated. */
int64_t ac_checkpoints_best(const ac_checkpoints *self);

/** Is this file whole? The checksum that it holds is compared. AC_E_FORMAT says what is wrong.
 * For `verify`. */
AC_MUST_CHECK ac_status ac_checkpoint_verify(const char *path);

#endif

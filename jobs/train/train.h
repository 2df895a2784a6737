/**
 * Training's state, and its steps. One step: each replica's gradient (local), one exchange, the
 * sum in the order of replicas and AdamW on every rank alike. Private to jobs/train.
 */
#ifndef AC_JOBS_TRAIN_TRAIN_H
#define AC_JOBS_TRAIN_TRAIN_H

#include "engine/comm/parts.h"
#include "engine/training/adamw.h"
#include "jobs/train/batch.h"
#include "jobs/train/checkpoint.h"
#include "jobs/train/data.h"
#include "jobs/train/metrics.h"

/** Starts zeroed. Every number that the ranks share is the same on all of them. */
typedef struct ac_training {
    const ac_comm *comm; /* borrowed, as are the next three */
    const ac_config *config;
    const ac_run *run;
    ac_bart_model *bart;
    ac_training_data data;

    ac_bart_trainer trainer;
    void *packed;                           /* weights for the backward pass */
    float *start;                           /* [count]: the parameters before any step */
    float *exp_avg, *exp_avg_sq, *gradient; /* [count] */
    int64_t step, steps_per_epoch;          /* steps done */

    ac_batch_builder builder;
    int64_t *order, order_epoch; /* the present epoch; -1: none */
    ac_parts replicas, blocks;   /* exchanges of a step, of a validation */

    ac_checkpoints checkpoints; /* rank 0 */
    ac_metrics metrics;         /* rank 0 */
    ac_progress progress;
    bool progress_open;
    ac_status pending; /* rank 0 could not write metrics: shared at the next exchange */

    /* what was measured in this process */
    int64_t steps_here, tokens_here;
    double seconds_steps, seconds_exchange, seconds_validation;
    size_t activation_bytes;
} ac_training;

/** Local: buffers, optimiser, counts. AC_E_ARG where there are fewer images than one step
 * needs. */
AC_MUST_CHECK ac_status ac_training_init(ac_training *self);
void ac_training_free(ac_training *self);

/** Collective. Resume from the last checkpoint, if any. */
AC_MUST_CHECK ac_status ac_training_resume_all(ac_training *self);

/** Collective. Steps, validations and checkpoints up to train.max_steps. AC_E_STOPPED after a
 * request to stop, with a checkpoint. */
AC_MUST_CHECK ac_status ac_training_run_all(ac_training *self);

/** Collective. The mean loss over all targets of the validation images. */
AC_MUST_CHECK ac_status ac_training_validate_all(ac_training *self, double *vloss,
                                                 int64_t *targets);

/**
 * Rank 0: samples.jsonl, captions of some validation images by BART before training and with
 * `values`, for the report: {"key","before","after","captions":[…],"table"}. Afterwards the
 * trainer's values are those given.
 */
AC_MUST_CHECK ac_status ac_training_write_samples(ac_training *self, const float *values);

#endif

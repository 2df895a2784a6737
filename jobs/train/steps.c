/* The loop: steps, validations, checkpoints. */
#include "jobs/train/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "jobs/runtime/signals.h"
#include "jobs/models/layer_norms.h"

enum {
    VALIDATION_BLOCK = 64
}; /* images whose loss is computed together; fixed, so that bits do not depend on ranks */

/* A replica's part of a step: this, and then the gradient [count]. */
typedef struct replica_part {
    double loss_sum;
    int64_t targets, tokens; /* tokens: read by encoder and decoder */
} replica_part;

typedef struct block_part {
    double loss_sum;
    int64_t targets;
} block_part;

static const ac_config *
config_of(const ac_training *self)
{
    return self->config;
}

static uint64_t
seed_of(const ac_training *self)
{
    return (uint64_t) config_of(self)->seed;
}

/* ---- making ---- */

ac_status
ac_training_init(ac_training *self)
{
    const ac_config *config = config_of(self);
    const ac_comm *comm = self->comm;
    const int64_t global = config->train.replicas * config->train.batch,
                  blocks =
                      (self->data.validation.count + VALIDATION_BLOCK - 1) / VALIDATION_BLOCK;
    ac_bart_trainer *trainer = &self->trainer;
    ac_status st = AC_OK;

    if (self->data.train.count == 0 || self->data.validation.count == 0)
        return ac_error_set(
            AC_E_BAD_ITEMS, "%s: none of its images can be used. %s/bad_items.jsonl says why",
            self->data.train.count ? "input.validation" : "input.train", self->run->folder);
    if (self->data.train.count < global)
        return ac_error_set(AC_E_ARG,
                            "input.train: %lld usable images are fewer than one step needs "
                            "(train.replicas × train.batch = %lld): "
                            "give more images or a smaller batch",
                            (long long) self->data.train.count, (long long) global);
    self->steps_per_epoch = self->data.train.count / global;
    self->order_epoch = -1;
    AC_TRY(ac_alloc(&self->order, self->data.train.count, sizeof *self->order));
    AC_TRY(ac_alloc(&self->start, trainer->count, sizeof(float)));
    AC_TRY(ac_alloc(&self->exp_avg, trainer->count, sizeof(float)));
    AC_TRY(ac_alloc(&self->exp_avg_sq, trainer->count, sizeof(float)));
    AC_TRY(ac_alloc(&self->gradient, trainer->count, sizeof(float)));
    memcpy(self->start, trainer->values, (size_t) trainer->count * sizeof(float));
    if (config->train.dropout.presence != AC_NONE)
        ac_bart_trainer_set_dropout(
            trainer,
            config->train.dropout.presence == AC_SET ? config->train.dropout.value : -1,
            seed_of(self));
    trainer->recompute = config->train.recompute;
    AC_TRY(ac_parts_init(&self->replicas, comm, config->train.replicas,
                         sizeof(replica_part) + (size_t) trainer->count * sizeof(float)));
    AC_TRY(ac_parts_init(&self->blocks, comm, blocks, sizeof(block_part)));
out:
    return st;
}

void
ac_training_free(ac_training *self)
{
    ac_checkpoints_free(&self->checkpoints);
    ac_metrics_close(&self->metrics);
    ac_parts_free(&self->replicas);
    ac_parts_free(&self->blocks);
    ac_batch_builder_free(&self->builder);
    ac_bart_trainer_free(&self->trainer);
    ac_training_data_free(&self->data);
    free(self->packed);
    free(self->start);
    free(self->exp_avg);
    free(self->exp_avg_sq);
    free(self->gradient);
    free(self->order);
}

/* ---- one step ---- */

/* The images of a replica in step `step`: train.batch of the epoch's order. */
static void
images_of(ac_training *self, int64_t step, int64_t replica, const int64_t **images)
{
    const ac_config *config = config_of(self);
    const int64_t epoch = step / self->steps_per_epoch, position = step % self->steps_per_epoch;

    if (self->order_epoch != epoch) {
        ac_epoch_order(&self->data.train, seed_of(self), epoch, self->order);
        self->order_epoch = epoch;
    }
    *images = self->order + (position * config->train.replicas + replica) * config->train.batch;
}

/* Local: the gradients of this rank's replicas, put where the exchange takes them. */
static ac_status
run_replicas(ac_training *self)
{
    const ac_config *config = config_of(self);
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->replicas.count; i++) {
        char *part = ac_parts_put(&self->replicas, i);
        const int64_t *images;
        ac_bart_batch batch;
        ac_bart_loss loss;
        replica_part head;
        images_of(self, self->step, self->replicas.first + i, &images);
        AC_TRY(ac_batch_build(&self->builder, &self->data.train, seed_of(self),
                              self->step / self->steps_per_epoch, self->step, images,
                              config->train.batch, &batch));
        AC_TRY(ac_bart_trainer_run(&self->trainer, &batch,
                                   (float *) (void *) (part + sizeof head), &loss));
        head = (replica_part){ loss.sum, loss.targets,
                               batch.offsets[batch.B] + batch.decoder_offsets[batch.B] };
        memcpy(part, &head, sizeof head);
        self->activation_bytes =
            loss.bytes > self->activation_bytes ? loss.bytes : self->activation_bytes;
        ac_heartbeat_beat(self->comm->heartbeat);
    }
out:
    return st;
}

/* What a step's exchange brought. */
typedef struct step_sum {
    double loss;
    int64_t targets, tokens;
    int64_t bad_replica; /* whose loss is not finite; -1: none */
} step_sum;

static void
read_head(const ac_training *self, int64_t replica, replica_part *head)
{
    memcpy(head, ac_parts_get(&self->replicas, replica), sizeof *head);
}

/* self->gradient = the replicas' gradients, weighted, added in the order of replicas, in
 * double. */
static ac_status
add_up(ac_training *self, step_sum *sum)
{
    const ac_config *config = config_of(self);
    const int64_t R = config->train.replicas, n = self->trainer.count;
    double *total = NULL;
    ac_status st = ac_alloc(&total, n, sizeof *total);

    if (st != AC_OK)
        return st;
    *sum = (step_sum){ .bad_replica = -1 };
    for (int64_t r = 0; r < R; r++) {
        replica_part head;
        read_head(self, r, &head);
        sum->targets += head.targets;
        sum->tokens += head.tokens;
        if (!isfinite(head.loss_sum) && sum->bad_replica < 0)
            sum->bad_replica = r;
    }
    for (int64_t r = 0; r < R; r++) {
        const float *g =
            (const float *) (const void *) ((const char *) ac_parts_get(&self->replicas, r) +
                                            sizeof(replica_part));
        replica_part head;
        double weight;
        read_head(self, r, &head);
        weight = config->train.loss_mean == AC_LOSS_MEAN_TOKEN
                     ? (double) head.targets / (double) sum->targets
                     : 1.0 / (double) R;
        sum->loss += weight * head.loss_sum / (double) head.targets;
        for (int64_t i = 0; i < n; i++)
            total[i] += weight * (double) g[i];
    }
    for (int64_t i = 0; i < n; i++)
        self->gradient[i] = (float) total[i];
    free(total);
    return AC_OK;
}

/* A loss or gradient that is no number: which batch, and what is left. The same on all ranks.
 */
static ac_status
not_finite(ac_training *self, const step_sum *sum)
{
    const ac_captioned_set *set = &self->data.train;
    const int64_t batch = config_of(self)->train.batch,
                  replica = sum->bad_replica < 0 ? 0 : sum->bad_replica;
    const int64_t *images;
    ac_buffer names = { 0 };
    ac_status st;

    images_of(self, self->step, replica, &images);
    for (int64_t i = 0; i < batch && i < 8; i++) {
        size_t n;
        const char *key = ac_captioned_set_key(set, images[i], &n);
        ac_buffer_printf(&names, "%s%.*s", i ? ", " : "", (int) n, key);
    }
    st = ac_error_set(
        AC_E_FORMAT,
        "step %lld (epoch %lld): the %s is not a finite number; %s %lld processed %s%s. "
        "Earlier checkpoints stay; lower train.learning_rate, set train.clip_norm, or look "
        "at these images' captions",
        (long long) self->step + 1, (long long) (self->step / self->steps_per_epoch),
        sum->bad_replica < 0 ? "gradient" : "loss", "replica", (long long) replica,
        names.data ? names.data : "", batch > 8 ? ", …" : "");
    ac_buffer_free(&names);
    return st;
}

static double
rate_of(const ac_training *self)
{
    const ac_config *config = config_of(self);

    return ac_cosine_rate(
        config->train.learning_rate, config->train.t_max, config->train.warmup_steps,
        config->train.per_epoch ? self->step / self->steps_per_epoch : self->step);
}

static void
note_progress(ac_training *self, double loss)
{
    const double seconds = self->seconds_steps > 0 ? self->seconds_steps : 1;

    snprintf(self->progress.note, sizeof self->progress.note,
             "loss %.3f, %.0f tokens/s, %.1f images/s", loss,
             (double) self->tokens_here / seconds,
             (double) (self->steps_here * config_of(self)->train.replicas *
                       config_of(self)->train.batch) /
                 seconds);
    ac_progress_add(&self->progress, 1, 0);
}

static ac_status
step_all(ac_training *self, bool *stop)
{
    const ac_config *config = config_of(self);
    const ac_adamw adamw = { config->train.betas[0], config->train.betas[1], config->train.eps,
                             config->train.weight_decay };
    const double started = ac_progress_clock(), rate = rate_of(self);
    double exchanged, norm;
    step_sum sum = { .bad_replica = -1 };
    ac_status st = self->pending == AC_OK ? run_replicas(self) : self->pending;

    exchanged = ac_progress_clock();
    AC_TRY(ac_parts_share_all(&self->replicas, st, ac_signals_stopped(), stop));
    self->seconds_exchange += ac_progress_clock() - exchanged;
    AC_TRY(ac_agree_all(self->comm, add_up(self, &sum)));
    norm = ac_gradient_norm(self->gradient, self->trainer.count);
    if (sum.bad_replica >= 0 || !isfinite(norm))
        AC_TRY(not_finite(self, &sum));
    if (config->train.clip_norm.presence == AC_SET)
        ac_gradient_clip(self->gradient, self->trainer.count, norm,
                         config->train.clip_norm.value);
    self->step++;
    ac_adamw_step(&adamw, self->trainer.values, self->exp_avg, self->exp_avg_sq, self->gradient,
                  self->trainer.count, self->step, rate);
    self->steps_here++;
    self->tokens_here += sum.tokens;
    self->seconds_steps += ac_progress_clock() - started;
    if (self->comm->rank == 0) {
        self->pending = ac_metrics_step(&self->metrics, self->step,
                                        (self->step - 1) / self->steps_per_epoch, sum.loss,
                                        sum.targets, rate, norm);
        note_progress(self, sum.loss);
    }
out:
    return st;
}

/* ---- validation ---- */

static ac_status
run_blocks(ac_training *self)
{
    const ac_captioned_set *set = &self->data.validation;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->blocks.count; i++) {
        int64_t images[VALIDATION_BLOCK], n = 0;
        ac_bart_batch batch;
        ac_bart_loss loss;
        block_part part;
        for (int64_t k = (self->blocks.first + i) * VALIDATION_BLOCK;
             k < set->count && n < VALIDATION_BLOCK; k++)
            images[n++] = k;
        AC_TRY(ac_batch_build(&self->builder, set, seed_of(self), AC_VALIDATION_EPOCH, -1,
                              images, n, &batch));
        AC_TRY(ac_bart_trainer_run(&self->trainer, &batch, NULL, &loss));
        part = (block_part){ loss.sum, loss.targets };
        memcpy(ac_parts_put(&self->blocks, i), &part, sizeof part);
        ac_heartbeat_beat(self->comm->heartbeat);
    }
out:
    return st;
}

ac_status
ac_training_validate_all(ac_training *self, double *vloss, int64_t *targets)
{
    const double started = ac_progress_clock();
    double sum = 0;
    bool stop;
    ac_status st = ac_parts_share_all(&self->blocks, run_blocks(self), false, &stop);

    if (st != AC_OK)
        return st;
    *targets = 0;
    for (int64_t b = 0; b < self->blocks.parts; b++) {
        block_part part;
        memcpy(&part, ac_parts_get(&self->blocks, b), sizeof part);
        sum += part.loss_sum;
        *targets += part.targets;
    }
    *vloss = sum / (double) *targets;
    self->seconds_validation += ac_progress_clock() - started;
    if (!isfinite(*vloss))
        return ac_error_set(
            AC_E_FORMAT,
            "step %lld: the validation loss is not a finite number. Earlier checkpoints stay; "
            "lower train.learning_rate, or set train.clip_norm",
            (long long) self->step);
    return AC_OK;
}

/* ---- checkpoints ---- */

static ac_status
save_layer_norms(ac_training *self, const float *values, const ac_checkpoint_file *best)
{
    char step[32], vloss[40], *path = NULL;
    const ac_metadata metadata[] = { { "format", "pt" }, { "step", step }, { "vloss", vloss } };
    ac_status st = ac_run_path(self->run, &path, "layer_norms.safetensors");

    snprintf(step, sizeof step, "%lld", (long long) best->step);
    snprintf(vloss, sizeof vloss, "%.17g", best->vloss);
    if (st == AC_OK)
        st = ac_layer_norms_save(path, &self->trainer, values, metadata, 3);
    free(path);
    return st;
}

/* Rank 0: the state as it is; validated false: it was stopped between validations. */
static ac_status
save(ac_training *self, bool validated, double vloss)
{
    const ac_checkpoint c = {
        .step = self->step,
        .epoch = self->step / self->steps_per_epoch,
        .position = self->step % self->steps_per_epoch,
        .validated = validated,
        .vloss = vloss,
        .values = self->trainer.values,
        .exp_avg = self->exp_avg,
        .exp_avg_sq = self->exp_avg_sq,
    };
    int64_t best;
    ac_status st = self->pending;

    AC_TRY(st);
    AC_TRY(ac_metrics_sync(&self->metrics));
    AC_TRY(ac_checkpoints_save(&self->checkpoints, &c, config_of(self)->train.save_top_k));
    best = ac_checkpoints_best(&self->checkpoints);
    if (best >= 0 && self->checkpoints.files[best].step == self->step)
        st = save_layer_norms(self, self->trainer.values, &self->checkpoints.files[best]);
out:
    return st;
}

/* Rank 0: the last checkpoint into the state, and the best one's numbers into
 * layer_norms.safetensors (a kill may have come between). */
static ac_status
load_last(ac_training *self, ac_checkpoint *c)
{
    int64_t best = ac_checkpoints_best(&self->checkpoints);
    float *values = NULL;
    ac_status st = AC_OK;

    if (best >= 0) {
        ac_checkpoint of_best = { .exp_avg = self->exp_avg, .exp_avg_sq = self->exp_avg_sq };
        AC_TRY(ac_alloc(&values, self->trainer.count, sizeof *values));
        of_best.values = values;
        AC_TRY(ac_checkpoints_load(&self->checkpoints, best, &of_best));
        AC_TRY(save_layer_norms(self, values, &self->checkpoints.files[best]));
    }
    if (self->checkpoints.count)
        AC_TRY(ac_checkpoints_load(&self->checkpoints, self->checkpoints.count - 1, c));
out:
    free(values);
    return st;
}

static ac_status
open_files(ac_training *self, ac_checkpoint *c)
{
    const ac_run *run = self->run;
    const ac_checkpoint_identity identity = { .config = run->manifest.config_fingerprint,
                                              .input = run->manifest.input_fingerprint,
                                              .bart = run->manifest.bart,
                                              .seed = config_of(self)->seed };
    char *folder = NULL, *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_run_path(run, &folder, "checkpoints"));
    AC_TRY(ac_checkpoints_open(&self->checkpoints, folder, &self->trainer, &identity));
    AC_TRY(ac_checkpoints_prune(&self->checkpoints, config_of(self)->train.save_top_k));
    AC_TRY(load_last(self, c));
    AC_TRY(ac_run_path(run, &path, "metrics.jsonl"));
    AC_TRY(ac_metrics_open(&self->metrics, path, self->checkpoints.count ? c->step : -1));
    if (self->checkpoints.count)
        ac_log(AC_LOG_INFO, "resuming from checkpoints/%s",
               self->checkpoints.files[self->checkpoints.count - 1].name);
out:
    free(folder);
    free(path);
    return st;
}

ac_status
ac_training_resume_all(ac_training *self)
{
    const ac_comm *comm = self->comm;
    const size_t bytes = (size_t) self->trainer.count * sizeof(float);
    ac_checkpoint c = { .values = self->trainer.values,
                        .exp_avg = self->exp_avg,
                        .exp_avg_sq = self->exp_avg_sq };
    ac_status st = ac_agree_all(comm, comm->rank == 0 ? open_files(self, &c) : AC_OK);

    if (st != AC_OK)
        return st;
    ac_broadcast_bytes_all(comm, &c.step, sizeof c.step, 0);
    ac_broadcast_bytes_all(comm, self->trainer.values, bytes, 0);
    ac_broadcast_bytes_all(comm, self->exp_avg, bytes, 0);
    ac_broadcast_bytes_all(comm, self->exp_avg_sq, bytes, 0);
    self->step = c.step;
    return AC_OK;
}

/* ---- the loop ---- */

static ac_status
validate_and_save_all(ac_training *self)
{
    const int64_t epoch = self->step ? (self->step - 1) / self->steps_per_epoch : 0;
    int64_t targets;
    double vloss;
    ac_status st = ac_training_validate_all(self, &vloss, &targets);

    if (st != AC_OK)
        return st;
    if (self->pending != AC_OK)
        st = self->pending;
    else if (self->comm->rank == 0) {
        ac_log(AC_LOG_INFO, "step %lld, epoch %lld: validation loss %.4f",
               (long long) self->step, (long long) epoch, vloss);
        st = ac_metrics_validation(&self->metrics, self->step, epoch, vloss, targets);
        if (st == AC_OK && self->step)
            st = save(self, true, vloss);
    }
    return ac_agree_all(self->comm, st);
}

static bool
validation_is_due(const ac_training *self)
{
    const ac_config *config = config_of(self);
    const int64_t every =
        config->train.validate_every ? config->train.validate_every : self->steps_per_epoch;

    return self->step % every == 0 || self->step == config->train.max_steps;
}

ac_status
ac_training_run_all(ac_training *self)
{
    const ac_comm *comm = self->comm;
    const int64_t most = config_of(self)->train.max_steps;
    char *progress_path = NULL;
    ac_status st = AC_OK;
    bool stop = false;

    AC_TRY(ac_agree_all(comm, ac_run_progress_path(self->run, &progress_path)));
    AC_TRY(
        ac_agree_all(comm, ac_progress_begin_all(&self->progress, comm, progress_path, "train",
                                                 "train", "steps", self->step, 0, most)));
    self->progress_open = true;
    if (self->step == 0)
        AC_TRY(validate_and_save_all(self)); /* the loss that training begins with */
    while (self->step < most && !stop) {
        AC_TRY(step_all(self, &stop));
        if (validation_is_due(self))
            AC_TRY(validate_and_save_all(self));
        else if (stop)
            AC_TRY(ac_agree_all(comm, comm->rank == 0 ? save(self, false, 0) : AC_OK));
    }
    if (self->step < most)
        st = ac_error_set(AC_E_STOPPED,
                          "stopped on request after step %lld of %lld, its checkpoint is "
                          "published; the same command resumes the run",
                          (long long) self->step, (long long) most);
out:
    if (self->progress_open)
        ac_progress_end_all(&self->progress);
    self->progress_open = false;
    free(progress_path);
    return st;
}

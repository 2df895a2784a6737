/** A job's configuration: YAML, one table of keys for types, defaults, ranges and help. docs:
 * antarctic JOB --print-config. */
#ifndef AC_IO_CONFIG_CONFIG_H
#define AC_IO_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/generation/generation_config.h"
#include "engine/linear/compute.h"
#include "io/hdf5/h5.h"

/** A number that may be left to the model ("auto") or switched off ("none"). */
typedef enum ac_presence { AC_UNSET = 0, AC_NONE, AC_SET } ac_presence;

typedef struct ac_optional {
    ac_presence presence;
    double value; /* whole numbers are exact up to 2^53 */
} ac_optional;

/** A count, or a share of all items (1 is all). */
typedef struct ac_share {
    bool of_all;
    double value;
} ac_share;

typedef enum ac_loss_mean { AC_LOSS_MEAN_REPLICA = 0, AC_LOSS_MEAN_TOKEN } ac_loss_mean;

/** Texts are owned; NULL where the key was left out or is none. Starts zeroed. */
typedef struct ac_config {
    struct {
        char *path;
        char *train, *train_annotations,
            *train_images; /* a folder, or COCO's file and folder */
        char *validation, *validation_annotations, *validation_images;
        bool apply_exif;
    } input;
    struct {
        char *model, *model_config;
    } clip;
    struct {
        char *path;
        int64_t duplicates;
    } cache; /* duplicates: 0 dropped, 1 kept */
    struct {
        char *model, *layer_norms;
    } bart;
    struct {
        int64_t topk;
        ac_optional max_tokens;
    } retrieval;
    struct {
        ac_optional num_beams, num_return_sequences, do_sample, temperature, top_k, top_p,
            max_length, min_length, length_penalty, no_repeat_ngram_size, early_stopping,
            forced_bos_token_id, forced_eos_token_id, decoder_start_token_id;
        int64_t beam_search;
        bool clean_up_tokenization_spaces;
    } generation;
    struct {
        bool enabled;
        char *prefix;
    } rescore;
    struct {
        char *prefix;
        bool lines, unigrams, bigrams, trigrams, lower, cross_lines, unique;
        int64_t topk_ngrams, filter;
        char *member_extension;
    } ngrams;
    struct {
        int64_t replicas, batch, max_steps, warmup_steps, validate_every,
            save_top_k; /* validate_every 0: each epoch */
        double learning_rate, betas[2], eps, weight_decay, t_max;
        bool per_epoch, recompute;
        ac_optional clip_norm, dropout; /* dropout unset: the model's */
        int64_t max_source_tokens, max_target_tokens, crops_per_image, loss_mean;
    } train;
    int64_t seed;
    struct {
        int64_t shard_items;
        int64_t compression;
        bool thumbnails, knn;
    } output;
    struct {
        int64_t threads, batch; /* 0: auto */
        int64_t backend, precision;
        int64_t part, parts;
    } compute;
    struct {
        ac_share max_bad_items;
        int64_t max_pixels, memory; /* memory: bytes a node; 0: auto */
        double stall_minutes, grace_seconds;
    } limits;
} ac_config;

/** Defaults. */
AC_MUST_CHECK ac_status ac_config_init(ac_config *self);
void ac_config_free(ac_config *self);

/** Read a YAML file over what is set. AC_E_ARG names file, line, key and the nearest known key.
 */
AC_MUST_CHECK ac_status ac_config_read(ac_config *self, const char *path);

/** One "key.path=value", as on the command line. */
AC_MUST_CHECK ac_status ac_config_set(ac_config *self, const char *assignment);

/** The keys that a job cannot do without, and what they mean. Returns how many; names and
 * meanings [AC_CONFIG_MOST_NEEDED]. */
enum { AC_CONFIG_MOST_NEEDED = 6 };
int ac_config_needed(const char *job, const char *names[], const char *meanings[]);

/** Is it the name of a job? */
bool ac_config_is_job(const char *job);

/** Are the keys there that this job cannot do without? The message says how to give them. */
AC_MUST_CHECK ac_status ac_config_check(const ac_config *self, const char *job);

/**
 * Are the files and folders there that this job reads? later: another run will make some first,
 * and what a run can make (a cache, trained layer norms) may be missing still. AC_E_IO names
 * the key.
 */
AC_MUST_CHECK ac_status ac_config_check_paths(const ac_config *self, const char *job,
                                              bool later);

/** The whole config as commented YAML, every default written out. Reads back to the same. */
AC_MUST_CHECK ac_status ac_config_print(const ac_config *self, const char *job, ac_buffer *out);

/** XXH3-128 of the keys that decide the output, 32 digits and a zero byte. */
AC_MUST_CHECK ac_status ac_config_fingerprint(const ac_config *self, const char *job,
                                              char hex[33]);

/** The lines that differ between two printed configs: "retrieval.topk: 10" is now
 * "retrieval.topk: 12"; …. */
AC_MUST_CHECK ac_status ac_config_difference(const char *before, const char *after,
                                             ac_buffer *out);

/** limits.max_bad_items as a count: the share of the items, and never fewer than 10. */
int64_t ac_config_max_bad_items(const ac_config *self, int64_t items);

/** retrieval.max_tokens, at most the model's own limit. */
int64_t ac_config_max_tokens(const ac_config *self, int64_t model_limit);

/** backend and precision, as the networks take them. */
ac_compute ac_config_compute(const ac_config *self);

/** The generation keys that are set, laid over what the model's files say. */
void ac_config_generation(const ac_config *self, ac_generation_config *out);

#endif

/** The values of a job's configuration, as the rows of config_keys.c fill them in. */
#ifndef AC_IO_CONFIG_CONFIG_TYPES_H
#define AC_IO_CONFIG_CONFIG_TYPES_H

#include <stdbool.h>
#include <stdint.h>

/** The keys that any job cannot do without are no more than so many. */
enum { AC_CONFIG_MOST_NEEDED = 6 };

/** Stands between several paths of one key (ac_config_paths). */
enum { AC_CONFIG_PATHS_BETWEEN = '\x1e' };

/** A number that may be left to the model ("auto") or switched off ("none"). */
typedef enum ac_presence { AC_UNSET = 0, AC_NONE, AC_SET } ac_presence;

typedef struct ac_optional {
    ac_presence presence;
    double value; /* whole numbers are exact up to 2^53 */
} ac_optional;

/** A list of numbers, lists or texts, left to the model, or switched off. */
typedef struct ac_optional_list {
    ac_presence presence;
    char *text; /* YAML's flow form, owned: "[[5, 6], [7]]"; of texts JSON; NULL unless set */
} ac_optional_list;

/** A count, or a share of all items (1 is all). */
typedef struct ac_share {
    bool of_all;
    double value;
} ac_share;

/** Of a file with several pages (TIFF): the first, or each as an item of its own. */
typedef enum ac_pages { AC_PAGES_FIRST = 0, AC_PAGES_ALL } ac_pages;

/** What an image dataset holds of each image: the bytes as they came, or CLIP's input. */
typedef enum ac_ingest_store { AC_STORE_ORIGINAL = 0, AC_STORE_PIXELS } ac_ingest_store;

/** How an image is looked at before it is stored. */
typedef enum ac_ingest_check { AC_CHECK_HEADER = 0, AC_CHECK_DECODE } ac_ingest_check;

typedef enum ac_loss_mean { AC_LOSS_MEAN_REPLICA = 0, AC_LOSS_MEAN_TOKEN } ac_loss_mean;

/** --update: what tells that an image's bytes are still those of before. */
typedef enum ac_update_by {
    AC_UPDATE_NOT = 0,  /* no update was asked for */
    AC_UPDATE_BY_STAMP, /* size and modification time */
    AC_UPDATE_BY_HASH
} ac_update_by;

/** How submit asks Slurm for memory. */
typedef enum ac_slurm_memory {
    AC_SLURM_MEMORY_NODE = 0, /* --mem */
    AC_SLURM_MEMORY_PER_CPU,
    AC_SLURM_MEMORY_NONE /* not at all */
} ac_slurm_memory;

/** Captions without references, and the reverse. */
typedef enum ac_missing { AC_MISSING_ERROR = 0, AC_MISSING_SKIP } ac_missing;

/** Texts are owned; NULL where the key was left out or is none. Starts zeroed. */
typedef struct ac_config {
    struct {
        char *path, *path_annotations, *path_images; /* one, or COCO's file and folder */
        char *train, *train_annotations,
            *train_images; /* a folder, or COCO's file and folder */
        char *validation, *validation_annotations, *validation_images;
        char *split, *train_split, *validation_split; /* "train+restval"; of the latter two "":
                                                         as split */
        bool apply_exif;
        int64_t pages;                /* ac_pages */
        char *skip;                   /* patterns, one per line; NULL: none */
        char *captions;               /* "txt", "none", "json:FIELD" */
        int64_t grouping, key_prefix; /* ac_tar_grouping, ac_tar_prefix */
    } input;
    struct {
        char *model, *model_config;
    } clip;
    struct {
        char *path;         /* one or several: ac_config_paths */
        int64_t duplicates; /* 0 dropped, 1 kept */
    } cache;
    struct {
        char *model, *layer_norms;
    } bart;
    struct {
        int64_t topk;
        ac_optional max_tokens;
        char *templates; /* one per line; NULL: none */
        char *deny;
        int64_t duplicates; /* of several caches: 0 dropped, 1 kept */
    } retrieval;
    struct {
        ac_optional num_beams, num_return_sequences, do_sample, temperature, top_k, top_p,
            max_length, min_length, length_penalty, no_repeat_ngram_size, early_stopping,
            forced_bos_token_id, forced_eos_token_id, decoder_start_token_id;
        ac_optional max_new_tokens, min_new_tokens, repetition_penalty,
            encoder_repetition_penalty, encoder_no_repeat_ngram_size, renormalize_logits,
            remove_invalid_values, min_p, typical_p, epsilon_cutoff, eta_cutoff, top_h;
        ac_optional_list eos_token_id, bad_words_ids, suppress_tokens, begin_suppress_tokens,
            sequence_bias, exponential_decay_length_penalty, stop_strings;
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
    struct {
        int64_t store, check; /* ac_ingest_store, ac_ingest_check */
        int64_t shard_bytes, size;
    } ingest;
    struct {
        char *model, *prompt, *system;
        int64_t chat, overflow; /* chat: ac_story_chat; overflow: 0 truncate, 1 refuse */
        int64_t rank;           /* 0: score, 1: clip */
        ac_optional max_new_tokens, stories;
    } story;
    struct {
        double threshold;
        bool all; /* any number of pairs */
    } dedupe;
    int64_t seed;
    struct {
        int64_t shard_items;
        int64_t compression;
        bool thumbnails, knn, evidence;
        char *metadata, *exif; /* names of fields, one per line; NULL: none */
        int64_t top;           /* candidates of an image in the report */
    } output;
    struct {
        char *predictions, *references, *images, *training_captions, *metrics;
        char *idf, *write_idf; /* idf NULL: of the references */
        char *against, *export_spice, *merge_scores;
        int64_t missing; /* ac_missing */
        bool reviewed;
    } evaluate;
    struct {
        int64_t threads, batch; /* 0: auto */
        int64_t backend, kernels, precision;
        int64_t part, parts;
    } compute;
    struct {
        ac_share max_bad_items;
        int64_t max_pixels, memory; /* memory: bytes a node; 0: auto */
        double stall_minutes, grace_seconds, visibility_seconds;
    } limits;
    struct {
        int64_t memory; /* ac_slurm_memory */
        char *setup;    /* commands, one per line; NULL: none */
    } slurm;
    ac_update_by update; /* of the command line: no key */
    int64_t sample;      /* the same: how many items, spread over the input; 0: all */
} ac_config;

#endif

/**
 * What is trained on. The images of training and validation are embedded and their tables
 * retrieved once, as the items of one list, by the stages of jobs/caption; then each image is
 * its tables and captions as token ids (captioned_set.h).
 */
#ifndef AC_JOBS_TRAIN_DATA_H
#define AC_JOBS_TRAIN_DATA_H

#include "io/source/image_source.h"
#include "jobs/caption/stages.h"
#include "jobs/train/captioned_set.h"

/** Lists of token ids, one after the other, in memory. Starts zeroed. */
typedef struct ac_id_lists {
    int32_t *ids;
    int64_t *offsets; /* [count + 1]; NULL while empty */
    int64_t count, ids_capacity, offsets_capacity;
} ac_id_lists;

void ac_id_lists_free(ac_id_lists *self);
AC_MUST_CHECK ac_status ac_id_lists_push(ac_id_lists *self, const int32_t *ids, int64_t n);

/** The items: "train/KEY" ("train/KEY#C" for crop C of several), then "validation/KEY". Starts
 * zeroed; stays where it is, since images refers to sets. */
typedef struct ac_training_items {
    ac_image_source sets[2]; /* training, validation; their captions on rank 0 alone */
    ac_image_source images;  /* the items: each of training as often as it has crops */
    int64_t crops;           /* items per training image */
    int64_t training;        /* items [0, training) are training's */
    int64_t random_crops;    /* items [0, random_crops) are random crops of their images */
} ac_training_items;

void ac_training_items_free(ac_training_items *self);

/** Collective. Both sets are listed on rank 0, for all ranks; tars by all of them.
 * folder: the run's. */
AC_MUST_CHECK ac_status ac_training_items_open_all(ac_training_items *self, const ac_comm *comm,
                                                   const ac_config *config, const char *folder);

/** Training and validation, ready. */
typedef struct ac_training_data {
    ac_captioned_set train, validation;
    int64_t cut_tables, cut_captions; /* rank 0 */
    ac_map map;                       /* of the file that all of it is in */
    char *path;
} ac_training_data;

void ac_training_data_free(ac_training_data *self);

/** Collective, after the stages embed and retrieve: rank 0 reads tables and tokenizes, and
 * publishes the ids as journal/training.data, which all ranks map. */
AC_MUST_CHECK ac_status ac_training_data_load_all(ac_training_data *self,
                                                  const ac_training_items *items, ac_run *run,
                                                  const ac_bart_model *bart);

/** One rank: remove the file, which nobody opens any more. */
void ac_training_data_remove(const ac_training_data *self);

#endif

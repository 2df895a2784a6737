/** COCO's files: captions_{split}.json, and the results that its scorers read. */
#ifndef AC_IO_SOURCE_COCO_H
#define AC_IO_SOURCE_COCO_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"

enum {
    AC_COCO_MAX_CAPTIONS = 5
}; /* of an image: its first ones in the file, as everyone uses COCO */

enum { AC_COCO_NAMES = 10 }; /* captions that are left out, of which so many are named */

/**
 * Images in the order of the file. Starts zeroed; owns everything.
 * Image i has the captions [caption_offsets[i], caption_offsets[i + 1]), in the order of the
 * file, as they stand there. An id may be a number or a text; 7 and "7" are the same.
 */
typedef struct ac_coco {
    int64_t count;
    ac_texts id_texts;    /* [count] */
    int64_t *ids;         /* [count]; 0 where the id is no number */
    bool *id_is_number;   /* [count]: so it stands in the file */
    ac_texts file_names;  /* [count] */
    size_t *folder_sizes; /* [count]: of a file name's part that Karpathy's files have as
                             "filepath", with its slash */
    ac_texts captions;
    int64_t *caption_offsets; /* [count + 1] */
    int64_t unlisted;         /* captions of images that are not listed; the caller says so */
    char first_unlisted[64];  /* the image_id of the first of them */
    int64_t unusable; /* captions with \u0000, half of a surrogate pair, or bytes that are not
                         UTF-8: left out */
    ac_texts unusable_names; /* the first AC_COCO_NAMES: "annotations[3]" */
    bool has_splits;         /* the file tells each image's split */
    int64_t other_splits;    /* images that the caller's split leaves out */
} ac_coco;

/**
 * COCO's captions_….json, or Karpathy's dataset_….json (images with "sentences" and "split").
 * AC_E_FORMAT names the file and the entry ("annotations[12]"). A byte-order mark at the start
 * is passed over.
 */
AC_MUST_CHECK ac_status ac_coco_read(ac_coco *self, const char *annotations_path);

/** The same, with those images alone that are of the split: "all", "train", "train+restval" …;
 * all where the file has no splits. AC_E_ARG for words that no split has. */
AC_MUST_CHECK ac_status ac_coco_read_split(ac_coco *self, const char *annotations_path,
                                           const char *split);

void ac_coco_free(ac_coco *self);

/** [{"image_id": ids[i], "caption": captions i}, …] for i in [0, count); published whole. */
AC_MUST_CHECK ac_status ac_coco_results_write(const char *path, const int64_t *ids,
                                              const ac_texts *captions, int64_t count);

#endif

/** COCO's files: captions_{split}.json, and the results that its scorers read. */
#ifndef AC_IO_SOURCE_COCO_H
#define AC_IO_SOURCE_COCO_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "io/file/spilled_texts.h"

enum {
    AC_COCO_MAX_CAPTIONS = 5
}; /* of an image: its first ones in the file, as everyone uses COCO */

enum { AC_COCO_NAMES = 10 }; /* captions that are left out, of which so many are named */

/** An image of the file. */
typedef struct ac_coco_image {
    int64_t id;                             /* 0 where it is no number */
    int64_t captions[AC_COCO_MAX_CAPTIONS]; /* [caption_count], among the file's captions */
    uint32_t folder_size; /* of a file name's part that Karpathy's files have as "filepath",
                             with its slash */
    uint8_t caption_count;
} ac_coco_image;

/**
 * Images in the order of the file. Starts zeroed; owns everything. Where they are many, all of
 * it is in files without a name (io/file/spill.h). An image's captions are in the order of the
 * file, as they stand there. An id may be a number or a text; 7 and "7" are the same.
 */
typedef struct ac_coco {
    int64_t count;
    ac_spill images;                       /* ac_coco_image [count] */
    ac_spilled_texts id_texts, file_names; /* [count] */
    ac_spilled_texts metadata; /* [count]: a JSON object each, {"image_id": …} and what else the
                                  file says of the image, but for its sentences */
    ac_spilled_texts captions;
    int64_t unlisted;        /* captions of images that are not listed; the caller says so */
    char first_unlisted[64]; /* the image_id of the first of them */
    int64_t unusable; /* captions with \u0000, half of a surrogate pair, or bytes that are not
                         UTF-8: left out */
    ac_texts unusable_names; /* the first AC_COCO_NAMES: "annotations[3]" */
    bool has_splits;         /* the file tells each image's split */
    int64_t other_splits;    /* images that the caller's split leaves out */
    ac_texts splits;         /* the first AC_COCO_NAMES names of splits, as they come */
    int64_t split_counts[AC_COCO_NAMES];
} ac_coco;

static inline ac_coco_image *
ac_coco_image_at(const ac_coco *self, int64_t i)
{
    return (ac_coco_image *) (void *) self->images.data + i;
}

/**
 * COCO's captions_….json, or Karpathy's dataset_….json (images with "sentences" and "split"):
 * those images that are of the split, "all", "train", "train+restval" …; all where the file has
 * no splits. A byte-order mark at the start is passed over.
 * @param[in] folder  where files without a name lie, borrowed; NULL: all is in memory
 * @return AC_E_FORMAT names the file and the entry ("annotations[12]"); AC_E_ARG for words that
 * are neither Karpathy's splits nor any of this file
 */
AC_MUST_CHECK ac_status ac_coco_read_split(ac_coco *self, const char *annotations_path,
                                           const char *split, const char *folder);

/** The same, with all images, in memory. */
AC_MUST_CHECK ac_status ac_coco_read(ac_coco *self, const char *annotations_path);

/** Appended to out: the splits that the file tells, "train 82783, val 5000". */
void ac_coco_print_splits(const ac_coco *self, ac_buffer *out);

void ac_coco_free(ac_coco *self);

/** [{"image_id": ids[i], "caption": captions i}, …] for i in [0, count); published whole. */
AC_MUST_CHECK ac_status ac_coco_results_write(const char *path, const int64_t *ids,
                                              const ac_texts *captions, int64_t count);

#endif

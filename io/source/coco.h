/** COCO's files: captions_{split}.json, and the results that its scorers read. */
#ifndef AC_IO_SOURCE_COCO_H
#define AC_IO_SOURCE_COCO_H

#include <stdint.h>

#include "engine/base/buffer.h"

enum {
    AC_COCO_MAX_CAPTIONS = 5
}; /* of an image: its first ones in the file, as everyone uses COCO */

/**
 * Images in the order of the file. Starts zeroed; owns everything.
 * Image i has the captions [caption_offsets[i], caption_offsets[i + 1]), in the order of the
 * file, as they stand there.
 */
typedef struct ac_coco {
    int64_t count;
    int64_t *ids;        /* [count] */
    ac_texts file_names; /* [count] */
    ac_texts captions;
    int64_t *caption_offsets; /* [count + 1] */
    int64_t unlisted;         /* captions of images that are not listed; the caller says so */
    int64_t first_unlisted;   /* the image_id of the first of them */
} ac_coco;

/** AC_E_FORMAT names the file and the entry ("annotations[12]"). A byte-order mark at the start
 * is passed over. */
AC_MUST_CHECK ac_status ac_coco_read(ac_coco *self, const char *annotations_path);
void ac_coco_free(ac_coco *self);

/** [{"image_id": ids[i], "caption": captions i}, …] for i in [0, count); published whole. */
AC_MUST_CHECK ac_status ac_coco_results_write(const char *path, const int64_t *ids,
                                              const ac_texts *captions, int64_t count);

#endif

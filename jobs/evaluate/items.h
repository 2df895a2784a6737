/** What is evaluated: captions with their references, matched by id. */
#ifndef AC_JOBS_EVALUATE_ITEMS_H
#define AC_JOBS_EVALUATE_ITEMS_H

#include "io/config/config.h"
#include "io/source/caption_set.h"
#include "io/source/image_source.h"

/** Rank 0's. Starts zeroed. Items are in the order of the predictions' ids. */
typedef struct ac_evaluated {
    ac_caption_set predictions, references, training, against;
    bool has_references, has_training, has_against;
    int64_t count;       /* items */
    int64_t *prediction; /* [count] rows of the sets */
    int64_t *reference;  /* [count]; -1: none */
    int64_t *other;      /* [count]: of `against`; -1: none */
    int64_t *image;      /* [count]; -1: none. NULL without images */
    /* ids that others do not have, left out with evaluate.missing: skip */
    int64_t without_reference, without_prediction, without_image, without_other;
    int64_t surplus_images; /* which nobody captioned */
    int64_t empty_captions;
    char fingerprint[33]; /* of all that was read */
} ac_evaluated;

/**
 * Local. Reads the sets that the config names and matches them; images NULL: none.
 * @return AC_E_FORMAT naming ids that one set lacks, unless evaluate.missing is skip
 */
AC_MUST_CHECK ac_status ac_evaluated_read(ac_evaluated *self, const ac_config *config,
                                          const ac_image_source *images);
void ac_evaluated_free(ac_evaluated *self);

#endif

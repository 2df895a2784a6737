/**
 * What a person said of a run's captions: accepted, edited or rejected. RUN/reviewed.jsonl
 * holds it, a line per image in the order of keys; captions.jsonl shows it as "reviewed". A
 * review belongs to the values that were computed for its image when it was made: where these
 * are others now, as after an update that found another image under the key, it does not count.
 */
#ifndef AC_JOBS_CAPTION_REVIEWS_H
#define AC_JOBS_CAPTION_REVIEWS_H

#include "jobs/runtime/shard_view.h"

typedef enum ac_review_status {
    AC_REVIEW_OPEN = 0, /* not, or no longer, decided */
    AC_REVIEW_ACCEPTED,
    AC_REVIEW_EDITED,
    AC_REVIEW_REJECTED,
    AC_REVIEW_STATUSES
} ac_review_status;

extern const char *const ac_review_words[AC_REVIEW_STATUSES];
/** Of the run folder. */
extern const char ac_review_file[];

/** Starts zeroed; owns everything. Texts are UTF-8: a key's other bytes are U+FFFD. */
typedef struct ac_reviews {
    int64_t count;
    ac_texts keys, captions,
        computed;             /* [count]; captions of edited ones; computed may be "" */
    ac_review_status *status; /* [count] */
    int64_t *order;           /* [count]: by key; of a key that comes twice the later first */
    int64_t status_room, order_room;
    char run[33], input[33]; /* of a file of the review page: what run it was of; "" */
    char *folder;            /* the same, for messages; NULL */
} ac_reviews;

void ac_reviews_free(ac_reviews *self);

/** Local. The lines of a file; a first line with "antarctic_review" tells the run. AC_E_FORMAT
 * names file and line. */
AC_MUST_CHECK ac_status ac_reviews_read(ac_reviews *self, const char *path);

/** Those of the run folder; none where it has no such file. */
AC_MUST_CHECK ac_status ac_reviews_open(ac_reviews *self, const char *folder);

/** The number of image i's review, or -1. scratch: the caller's. */
int64_t ac_reviews_find(const ac_reviews *self, const ac_shard_view *v, int64_t i,
                        ac_buffer *scratch);

/** Is it a review of what is computed for the image now? */
bool ac_reviews_fits(const ac_reviews *self, int64_t number, const ac_shard_view *v, int64_t i,
                     ac_buffer *scratch);

/** Both: the review that counts for image i, or -1. */
int64_t ac_reviews_of(const ac_reviews *self, const ac_shard_view *v, int64_t i,
                      ac_buffer *scratch);

/** The caption of a review; false: it was rejected. */
bool ac_reviews_caption(const ac_reviews *self, int64_t number, const ac_shard_view *v,
                        int64_t i, const char **bytes, size_t *n);

/** `, "reviewed": {…}`, appended to image i's line without its end. */
void ac_reviews_push(const ac_reviews *self, int64_t number, ac_buffer *b,
                     const ac_shard_view *v, int64_t i);

/** XXH3-128 of what is computed for image i. scratch: the caller's. */
void ac_review_computed(const ac_shard_view *v, int64_t i, ac_buffer *scratch, char hex[33]);

#endif

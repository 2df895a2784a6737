/**
 * What is asked for: texts, images, keys of the archive, embeddings; one at a time or a block
 * of lines. One process makes the vectors; of keys they are the archive's own.
 */
#ifndef AC_JOBS_SEARCH_QUERIES_H
#define AC_JOBS_SEARCH_QUERIES_H

#include <jansson.h>

#include "jobs/models/clip_model.h"
#include "jobs/search/archive.h"

typedef enum ac_query_kind {
    AC_QUERY_BAD = 0, /* cannot be asked: `error` says why */
    AC_QUERY_TEXT,
    AC_QUERY_IMAGE,
    AC_QUERY_KEY,
    AC_QUERY_EMBEDDING
} ac_query_kind;

/** Owned. */
typedef struct ac_query {
    ac_query_kind kind;
    char *echo;  /* JSON: what was asked, an embedding as its length */
    char *value; /* the text, the image's path, the key; NULL */
    char *error;
    ac_status reason; /* of AC_QUERY_BAD: AC_E_ARG, or why its image cannot be used */
    int64_t row;      /* of a key; else -1 */
} ac_query;

/** Which model embeds queries, opened when the first needs it. Borrows its texts. */
typedef struct ac_query_model {
    ac_clip_options options;
    int64_t max_pixels; /* of an image to be decoded */
    const char *given;  /* its name on the command line; NULL: the archive's */
    ac_clip_model clip;
    unsigned towers; /* that are open */
} ac_query_model;

/** A block of queries. Starts zeroed. */
typedef struct ac_queries {
    ac_query *items; /* [count] */
    int64_t count, capacity;
    float *vectors; /* [vector_capacity / D, D]: of keys and bad ones zeros */
    int64_t vector_capacity;
} ac_queries;

void ac_queries_free(ac_queries *self);
/** No queries; memory is kept. */
void ac_queries_reset(ac_queries *self);
/** Without the query that was added last. */
void ac_queries_drop_last(ac_queries *self);

/** A query as its JSON record, {"text"}, {"image"}, {"key"} (and "source") or {"embedding"};
 * record NULL: no JSON object. What cannot be asked becomes AC_QUERY_BAD. Vectors of
 * embeddings are set. number: of its line, for messages. */
AC_MUST_CHECK ac_status ac_queries_add(ac_queries *self, const ac_archive *archive,
                                       const json_t *record, int64_t number);
/** An image's path or a key that is no UTF-8, which JSON cannot hold: its bytes are asked for
 * as they are, and told with U+FFFD. */
AC_MUST_CHECK ac_status ac_queries_add_name(ac_queries *self, const ac_archive *archive,
                                            ac_query_kind kind, const char *name);

/** Vectors of texts and images; an image that cannot be read becomes AC_QUERY_BAD. AC_E_ARG
 * naming both where the model is not the one that embedded the archive. */
AC_MUST_CHECK ac_status ac_queries_embed(ac_queries *self, const ac_archive *archive,
                                         ac_query_model *model);

/** Where archive->mixed is set: AC_E_ARG naming the source that another model embedded. The
 * model is opened. */
AC_MUST_CHECK ac_status ac_query_model_check(ac_query_model *self, const ac_archive *archive);

/** Can this query be embedded with what is open? */
bool ac_query_model_is_open_for(const ac_query_model *self, const ac_query *query);

void ac_query_model_free(ac_query_model *self);

#endif

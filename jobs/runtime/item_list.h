/**
 * What a run knows of its input: RUN/generations/00000.items and so on, one list for each state
 * of the input that the run was given. An update compares the input as it is with the last
 * list. Items are in the order of their keys; a list is written and read from its beginning to
 * its end, and never held in memory whole. docs/FORMATS.md describes the file.
 */
#ifndef AC_JOBS_RUNTIME_ITEM_LIST_H
#define AC_JOBS_RUNTIME_ITEM_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/item_status.h"
#include "io/source/image_source.h"
#include "io/text/byte_stream.h"
#include "io/text/zstd_file.h"

/** An item of a list. Starts zeroed; owns its texts. */
typedef struct ac_listed_item {
    ac_buffer key, location, scratch;
    ac_image_stamp stamp;
    int64_t number;        /* of the run's items: which shard holds it (manifest.h) */
    char hash[33];         /* XXH3-128 of its bytes, hexadecimal; "": not known */
    char metadata[33];     /* the same of what came with it; "": none, or not wanted */
    ac_item_status status; /* what was known to be wrong with it before it was read */
} ac_listed_item;

void ac_listed_item_free(ac_listed_item *self);

/** By keys, then by locations: the order of lists. */
int ac_listed_item_compare(const ac_listed_item *a, const ac_listed_item *b);

/** Item i of a source, without a number; its hash where the source knows it.
 * @param[in] metadata  what came with the images is wanted: it is part of results */
AC_MUST_CHECK ac_status ac_listed_item_of(ac_listed_item *self, const ac_image_source *images,
                                          int64_t i, bool metadata);

/** RUN/generations/NNNNN.items; free with free(). */
AC_MUST_CHECK ac_status ac_item_list_path(const char *folder, int64_t generation, char **path);

/** Starts zeroed. */
typedef struct ac_item_list_writer {
    ac_zstd_file file;
    ac_buffer record;
    int64_t left;
} ac_item_list_writer;

/** Makes the folder RUN/generations where it is not there. count: of items that will be pushed.
 */
AC_MUST_CHECK ac_status ac_item_list_create(ac_item_list_writer *self, const char *folder,
                                            int64_t generation, int64_t count);
AC_MUST_CHECK ac_status ac_item_list_push(ac_item_list_writer *self,
                                          const ac_listed_item *item);
AC_MUST_CHECK ac_status ac_item_list_commit(ac_item_list_writer *self);
/** The same in place of another generation's list. */
AC_MUST_CHECK ac_status ac_item_list_commit_as(ac_item_list_writer *self, const char *folder,
                                               int64_t generation);
/** Idempotent, also after a commit. */
void ac_item_list_abandon(ac_item_list_writer *self);

/** Starts zeroed. */
typedef struct ac_item_list_reader {
    ac_byte_stream stream;
    char *path;          /* owned */
    int64_t count, read; /* items in all, and so far */
    bool open;
} ac_item_list_reader;

/** @param[out] found  false: there is no such list, and nothing is open */
AC_MUST_CHECK ac_status ac_item_list_open(ac_item_list_reader *self, const char *folder,
                                          int64_t generation, bool *found);
/** @param[out] item  replaced; @param[out] found  false: the list is over */
AC_MUST_CHECK ac_status ac_item_list_next(ac_item_list_reader *self, ac_listed_item *item,
                                          bool *found);
void ac_item_list_close(ac_item_list_reader *self);

#endif

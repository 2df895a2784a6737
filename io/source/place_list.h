/** Lists (.txt) of places inside archives, as `dedupe` writes them: "TAR#MEMBER", or
 * "DATASET/shards/00000.h5/KEY", relative to the list's folder or absolute. */
#ifndef AC_IO_SOURCE_PLACE_LIST_H
#define AC_IO_SOURCE_PLACE_LIST_H

#include "io/source/image_source.h"

typedef enum ac_listed_kind {
    AC_LISTED_FILE = 0,
    AC_LISTED_TAR,
    AC_LISTED_DATASET
} ac_listed_kind;

/** What a line names, by its form alone. @param[out] archive  bytes of it that are the tar's or
 * the dataset's path; of a file 0 */
ac_listed_kind ac_place_split(const char *line, size_t *archive);

/** As ac_image_dataset_is, also where the input is a list whose first line names a place in a
 * dataset. @param[out] folder  the dataset; NULL where it is none; free with free() */
AC_MUST_CHECK ac_status ac_place_dataset_find(const char *input, const char *what,
                                              bool *is_dataset, char **folder);

/**
 * The source of all tars or of the dataset that the list names becomes that of the listed items
 * alone, in the same order; its own memory is 8 bytes per item, and while it is made 25 bytes
 * per line. Where the input is no such list the source stays as it is.
 * AC_E_FORMAT where a line is in no archive of the source, AC_E_ARG where lines are not of one
 * kind, or of several datasets. what: the config's key, for messages.
 */
AC_MUST_CHECK ac_status ac_place_list_select(ac_image_source *images, const char *input,
                                             const char *what);

#endif

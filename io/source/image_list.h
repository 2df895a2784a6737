/** The images of an input: a folder (searched recursively), one image, or a .txt list of paths.
 */
#ifndef AC_IO_SOURCE_IMAGE_LIST_H
#define AC_IO_SOURCE_IMAGE_LIST_H

#include <stdbool.h>

#include "engine/base/buffer.h"

/**
 * Sorted bytewise by key, then path. A key is the path relative to the input without its last
 * extension, '/'-separated (one image: its stem). An item whose key equals the one before it is
 * a duplicate: a bad item, kept in the list.
 */
typedef struct ac_image_list {
    ac_texts keys;  /* [count] */
    ac_texts paths; /* [count], to open */
    int64_t count;
    char fingerprint[33]; /* of all keys, extensions and sizes, hexadecimal */
} ac_image_list;

/** AC_E_IO where the input is not there, AC_E_FORMAT where it holds no image: the message says
 * what was looked for. */
AC_MUST_CHECK ac_status ac_image_list_read(ac_image_list *self, const char *input);
void ac_image_list_free(ac_image_list *self);
bool ac_image_list_is_duplicate(const ac_image_list *self, int64_t i);

/** A zero-terminated copy of the path with its extension replaced by `extension` (".knn"); free
 * with free(). */
AC_MUST_CHECK ac_status ac_image_sidecar(const char *path, size_t n, const char *extension,
                                         char **out);

/** A zero-terminated copy of path i with its extension replaced by `extension` (".txt"); free
 * with free(). */
AC_MUST_CHECK ac_status ac_image_list_sidecar(const ac_image_list *self, int64_t i,
                                              const char *extension, char **out);

#endif

/** Where an image lies, as a text that stays true when the input is moved as a whole. */
#ifndef AC_IO_SOURCE_LOCATION_H
#define AC_IO_SOURCE_LOCATION_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/status.h"

/** Does the name end like that of an image (.jpg, .jpeg, .png, .bmp, .webp, in any case)? */
bool ac_image_name_is(const char *name);

/** Length of a path [n] without its last extension. A name that begins with its only dot keeps
 * it. */
size_t ac_location_stem(const char *path, size_t n);

/**
 * The path of an image from its location [n] in the input (a folder, a list or one image); free
 * with free(). Runs of before locations were relative hold absolute paths: these stay as they
 * are.
 */
AC_MUST_CHECK ac_status ac_location_resolve(const char *input, const char *location, size_t n,
                                            char **path);

/** The same, where the root is known already (ac_location_root). */
AC_MUST_CHECK ac_status ac_location_join(const char *root, const char *location, size_t n,
                                         char **path);

/** The path [n] with its extension replaced by `extension` (".knn"); free with free(). */
AC_MUST_CHECK ac_status ac_location_sidecar(const char *path, size_t n, const char *extension,
                                            char **out);

/** The folder, with its slash, that locations in the input are relative to; "" for the current
 * one. Free with free(). */
AC_MUST_CHECK ac_status ac_location_root(const char *input, char **root);

#endif

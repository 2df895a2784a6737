/** Where an image lies, as a text that stays true when the input is moved as a whole. */
#ifndef AC_IO_SOURCE_LOCATION_H
#define AC_IO_SOURCE_LOCATION_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

/** Length of a path [n] without its last extension. A name that begins with its only dot keeps
 * it. */
size_t ac_location_stem(const char *path, size_t n);

/** Length of a tar's path without .tar, .tar.gz, .tgz, .tar.zst. */
size_t ac_location_tar_stem(const char *path);

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

/** Page `page` (from 0) of the image at this location is "LOCATION#2" and so on; of the first
 * page it is the location. The length [of n] without that. @param[out] page  0 where there is
 * none */
size_t ac_location_page(const char *location, size_t n, int64_t *page);

/** The path [n] with its extension replaced by `extension` (".knn"), behind the page's "#2"
 * where it has one: beside a.tif#2 lies a#2.knn. Free with free(). */
AC_MUST_CHECK ac_status ac_location_sidecar(const char *path, size_t n, const char *extension,
                                            char **out);

/** The folder, with its slash, that locations in the input are relative to; "" for the current
 * one. Free with free(). */
AC_MUST_CHECK ac_status ac_location_root(const char *input, char **root);

#endif

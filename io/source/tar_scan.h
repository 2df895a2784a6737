/** One tar, read from its first header to its last: its images with what belongs to each. */
#ifndef AC_IO_SOURCE_TAR_SCAN_H
#define AC_IO_SOURCE_TAR_SCAN_H

#include "io/source/tar_index.h"

/**
 * Reads the tar's headers, its json members (for `antarctic_key`), and writes an index of it
 * alone, published as `path`. Items are in the tar's order.
 * A damaged tar is no failure: what is good before the damage is there, and the damage is an
 * item and stands in the notes. A failure: the tar cannot be opened, or is compressed; memory;
 * writing.
 */
AC_MUST_CHECK ac_status ac_tar_scan(const ac_tar_place *tar, const ac_tar_options *options,
                                    const char *path);

#endif

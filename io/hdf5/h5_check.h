/** Is an HDF5 file whole? */
#ifndef AC_IO_HDF5_H5_CHECK_H
#define AC_IO_HDF5_H5_CHECK_H

#include <stdint.h>

#include "engine/base/status.h"

/**
 * Read every dataset of the file's root to its end, so that every chunk's checksum is compared.
 * AC_E_FORMAT names the first dataset that cannot be read.
 * @param[out] datasets  how many were read
 */
AC_MUST_CHECK ac_status ac_h5_check(const char *path, int64_t *datasets);

#endif

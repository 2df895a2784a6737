/** Is an HDF5 file whole? */
#ifndef AC_IO_HDF5_H5_CHECK_H
#define AC_IO_HDF5_H5_CHECK_H

#include <stdint.h>

#include "io/hdf5/h5.h"

/**
 * Read every dataset of the file's root to its end, so that every chunk's checksum is compared.
 * AC_E_FORMAT names the first dataset that cannot be read.
 * @param[out] datasets  how many were read
 */
AC_MUST_CHECK ac_status ac_h5_check(const char *path, int64_t *datasets);

/** Open every file that the virtual datasets of the file's root show, which HDF5 reads as zeros
 * where it cannot. Relative names are looked for beside the file. AC_E_FORMAT names the first
 * that is not there or holds less than is shown. */
AC_MUST_CHECK ac_status ac_h5_check_sources(const ac_h5_reader *file);

#endif

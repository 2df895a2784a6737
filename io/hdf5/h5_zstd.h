/** HDF5's registered Zstandard filter (32015), as hdf5plugin and the public plugin write it. */
#ifndef AC_IO_HDF5_H5_ZSTD_H
#define AC_IO_HDF5_H5_ZSTD_H

#include "engine/base/status.h"

enum { AC_H5_ZSTD_FILTER = 32015, AC_H5_ZSTD_LEVEL = 3 };

/** Make the filter known to the HDF5 library of this process. Idempotent. */
AC_MUST_CHECK ac_status ac_h5_zstd_register(void);

#endif

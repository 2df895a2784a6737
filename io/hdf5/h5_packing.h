/**
 * Does what a chunk's file bytes unpack to fill the chunk, and no more? HDF5 takes whatever a
 * filter gives: it reads behind what is too short, and unpacks without an end. For h5_raw
 * alone.
 */
#ifndef AC_IO_HDF5_H5_PACKING_H
#define AC_IO_HDF5_H5_PACKING_H

#include <stdbool.h>
#include <stdint.h>

#include "io/hdf5/h5_raw.h"

/** A dataset's filters. Starts zeroed. */
typedef struct ac_h5_packing {
    int64_t unpacked; /* bytes of a chunk */
    int64_t sums;     /* bytes of checksums behind it */
    bool zstd, gzip, other;
} ac_h5_packing;

/** The next filter's number, in the order of writing. */
void ac_h5_packing_add(ac_h5_packing *self, int filter);

/** The chunk of `stored` bytes at `at`, all in the file. Datasets with other filters pass: they
 * are refused by name before anything is read (h5_guard). */
AC_MUST_CHECK ac_status ac_h5_packing_check(const ac_h5_packing *self, const ac_h5_raw *raw,
                                            uint64_t at, int64_t stored);

#endif

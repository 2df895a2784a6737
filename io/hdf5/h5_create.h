/** How the datasets of our HDF5 files are made: for the writers of io/hdf5 alone. */
#ifndef AC_IO_HDF5_H5_CREATE_H
#define AC_IO_HDF5_H5_CREATE_H

#include "io/hdf5/h5.h"

/** HDF5's handle of a new dataset without data, to be closed with H5Dclose; 0: HDF5 refused.
 * chunk_rows: rows of a chunk; 1 where nothing is stored. May be NULL. */
int64_t ac_h5_create_dataset(ac_h5_writer *file, const char *name, ac_dtype dtype, int rank,
                             const int64_t *shape, int64_t *chunk_rows);

/** HDF5's handle of the type in memory; not to be closed. */
int64_t ac_h5_memory_type(ac_dtype dtype);

#endif

/** captions.h5, as a run has it (shown from its shards) or as it is exported (all in one file).
 */
#ifndef AC_IO_HDF5_JOINED_FILE_H
#define AC_IO_HDF5_JOINED_FILE_H

#include "io/hdf5/shard_file.h"

/**
 * Where the file is such a one: do its datasets fit together? Those of the images are there,
 * those of the tables and of the captions all or none; rows, columns, and offsets that do not
 * fall and end where what they divide ends. AC_E_FORMAT says what does not fit. AC_OK for other
 * files. In bounded memory.
 */
AC_MUST_CHECK ac_status ac_joined_check(const char *path);

/** Rows of a dataset of such a file, or of the shard that it is made of: numbers and offsets as
 * they are, of texts their count. columns: of rank 2; 0: rank 1. bytes: of texts; may be NULL.
 */
AC_MUST_CHECK ac_status ac_joined_shape(const ac_h5_reader *file, ac_dataset_id id,
                                        int64_t *rows, int64_t *columns, int64_t *bytes);

#endif

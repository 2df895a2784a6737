/**
 * A dataset of known extent, written some rows at a time, in the writer's compression. The file
 * has the same bytes as with one ac_h5_write, however the rows were cut into pieces; the memory
 * held is a chunk (1 MiB, or one row where that is larger) and a piece.
 */
#ifndef AC_IO_HDF5_H5_ROWS_H
#define AC_IO_HDF5_H5_ROWS_H

#include "io/hdf5/h5.h"

/** Starts zeroed. */
typedef struct ac_h5_rows {
    ac_h5_writer *file; /* borrowed, open */
    char name[64];
    ac_dtype dtype;
    int64_t rows, columns, row_bytes, chunk_rows;
    int64_t set;       /* HDF5 handle; 0: none */
    int64_t written;   /* rows */
    ac_buffer pending; /* rows that fill no chunk yet */
} ac_h5_rows;

/** columns 0: rank 1. */
AC_MUST_CHECK ac_status ac_h5_rows_begin(ac_h5_rows *self, ac_h5_writer *file, const char *name,
                                         ac_dtype dtype, int64_t rows, int64_t columns);
/** data [rows, columns]. */
AC_MUST_CHECK ac_status ac_h5_rows_push(ac_h5_rows *self, const void *data, int64_t rows);
/** All rows were pushed. */
AC_MUST_CHECK ac_status ac_h5_rows_end(ac_h5_rows *self);
/** Before the file is committed or abandoned. Takes a zeroed object, and one that has ended. */
void ac_h5_rows_free(ac_h5_rows *self);

#endif

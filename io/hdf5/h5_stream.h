/**
 * A dataset of bytes written piece by piece, so that a shard of images needs no memory for all
 * of them: uncompressed chunks, each with its Fletcher-32 checksum. Equal bytes give equal
 * files, however they were cut into pieces.
 */
#ifndef AC_IO_HDF5_H5_STREAM_H
#define AC_IO_HDF5_H5_STREAM_H

#include "io/hdf5/h5.h"

/** Starts zeroed. */
typedef struct ac_h5_stream {
    ac_h5_writer *file; /* borrowed, open */
    char name[64];
    int rank;
    int64_t shape[AC_MAX_RANK]; /* of a row: [0] is not used */
    int64_t row_bytes, chunk_rows;
    int64_t set;      /* HDF5 handle, 0: none yet */
    int64_t rows;     /* written */
    int64_t unsynced; /* bytes since the last hint to the system to write them to the disk */
    ac_buffer chunk;
} ac_h5_stream;

/**
 * Of rank 1: bytes, a MiB per chunk (one chunk where there are fewer). Of a higher rank: rows
 * of shape[1 …], one per chunk, so that each can be read and checked alone. shape [rank];
 * shape[0] is not looked at. The dataset is not there before ac_h5_stream_end.
 */
AC_MUST_CHECK ac_status ac_h5_stream_begin(ac_h5_stream *self, ac_h5_writer *file,
                                           const char *name, int rank, const int64_t *shape);
AC_MUST_CHECK ac_status ac_h5_stream_push(ac_h5_stream *self, const void *bytes, size_t n);
/** Whole rows were pushed. */
AC_MUST_CHECK ac_status ac_h5_stream_end(ac_h5_stream *self);
/** Before the file is committed or abandoned. Takes a zeroed object, and one that has ended. */
void ac_h5_stream_free(ac_h5_stream *self);

#endif

/** Where the bytes of a dataset lie in its file, so that they can be read without HDF5, by
 * several threads at a time. For datasets as ac_h5_stream writes them: u8, uncompressed. */
#ifndef AC_IO_HDF5_H5_CHUNKS_H
#define AC_IO_HDF5_H5_CHUNKS_H

#include "io/hdf5/h5.h"

/** Starts zeroed. */
typedef struct ac_h5_chunks {
    int64_t rows, row_bytes, chunk_rows;
    int64_t shape[AC_MAX_RANK]; /* of the dataset */
    int64_t count;              /* of chunks */
    int64_t *addresses;         /* [count], owned: bytes from the file's beginning */
} ac_h5_chunks;

/** AC_E_FORMAT where the dataset is of another rank, type or filter, or a chunk is not there.
 * Not thread-safe. */
AC_MUST_CHECK ac_status ac_h5_chunks_load(ac_h5_chunks *self, const ac_h5_reader *file,
                                          const char *name, int rank);
void ac_h5_chunks_free(ac_h5_chunks *self);

/** Bytes [first, first + n) of the dataset, of which there are rows × row_bytes, by pread of
 * the open file. Checksums are not looked at. Thread-safe. */
AC_MUST_CHECK ac_status ac_h5_chunks_read(const ac_h5_chunks *self, int file, const char *path,
                                          int64_t first, int64_t n, void *out);

/** The whole chunk number `chunk`, of chunk_rows × row_bytes; its checksum is compared.
 * Thread-safe. AC_E_FORMAT where it differs. */
AC_MUST_CHECK ac_status ac_h5_chunks_read_chunk(const ac_h5_chunks *self, int file,
                                                const char *path, int64_t chunk, void *out);

/** HDF5's Fletcher-32 of bytes [n]. */
uint32_t ac_h5_fletcher32(const void *bytes, size_t n);

#endif

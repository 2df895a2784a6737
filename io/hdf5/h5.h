/**
 * HDF5 files: one shard, one file, published whole. Every chunk has a Fletcher-32 checksum; no
 * times are stored, so equal content gives equal bytes. Texts are a pair of datasets:
 * NAME_bytes u8, NAME_offsets i64 [n + 1]. Not thread-safe (serial HDF5): one thread of a
 * process at a time.
 */
#ifndef AC_IO_HDF5_H5_H
#define AC_IO_HDF5_H5_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/tensor.h"

typedef enum ac_compression {
    AC_COMPRESSION_ZSTD = 0,
    AC_COMPRESSION_GZIP,
    AC_COMPRESSION_NONE
} ac_compression;

/** Starts zeroed. */
typedef struct ac_h5_writer {
    int64_t file; /* HDF5 handle; 0: none */
    char *path, *temporary;
    ac_compression compression;
} ac_h5_writer;

/** Create under a temporary name beside `path`. */
AC_MUST_CHECK ac_status ac_h5_create(ac_h5_writer *self, const char *path,
                                     ac_compression compression);
AC_MUST_CHECK ac_status ac_h5_write(ac_h5_writer *self, const char *name, ac_dtype dtype,
                                    int rank, const int64_t *shape, const void *data);
AC_MUST_CHECK ac_status ac_h5_write_texts(ac_h5_writer *self, const char *name,
                                          const ac_texts *texts);
AC_MUST_CHECK ac_status ac_h5_write_text_attribute(ac_h5_writer *self, const char *name,
                                                   const char *value);
AC_MUST_CHECK ac_status ac_h5_write_int_attribute(ac_h5_writer *self, const char *name,
                                                  int64_t value);
/** Close, sync, rename. @param[out] checksum  XXH3-128 of the whole file, 32 digits and a zero
 * byte */
AC_MUST_CHECK ac_status ac_h5_commit(ac_h5_writer *self, char checksum[33]);
/** Remove what was not committed. Idempotent, also after a commit. */
void ac_h5_abandon(ac_h5_writer *self);

typedef struct ac_h5_reader {
    int64_t file;
    char *path;
    ac_texts names; /* of its datasets, sorted; each with its zero byte */
} ac_h5_reader;

/** Files that this program did not write are refused by name before data is read (AC_E_FORMAT):
 * links, external and virtual storage, other filters, more elements than the file can hold
 * (io/hdf5/h5_guard.h, ADR 306). */
AC_MUST_CHECK ac_status ac_h5_open(ac_h5_reader *self, const char *path);
/** The same of a file that may show others below its folder: captions.h5. Whoever reads its
 * virtual datasets calls ac_h5_check_sources first. */
AC_MUST_CHECK ac_status ac_h5_open_joined(ac_h5_reader *self, const char *path);
void ac_h5_close(ac_h5_reader *self);
bool ac_h5_has(const ac_h5_reader *self, const char *name);
bool ac_h5_has_attribute(const ac_h5_reader *self, const char *name);
/** shape [rank]: what is there. AC_E_FORMAT where the rank differs. */
AC_MUST_CHECK ac_status ac_h5_shape(const ac_h5_reader *self, const char *name, int rank,
                                    int64_t *shape);
/** Read a whole dataset of exactly this shape into `data`; numbers are converted to dtype. */
AC_MUST_CHECK ac_status ac_h5_read(const ac_h5_reader *self, const char *name, ac_dtype dtype,
                                   int rank, const int64_t *shape, void *data);
/** Read rows [first, first + count) of a dataset of rank 1 or 2; columns: 0 for rank 1. */
AC_MUST_CHECK ac_status ac_h5_read_rows(const ac_h5_reader *self, const char *name,
                                        ac_dtype dtype, int64_t first, int64_t count,
                                        int64_t columns, void *data);
/** Replaces what `texts` held. Offsets are checked: from 0, not falling, ending at the number
 * of bytes. */
AC_MUST_CHECK ac_status ac_h5_read_texts(const ac_h5_reader *self, const char *name,
                                         ac_texts *texts);
AC_MUST_CHECK ac_status ac_h5_read_int_attribute(const ac_h5_reader *self, const char *name,
                                                 int64_t *value);
/** Free with free(). */
AC_MUST_CHECK ac_status ac_h5_read_text_attribute(const ac_h5_reader *self, const char *name,
                                                  char **value);

/** Rows of a virtual dataset: where they come from. File names are relative to the virtual
 * file's folder. */
typedef struct ac_h5_source {
    const char *file;
    int64_t rows;
    const char *dataset; /* NULL: of the same name as the virtual one */
    int64_t first,
        of; /* rows [first, first + rows) of the source's `of`; of 0: its only rows */
} ac_h5_source;

/** Add to an open writer a dataset that shows the sources' datasets one below the other;
 * columns 0: rank 1. */
AC_MUST_CHECK ac_status ac_h5_write_virtual(ac_h5_writer *self, const char *name,
                                            ac_dtype dtype, int64_t columns,
                                            const ac_h5_source *sources, int64_t count);

#endif

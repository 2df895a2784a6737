/** Files of the schema table: written and read by dataset, not by name. */
#ifndef AC_IO_HDF5_SHARD_FILE_H
#define AC_IO_HDF5_SHARD_FILE_H

#include "io/hdf5/h5.h"
#include "io/hdf5/h5_stream.h"
#include "io/hdf5/schema.h"

/** Starts zeroed. */
typedef struct ac_shard_writer {
    ac_h5_writer h5;
    ac_shard_kind kind;
    uint64_t written; /* bit id - first of the kind's datasets */
} ac_shard_writer;

/** Create under a temporary name beside `path`, with the attribute `content` of its kind. */
AC_MUST_CHECK ac_status ac_shard_create(ac_shard_writer *self, const char *path,
                                        ac_compression compression, ac_shard_kind kind);

/** data [rows], [rows, columns] for a dataset of rank 2, [rows + 1] for offsets. The dataset is
 * one of the file's kind. */
AC_MUST_CHECK ac_status ac_shard_write(ac_shard_writer *self, ac_dataset_id id, int64_t rows,
                                       int64_t columns, const void *data);
AC_MUST_CHECK ac_status ac_shard_write_texts(ac_shard_writer *self, ac_dataset_id id,
                                             const ac_texts *texts);
AC_MUST_CHECK ac_status ac_shard_write_text_attribute(ac_shard_writer *self, ac_attribute_id id,
                                                      const char *value);
AC_MUST_CHECK ac_status ac_shard_write_int_attribute(ac_shard_writer *self, ac_attribute_id id,
                                                     int64_t value);

/** In two parts; the first is of AC_SHARD_JOINED alone: numbers, or the bytes of texts, shown
 * from the sources (whose `dataset` is set here), and the offsets [rows + 1] of texts and
 * offsets. */
AC_MUST_CHECK ac_status ac_shard_write_virtual(ac_shard_writer *self, ac_dataset_id id,
                                               int64_t columns, ac_h5_source *sources,
                                               int64_t count);
AC_MUST_CHECK ac_status ac_shard_write_offsets(ac_shard_writer *self, ac_dataset_id id,
                                               int64_t rows, const int64_t *offsets);

/** Begin a dataset whose bytes come piece by piece (ac_h5_stream_push, ac_h5_stream_end):
 * numbers u8 of this shape, or texts, whose offsets follow by ac_shard_write_offsets. */
AC_MUST_CHECK ac_status ac_shard_stream(ac_shard_writer *self, ac_dataset_id id,
                                        ac_h5_stream *stream, const int64_t *shape);

/** Close, sync, rename; every dataset of the kind that is not optional has been written.
 * @param[out] checksum  as ac_h5_commit */
AC_MUST_CHECK ac_status ac_shard_commit(ac_shard_writer *self, char checksum[33]);
/** Remove what was not committed. Idempotent, also after a commit. */
void ac_shard_abandon(ac_shard_writer *self);

/* The file need not be known to be of the dataset's kind: what is not there or of another shape
 * is AC_E_FORMAT. */

bool ac_shard_has(const ac_h5_reader *file, ac_dataset_id id);
bool ac_shard_has_attribute(const ac_h5_reader *file, ac_attribute_id id);
/** @param[out] columns  of rank 2; may be NULL */
AC_MUST_CHECK ac_status ac_shard_shape(const ac_h5_reader *file, ac_dataset_id id,
                                       int64_t *rows, int64_t *columns);
/** data as in ac_shard_write, of the dataset's type. */
AC_MUST_CHECK ac_status ac_shard_read(const ac_h5_reader *file, ac_dataset_id id, int64_t rows,
                                      int64_t columns, void *data);
/** Rows [first, first + rows). */
AC_MUST_CHECK ac_status ac_shard_read_rows(const ac_h5_reader *file, ac_dataset_id id,
                                           int64_t first, int64_t rows, int64_t columns,
                                           void *data);
/** Replaces what `texts` held. */
AC_MUST_CHECK ac_status ac_shard_read_texts(const ac_h5_reader *file, ac_dataset_id id,
                                            ac_texts *texts);
/** Texts [first, first + rows) alone, appended. */
AC_MUST_CHECK ac_status ac_shard_read_text_rows(const ac_h5_reader *file, ac_dataset_id id,
                                                int64_t first, int64_t rows, ac_texts *texts);
AC_MUST_CHECK ac_status ac_shard_read_int_attribute(const ac_h5_reader *file,
                                                    ac_attribute_id id, int64_t *value);

/** The schema by the file's attribute `content`; NULL: none of ours. Local. */
const ac_shard_schema *ac_shard_schema_read(const ac_h5_reader *file);

#endif

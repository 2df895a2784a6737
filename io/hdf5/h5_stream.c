#include "io/hdf5/h5_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <string.h>

#include "io/file/publish.h"
#include "io/hdf5/h5_chunks.h"

enum { CHUNK_BYTES = 1 << 20, CHECKSUM_BYTES = 4, WRITEBACK_BYTES = 16 << 20 };

ac_status
ac_h5_stream_begin(ac_h5_stream *self, ac_h5_writer *file, const char *name, int rank,
                   const int64_t *shape)
{
    AC_CHECK(rank >= 1 && rank <= AC_MAX_RANK);
    ac_buffer_reset(&self->chunk);
    *self = (ac_h5_stream){ .file = file, .rank = rank, .row_bytes = 1, .chunk = self->chunk };
    AC_CHECK((size_t) snprintf(self->name, sizeof self->name, "%s", name) < sizeof self->name);
    for (int i = 1; i < rank; i++) {
        self->shape[i] = shape[i];
        self->row_bytes *= shape[i];
    }
    self->chunk_rows = rank == 1 ? CHUNK_BYTES : 1;
    return ac_buffer_reserve(&self->chunk,
                             (size_t) (self->chunk_rows * self->row_bytes) + CHECKSUM_BYTES);
}

static ac_status
cannot_write(const ac_h5_stream *self)
{
    return ac_error_set(ac_io_failure(errno), "%s: dataset %s cannot be written: %s",
                        self->file->temporary, self->name,
                        errno ? strerror(errno) : "HDF5 refused");
}

/* The dataset without a row yet. */
static ac_status
create(ac_h5_stream *self)
{
    hsize_t dims[AC_MAX_RANK], most[AC_MAX_RANK], chunk[AC_MAX_RANK];
    hid_t space, properties, set;

    for (int i = 0; i < self->rank; i++) {
        dims[i] = i ? (hsize_t) self->shape[i] : 0;
        most[i] = i ? dims[i] : H5S_UNLIMITED;
        chunk[i] = i ? dims[i] : (hsize_t) self->chunk_rows;
    }
    errno = 0;
    space = H5Screate_simple(self->rank, dims, most);
    properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(properties, 0);
    H5Pset_chunk(properties, self->rank, chunk);
    H5Pset_fletcher32(properties);
    set = H5Dcreate2((hid_t) self->file->file, self->name, H5T_STD_U8LE, space, H5P_DEFAULT,
                     properties, H5P_DEFAULT);
    H5Pclose(properties);
    H5Sclose(space);
    if (set < 0)
        return cannot_write(self);
    self->set = set;
    return AC_OK;
}

/* What was written so far begins its way to the disk, while the next chunks are gathered: the
 * sync at the end has less to wait for. A hint: nothing depends on it. */
static void
begin_writeback(ac_h5_stream *self)
{
#ifdef SYNC_FILE_RANGE_WRITE
    int *fd = NULL;

    self->unsynced += self->chunk_rows * self->row_bytes;
    if (self->unsynced < WRITEBACK_BYTES)
        return;
    self->unsynced = 0;
    if (H5Fget_vfd_handle((hid_t) self->file->file, H5P_DEFAULT, (void **) &fd) >= 0 && fd)
        sync_file_range(*fd, 0, 0, SYNC_FILE_RANGE_WRITE);
#else
    (void) self;
#endif
}

/* What the chunk holds, behind the rows that are written: a whole chunk with its checksum, as
 * HDF5's own filter would store it. That one is slower than the disk. */
static ac_status
write_chunk(ac_h5_stream *self)
{
    const size_t whole = (size_t) (self->chunk_rows * self->row_bytes), used = self->chunk.size;
    const int64_t n = (int64_t) used / self->row_bytes;
    hsize_t dims[AC_MAX_RANK], start[AC_MAX_RANK] = { 0 };
    char *bytes = self->chunk.data; /* of whole + CHECKSUM_BYTES */
    uint32_t sum;

    memset(bytes + used, 0, whole - used);
    sum = ac_h5_fletcher32(bytes, whole);
    for (int i = 0; i < CHECKSUM_BYTES; i++, sum >>= 8)
        bytes[whole + (size_t) i] = (char) (sum & 0xff);
    for (int i = 0; i < self->rank; i++)
        dims[i] = (hsize_t) (i ? self->shape[i] : self->rows + n);
    start[0] = (hsize_t) self->rows;
    errno = 0;
    if (H5Dset_extent((hid_t) self->set, dims) < 0 ||
        H5Dwrite_chunk((hid_t) self->set, H5P_DEFAULT, 0, start, whole + CHECKSUM_BYTES,
                       bytes) < 0)
        return cannot_write(self);
    begin_writeback(self);
    self->rows += n;
    ac_buffer_reset(&self->chunk);
    return AC_OK;
}

ac_status
ac_h5_stream_push(ac_h5_stream *self, const void *bytes, size_t n)
{
    const size_t room = (size_t) (self->chunk_rows * self->row_bytes);
    const char *at = bytes;
    ac_status st = AC_OK;

    while (n > 0) {
        const size_t part = n < room - self->chunk.size ? n : room - self->chunk.size;
        AC_TRY(ac_buffer_push(&self->chunk, at, part));
        at += part;
        n -= part;
        if (self->chunk.size < room || (n == 0 && self->rank == 1 && !self->set))
            continue; /* a dataset of one chunk is no larger than what it holds */
        if (!self->set)
            AC_TRY(create(self));
        AC_TRY(write_chunk(self));
    }
out:
    return st;
}

ac_status
ac_h5_stream_end(ac_h5_stream *self)
{
    ac_status st = AC_OK;

    AC_CHECK(self->chunk.size % (size_t) self->row_bytes == 0);
    if (!self->set && self->rank == 1) {
        const int64_t n = (int64_t) self->chunk.size;
        st = ac_h5_write(self->file, self->name, AC_U8, 1, &n, self->chunk.data);
        goto out;
    }
    if (!self->set)
        AC_TRY(create(self));
    if (self->chunk.size)
        AC_TRY(write_chunk(self));
    errno = 0;
    if (H5Dclose((hid_t) self->set) < 0)
        st = cannot_write(self);
    self->set = 0;
out:
    return st;
}

void
ac_h5_stream_free(ac_h5_stream *self)
{
    if (self->set)
        H5Dclose((hid_t) self->set);
    ac_buffer_free(&self->chunk);
    *self = (ac_h5_stream){ 0 };
}

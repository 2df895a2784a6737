#include "io/hdf5/h5_rows.h"

#include <errno.h>
#include <hdf5.h>
#include <stdio.h>
#include <string.h>

#include "io/file/publish.h"
#include "io/hdf5/h5_create.h"

static ac_status
cannot_write(const ac_h5_rows *self)
{
    return ac_error_set(ac_io_failure(errno), "%s: dataset %s cannot be written: %s",
                        self->file->temporary, self->name,
                        errno ? strerror(errno) : "HDF5 refused");
}

ac_status
ac_h5_rows_begin(ac_h5_rows *self, ac_h5_writer *file, const char *name, ac_dtype dtype,
                 int64_t rows, int64_t columns)
{
    const int64_t shape[2] = { rows, columns };

    ac_buffer_reset(&self->pending);
    *self =
        (ac_h5_rows){ .file = file,
                      .dtype = dtype,
                      .rows = rows,
                      .columns = columns,
                      .row_bytes = (int64_t) ac_dtype_bytes(dtype) * (columns ? columns : 1),
                      .pending = self->pending };
    AC_CHECK((size_t) snprintf(self->name, sizeof self->name, "%s", name) < sizeof self->name);
    errno = 0;
    self->set =
        ac_h5_create_dataset(file, name, dtype, columns ? 2 : 1, shape, &self->chunk_rows);
    return self->set ? AC_OK : cannot_write(self);
}

/* The next rows of the dataset. */
static ac_status
write_rows(ac_h5_rows *self, const void *data, int64_t rows)
{
    const hsize_t start[2] = { (hsize_t) self->written, 0 },
                  count[2] = { (hsize_t) rows, (hsize_t) self->columns };
    const hid_t space = H5Dget_space((hid_t) self->set),
                memory = H5Screate_simple(self->columns ? 2 : 1, count, NULL);
    bool good;

    errno = 0;
    good = H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
           H5Dwrite((hid_t) self->set, ac_h5_memory_type(self->dtype), memory, space,
                    H5P_DEFAULT, data) >= 0;
    H5Sclose(memory);
    H5Sclose(space);
    if (!good)
        return cannot_write(self);
    self->written += rows;
    return AC_OK;
}

ac_status
ac_h5_rows_push(ac_h5_rows *self, const void *data, int64_t rows)
{
    const char *at = data;
    const size_t chunk = (size_t) (self->chunk_rows * self->row_bytes);
    size_t left = (size_t) (rows * self->row_bytes);
    ac_status st = AC_OK;

    while (left) {
        size_t part = chunk - self->pending.size;
        if (self->pending.size == 0 && left >= chunk) { /* whole chunks need no copy */
            part = chunk;
            AC_TRY(write_rows(self, at, self->chunk_rows));
        } else {
            part = part < left ? part : left;
            AC_TRY(ac_buffer_push(&self->pending, at, part));
            if (self->pending.size == chunk) {
                AC_TRY(write_rows(self, self->pending.data, self->chunk_rows));
                ac_buffer_reset(&self->pending);
            }
        }
        at += part;
        left -= part;
    }
out:
    return st;
}

ac_status
ac_h5_rows_end(ac_h5_rows *self)
{
    ac_status st = AC_OK;

    if (self->pending.size)
        AC_TRY(write_rows(self, self->pending.data,
                          (int64_t) self->pending.size / self->row_bytes));
    AC_CHECK(self->written == self->rows || self->row_bytes == 0);
    errno = 0;
    if (H5Dclose((hid_t) self->set) < 0)
        st = cannot_write(self);
    self->set = 0;
out:
    return st;
}

void
ac_h5_rows_free(ac_h5_rows *self)
{
    if (self->set)
        H5Dclose((hid_t) self->set);
    ac_buffer_free(&self->pending);
    *self = (ac_h5_rows){ 0 };
}

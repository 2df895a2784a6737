#include "io/hdf5/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/checksum.h"
#include "io/hdf5/h5_create.h"
#include "io/hdf5/h5_error.h"
#include "io/hdf5/h5_guard.h"
#include "io/hdf5/h5_zstd.h"
#include "io/file/file_head.h"
#include "io/file/file_open.h"
#include "io/file/publish.h"

enum { CHUNK_BYTES = 1 << 20, GZIP_LEVEL = 4 };

/* A dataset may claim any extent: its chunks need not be there. */
#define LONGEST ((hsize_t) 1 << 48)

/* HDF5 calls flock() on every file that it opens, and fails where the file system has no locks
 * (NFS without lockd, some parallel file systems). Ours are published whole by a rename, so
 * none is needed. HDF5 reads the variable when it starts, so this stands before the first call;
 * what the user set stays. The variable counts for the sources of virtual datasets too, which
 * do not get the file's properties (1.10.8: with a failing lock they read as zeros). */
static void
set_no_locks(void)
{
    static bool done;

    if (!done)
        setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
    done = true;
}

/* The same for one file, where HDF5 had started before us (in a program that uses the library).
 */
static hid_t
access_properties(void)
{
    const hid_t p = H5Pcreate(H5P_FILE_ACCESS);

#if H5_VERSION_GE(1, 10, 7)
    if (p >= 0)
        H5Pset_file_locking(p, false, true);
#endif
    return p;
}

/* HDF5's own messages are for HDF5's developers; ours name the file. Its exit handler crashes
 * (1.10) on a file whose closing failed, as on a full disk, and has nothing to do otherwise:
 * every file is closed by its owner. */
static ac_status
prepare(void)
{
    /* After a failed write (a full disk) a file cannot be closed, and HDF5's own clean-up at
     * exit ends in a segmentation fault over it. Nothing is lost without it: a file that counts
     * was closed. Has no effect but in the first call. */
    set_no_locks();
    H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return ac_h5_zstd_register();
}

static hid_t
file_type(ac_dtype dtype)
{
    switch (dtype) {
    case AC_F32: return H5T_IEEE_F32LE;
    case AC_F64: return H5T_IEEE_F64LE;
    case AC_I32: return H5T_STD_I32LE;
    case AC_I64: return H5T_STD_I64LE;
    case AC_U8: return H5T_STD_U8LE;
    default: ac_bug(__FILE__, __LINE__, "HDF5 data of type %s", ac_dtype_name(dtype));
    }
}

static hid_t
memory_type(ac_dtype dtype)
{
    switch (dtype) {
    case AC_F32: return H5T_NATIVE_FLOAT;
    case AC_F64: return H5T_NATIVE_DOUBLE;
    case AC_I32: return H5T_NATIVE_INT32;
    case AC_I64: return H5T_NATIVE_INT64;
    case AC_U8: return H5T_NATIVE_UINT8;
    default: ac_bug(__FILE__, __LINE__, "HDF5 data of type %s", ac_dtype_name(dtype));
    }
}

/* ---- writing ---- */

ac_status
ac_h5_create(ac_h5_writer *self, const char *path, ac_compression compression)
{
    ac_status st = AC_OK;
    hid_t access = H5I_INVALID_HID, create = H5I_INVALID_HID, file;
    int tries = 0;

    *self = (ac_h5_writer){ .compression = compression };
    AC_TRY(prepare());
    AC_TRY(ac_duplicate(&self->path, path, strlen(path)));
    AC_TRY(ac_publish_temporary(&self->temporary, path));
    access = access_properties();
    create = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110);
    H5Pset_obj_track_times(create, 0);
    do {
        errno = 0;
        file = H5Fcreate(self->temporary, H5F_ACC_TRUNC, create, access);
    } while (file < 0 && ac_h5_try_again(&tries));
    if (file < 0)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be created: %s", self->temporary,
                errno ? strerror(errno) : "HDF5 refused");
    self->file = file;
out:
    if (access >= 0)
        H5Pclose(access);
    if (create >= 0)
        H5Pclose(create);
    if (st != AC_OK)
        ac_h5_abandon(self);
    return st;
}

static hid_t
creation_properties(const ac_h5_writer *self, int rank, const hsize_t *dims, size_t item)
{
    hid_t p = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t chunk[AC_MAX_RANK], row = item;
    const unsigned level = AC_H5_ZSTD_LEVEL;

    H5Pset_obj_track_times(p, 0);
    for (int i = 0; i < rank; i++)
        if (dims[i] == 0)
            return p; /* nothing to store: contiguous */
    for (int i = 1; i < rank; i++) {
        chunk[i] = dims[i];
        row *= dims[i];
    }
    chunk[0] = row < CHUNK_BYTES ? CHUNK_BYTES / row : 1;
    chunk[0] = chunk[0] < dims[0] ? chunk[0] : dims[0];
    H5Pset_chunk(p, rank, chunk);
    if (self->compression == AC_COMPRESSION_ZSTD)
        H5Pset_filter(p, AC_H5_ZSTD_FILTER, H5Z_FLAG_MANDATORY, 1, &level);
    else if (self->compression == AC_COMPRESSION_GZIP)
        H5Pset_deflate(p, GZIP_LEVEL);
    H5Pset_fletcher32(p);
    return p;
}

int64_t
ac_h5_memory_type(ac_dtype dtype)
{
    return memory_type(dtype);
}

int64_t
ac_h5_create_dataset(ac_h5_writer *self, const char *name, ac_dtype dtype, int rank,
                     const int64_t *shape, int64_t *chunk_rows)
{
    hsize_t dims[AC_MAX_RANK] = { 0 }, chunk[AC_MAX_RANK] = { 1 };
    hid_t space, properties, set;

    for (int i = 0; i < rank; i++)
        dims[i] = (hsize_t) shape[i];
    space = H5Screate_simple(rank, dims, NULL);
    properties = creation_properties(self, rank, dims, ac_dtype_bytes(dtype));
    if (H5Pget_layout(properties) == H5D_CHUNKED)
        H5Pget_chunk(properties, rank, chunk);
    if (chunk_rows)
        *chunk_rows = (int64_t) chunk[0];
    set = H5Dcreate2(self->file, name, file_type(dtype), space, H5P_DEFAULT, properties,
                     H5P_DEFAULT);
    H5Pclose(properties);
    H5Sclose(space);
    return set < 0 ? 0 : set;
}

ac_status
ac_h5_write(ac_h5_writer *self, const char *name, ac_dtype dtype, int rank,
            const int64_t *shape, const void *data)
{
    bool empty = false, good;
    hid_t set;

    for (int i = 0; i < rank; i++)
        empty = empty || shape[i] == 0;
    errno = 0;
    set = ac_h5_create_dataset(self, name, dtype, rank, shape, NULL);
    good = set > 0 && (empty || H5Dwrite(set, memory_type(dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                         data) >= 0);
    if (set > 0 && H5Dclose(set) < 0)
        good = false;
    if (!good)
        return ac_error_set(ac_io_failure(errno), "%s: dataset %s cannot be written: %s",
                            self->temporary, name, errno ? strerror(errno) : "HDF5 refused");
    return AC_OK;
}

ac_status
ac_h5_write_texts(ac_h5_writer *self, const char *name, const ac_texts *texts)
{
    static const int64_t zero = 0;
    char part[128];
    int64_t bytes = (int64_t) texts->bytes.size, ends = texts->count + 1;
    ac_status st;

    AC_CHECK(strlen(name) < 100);
    snprintf(part, sizeof part, "%s_bytes", name);
    AC_TRY(ac_h5_write(self, part, AC_U8, 1, &bytes, texts->bytes.data));
    snprintf(part, sizeof part, "%s_offsets", name);
    AC_TRY(ac_h5_write(self, part, AC_I64, 1, &ends, texts->offsets ? texts->offsets : &zero));
out:
    return st;
}

static ac_status
write_attribute(ac_h5_writer *self, const char *name, hid_t stored, hid_t given,
                const void *value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t a = H5Acreate2(self->file, name, stored, space, H5P_DEFAULT, H5P_DEFAULT);
    bool good = a >= 0 && H5Awrite(a, given, value) >= 0;

    if (a >= 0 && H5Aclose(a) < 0)
        good = false;
    H5Sclose(space);
    return good ? AC_OK
                : ac_error_set(AC_E_IO, "%s: attribute %s cannot be written", self->temporary,
                               name);
}

ac_status
ac_h5_write_text_attribute(ac_h5_writer *self, const char *name, const char *value)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    ac_status st;

    H5Tset_size(type, strlen(value) + 1);
    H5Tset_cset(type, H5T_CSET_UTF8);
    st = write_attribute(self, name, type, type, value);
    H5Tclose(type);
    return st;
}

ac_status
ac_h5_write_int_attribute(ac_h5_writer *self, const char *name, int64_t value)
{
    return write_attribute(self, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

ac_status
ac_h5_write_virtual(ac_h5_writer *self, const char *name, ac_dtype dtype, int64_t columns,
                    const ac_h5_source *sources, int64_t count)
{
    const int rank = columns ? 2 : 1;
    hsize_t dims[2] = { 0, (hsize_t) columns }, start[2] = { 0, 0 };
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE), space, set;
    bool good = true;

    H5Pset_obj_track_times(properties, 0);
    for (int64_t i = 0; i < count; i++)
        dims[0] += (hsize_t) sources[i].rows;
    space = H5Screate_simple(rank, dims, NULL);
    for (int64_t i = 0; i < count && good; i++) {
        hsize_t part[2] = { (hsize_t) sources[i].rows, (hsize_t) columns };
        hsize_t all[2] = { (hsize_t) (sources[i].of ? sources[i].of : sources[i].rows),
                           (hsize_t) columns };
        hsize_t first[2] = { (hsize_t) sources[i].first, 0 };
        hid_t from;
        if (sources[i].rows == 0)
            continue;
        from = H5Screate_simple(rank, all, NULL);
        good = (all[0] == part[0] ||
                H5Sselect_hyperslab(from, H5S_SELECT_SET, first, NULL, part, NULL) >= 0) &&
               H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, part, NULL) >= 0 &&
               H5Pset_virtual(properties, space, sources[i].file,
                              sources[i].dataset ? sources[i].dataset : name, from) >= 0;
        H5Sclose(from);
        start[0] += part[0];
    }
    H5Sselect_all(space);
    set = good ? H5Dcreate2(self->file, name, file_type(dtype), space, H5P_DEFAULT, properties,
                            H5P_DEFAULT)
               : -1;
    good = set >= 0 && H5Dclose(set) >= 0;
    H5Sclose(space);
    H5Pclose(properties);
    return good ? AC_OK
                : ac_error_set(AC_E_IO, "%s: virtual dataset %s cannot be written",
                               self->temporary, name);
}

ac_status
ac_h5_commit(ac_h5_writer *self, char checksum[33])
{
    ac_status st = AC_OK;
    int fd = -1;

    errno = 0;
    if (H5Fclose(self->file) < 0) {
        self->file = 0;
        AC_FAIL(ac_io_failure(errno), "%s: cannot be written: %s", self->temporary,
                errno ? strerror(errno) : "HDF5 refused");
    }
    self->file = 0;
    if ((fd = ac_file_open_for(self->temporary, O_RDONLY | O_CLOEXEC)) < 0)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be opened: %s", self->temporary,
                strerror(errno));
    AC_TRY(ac_file_checksum(self->temporary, checksum)); /* while the disk is at work */
    if (fsync(fd) != 0)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be synced: %s", self->temporary,
                strerror(errno));
    AC_TRY(ac_publish_rename(self->temporary, self->path));
    free(self->temporary);
    self->temporary = NULL;
out:
    if (fd >= 0)
        close(fd);
    ac_h5_abandon(self);
    return st;
}

void
ac_h5_abandon(ac_h5_writer *self)
{
    if (self->file)
        H5Fclose(self->file);
    if (self->temporary)
        unlink(self->temporary);
    free(self->temporary);
    free(self->path);
    *self = (ac_h5_writer){ 0 };
}

/* ---- reading ---- */

static ac_status
open_guarded(ac_h5_reader *self, const char *path, bool may_show)
{
    ac_status st = AC_OK;
    hid_t file, properties = H5I_INVALID_HID;
    int tries = 0;
    int64_t bytes = 0;

    *self = (ac_h5_reader){ 0 };
    AC_TRY(prepare());
    AC_TRY(ac_file_check(path));
    AC_TRY(ac_duplicate(&self->path, path, strlen(path)));
    AC_TRY(ac_h5_guard_structure(path, &bytes, &self->names));
    properties = access_properties();
    do {
        errno = 0;
        file = H5Fopen(path, H5F_ACC_RDONLY, properties);
    } while (file < 0 && ac_h5_open_again(&tries));
    if (file < 0)
        AC_TRY(ac_h5_check_opening(path));
    if (file < 0)
        AC_TRY(ac_head_check_file(path));
    if (file < 0)
        AC_FAIL(AC_E_FORMAT, "%s: not an HDF5 file, or a damaged one", path);
    self->file = file;
    st = ac_h5_guard_content(path, file, bytes, &self->names, may_show);
out:
    if (properties >= 0)
        H5Pclose(properties);
    if (st != AC_OK)
        ac_h5_close(self);
    return st;
}

ac_status
ac_h5_open(ac_h5_reader *self, const char *path)
{
    return open_guarded(self, path, false);
}

ac_status
ac_h5_open_joined(ac_h5_reader *self, const char *path)
{
    return open_guarded(self, path, true);
}

void
ac_h5_close(ac_h5_reader *self)
{
    if (self->file)
        H5Fclose(self->file);
    free(self->path);
    ac_texts_free(&self->names);
    *self = (ac_h5_reader){ 0 };
}

bool
ac_h5_has(const ac_h5_reader *self, const char *name)
{
    return H5Lexists(self->file, name, H5P_DEFAULT) > 0;
}

bool
ac_h5_has_attribute(const ac_h5_reader *self, const char *name)
{
    return H5Aexists(self->file, name) > 0;
}

static ac_status
open_dataset(const ac_h5_reader *self, const char *name, int rank, hid_t *set, hsize_t *dims)
{
    hid_t space;
    int found, tries = 0;
    bool sane = true;

    do {
        *set = H5Dopen2(self->file, name, H5P_DEFAULT);
    } while (*set < 0 && ac_h5_try_again(&tries));
    if (*set < 0 && ac_h5_error_number())
        return ac_h5_reading_failed(self->path, name);
    if (*set < 0)
        return ac_error_set(AC_E_FORMAT,
                            ac_h5_has(self, name) ? "%s: dataset %s cannot be read"
                                                  : "%s: has no dataset %s",
                            self->path, name);
    space = H5Dget_space(*set);
    found = H5Sget_simple_extent_ndims(space);
    if (found == rank)
        H5Sget_simple_extent_dims(space, dims, NULL);
    H5Sclose(space);
    for (int i = 0; found == rank && i < rank; i++)
        sane = sane && dims[i] <= LONGEST;
    if (found == rank && sane)
        return AC_OK;
    H5Dclose(*set);
    if (!sane)
        return ac_error_set(
            AC_E_FORMAT,
            "%s: dataset %s claims to have more elements than any memory holds: damaged",
            self->path, name);
    return ac_error_set(AC_E_FORMAT, "%s: dataset %s has %d dimensions, not %d", self->path,
                        name, found, rank);
}

/* The selected elements; an error that may pass is tried again. */
static ac_status
read_selected(const ac_h5_reader *self, const char *name, hid_t set, ac_dtype dtype,
              hid_t memory, hid_t space, void *data)
{
    int tries = 0;
    herr_t result;

    do {
        result = H5Dread(set, memory_type(dtype), memory, space, H5P_DEFAULT, data);
    } while (result < 0 && ac_h5_try_again(&tries));
    return result < 0 ? ac_h5_reading_failed(self->path, name) : AC_OK;
}

ac_status
ac_h5_shape(const ac_h5_reader *self, const char *name, int rank, int64_t *shape)
{
    hsize_t dims[AC_MAX_RANK];
    hid_t set;
    ac_status st = open_dataset(self, name, rank, &set, dims);

    if (st != AC_OK)
        return st;
    for (int i = 0; i < rank; i++)
        shape[i] = (int64_t) dims[i];
    H5Dclose(set);
    return AC_OK;
}

ac_status
ac_h5_read(const ac_h5_reader *self, const char *name, ac_dtype dtype, int rank,
           const int64_t *shape, void *data)
{
    hsize_t dims[AC_MAX_RANK];
    bool empty = false;
    hid_t set;
    ac_status st = open_dataset(self, name, rank, &set, dims);

    if (st != AC_OK)
        return st;
    for (int i = 0; i < rank && st == AC_OK; i++) {
        empty = empty || shape[i] == 0;
        if ((int64_t) dims[i] != shape[i])
            st = ac_error_set(AC_E_FORMAT, "%s: dataset %s has %lld in dimension %d, not %lld",
                              self->path, name, (long long) dims[i], i, (long long) shape[i]);
    }
    if (st == AC_OK && !empty)
        st = read_selected(self, name, set, dtype, H5S_ALL, H5S_ALL, data);
    H5Dclose(set);
    return st;
}

ac_status
ac_h5_read_rows(const ac_h5_reader *self, const char *name, ac_dtype dtype, int64_t first,
                int64_t count, int64_t columns, void *data)
{
    const int rank = columns ? 2 : 1;
    hsize_t dims[2], start[2] = { (hsize_t) first, 0 },
                     size[2] = { (hsize_t) count, (hsize_t) columns };
    hid_t set, space, memory;
    ac_status st = open_dataset(self, name, rank, &set, dims);

    if (st != AC_OK)
        return st;
    if (first < 0 || count < 0 || (hsize_t) (first + count) > dims[0] ||
        (columns && dims[1] != (hsize_t) columns)) {
        st = ac_error_set(
            AC_E_FORMAT,
            "%s: dataset %s has %lld rows of %lld, but rows %lld to %lld of %lld are needed",
            self->path, name, (long long) dims[0], rank == 2 ? (long long) dims[1] : 1,
            (long long) first, (long long) (first + count), (long long) columns);
    } else if (count) {
        space = H5Dget_space(set);
        memory = H5Screate_simple(rank, size, NULL);
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, size, NULL);
        st = read_selected(self, name, set, dtype, memory, space, data);
        H5Sclose(memory);
        H5Sclose(space);
    }
    H5Dclose(set);
    return st;
}

ac_status
ac_h5_read_texts(const ac_h5_reader *self, const char *name, ac_texts *texts)
{
    ac_status st = AC_OK;
    char bytes_name[128], offsets_name[128];
    int64_t bytes, ends;
    ac_buffer *b = &texts->bytes;
    int64_t capacity;

    AC_CHECK(strlen(name) < 100);
    snprintf(bytes_name, sizeof bytes_name, "%s_bytes", name);
    snprintf(offsets_name, sizeof offsets_name, "%s_offsets", name);
    ac_texts_reset(texts);
    AC_TRY(ac_h5_shape(self, bytes_name, 1, &bytes));
    AC_TRY(ac_h5_shape(self, offsets_name, 1, &ends));
    if (ends < 1)
        AC_FAIL(AC_E_FORMAT, "%s: dataset %s is empty", self->path, offsets_name);
    AC_TRY(ac_grow(&texts->offsets, &texts->capacity, ends, sizeof *texts->offsets));
    AC_TRY(ac_h5_read(self, offsets_name, AC_I64, 1, &ends, texts->offsets));
    for (int64_t i = 1; i < ends; i++)
        if (texts->offsets[i] < texts->offsets[i - 1])
            AC_FAIL(AC_E_FORMAT, "%s: dataset %s falls at %lld", self->path, offsets_name,
                    (long long) i);
    if (texts->offsets[0] != 0 || texts->offsets[ends - 1] != bytes)
        AC_FAIL(AC_E_FORMAT, "%s: dataset %s does not span the %lld bytes of %s", self->path,
                offsets_name, (long long) bytes, bytes_name);
    capacity = (int64_t) b->capacity;
    AC_TRY(ac_grow(&b->data, &capacity, bytes + 1, 1));
    b->capacity = (size_t) capacity;
    AC_TRY(ac_h5_read(self, bytes_name, AC_U8, 1, &bytes, b->data));
    b->data[bytes] = '\0';
    b->size = (size_t) bytes;
    texts->count = ends - 1;
out:
    if (st != AC_OK)
        ac_texts_reset(texts);
    return st;
}

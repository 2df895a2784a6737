#include "io/hdf5/h5_chunks.h"

#include <errno.h>
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/file_open.h"
#include "io/file/publish.h"

enum { CHECKSUM_BYTES = 4, FLETCHER_WORDS = 360 /* that cannot overflow */ };

/* ---- where they lie ---- */

/* Uncompressed, a checksum, one byte per element; the chunk's rows, 0: nothing is stored. */
static bool
read_layout(hid_t set, int rank, const hsize_t *dims, hsize_t *chunk_rows)
{
    const hid_t properties = H5Dget_create_plist(set), type = H5Dget_type(set);
    hsize_t chunk[AC_MAX_RANK];
    bool good = properties >= 0 && type >= 0 && H5Tget_size(type) == 1;
    unsigned flags;
    size_t values = 0;

    *chunk_rows = 0;
    if (good && dims[0] > 0) {
        good = H5Pget_layout(properties) == H5D_CHUNKED &&
               H5Pget_chunk(properties, rank, chunk) == rank &&
               H5Pget_nfilters(properties) == 1 &&
               H5Pget_filter2(properties, 0, &flags, &values, NULL, 0, NULL, NULL) ==
                   H5Z_FILTER_FLETCHER32;
        for (int i = 1; good && i < rank; i++)
            good = chunk[i] == dims[i];
        *chunk_rows = good ? chunk[0] : 0;
        good = good && *chunk_rows > 0;
    }
    if (type >= 0)
        H5Tclose(type);
    if (properties >= 0)
        H5Pclose(properties);
    return good;
}

static ac_status
find_chunks(ac_h5_chunks *self, const ac_h5_reader *file, const char *name, hid_t set)
{
    hsize_t at[AC_MAX_RANK] = { 0 }, size = 0;
    const hsize_t whole = (hsize_t) (self->chunk_rows * self->row_bytes) + CHECKSUM_BYTES;
    haddr_t address = HADDR_UNDEF;
    unsigned mask = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self->addresses, self->count, sizeof *self->addresses));
    for (int64_t i = 0; i < self->count; i++) {
        at[0] = (hsize_t) (i * self->chunk_rows);
        if (H5Dget_chunk_info_by_coord(set, at, &mask, &address, &size) < 0 ||
            address == HADDR_UNDEF || mask != 0 || size != whole)
            AC_FAIL(AC_E_FORMAT, "%s: dataset %s: chunk %lld is not there: damaged", file->path,
                    name, (long long) i);
        self->addresses[i] = (int64_t) address;
    }
out:
    return st;
}

ac_status
ac_h5_chunks_load(ac_h5_chunks *self, const ac_h5_reader *file, const char *name, int rank)
{
    hsize_t dims[AC_MAX_RANK], chunk_rows = 0;
    hid_t set = H5I_INVALID_HID;
    ac_status st = AC_OK;

    *self = (ac_h5_chunks){ .row_bytes = 1 };
    AC_TRY(ac_h5_shape(file, name, rank, self->shape));
    set = H5Dopen2((hid_t) file->file, name, H5P_DEFAULT);
    for (int i = 0; i < rank; i++) {
        dims[i] = (hsize_t) self->shape[i];
        if (i && __builtin_mul_overflow(self->row_bytes, self->shape[i], &self->row_bytes))
            AC_FAIL(AC_E_FORMAT, "%s: dataset %s: rows of impossible size: damaged", file->path,
                    name);
    }
    self->rows = self->shape[0];
    if (set < 0 || !read_layout(set, rank, dims, &chunk_rows))
        AC_FAIL(AC_E_FORMAT,
                "%s: dataset %s is not stored as `antarctic ingest` stores it: bytes in "
                "uncompressed chunks with Fletcher-32",
                file->path, name);
    self->chunk_rows = (int64_t) chunk_rows;
    self->count = chunk_rows ? (self->rows + self->chunk_rows - 1) / self->chunk_rows : 0;
    st = find_chunks(self, file, name, set);
out:
    if (set >= 0)
        H5Dclose(set);
    if (st != AC_OK)
        ac_h5_chunks_free(self);
    return st;
}

void
ac_h5_chunks_free(ac_h5_chunks *self)
{
    free(self->addresses);
    *self = (ac_h5_chunks){ 0 };
}

/* ---- reading ---- */

static ac_status
read_at(int file, const char *path, int64_t at, void *out, size_t n)
{
    size_t got;

    if (!ac_file_read_at(file, out, n, at, &got))
        return ac_error_set(ac_io_failure(errno), "%s: cannot be read: %s", path,
                            strerror(errno));
    if (got < n)
        return ac_error_set(AC_E_FORMAT, "%s: is cut: it ends at byte %lld", path,
                            (long long) at + (long long) got);
    return AC_OK;
}

ac_status
ac_h5_chunks_read(const ac_h5_chunks *self, int file, const char *path, int64_t first,
                  int64_t n, void *out)
{
    const int64_t chunk_bytes = self->chunk_rows * self->row_bytes;
    char *to = out;
    ac_status st = AC_OK;

    AC_CHECK(first >= 0 && n >= 0 && first + n <= self->rows * self->row_bytes);
    while (n > 0) {
        const int64_t chunk = first / chunk_bytes, within = first % chunk_bytes,
                      part = n < chunk_bytes - within ? n : chunk_bytes - within;
        AC_TRY(read_at(file, path, self->addresses[chunk] + within, to, (size_t) part));
        first += part;
        to += part;
        n -= part;
    }
out:
    return st;
}

ac_status
ac_h5_chunks_read_chunk(const ac_h5_chunks *self, int file, const char *path, int64_t chunk,
                        void *out)
{
    const size_t n = (size_t) (self->chunk_rows * self->row_bytes);
    unsigned char stored[CHECKSUM_BYTES];
    uint32_t sum = 0;
    ac_status st = AC_OK;

    AC_CHECK(chunk >= 0 && chunk < self->count);
    AC_TRY(read_at(file, path, self->addresses[chunk], out, n));
    AC_TRY(read_at(file, path, self->addresses[chunk] + (int64_t) n, stored, sizeof stored));
    for (int i = CHECKSUM_BYTES - 1; i >= 0; i--)
        sum = sum << 8 | stored[i];
    if (sum != ac_h5_fletcher32(out, n))
        st = ac_error_set(AC_E_FORMAT,
                          "%s: the checksum of row %lld of its pixels is wrong: damaged", path,
                          (long long) (chunk * self->chunk_rows));
out:
    return st;
}

uint32_t
ac_h5_fletcher32(const void *bytes, size_t n)
{
    const unsigned char *at = bytes;
    uint32_t a = 0, b = 0;

    for (size_t words = n / 2; words > 0;) {
        const size_t part = words < FLETCHER_WORDS ? words : FLETCHER_WORDS;
        for (size_t i = 0; i < part; i++, at += 2) {
            a += (uint32_t) at[0] << 8 | at[1];
            b += a;
        }
        words -= part;
        a = (a & 0xffff) + (a >> 16);
        b = (b & 0xffff) + (b >> 16);
    }
    if (n % 2) {
        a += (uint32_t) at[0] << 8;
        b += a;
        a = (a & 0xffff) + (a >> 16);
        b = (b & 0xffff) + (b >> 16);
    }
    a = (a & 0xffff) + (a >> 16);
    b = (b & 0xffff) + (b >> 16);
    return b << 16 | a;
}

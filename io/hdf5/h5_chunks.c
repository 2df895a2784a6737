#include "io/hdf5/h5_chunks.h"

#include <errno.h>
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/file_open.h"
#include "io/file/publish.h"

enum { CHECKSUM_BYTES = 4, LANES = 16, MOST_ROWS = 360 /* 32 bits hold their sums */ };

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
        return ac_error_set(AC_E_FORMAT, "%s: truncated: it ends at byte %lld", path,
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

static bool
is_big_endian(void)
{
    const uint16_t one = 1;

    return *(const unsigned char *) &one == 0;
}

/* A sum modulo 65535 as HDF5 leaves it: 0 only where all words are 0. */
static uint32_t
fold(uint64_t sum)
{
    return sum ? (uint32_t) ((sum - 1) % 65535 + 1) : 0;
}

/* Four numbers, each of two words of the data: sums of the four lower words, and of the four
 * higher ones. Plain vectors of GCC and Clang: each CPU has them, and loops over arrays are
 * compiled well or badly by chance. */
typedef uint32_t four __attribute__((vector_size(16)));

/* Every word as often as it counts in the second sum: in `often` rows - row times, of which
 * each is LANES words, but for the word's place in the row. */
static void
add_lanes(four once, four often, bool higher, size_t at, uint64_t *a, uint64_t *b)
{
    for (size_t l = 0; l < 4; l++) {
        *a += once[l];
        *b += (uint64_t) LANES * often[l] - (uint64_t) (at + 2 * l + higher) * once[l];
    }
}

/* The words are read as the machine has them: with the bytes the other way round both sums are
 * so too (256 * 256 = 1 modulo 65535). */
static void
add_rows(const unsigned char *at, size_t rows, uint64_t *a, uint64_t *b)
{
    const bool swapped = is_big_endian();
    four once[4] = { 0 }, often[4] = { 0 }, words[2];

    for (size_t r = 0; r < rows; r++, at += sizeof words) {
        memcpy(words, at, sizeof words);
        once[0] += words[0] & 0xffff;
        often[0] += once[0];
        once[1] += words[0] >> 16;
        often[1] += once[1];
        once[2] += words[1] & 0xffff;
        often[2] += once[2];
        once[3] += words[1] >> 16;
        often[3] += once[3];
    }
    *b += rows * LANES * *a;
    for (size_t v = 0; v < 4; v++)
        add_lanes(once[v], often[v], (v % 2 == 1) != swapped, v / 2 * 8, a, b);
    *a = fold(*a);
    *b = fold(*b);
}

static uint32_t
big_endian(uint64_t sum)
{
    const uint32_t folded = fold(sum);

    return is_big_endian() ? folded : (folded << 8 | folded >> 8) & 0xffff;
}

uint32_t
ac_h5_fletcher32(const void *bytes, size_t n)
{
    const unsigned char *at = bytes;
    size_t words = n / 2;
    uint64_t a = 0, b = 0;

    for (size_t rows; (rows = words / LANES) > 0; words -= rows * LANES) {
        rows = rows < MOST_ROWS ? rows : MOST_ROWS;
        add_rows(at, rows, &a, &b);
        at += 2 * rows * LANES;
    }
    for (; words > 0; words--, at += 2) {
        uint16_t word;
        memcpy(&word, at, sizeof word);
        a += word;
        b += a;
    }
    if (n % 2) {
        const unsigned char last[2] = { at[0], 0 };
        uint16_t word;
        memcpy(&word, last, sizeof word);
        a += word;
        b += a;
    }
    return big_endian(b) << 16 | big_endian(a);
}

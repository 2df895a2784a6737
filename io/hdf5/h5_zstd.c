#include "io/hdf5/h5_zstd.h"

#include <hdf5.h>
#include <stdlib.h>
#include <zstd.h>

static size_t
decompress(size_t nbytes, size_t *capacity, void **buffer)
{
    unsigned long long size = ZSTD_getFrameContentSize(*buffer, nbytes);
    void *out;
    size_t n;

    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR ||
        size > (1ull << 32))
        return 0;
    if (!(out = malloc(size ? (size_t) size : 1)))
        return 0;
    n = ZSTD_decompress(out, (size_t) size, *buffer, nbytes);
    if (ZSTD_isError(n)) {
        free(out);
        return 0;
    }
    free(*buffer);
    *buffer = out;
    *capacity = (size_t) size;
    return n;
}

static size_t
compress(size_t nbytes, size_t *capacity, void **buffer, int level)
{
    size_t room = ZSTD_compressBound(nbytes), n;
    void *out = malloc(room);

    if (!out)
        return 0;
    n = ZSTD_compress(out, room, *buffer, nbytes, level);
    if (ZSTD_isError(n)) {
        free(out);
        return 0;
    }
    free(*buffer);
    *buffer = out;
    *capacity = room;
    return n;
}

/* HDF5's filter callback: 0 is failure. cd_values[0] is the level. */
static size_t
filter(unsigned flags, size_t cd_count, const unsigned cd_values[], size_t nbytes,
       size_t *capacity, void **buffer)
{
    if (flags & H5Z_FLAG_REVERSE)
        return decompress(nbytes, capacity, buffer);
    return compress(nbytes, capacity, buffer, cd_count ? (int) cd_values[0] : AC_H5_ZSTD_LEVEL);
}

ac_status
ac_h5_zstd_register(void)
{
    static const H5Z_class2_t class = {
        H5Z_CLASS_T_VERS, AC_H5_ZSTD_FILTER, 1, 1, "Zstandard", NULL, NULL, filter
    };

    if (H5Zfilter_avail(AC_H5_ZSTD_FILTER) <= 0 && H5Zregister(&class) < 0)
        return ac_error_set(
            AC_E_IO,
            "HDF5: the zstd filter cannot be registered; set output.compression: gzip");
    return AC_OK;
}

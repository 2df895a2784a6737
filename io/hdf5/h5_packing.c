#include "io/hdf5/h5_packing.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "engine/base/memory.h"
#include "io/hdf5/h5_zstd.h"

enum { GZIP = 1, FLETCHER = 3, SUM_BYTES = 4, BLOCK = 1 << 16, ZSTD_HEAD = 18 };

void
ac_h5_packing_add(ac_h5_packing *self, int filter)
{
    if (filter == FLETCHER)
        self->sums += SUM_BYTES;
    else if (filter == GZIP && !self->sums && !self->gzip && !self->zstd)
        self->gzip = true;
    else if (filter == AC_H5_ZSTD_FILTER && !self->sums && !self->gzip && !self->zstd)
        self->zstd = true;
    else
        self->other = true;
}

/* A frame of zstd says what it unpacks to, and zstd holds it to that. */
static ac_status
check_zstd(const ac_h5_packing *self, const ac_h5_raw *raw, uint64_t at, int64_t packed)
{
    unsigned char head[ZSTD_HEAD] = { 0 };
    const size_t n = packed < ZSTD_HEAD ? (size_t) packed : ZSTD_HEAD;
    const ac_status st = ac_h5_raw_read(raw, at, head, n);

    if (st != AC_OK)
        return st;
    return ZSTD_getFrameContentSize(head, n) == (unsigned long long) self->unpacked
               ? AC_OK
               : ac_h5_raw_refuse(raw, "has a chunk that unpacks to another size: damaged");
}

/* gzip does not say: unpacked block by block, until it is too much. in, out [BLOCK]. */
static ac_status
count_gzip(const ac_h5_packing *self, const ac_h5_raw *raw, uint64_t at, int64_t packed,
           unsigned char *in, unsigned char *out)
{
    z_stream stream = { 0 };
    int64_t total = 0;
    int r = Z_OK;
    ac_status st = AC_OK;

    if (inflateInit(&stream) != Z_OK)
        return ac_error_set(AC_E_NOMEM, "%s: no memory to unpack it", raw->path);
    while (r == Z_OK && total <= self->unpacked) {
        if (stream.avail_in == 0) {
            const size_t n = packed < BLOCK ? (size_t) packed : BLOCK;
            if (n == 0)
                break;
            AC_TRY(ac_h5_raw_read(raw, at, in, n));
            at += n;
            packed -= (int64_t) n;
            stream.next_in = in;
            stream.avail_in = (unsigned) n;
        }
        stream.next_out = out;
        stream.avail_out = BLOCK;
        r = inflate(&stream, Z_NO_FLUSH);
        total += BLOCK - (int64_t) stream.avail_out;
    }
    if (r != Z_STREAM_END || total != self->unpacked)
        st = ac_h5_raw_refuse(raw, "has a chunk that unpacks to another size: damaged");
out:
    inflateEnd(&stream);
    return st;
}

static ac_status
check_gzip(const ac_h5_packing *self, const ac_h5_raw *raw, uint64_t at, int64_t packed)
{
    unsigned char *blocks = NULL;
    ac_status st = ac_alloc(&blocks, 2, BLOCK);

    if (st == AC_OK)
        st = count_gzip(self, raw, at, packed, blocks, blocks + BLOCK);
    free(blocks);
    return st;
}

ac_status
ac_h5_packing_check(const ac_h5_packing *self, const ac_h5_raw *raw, uint64_t at,
                    int64_t stored)
{
    const int64_t packed = stored - self->sums;

    if (self->other)
        return AC_OK;
    if (packed < 1)
        return ac_h5_raw_damaged(raw, "index of chunks");
    if (self->zstd)
        return check_zstd(self, raw, at, packed);
    if (self->gzip)
        return check_gzip(self, raw, at, packed);
    return packed == self->unpacked
               ? AC_OK
               : ac_h5_raw_refuse(raw, "has a chunk of another size than its shape: damaged");
}

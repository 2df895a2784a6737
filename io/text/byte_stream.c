#include "io/text/byte_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "engine/base/memory.h"
#include "io/file/file_head.h"
#include "io/file/file_open.h"
#include "io/file/publish.h"

enum { INPUT_BYTES = 1 << 18, GZIP_WINDOW = 15 + 16, LEAST_WINDOW_LOG = 23 };

/* More input behind what is not used yet. */
static ac_status
fill(ac_byte_stream *self)
{
    size_t n;

    if (self->input_used == self->input_size)
        self->input_used = self->input_size = 0;
    if (self->at_end || self->input_size == INPUT_BYTES)
        return AC_OK;
    if (!ac_file_read_on(self->file, self->input + self->input_size,
                         (size_t) (INPUT_BYTES - self->input_size), &n))
        return ac_error_set(ac_io_failure(errno), "%s: cannot be read: %s", self->name,
                            strerror(errno));
    self->at_end = n == 0;
    self->input_size += (int64_t) n;
    return AC_OK;
}

static ac_status
start_decoder(ac_byte_stream *self)
{
    enum { HEAD = 4 };
    static const unsigned char gzip[] = { 0x1f, 0x8b };
    ac_status st = AC_OK;

    while (self->input_size < HEAD && !self->at_end && st == AC_OK)
        st = fill(self);
    if (st != AC_OK)
        return st;
    if (self->input_size >= (int64_t) sizeof gzip &&
        memcmp(self->input, gzip, sizeof gzip) == 0) {
        z_stream *z = NULL;
        self->kind = AC_STREAM_GZIP;
        st = ac_alloc(&z, 1, sizeof *z);
        if (st == AC_OK && inflateInit2(z, GZIP_WINDOW) != Z_OK) {
            free(z);
            return ac_error_set(AC_E_NOMEM, "%s: out of memory for zlib", self->name);
        }
        self->decoder = z;
    } else if (ac_head_is_zstd(self->input, (size_t) self->input_size)) {
        self->kind = AC_STREAM_ZSTD;
        if (!(self->decoder = ZSTD_createDStream()))
            return ac_error_set(AC_E_NOMEM, "%s: out of memory for zstd", self->name);
        /* files of zstd --long=31, and --ultra: the library alone stops at windows of 128 MiB
         */
        ZSTD_DCtx_setParameter(self->decoder, ZSTD_d_windowLogMax,
                               ZSTD_dParam_getBounds(ZSTD_d_windowLogMax).upperBound);
    }
    return st;
}

ac_status
ac_byte_stream_open(ac_byte_stream *self, const char *path)
{
    ac_status st = AC_OK;

    *self = (ac_byte_stream){ .name = path, .file = -1 };
    if (strcmp(path, "-") == 0) {
        self->name = "standard input";
        self->file = STDIN_FILENO;
    } else {
        AC_TRY(ac_file_open(&self->file, path));
        self->owns_file = true;
    }
    AC_TRY(ac_alloc(&self->input, INPUT_BYTES, 1));
    st = start_decoder(self);
out:
    if (st != AC_OK)
        ac_byte_stream_close(self);
    return st;
}

void
ac_byte_stream_limit(ac_byte_stream *self, int64_t bytes)
{
    int log = LEAST_WINDOW_LOG;

    if (self->kind != AC_STREAM_ZSTD || bytes <= 0)
        return;
    while (log < ZSTD_dParam_getBounds(ZSTD_d_windowLogMax).upperBound && bytes >> (log + 1))
        log++;
    self->most = bytes;
    ZSTD_DCtx_setParameter(self->decoder, ZSTD_d_windowLogMax, log);
}

void
ac_byte_stream_close(ac_byte_stream *self)
{
    if (self->decoder && self->kind == AC_STREAM_GZIP) {
        inflateEnd(self->decoder);
        free(self->decoder);
    } else if (self->decoder) {
        ZSTD_freeDStream(self->decoder);
    }
    if (self->owns_file && self->file >= 0)
        close(self->file);
    free(self->input);
    *self = (ac_byte_stream){ 0 };
}

static ac_status
damaged(const ac_byte_stream *self, const char *what)
{
    return ac_error_set(AC_E_FORMAT,
                        "%s: damaged %s data: %s; fetch the file again, or remove it",
                        self->name, self->kind == AC_STREAM_GZIP ? "gzip" : "zstd", what);
}

static ac_status
read_plain(ac_byte_stream *self, unsigned char *bytes, int64_t n, int64_t *made)
{
    const int64_t ready = self->input_size - self->input_used;

    *made = n < ready ? n : ready;
    memcpy(bytes, self->input + self->input_used, (size_t) *made);
    self->input_used += *made;
    return AC_OK;
}

static ac_status
read_gzip(ac_byte_stream *self, unsigned char *bytes, int64_t n, int64_t *made)
{
    z_stream *z = self->decoder;
    int result;

    while (self->between && self->input_used < self->input_size &&
           self->input[self->input_used] == 0)
        self->input_used++; /* zeros behind the data, as tapes leave: for gzip(1) they are none
                             */
    if (self->between && self->input_used < self->input_size) {
        inflateReset(z);
        self->between = false;
    }
    z->next_in = self->input + self->input_used;
    z->avail_in = (uInt) (self->input_size - self->input_used);
    z->next_out = bytes;
    z->avail_out = (uInt) n;
    result = self->between ? Z_OK : inflate(z, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return damaged(self, z->msg ? z->msg : "cannot be unpacked");
    self->between = self->between || result == Z_STREAM_END;
    self->input_used = self->input_size - z->avail_in;
    *made = n - z->avail_out;
    return AC_OK;
}

static ac_status
read_zstd(ac_byte_stream *self, unsigned char *bytes, int64_t n, int64_t *made)
{
    ZSTD_inBuffer in = { self->input, (size_t) self->input_size, (size_t) self->input_used };
    ZSTD_outBuffer out = { bytes, (size_t) n, 0 };
    size_t result;

    if (self->between && in.pos == in.size) {
        *made = 0;
        return AC_OK;
    }
    result = ZSTD_decompressStream(self->decoder, &out, &in);
    if (self->most && ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge)
        return ac_error_set(
            AC_E_NOMEM,
            "%s: its zstd window (as of --long=31) needs more memory than the %lld MB that "
            "limits.memory or the job leaves for it: give more, or compress the file again "
            "without --long",
            self->name, (long long) (self->most >> 20));
    if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ||
        ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge)
        return ac_error_set(
            AC_E_NOMEM,
            "%s: its zstd window (as of --long=31) needs more memory than there "
            "is: give the job more, or compress the file again without --long",
            self->name);
    if (ZSTD_isError(result))
        return damaged(self, ZSTD_getErrorName(result));
    self->between = result == 0;
    self->input_used = (int64_t) in.pos;
    *made = (int64_t) out.pos;
    return AC_OK;
}

ac_status
ac_byte_stream_read(ac_byte_stream *self, void *bytes, int64_t n, int64_t *got)
{
    static const int64_t most = 1 << 30; /* zlib counts in 32 bits */
    ac_status st = AC_OK;

    *got = 0;
    while (*got < n) {
        unsigned char *to = (unsigned char *) bytes + *got;
        const int64_t wanted = n - *got < most ? n - *got : most, used = self->input_used;
        int64_t made = 0;
        if (self->input_used == self->input_size)
            AC_TRY(fill(self));
        if (self->kind == AC_STREAM_PLAIN)
            AC_TRY(read_plain(self, to, wanted, &made));
        else if (self->kind == AC_STREAM_GZIP)
            AC_TRY(read_gzip(self, to, wanted, &made));
        else
            AC_TRY(read_zstd(self, to, wanted, &made));
        *got += made;
        if (made == 0 && self->at_end && self->input_used == self->input_size &&
            used == self->input_used)
            break;
    }
    if (*got < n && self->kind != AC_STREAM_PLAIN && !self->between)
        st = damaged(self, "it ends too early");
out:
    return st;
}

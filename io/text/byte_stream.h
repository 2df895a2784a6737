/** The bytes of a file or of standard input, gzip and zstd undone on the way. Checksums of both
 * formats are verified. */
#ifndef AC_IO_TEXT_BYTE_STREAM_H
#define AC_IO_TEXT_BYTE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

typedef enum ac_byte_stream_kind {
    AC_STREAM_PLAIN = 0,
    AC_STREAM_GZIP,
    AC_STREAM_ZSTD
} ac_byte_stream_kind;

/** Starts zeroed. */
typedef struct ac_byte_stream {
    ac_byte_stream_kind kind;
    const char *name; /* for messages; borrowed */
    int file;
    bool owns_file, at_end,
        between; /* between: a whole gzip member or zstd frame was read, another may follow */
    unsigned char *input; /* owned */
    int64_t input_size, input_used;
    int64_t most;  /* bytes of a window; 0: no limit */
    void *decoder; /* owned */
} ac_byte_stream;

/** path "-": standard input. The kind is told by the first bytes. The name is kept, not copied.
 */
AC_MUST_CHECK ac_status ac_byte_stream_open(ac_byte_stream *self, const char *path);

/** Before the first read: a zstd frame whose window is larger than `bytes` is refused,
 * AC_E_NOMEM with both sizes. Windows of 8 MiB, which every decoder is to take, always are. 0:
 * no limit. */
void ac_byte_stream_limit(ac_byte_stream *self, int64_t bytes);

void ac_byte_stream_close(ac_byte_stream *self);

/**
 * Read until n bytes are there or the stream is over. *got < n: it is over.
 * AC_E_FORMAT where compressed data is cut short or damaged.
 */
AC_MUST_CHECK ac_status ac_byte_stream_read(ac_byte_stream *self, void *bytes, int64_t n,
                                            int64_t *got);

#endif

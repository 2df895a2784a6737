/** A compressed file written piece by piece under a temporary name and published whole: one
 * zstd frame with a checksum, as ac_byte_stream reads it. */
#ifndef AC_IO_TEXT_ZSTD_FILE_H
#define AC_IO_TEXT_ZSTD_FILE_H

#include "io/file/text_file.h"

/** Starts zeroed. */
typedef struct ac_zstd_file {
    ac_text_file file;
    void *encoder; /* owned */
    char *output;  /* owned */
    size_t output_bytes;
} ac_zstd_file;

AC_MUST_CHECK ac_status ac_zstd_file_create(ac_zstd_file *self, const char *path);
AC_MUST_CHECK ac_status ac_zstd_file_write(ac_zstd_file *self, const void *bytes, size_t n);
/** End the frame, flush, fsync, rename, fsync of the folder. */
AC_MUST_CHECK ac_status ac_zstd_file_commit(ac_zstd_file *self);
/** Remove what was not committed. Idempotent, also after a commit. */
void ac_zstd_file_abandon(ac_zstd_file *self);

#endif

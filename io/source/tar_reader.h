/** The members of a tar, one after the other: ustar, PAX, GNU. Nothing is ever unpacked. */
#ifndef AC_IO_SOURCE_TAR_READER_H
#define AC_IO_SOURCE_TAR_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/item_status.h"

typedef enum ac_tar_kind {
    AC_TAR_FILE = 0,
    AC_TAR_SPARSE, /* a file with holes, whose data is not what it says: not supported */
    AC_TAR_OTHER   /* a folder, a link, a device, a pipe, what a program put there for itself */
} ac_tar_kind;

/** A member. The name is as it stands in the tar (no slash at a folder's end), not
 * zero-terminated where it holds zero bytes; valid until the next member is read. */
typedef struct ac_tar_member {
    const char *name;
    size_t name_size;
    ac_tar_kind kind;
    int64_t at, size; /* of its data in the tar */
    bool cut;         /* the tar ends before its data does */
} ac_tar_member;

/** Starts zeroed. */
typedef struct ac_tar_reader {
    char *path; /* owned; for messages */
    int file;
    int64_t bytes;                /* of the tar */
    int64_t seconds, nanoseconds; /* its modification time when it was opened */
    int64_t at;                   /* of the next header */
    int64_t members;              /* so far */
    ac_reject_reason damage;      /* what AC_E_FORMAT was: truncated, corrupt or empty */
    bool more; /* behind the end of the archive lies other data than zeros, which is not read */
    bool cut;  /* the last member was */
    /* private: a piece of the tar; what extended headers say */
    ac_buffer window, name, long_name, extended;
    int64_t window_at, pax_size, global_size;
    ac_buffer pax_name, sparse_name, global_name;
    bool sparse;
} ac_tar_reader;

/** How a file of these first bytes is compressed: "gzip", "zstd"; NULL: not at all. */
const char *ac_tar_compression(const void *bytes, size_t n);

/** AC_E_IO where the tar cannot be opened; AC_E_ARG where it is compressed: the message says
 * that the job `ingest` reads such. */
AC_MUST_CHECK ac_status ac_tar_reader_open(ac_tar_reader *self, const char *path);
void ac_tar_reader_close(ac_tar_reader *self);

/**
 * The next member; *there false: the archive is over.
 * AC_E_FORMAT where the tar is damaged here: the message names tar and byte, `damage` the
 * reason; members before are good. A member whose data is cut comes as one, and the call after
 * it fails so.
 */
AC_MUST_CHECK ac_status ac_tar_reader_next(ac_tar_reader *self, ac_tar_member *member,
                                           bool *there);

/** n bytes of the tar from byte `at` on, in place of what `out` held; fewer where the tar ends.
 */
AC_MUST_CHECK ac_status ac_tar_reader_bytes(ac_tar_reader *self, int64_t at, int64_t n,
                                            ac_buffer *out);

#endif

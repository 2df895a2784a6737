/** The bytes of an item's file. */
#ifndef AC_IO_FILE_FILE_BYTES_H
#define AC_IO_FILE_FILE_BYTES_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/item_status.h"

/** The bytes of a regular file, in place of what `out` held; a file that cannot be read is the
 * item's status. A failure where that is not the file's fault: memory, open files, and passing
 * errors that stayed (AC_E_RETRY), since a file server that is away must cost no items. */
AC_MUST_CHECK ac_status ac_file_bytes(ac_buffer *out, const char *path,
                                      ac_item_status *item_status);

/** What a failed open or read of path means, by its errno and its words: the item's status
 * (unreadable), or the failure. */
AC_MUST_CHECK ac_status ac_file_item_unreadable(ac_item_status *status, const char *path,
                                                int error_number, const char *why);

/** An item's file is no larger: more than any image within limits.max_pixels has. */
#define AC_ITEM_MOST_BYTES ((int64_t) 1 << 32)

/** Is the item of bytes [at, at + n) of an open file to be read at all? Too large a one, or one
 * that is mostly a hole (io/file/file_open.h), is rejected before it costs memory. *status:
 * good before. */
AC_MUST_CHECK bool ac_file_item_fits(int file, int64_t at, int64_t n, ac_item_status *status);

#endif

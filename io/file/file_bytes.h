/** The bytes of an item's file. */
#ifndef AC_IO_FILE_FILE_BYTES_H
#define AC_IO_FILE_FILE_BYTES_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/item_status.h"

/** The bytes of a regular file, in place of what `out` held; a file that cannot be read is the
 * item's status. A failure is only for memory. */
AC_MUST_CHECK ac_status ac_file_bytes(ac_buffer *out, const char *path,
                                      ac_item_status *item_status);

/** An item's file is no larger: more than any image within limits.max_pixels has. */
#define AC_ITEM_MOST_BYTES ((int64_t) 1 << 32)

/** Is the item of bytes [at, at + n) of an open file to be read at all? Too large a one, or one
 * that is mostly a hole (io/file/file_open.h), is rejected before it costs memory. *status:
 * good before. */
AC_MUST_CHECK bool ac_file_item_fits(int file, int64_t at, int64_t n, ac_item_status *status);

#endif

/** The bytes of an item's file. */
#ifndef AC_IO_FILE_FILE_BYTES_H
#define AC_IO_FILE_FILE_BYTES_H

#include "engine/base/buffer.h"
#include "engine/base/item_status.h"

/** The bytes of a regular file, in place of what `out` held; a file that cannot be read is the
 * item's status. A failure is only for memory. */
AC_MUST_CHECK ac_status ac_file_bytes(ac_buffer *out, const char *path,
                                      ac_item_status *item_status);

#endif

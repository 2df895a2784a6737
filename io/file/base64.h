/** Bytes as text of RFC 4648, with padding. */
#ifndef AC_IO_FILE_BASE64_H
#define AC_IO_FILE_BASE64_H

#include <stdbool.h>

#include "engine/base/buffer.h"

ac_status ac_base64_push(ac_buffer *out, const char *bytes, size_t n);

/** The bytes of a text [n], appended to out; blanks and line breaks in it are passed over.
 * *good: it is base64. */
AC_MUST_CHECK ac_status ac_base64_read(ac_buffer *out, const char *text, size_t n, bool *good);

#endif

/** Fields of CSV files (RFC 4180, UTF-8). */
#ifndef AC_IO_FILE_CSV_WRITE_H
#define AC_IO_FILE_CSV_WRITE_H

#include "engine/base/buffer.h"

/** A field [n], appended: quoted where a comma, a quote or a line break is in it; quotes
 * doubled; what is not UTF-8 becomes U+FFFD. */
void ac_csv_push_field(ac_buffer *out, const char *bytes, size_t n);

#endif

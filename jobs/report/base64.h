/** Bytes in a page. */
#ifndef AC_JOBS_REPORT_BASE64_H
#define AC_JOBS_REPORT_BASE64_H

#include "engine/base/buffer.h"

/** Append n bytes as base64. */
void ac_base64_push(ac_buffer *out, const char *bytes, size_t n);

#endif

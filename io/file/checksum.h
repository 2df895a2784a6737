/** XXH3-128 of whole files: `xxh128sum FILE` prints the same. */
#ifndef AC_IO_FILE_CHECKSUM_H
#define AC_IO_FILE_CHECKSUM_H

#include "engine/base/status.h"

/** hex: 32 lower-case digits and a zero byte. */
AC_MUST_CHECK ac_status ac_file_checksum(const char *path, char hex[33]);

#endif

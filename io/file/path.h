/** Paths put together. */
#ifndef AC_IO_FILE_PATH_H
#define AC_IO_FILE_PATH_H

#include "engine/base/status.h"

/**
 * A path as printf would write it. Free with free().
 * @param[out] out  NULL on failure (AC_E_NOMEM)
 */
AC_MUST_CHECK ac_status ac_path_format(char **out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif

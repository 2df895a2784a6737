#include "io/file/path.h"

#include <stdarg.h>
#include <stdio.h>

ac_status
ac_path_format(char **out, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(out, format, args);
    va_end(args);
    if (n >= 0)
        return AC_OK;
    *out = NULL;
    return ac_error_set(AC_E_NOMEM, "out of memory for a path");
}

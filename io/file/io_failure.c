#include "io/file/io_failure.h"

#include <errno.h>

ac_status
ac_io_failure(int error_number)
{
    switch (error_number) {
    case EIO:
    case ESTALE:
    case ETIMEDOUT:
    case EAGAIN:
    case EINTR:
    case ENOTCONN:
    case ECONNRESET:
    case ECONNREFUSED:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENETUNREACH:
    case EREMOTEIO:
    case ENFILE: return AC_E_RETRY;
    default: return AC_E_IO;
    }
}

/** Which input/output errors may pass. */
#ifndef AC_IO_FILE_IO_FAILURE_H
#define AC_IO_FILE_IO_FAILURE_H

#include "engine/base/status.h"

/** AC_E_RETRY for an error number that may pass by itself (a file server away, a device error),
 * else AC_E_IO. */
AC_MUST_CHECK ac_status ac_io_failure(int error_number);

#endif

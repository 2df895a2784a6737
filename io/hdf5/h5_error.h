/** What went wrong below HDF5, which reports every failure alike. */
#ifndef AC_IO_HDF5_H5_ERROR_H
#define AC_IO_HDF5_H5_ERROR_H

#include <stdbool.h>

#include "engine/base/status.h"

/** Directly after a call of HDF5 that failed: the error number of the system call that it
 * failed by; 0: none, so it is the content. */
int ac_h5_error_number(void);

/** Directly after H5Fopen failed: AC_OK where the content is at fault; else an error that names
 * the file, and the lock where it is that. */
AC_MUST_CHECK ac_status ac_h5_check_opening(const char *path);

/** Directly after H5Fopen failed, with errno 0 before it; after reading failed: is it to be
 * tried again (ac_file_try_again)? */
bool ac_h5_open_again(int *tries);
bool ac_h5_try_again(int *tries);

/** AC_E_FORMAT, or of an error of the system its own status, with a message. */
AC_MUST_CHECK ac_status ac_h5_reading_failed(const char *path, const char *dataset);

#endif

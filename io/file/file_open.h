/**
 * Opening and reading files that others have made, and writing. A pipe, a socket or a device is
 * refused without a look at it, so nothing waits and nothing is endless. An error that may pass
 * by itself (a file server away: EIO, ESTALE, ETIMEDOUT) is tried again, three times, after
 * 0.1, 0.2 and 0.4 s.
 */
#ifndef AC_IO_FILE_FILE_OPEN_H
#define AC_IO_FILE_FILE_OPEN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/status.h"

/** Open a regular file for reading; a pipe only as /dev/stdin or /dev/fd/N, which the shell has
 * opened. On failure -1, and the reason in `why` [AC_FILE_WHY], or AC_E_RETRY's errno. */
enum { AC_FILE_WHY = 160 };
AC_MUST_CHECK ac_status ac_file_open_why(int *file, const char *path, char why[AC_FILE_WHY]);

/** open() for writing, or of a folder: no kind of file is looked at. A new file has the mode
 * 0644. -1: errno says why. */
AC_MUST_CHECK int ac_file_open_for(const char *path, int flags);

/** As ac_file_open_why, with a message that names the file. Where most of a large file was
 * never written (ac_file_is_hollow), it is refused too. */
AC_MUST_CHECK ac_status ac_file_open(int *file, const char *path);
AC_MUST_CHECK ac_status ac_file_open_stream(FILE **stream, const char *path);

/** For libraries that open a file by its name: as ac_file_open would say. */
AC_MUST_CHECK ac_status ac_file_check(const char *path);

/** Up to n bytes at `at`, fewer only at the file's end; false: errno says why. Interrupted and
 * short reads go on. */
AC_MUST_CHECK bool ac_file_read_at(int file, void *bytes, size_t n, int64_t at, size_t *got);

/** Does a regular file that can be read begin with these n <= 128 bytes? */
bool ac_file_begins(const char *path, const char *bytes, size_t n);

/** ac_file_read_at where the file stands, for streams and pipes. */
AC_MUST_CHECK bool ac_file_read_on(int file, void *bytes, size_t n, size_t *got);

/** Write all n bytes, by as many calls as it takes; false: errno says why. An error is not
 * tried again: what was lost by it, nobody knows. */
AC_MUST_CHECK bool ac_file_write(int file, const void *bytes, size_t n);
AC_MUST_CHECK bool ac_file_write_at(int file, const void *bytes, size_t n, int64_t at);

/** Wait before the next try, the doubled time each time; false: no try is left, or the error
 * does not pass by itself. tries: 0 at first. */
AC_MUST_CHECK bool ac_file_try_again(int error_number, int *tries);

/** Are these bytes [at, at + n) of a file more than 64 MiB, and fewer than half of them were
 * ever written (a sparse file: an interrupted download or copy)? *written: how many were. A
 * file system that does not say has written all. */
bool ac_file_is_hollow(int file, int64_t at, int64_t n, int64_t *written);

#endif

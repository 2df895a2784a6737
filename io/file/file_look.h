/**
 * What is at a path, and what is in a folder. An error that may pass by itself (a file server
 * away: EIO, ESTALE, ETIMEDOUT) is tried again as in file_open.h, and is never taken for "not
 * there": that would be a run without its captions, or a manifest written anew.
 */
#ifndef AC_IO_FILE_FILE_LOOK_H
#define AC_IO_FILE_FILE_LOOK_H

#include <dirent.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "engine/base/status.h"

/** stat(). -1: errno says why. */
AC_MUST_CHECK int ac_file_stat(const char *path, struct stat *info);

/** access() by F_OK, by R_OK: errno says why not. True also where a passing error has stayed:
 * whoever opens the file then says so, and ends with AC_E_RETRY. */
bool ac_file_is_there(const char *path);
bool ac_file_is_readable(const char *path);

/** opendir(). NULL: errno says why. Closed by closedir(). */
AC_MUST_CHECK DIR *ac_folder_open(const char *path);

/** readdir(). *entry: NULL at the folder's end. path: for the message. */
AC_MUST_CHECK ac_status ac_folder_next(struct dirent **entry, DIR *folder, const char *path);

/** scandir(), in bytewise order. -1: errno says why. */
AC_MUST_CHECK int ac_folder_scan(const char *path, struct dirent ***entries,
                                 int (*select)(const struct dirent *entry));

#endif

#include "io/file/file_look.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io/file/file_open.h"
#include "io/file/io_failure.h"

int
ac_file_stat(const char *path, struct stat *info)
{
    int tries = 0, result;

    do {
        result = stat(path, info);
    } while (result != 0 && (errno == EINTR || ac_file_try_again(errno, &tries)));
    return result;
}

static bool
may(const char *path, int mode)
{
    int tries = 0, result;

    do {
        result = access(path, mode);
    } while (result != 0 && (errno == EINTR || ac_file_try_again(errno, &tries)));
    return result == 0 || ac_io_failure(errno) == AC_E_RETRY;
}

bool
ac_file_is_there(const char *path)
{
    return may(path, F_OK);
}

bool
ac_file_is_readable(const char *path)
{
    return may(path, R_OK);
}

DIR *
ac_folder_open(const char *path)
{
    int tries = 0;
    DIR *folder;

    do {
        folder = opendir(path);
    } while (!folder && (errno == EINTR || ac_file_try_again(errno, &tries)));
    return folder;
}

ac_status
ac_folder_next(struct dirent **entry, DIR *folder, const char *path)
{
    int tries = 0;

    do {
        errno = 0;
        *entry = readdir(folder);
    } while (!*entry && errno && (errno == EINTR || ac_file_try_again(errno, &tries)));
    if (*entry || !errno)
        return AC_OK;
    return ac_error_set(ac_io_failure(errno), "%s: the folder cannot be read to its end: %s",
                        path, strerror(errno));
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int
ac_folder_scan(const char *path, struct dirent ***entries,
               int (*select)(const struct dirent *entry))
{
    int tries = 0, count;

    do {
        count = scandir(path, entries, select, by_bytes);
    } while (count < 0 && (errno == EINTR || ac_file_try_again(errno, &tries)));
    return count;
}

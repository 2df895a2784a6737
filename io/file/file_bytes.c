#include "io/file/file_bytes.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file/file_open.h"
#include "io/file/io_failure.h"

ac_status
ac_file_item_unreadable(ac_item_status *status, const char *path, int error_number,
                        const char *why)
{
    const ac_status st = error_number ? ac_io_failure(error_number) : AC_OK;

    if (st == AC_E_RETRY)
        return ac_error_set(st,
                            "%s: cannot be read: %s; run again, and where that stays so, take "
                            "the file out of the input",
                            path, why);
    if (error_number == EMFILE || error_number == ENOMEM)
        return ac_error_set(error_number == ENOMEM ? AC_E_NOMEM : AC_E_IO,
                            "%s: cannot be read: %s", path, why);
    return ac_item_status_set(status, AC_REJECT_UNREADABLE, "%s", why);
}

bool
ac_file_item_fits(int file, int64_t at, int64_t n, ac_item_status *status)
{
    int64_t written;

    if (n > AC_ITEM_MOST_BYTES)
        ac_item_status_set(status, AC_REJECT_TOO_LARGE,
                           "%lld bytes, where an item has at most %lld", (long long) n,
                           (long long) AC_ITEM_MOST_BYTES);
    else if (ac_file_is_hollow(file, at, n, &written))
        ac_item_status_set(status, AC_REJECT_TRUNCATED,
                           "of its %lld bytes only %lld were ever written (a sparse file)",
                           (long long) n, (long long) written);
    return status->reason == AC_GOOD;
}

ac_status
ac_file_bytes(ac_buffer *out, const char *path, ac_item_status *item_status)
{
    ac_status st = AC_OK;
    struct stat info;
    char why[AC_FILE_WHY];
    int fd;

    ac_buffer_reset(out);
    *item_status = (ac_item_status){ 0 };
    if (ac_file_open_why(&fd, path, why) != AC_OK)
        return ac_file_item_unreadable(item_status, path, errno, why);
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        ac_item_status_set(item_status, AC_REJECT_UNREADABLE, "not a regular file");
        goto out;
    }
    if (!ac_file_item_fits(fd, 0, info.st_size, item_status))
        goto out;
    AC_TRY(ac_buffer_reserve(out, (size_t) info.st_size));
    /* a file that is shorter than it was: the decoder says so */
    if (!ac_file_read_at(fd, out->data, (size_t) info.st_size, 0, &out->size))
        st = ac_file_item_unreadable(item_status, path, errno, strerror(errno));
out:
    close(fd);
    return st;
}

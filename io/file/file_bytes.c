#include "io/file/file_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file/publish.h"

enum { READ_TRIES = 3 };

/* All of an open file of `room` bytes. An input/output error may pass (a file server, a disk's
 * second look): it is tried again. */
static bool
read_all(int fd, char *bytes, size_t room, size_t *used)
{
    int failures = 0;

    for (*used = 0; *used < room;) {
        const ssize_t got = pread(fd, bytes + *used, room - *used, (off_t) *used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (ac_io_failure(errno) != AC_E_RETRY || ++failures == READ_TRIES))
            return false;
        if (got == 0)
            break; /* shorter than it was: the decoder says so */
        *used += got > 0 ? (size_t) got : 0;
    }
    return true;
}

ac_status
ac_file_bytes(ac_buffer *out, const char *path, ac_item_status *item_status)
{
    ac_status st = AC_OK;
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not make us wait */

    ac_buffer_reset(out);
    *item_status = (ac_item_status){ 0 };
    if (fd < 0)
        return ac_item_status_set(item_status, AC_REJECT_UNREADABLE, "%s", strerror(errno));
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        ac_item_status_set(item_status, AC_REJECT_UNREADABLE, "%s",
                           S_ISDIR(info.st_mode) ? "a folder, not a file"
                                                 : "not a regular file");
        goto out;
    }
    AC_TRY(ac_buffer_reserve(out, (size_t) info.st_size));
    if (!read_all(fd, out->data, (size_t) info.st_size, &out->size))
        ac_item_status_set(item_status, AC_REJECT_UNREADABLE, "%s", strerror(errno));
out:
    close(fd);
    return st;
}

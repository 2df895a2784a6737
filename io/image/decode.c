#include "io/image/decode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/image/exif.h"
#include "io/image/formats.h"
#include "io/file/publish.h"

enum { READ_TRIES = 3 };

static bool
begins(const unsigned char *bytes, size_t n, const char *with, size_t length)
{
    return n >= length && memcmp(bytes, with, length) == 0;
}

ac_status
ac_image_decode(ac_image *out, const void *data, size_t n, int64_t max_pixels,
                ac_item_status *item_status)
{
    const unsigned char *bytes = data;
    ac_status st = AC_OK;

    *out = (ac_image){ 0 };
    *item_status = (ac_item_status){ 0 };
    if (n == 0)
        return ac_item_status_set(item_status, AC_REJECT_EMPTY, "no bytes");
    if (begins(bytes, n, "\xff\xd8\xff", 3))
        st = ac_jpeg_decode(out, bytes, n, max_pixels, item_status);
    else if (begins(bytes, n, "\x89PNG\r\n\x1a\n", 8))
        st = ac_png_decode(out, bytes, n, max_pixels, item_status);
    else if (n >= 12 && begins(bytes, n, "RIFF", 4) && memcmp(bytes + 8, "WEBP", 4) == 0)
        st = ac_webp_decode(out, bytes, n, max_pixels, item_status);
    else if (begins(bytes, n, "BM", 2))
        st = ac_bmp_decode(out, bytes, n, max_pixels, item_status);
    else
        ac_item_status_set(item_status, AC_REJECT_UNSUPPORTED_FORMAT,
                           "neither JPEG, PNG, BMP nor WebP by its content");
    if (st != AC_OK || item_status->reason != AC_GOOD)
        ac_image_free(out);
    else
        out->orientation = ac_exif_orientation(bytes, n);
    return st;
}

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
ac_image_file_bytes(ac_buffer *out, const char *path, ac_item_status *item_status)
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

ac_status
ac_image_read_file(ac_image *out, const char *path, int64_t max_pixels,
                   ac_item_status *item_status)
{
    ac_buffer bytes = { 0 };
    ac_status st = AC_OK;

    *out = (ac_image){ 0 };
    AC_TRY(ac_image_file_bytes(&bytes, path, item_status));
    if (item_status->reason == AC_GOOD)
        st = ac_image_decode(out, bytes.data, bytes.size, max_pixels, item_status);
out:
    ac_buffer_free(&bytes);
    return st;
}

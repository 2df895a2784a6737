#include "io/source/tar_unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/file_look.h"
#include "io/file/file_open.h"
#include "io/file/publish.h"
#include "io/source/tar_reader.h"
#include "io/text/byte_stream.h"

enum { PIECE = 1 << 20, HALF_HEADER = 100 };

static ac_status
write_all(int file, const char *path, const char *bytes, int64_t n)
{
    if (!ac_file_write(file, bytes, (size_t) n))
        return ac_error_set(ac_io_failure(errno),
                            "%s: cannot be written: %s; is the disk full?", path,
                            strerror(errno));
    return AC_OK;
}

static ac_status
copy(ac_byte_stream *stream, int file, const char *path, ac_buffer *damage)
{
    char *piece = NULL;
    int64_t got = PIECE;
    ac_status st = AC_OK, read_status = AC_OK;

    AC_TRY(ac_alloc(&piece, PIECE, 1));
    while (got == PIECE && read_status == AC_OK) {
        read_status = ac_byte_stream_read(stream, piece, PIECE, &got);
        if (read_status == AC_E_FORMAT)
            AC_TRY(ac_buffer_push_text(damage, ac_error_message()));
        else
            AC_TRY(read_status);
        AC_TRY(write_all(file, path, piece, got));
    }
out:
    free(piece);
    return st;
}

/* A tar whose stream broke off between two members looks whole: half a header says that it is
 * not. */
static ac_status
mark_cut(int file, const char *path)
{
    ac_tar_reader reader = { 0 };
    ac_tar_member member;
    bool there = true;
    ac_status st = AC_OK;

    AC_TRY(ac_tar_reader_open(&reader, path));
    while (there && st == AC_OK)
        st = ac_tar_reader_next(&reader, &member, &there);
    if (st == AC_E_FORMAT) { /* it says so itself */
        st = AC_OK;
        goto out;
    }
    AC_TRY(st);
    if (ftruncate(file, reader.at) != 0 || ftruncate(file, reader.at + HALF_HEADER) != 0)
        st = ac_error_set(ac_io_failure(errno), "%s: cannot be written: %s", path,
                          strerror(errno));
out:
    ac_tar_reader_close(&reader);
    return st;
}

static ac_status
finish(int file, const char *path, const char *from)
{
    struct stat info;

    if (ac_file_stat(from, &info) == 0) {
        const struct timespec times[2] = { info.st_atim, info.st_mtim };
        if (futimens(file, times) != 0)
            return ac_error_set(ac_io_failure(errno), "%s: its time cannot be set: %s", path,
                                strerror(errno));
    }
    if (fsync(file) != 0)
        return ac_error_set(ac_io_failure(errno),
                            "%s: cannot be written: %s; is the disk full?", path,
                            strerror(errno));
    return AC_OK;
}

ac_status
ac_tar_unpack(const char *from, const char *to, int64_t memory, ac_buffer *damage)
{
    ac_byte_stream stream = { 0 };
    char *temporary = NULL;
    int file = -1;
    ac_status st = AC_OK;

    ac_buffer_reset(damage);
    AC_TRY(ac_byte_stream_open(&stream, from));
    ac_byte_stream_limit(&stream, memory);
    AC_TRY(ac_publish_temporary(&temporary, to));
    file = ac_file_open_for(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC);
    if (file < 0)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be created: %s", temporary, strerror(errno));
    AC_TRY(copy(&stream, file, temporary, damage));
    if (damage->size)
        AC_TRY(mark_cut(file, temporary));
    AC_TRY(finish(file, temporary, from));
    AC_TRY(ac_publish_rename(temporary, to));
out:
    if (file >= 0)
        close(file);
    if (st != AC_OK && temporary)
        unlink(temporary);
    free(temporary);
    ac_byte_stream_close(&stream);
    return st;
}

#include "io/file/file_open.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/file/io_failure.h"

enum { MOST_TRIES = 3, FIRST_WAIT_MS = 100, MOST_PARTS = 10000 };

#define HOLLOW_BYTES ((int64_t) 64 << 20)
#define MOST_AT_ONCE ((size_t) 1 << 30) /* the kernel moves no more than 2 GiB by one call */

/* ---- errors that pass ---- */

bool
ac_file_try_again(int error_number, int *tries)
{
    const int ms = FIRST_WAIT_MS << *tries;
    struct timespec wait = { ms / 1000, ms % 1000 * 1000000L };

    if (ac_io_failure(error_number) != AC_E_RETRY || *tries == MOST_TRIES)
        return false;
    ++*tries;
    while (nanosleep(&wait, &wait) != 0 && errno == EINTR)
        ;
    return true;
}

/* ---- opening ---- */

/* A pipe that the shell has opened, as <(…) does: somebody writes into it. */
static bool
is_inherited(const char *path)
{
    return strncmp(path, "/dev/fd/", 8) == 0 || strncmp(path, "/proc/self/fd/", 14) == 0 ||
           strcmp(path, "/dev/stdin") == 0;
}

static const char *
kind_of(mode_t mode)
{
    return S_ISDIR(mode)    ? "a folder, not a file"
           : S_ISFIFO(mode) ? "not a regular file but a pipe"
           : S_ISSOCK(mode) ? "not a regular file but a socket"
                            : "not a regular file but a device";
}

/* errno, or 0 with `why`. Looked at before it is opened: opening alone does something to some
 * devices. */
static int
open_once(int *file, const char *path, char why[AC_FILE_WHY])
{
    struct stat info;

    *file = -1;
    if (stat(path, &info) != 0)
        return errno;
    if (!S_ISREG(info.st_mode) && !(S_ISFIFO(info.st_mode) && is_inherited(path))) {
        snprintf(why, AC_FILE_WHY, "%s", kind_of(info.st_mode));
        return 0;
    }
    *file = open(path, O_RDONLY | O_CLOEXEC | (S_ISREG(info.st_mode) ? O_NONBLOCK : 0));
    if (*file < 0)
        return errno;
    if (fstat(*file, &info) == 0 &&
        (S_ISREG(info.st_mode) || (S_ISFIFO(info.st_mode) && is_inherited(path))))
        return 0;
    snprintf(why, AC_FILE_WHY, "%s", kind_of(info.st_mode));
    close(*file);
    *file = -1;
    return 0;
}

ac_status
ac_file_open_why(int *file, const char *path, char why[AC_FILE_WHY])
{
    int tries = 0, error;

    why[0] = '\0';
    do {
        error = open_once(file, path, why);
    } while (error == EINTR || (error && ac_file_try_again(error, &tries)));
    if (error)
        snprintf(why, AC_FILE_WHY, "%s", strerror(error));
    errno = error;
    return *file >= 0 ? AC_OK : error ? ac_io_failure(error) : AC_E_IO;
}

int
ac_file_open_for(const char *path, int flags)
{
    int tries = 0, file;

    do {
        file = open(path, flags, 0644);
    } while (file < 0 && (errno == EINTR || ac_file_try_again(errno, &tries)));
    return file;
}

static ac_status
check_hollow(int file, const char *path)
{
    struct stat info;
    int64_t written;

    if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode) ||
        !ac_file_is_hollow(file, 0, info.st_size, &written))
        return AC_OK;
    return ac_error_set(AC_E_FORMAT,
                        "%s: of its %lld bytes only %lld were ever written (a sparse file), as "
                        "an interrupted download or copy leaves: fetch the file again",
                        path, (long long) info.st_size, (long long) written);
}

ac_status
ac_file_open(int *file, const char *path)
{
    char why[AC_FILE_WHY];
    ac_status st = ac_file_open_why(file, path, why);

    if (st != AC_OK)
        return ac_error_set(st, "%s: cannot be opened: %s", path, why);
    st = check_hollow(*file, path);
    if (st != AC_OK) {
        close(*file);
        *file = -1;
    }
    return st;
}

ac_status
ac_file_open_stream(FILE **stream, const char *path)
{
    int file;
    ac_status st = ac_file_open(&file, path);

    *stream = NULL;
    if (st != AC_OK)
        return st;
    if (!(*stream = fdopen(file, "rb"))) {
        st = ac_error_set(AC_E_NOMEM, "%s: cannot be opened: %s", path, strerror(errno));
        close(file);
    }
    return st;
}

ac_status
ac_file_check(const char *path)
{
    int file;
    const ac_status st = ac_file_open(&file, path);

    if (st == AC_OK)
        close(file);
    return st;
}

/* ---- reading ---- */

bool
ac_file_read_at(int file, void *bytes, size_t n, int64_t at, size_t *got)
{
    int tries = 0;

    for (*got = 0; *got < n;) {
        const size_t wanted = n - *got < MOST_AT_ONCE ? n - *got : MOST_AT_ONCE;
        const ssize_t done =
            pread(file, (char *) bytes + *got, wanted, (off_t) (at + (int64_t) *got));
        if (done < 0 && (errno == EINTR || ac_file_try_again(errno, &tries)))
            continue;
        if (done < 0)
            return false;
        if (done == 0)
            break;
        *got += (size_t) done;
    }
    return true;
}

bool
ac_file_begins(const char *path, const char *bytes, size_t n)
{
    char head[128], why[AC_FILE_WHY];
    size_t got;
    int file;
    bool is;

    AC_CHECK(n <= sizeof head);
    if (ac_file_open_why(&file, path, why) != AC_OK)
        return false;
    is = ac_file_read_at(file, head, n, 0, &got) && got == n && memcmp(head, bytes, n) == 0;
    close(file);
    return is;
}

bool
ac_file_read_on(int file, void *bytes, size_t n, size_t *got)
{
    int tries = 0;

    for (*got = 0; *got < n;) {
        const size_t wanted = n - *got < MOST_AT_ONCE ? n - *got : MOST_AT_ONCE;
        const ssize_t done = read(file, (char *) bytes + *got, wanted);
        if (done < 0 && (errno == EINTR || ac_file_try_again(errno, &tries)))
            continue;
        if (done < 0)
            return false;
        if (done == 0)
            break;
        *got += (size_t) done;
    }
    return true;
}

/* ---- writing ---- */

bool
ac_file_write(int file, const void *bytes, size_t n)
{
    for (size_t at = 0; at < n;) {
        const size_t wanted = n - at < MOST_AT_ONCE ? n - at : MOST_AT_ONCE;
        const ssize_t done = write(file, (const char *) bytes + at, wanted);
        if (done < 0 && errno != EINTR)
            return false;
        at += done > 0 ? (size_t) done : 0;
    }
    return true;
}

bool
ac_file_write_at(int file, const void *bytes, size_t n, int64_t at)
{
    for (size_t from = 0; from < n;) {
        const size_t wanted = n - from < MOST_AT_ONCE ? n - from : MOST_AT_ONCE;
        const ssize_t done =
            pwrite(file, (const char *) bytes + from, wanted, (off_t) (at + (int64_t) from));
        if (done < 0 && errno != EINTR)
            return false;
        from += done > 0 ? (size_t) done : 0;
    }
    return true;
}

/* ---- holes ---- */

bool
ac_file_is_hollow(int file, int64_t at, int64_t n, int64_t *written)
{
    int64_t from = at;
    const int64_t end = at + n;
    int parts = 0;

    *written = n;
    if (n <= HOLLOW_BYTES)
        return false;
    for (*written = 0; from < end && parts < MOST_PARTS; parts++) {
        const off_t data = lseek(file, (off_t) from, SEEK_DATA);
        off_t hole;
        if (data < 0 && errno == ENXIO)
            break; /* no data behind `from` */
        if (data < 0 || (hole = lseek(file, data, SEEK_HOLE)) < 0) {
            *written = n; /* the file system does not say */
            break;
        }
        if (data < end)
            *written += (hole < end ? hole : end) - data;
        from = hole;
    }
    if (parts == MOST_PARTS) /* so many parts are no interrupted copy's */
        *written = n;
    (void) lseek(file, 0, SEEK_SET);
    return *written < n / 2;
}

#include "io/file/file_head.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "io/file/file_open.h"

typedef struct span {
    const char *at;
    size_t n;
} span;

static bool
begins(span s, const char *what)
{
    const size_t n = strlen(what);

    return s.n >= n && strncasecmp(s.at, what, n) == 0;
}

static span
behind(span s, size_t n)
{
    return (span){ s.at + n, s.n - n };
}

/* Behind the next `what`; empty where there is none. */
static span
behind_next(span s, const char *what)
{
    const char *found = s.n ? memmem(s.at, s.n, what, strlen(what)) : NULL;

    return found ? behind(s, (size_t) (found - s.at) + strlen(what)) : (span){ NULL, 0 };
}

/* A pointer says its version, then the hash and the size, and is no longer than a head. */
static bool
is_pointer(span s)
{
    return (begins(s, "version https://git-lfs.github.com/spec/") ||
            begins(s, "version https://hawser.github.com/spec/")) &&
           behind_next((span){ s.at, s.n < AC_HEAD_BYTES ? s.n : AC_HEAD_BYTES }, "\noid ").at;
}

/* HTML behind white space, comments and an XML declaration; or what object stores answer with
 * in place of a file. */
static bool
is_page(span s)
{
    static const char *const tags[] = { "<!doctype html", "<html",  "<head",  "<body",
                                        "<title",         "<meta ", "<script" };
    bool declared = false;

    s.n = s.n < AC_HEAD_BYTES ? s.n : AC_HEAD_BYTES;
    for (;;) {
        while (s.n && strchr(" \t\r\n\f", *s.at) && *s.at)
            s = behind(s, 1);
        if (begins(s, "<!--")) {
            s = behind_next(s, "-->");
        } else if (begins(s, "<?xml")) {
            s = behind_next(s, "?>");
            declared = true;
        } else {
            break;
        }
    }
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (begins(s, tags[i]))
            return true;
    return declared && (begins(s, "<error>") || begins(s, "<error "));
}

/* Every second byte zero, as Latin letters are in UTF-16; or a mark, which no UTF-8 begins
 * with. */
static bool
is_utf16(const unsigned char *p, size_t n)
{
    if (n >= 2 && ((p[0] == 0xff && p[1] == 0xfe) || (p[0] == 0xfe && p[1] == 0xff)))
        return true;
    if (n >= 4 && p[0] == 0 && p[1] == 0 && p[2] == 0xfe && p[3] == 0xff)
        return true;
    return n >= 4 && n % 2 == 0 &&
           ((p[0] && !p[1] && p[2] && !p[3]) || (!p[0] && p[1] && !p[2] && p[3]));
}

/* POSIX's mark, or, of a tar from before it, a header whose checksum is right: all its bytes,
 * the checksum's own as blanks. */
static bool
is_tar(const unsigned char *p, size_t n)
{
    enum { HEADER = 512, SUM_AT = 148, SUM_SIZE = 8, MARK_AT = 257 };
    unsigned sum = 0, said = 0;
    size_t i = SUM_AT;

    if (n < HEADER)
        return false;
    if (memcmp(p + MARK_AT, "ustar", 5) == 0)
        return true;
    for (size_t k = 0; k < HEADER; k++)
        sum += k >= SUM_AT && k < SUM_AT + SUM_SIZE ? ' ' : p[k];
    while (p[i] == ' ' && i < SUM_AT + SUM_SIZE)
        i++;
    for (; i < SUM_AT + SUM_SIZE && p[i] >= '0' && p[i] <= '7'; i++)
        said = 8 * said + (unsigned) (p[i] - '0');
    return p[0] != '\0' && said == sum;
}

static bool
has_at(span s, size_t at, const char *what, size_t n)
{
    return s.n >= at + n && memcmp(s.at + at, what, n) == 0;
}

bool
ac_head_is_zstd(const void *bytes, size_t n)
{
    const unsigned char *p = bytes;

    return n >= 4 && (memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0 ||
                      ((p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0));
}

ac_head
ac_head_of(const void *bytes, size_t n)
{
    const span s = { bytes, n };

    if (n == 0)
        return AC_HEAD_OTHER;
    if (is_pointer(s))
        return AC_HEAD_POINTER;
    if (is_page(behind(s, ac_head_mark(bytes, n))))
        return AC_HEAD_PAGE;
    return is_tar(bytes, n)              ? AC_HEAD_TAR
           : has_at(s, 0, "\x1f\x8b", 2) ? AC_HEAD_GZIP
           : ac_head_is_zstd(bytes, n)   ? AC_HEAD_ZSTD
           : has_at(s, 0, "PK\3\4", 4)   ? AC_HEAD_ZIP
           : is_utf16(bytes, n)          ? AC_HEAD_UTF16
                                         : AC_HEAD_OTHER;
}

const char *
ac_head_describe(ac_head head)
{
    switch (head) {
    case AC_HEAD_POINTER:
        return "a Git LFS pointer, not the file itself: `git lfs pull` fetches it";
    case AC_HEAD_PAGE: return "an HTML page, as a failed download leaves: fetch the file again";
    case AC_HEAD_TAR: return "a tar, not plain text: unpack it";
    case AC_HEAD_GZIP: return "a gzip file, not plain text: unpack it";
    case AC_HEAD_ZSTD: return "a zstd file, not plain text: unpack it";
    case AC_HEAD_ZIP: return "a zip archive, not plain text: unpack it";
    case AC_HEAD_UTF16:
        return "text in UTF-16 or UTF-32, not UTF-8: `iconv -f UTF-16 -t UTF-8` converts it";
    case AC_HEAD_OTHER: break;
    }
    return NULL;
}

static ac_status
refuse(const char *path, ac_head head)
{
    return ac_error_set(AC_E_FORMAT, "%s: %s", path, ac_head_describe(head));
}

ac_status
ac_head_check(const char *path, const void *bytes, size_t n)
{
    const ac_head head = ac_head_of(bytes, n);

    return head == AC_HEAD_POINTER || head == AC_HEAD_PAGE ? refuse(path, head) : AC_OK;
}

ac_status
ac_head_check_text(const char *path, const void *bytes, size_t n)
{
    const ac_head head = ac_head_of(bytes, n);

    return head == AC_HEAD_OTHER ? AC_OK : refuse(path, head);
}

ac_status
ac_head_check_file(const char *path)
{
    char bytes[AC_HEAD_BYTES];
    char why[AC_FILE_WHY];
    int fd;
    size_t n = 0;
    bool good;

    if (ac_file_open_why(&fd, path, why) != AC_OK)
        return AC_OK;
    good = ac_file_read_at(fd, bytes, sizeof bytes, 0, &n); /* of a pipe it fails */
    close(fd);
    return good && n > 0 ? ac_head_check(path, bytes, n) : AC_OK;
}

size_t
ac_head_mark(const void *bytes, size_t n)
{
    return n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

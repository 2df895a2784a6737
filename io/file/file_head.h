/** What people have in place of the file they mean, told by its first bytes: a Git LFS pointer,
 * the page of a failed download, an archive, text in another encoding. */
#ifndef AC_IO_FILE_FILE_HEAD_H
#define AC_IO_FILE_FILE_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/status.h"

typedef enum ac_head {
    AC_HEAD_OTHER = 0,
    AC_HEAD_POINTER, /* of Git LFS */
    AC_HEAD_PAGE,    /* HTML, or a server's error in XML */
    AC_HEAD_TAR,
    AC_HEAD_GZIP,
    AC_HEAD_ZSTD,
    AC_HEAD_ZIP,
    AC_HEAD_UTF16, /* text in UTF-16 or UTF-32, with its byte-order mark or without */
} ac_head;

/** So many bytes of a file's beginning tell its kind. */
enum { AC_HEAD_BYTES = 1024 };

/** bytes [n]: the file's beginning, all of it or at least AC_HEAD_BYTES. */
ac_head ac_head_of(const void *bytes, size_t n);

/** What it is, and what to do: "a Git LFS pointer, not the file itself: …". A constant. NULL
 * for AC_HEAD_OTHER. */
const char *ac_head_describe(ac_head head);

/** AC_E_FORMAT, naming the file, for a pointer or a page: wherever a file is expected. */
AC_MUST_CHECK ac_status ac_head_check(const char *path, const void *bytes, size_t n);

/** The same for each kind above: where plain text in UTF-8 is expected. */
AC_MUST_CHECK ac_status ac_head_check_text(const char *path, const void *bytes, size_t n);

/** ac_head_check of a file that another library is to read. A file that cannot be opened or
 * read is AC_OK: that library says so. */
AC_MUST_CHECK ac_status ac_head_check_file(const char *path);

/** Bytes of UTF-8's byte-order mark at the head: 3, or 0. */
size_t ac_head_mark(const void *bytes, size_t n);

/** Do these n bytes begin zstd data? A frame that is to be skipped, as pzstd writes first, is
 * one too. */
bool ac_head_is_zstd(const void *bytes, size_t n);

#endif

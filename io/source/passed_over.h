/** The files of an input that are no items: how many, of which extensions, and the first names.
 */
#ifndef AC_IO_SOURCE_PASSED_OVER_H
#define AC_IO_SOURCE_PASSED_OVER_H

#include <stdbool.h>

#include "engine/base/buffer.h"
#include "io/file/skip.h"

enum {
    AC_PASSED_OVER_NAMES = 10,
    AC_PASSED_OVER_KINDS = 64, /* extensions told apart; the others count as none */
    AC_PASSED_OVER_LETTERS = 9 /* of an extension, and a zero byte */
};

typedef struct ac_passed_kind {
    char extension[AC_PASSED_OVER_LETTERS]; /* lower case, without the dot; "": none */
    int64_t count;
} ac_passed_kind;

/** Starts zeroed; owns its names. */
typedef struct ac_passed_over {
    int64_t files;        /* passed over by their extension */
    int64_t apple_double; /* what macOS leaves beside a file, as ._NAME */
    ac_skip skipped;      /* folders and files that input.skip names */
    int kinds;
    ac_passed_kind kind[AC_PASSED_OVER_KINDS]; /* most first, after ac_passed_over_sort */
    char *names[AC_PASSED_OVER_NAMES];         /* the first, bytewise */
} ac_passed_over;

void ac_passed_over_free(ac_passed_over *self);

/** A file that is not an item. Captions (.txt) and our own .knn files are not counted. */
AC_MUST_CHECK ac_status ac_passed_over_add(ac_passed_over *self, const char *name);

/** Most first, then by name: the same whatever order they came in. */
void ac_passed_over_sort(ac_passed_over *self);

/** Was anything passed over? */
bool ac_passed_over_any(const ac_passed_over *self);

/** Appended to out: "3 .psd, 1 .svg, 2 without an extension (a.psd, b/c.svg, …)". Sorted
 * before; files > 0. */
void ac_passed_over_print(const ac_passed_over *self, ac_buffer *out);

/** Appended to out, as a JSON object: {"files", "extensions": {…}, "first": […],
 * "apple_double", and, where it passed over any, "skipped": {…}}. */
void ac_passed_over_push_json(const ac_passed_over *self, ac_buffer *out);

/** Is the file what macOS leaves beside another (a name that begins with "._", and
 * AppleDouble's first bytes)? */
bool ac_is_apple_double(const char *path, const char *name);

#endif

/** Several paths in one text: "a.tar::b.tar", "data/{00000..00041}.tar", "{train,val}.tar". */
#ifndef AC_IO_FILE_PATH_SET_H
#define AC_IO_FILE_PATH_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buffer.h"

/** Does the text name several paths, by "::" or a range in braces? A file that has just this
 * name is one path. */
bool ac_path_set_is(const char *text);

/**
 * The paths, in the order written, appended to out. Braces as the shell's and webdataset's: in
 * each other ("{a,b{0..1}}"), ranges up and down, with a step ("{0..8..2}"), of letters;
 * numbers keep the width of a bound that begins with 0. Braces that hold neither ".." nor a
 * comma stand for themselves. Blanks beside "::" are none of a path's. AC_E_ARG where a range
 * is none, or there are more than a million paths.
 */
AC_MUST_CHECK ac_status ac_path_set_expand(const char *text, ac_texts *out);

/** The text with `folder` (with its slash) in front of each relative path, and without the
 * blanks beside "::"; free with free(). */
AC_MUST_CHECK ac_status ac_path_set_resolve(char **out, const char *folder, const char *text);

#endif

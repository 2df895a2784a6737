/** Captions in JSON files of any kind, and in JSON lines, as records. */
#ifndef AC_IO_SOURCE_CAPTION_SET_JSON_H
#define AC_IO_SOURCE_CAPTION_SET_JSON_H

#include "io/source/caption_records.h"

/** AC_E_FORMAT names the file and the place in it. */
AC_MUST_CHECK ac_status ac_captions_read_json(ac_caption_records *out, const char *path);
AC_MUST_CHECK ac_status ac_captions_read_lines(ac_caption_records *out, const char *path);

#endif

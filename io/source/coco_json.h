/** The JSON of captions as it comes from the web. */
#ifndef AC_IO_SOURCE_COCO_JSON_H
#define AC_IO_SOURCE_COCO_JSON_H

#include <jansson.h>

#include "engine/base/status.h"

/**
 * Read a file as ac_json_file_read does. Texts may hold zero bytes (\u0000). So do, in place of
 * what was there, texts with half of a surrogate pair or with bytes that are not UTF-8: Python
 * writes such files, and they are no JSON by the letter.
 */
AC_MUST_CHECK ac_status ac_coco_json_read(json_t **out, const char *path);

#endif

/**
 * Reading JSON without building its values: for large files of which little is wanted. What is
 * read is what jansson reads; whatever this does not take (it says false), jansson decides on.
 */
#ifndef AC_IO_FILE_JSON_SCAN_H
#define AC_IO_FILE_JSON_SCAN_H

#include <stdbool.h>

#include "engine/base/buffer.h"

/** What is left of a text. Each function passes over what it read, and over white space. */
typedef struct ac_json_scan {
    const char *at, *end;
} ac_json_scan;

ac_json_scan ac_json_scan_begin(const char *text, size_t n);

/** Is this sign next? Then it is passed over. */
bool ac_json_scan_sign(ac_json_scan *self, char sign);

/** A string; its bytes are appended to out. False: none, or one that is not UTF-8, or memory.
 */
bool ac_json_scan_string(ac_json_scan *self, ac_buffer *out);

/** A string without escapes, as it stands in the text. */
bool ac_json_scan_name(ac_json_scan *self, const char **name, size_t *n);

/** A whole number of at most 18 digits, as a text. */
bool ac_json_scan_whole(ac_json_scan *self, ac_buffer *out);

/** Pass over a value: brackets and quotation marks are seen, nothing else is checked. */
bool ac_json_scan_skip(ac_json_scan *self);

#endif

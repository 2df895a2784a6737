/** Values of jansson's from texts that may be anything. */
#ifndef AC_IO_FILE_JSON_VALUE_H
#define AC_IO_FILE_JSON_VALUE_H

#include <jansson.h>

/** A text; bytes that are not UTF-8 become U+FFFD, as in ac_json_text (json_string gives NULL
 * for them). NULL: out of memory. */
json_t *ac_json_text_value(const char *text);

#endif

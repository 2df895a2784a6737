/** Writing JSON text: streaming, into an ac_buffer. (Reading is jansson's.) */
#ifndef AC_IO_FILE_JSON_WRITE_H
#define AC_IO_FILE_JSON_WRITE_H

#include <stddef.h>

#include "engine/base/buffer.h"

/** A quoted, escaped JSON string. Bytes that are not UTF-8 become U+FFFD, so that the result
 * always is JSON. */
ac_status ac_json_string(ac_buffer *self, const char *bytes, size_t n);
ac_status ac_json_text(ac_buffer *self, const char *text);

/** A float that reads back exactly ("%.9g"); null where it is not finite. */
ac_status ac_json_float(ac_buffer *self, float x);

/** A double in the fewest digits (15 to 17) that read back to it; null where it is not finite.
 */
ac_status ac_json_double(ac_buffer *self, double x);

/** "NAME": "the string"; of the second, text i of texts. */
ac_status ac_json_field(ac_buffer *self, const char *name, const char *bytes, size_t n);
ac_status ac_json_texts_field(ac_buffer *self, const char *name, const ac_texts *texts,
                              int64_t i);

/** Append JSON [n] for a terminal: it reads back the same, but each character of its strings
 * that ac_text_obeyed finds is written as \u202e. */
ac_status ac_json_push_visible(ac_buffer *self, const char *json, size_t n);

#endif

/** Values of jansson's from texts that may be anything. */
#ifndef AC_IO_FILE_JSON_VALUE_H
#define AC_IO_FILE_JSON_VALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buffer.h"

/** A text; bytes that are not UTF-8 become U+FFFD, as in ac_json_text (json_string gives NULL
 * for them). NULL: out of memory. */
json_t *ac_json_text_value(const char *text);

/**
 * json_loadb for what other people's programs wrote. Python writes NaN and Infinity, which are
 * no JSON: they are null. Numbers that are too large for jansson are the nearest double, or
 * null. free with json_decref; NULL: *error says why (NULL: not wanted).
 */
json_t *ac_json_parse(const char *text, size_t n, size_t flags, json_error_t *error);

/** JSON whose texts hold what no text can: half of a surrogate pair, bytes that are not UTF-8,
 * and, with `nul`, \u0000. Each becomes `with`, an escape; all else stays. Appended to out. */
AC_MUST_CHECK ac_status ac_json_mend_texts(ac_buffer *out, const char *text, size_t n,
                                           const char *with, bool nul);

/** The JSON object that came with an image, of whatever program: as ac_json_parse, without a
 * byte-order mark, with U+FFFD in place of what no text can hold. NULL: it is no object. Free
 * with json_decref. */
json_t *ac_json_parse_metadata(const char *text, size_t n);

/** What came with an image, as it is kept: the bytes as they came, where they are a JSON
 * object; without a byte-order mark, and with U+FFFD in place of what is not UTF-8. Nothing
 * where they are none. */
AC_MUST_CHECK ac_status ac_json_keep_metadata(ac_buffer *text);

/** A value as text: numbers in the fewest digits that read back to them (jansson writes 0.1 as
 * 0.10000000000000001), members in their order, ", " and ": " between. NULL is null. */
ac_status ac_json_push(ac_buffer *out, const json_t *value);

#endif

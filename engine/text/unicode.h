/** Code points, and what of Unicode the tokenizers need. Tables: utf8proc. */
#ifndef AC_ENGINE_TEXT_UNICODE_H
#define AC_ENGINE_TEXT_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"

/** AC_E_FORMAT with the offset of the first byte that is not UTF-8. */
AC_MUST_CHECK ac_status ac_utf8_check(const char *text, size_t n);

/** The code point at text[*at], which is moved behind it. The text is valid UTF-8. */
int32_t ac_utf8_next(const char *text, size_t n, size_t *at);

ac_status ac_utf8_push(ac_buffer *out, int32_t point);

/** Python's str.isspace(). */
bool ac_unicode_is_space(int32_t point);

/** Unicode's White_Space, as in Rust: without the separators U+001C … U+001F. */
bool ac_unicode_is_white_space(int32_t point);
/** Of category Nd, Nl or No. */
bool ac_unicode_is_numeric(int32_t point);
/** ASCII's punctuation and symbols, and categories P*. */
bool ac_unicode_is_punctuation(int32_t point);

/** Python's str.lower(): full, with the final sigma. */
AC_MUST_CHECK ac_status ac_unicode_lower(ac_buffer *out, const char *text, size_t n);

/** Each character lower-cased by itself: no final sigma; appended. */
AC_MUST_CHECK ac_status ac_unicode_lower_each(ac_buffer *out, const char *text, size_t n);

/** Unicode's normal form C; appended. */
AC_MUST_CHECK ac_status ac_unicode_nfc(ac_buffer *out, const char *text, size_t n);
/** Any of the four normal forms: composed or decomposed, compatible or canonical; appended. */
AC_MUST_CHECK ac_status ac_unicode_normalise(ac_buffer *out, const char *text, size_t n,
                                             bool compose, bool compatible);

/** What U+0080 … U+009F were meant to be: windows-1252's character of that byte; itself where
 * it has none. */
int32_t ac_windows_1252_point(int32_t control);

/** Decode bytes that may not be UTF-8: U+FFFD for each maximal invalid part, as Python's
 * errors="replace". */
AC_MUST_CHECK ac_status ac_utf8_replace(ac_buffer *out, const char *bytes, size_t n);

#endif

/** Small questions about texts. */
#ifndef AC_ENGINE_BASE_TEXT_H
#define AC_ENGINE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buffer.h"

/** Does the text end with `end`? Case matters. */
bool ac_text_ends_with(const char *text, const char *end);

/** Are the n bytes the text? */
bool ac_text_is(const char *bytes, size_t n, const char *text);

/** The order of bytes a [n] and b [m] as of unsigned numbers; of two that begin the same the
 * shorter one is first. Negative, 0 or positive, as memcmp. */
int ac_bytes_compare(const void *a, size_t n, const void *b, size_t m);

/** Bytes of the character of UTF-8 that begins here [n]; 0: none does. As strict as Unicode: no
 * surrogates, no overlong forms. */
size_t ac_text_utf8(const char *bytes, size_t n);

/** Append a text [n], with U+FFFD for each byte that is not UTF-8. */
ac_status ac_text_push_utf8(ac_buffer *out, const char *bytes, size_t n);

/** Bytes of the character that ends a line here [n], for any reader: LF, CR, VT, FF, FS, GS,
 * RS, NEL (U+0085), U+2028, U+2029, as for Python's splitlines; 0: none does. */
size_t ac_text_line_end(const char *bytes, size_t n);

/** Bytes of the control character that begins here [n] (C0 but the tab, DEL, C1, or a byte that
 * is not UTF-8, which terminals do not take for a character either); 0: something to be seen.
 */
size_t ac_text_control(const char *bytes, size_t n);

/** Bytes of what begins here [n] and a terminal would obey rather than show: what
 * ac_text_control finds, what ends a line, and what turns the direction of writing; 0:
 * something to be seen. Of a signal handler's functions too. */
size_t ac_text_obeyed(const char *bytes, size_t n);

/** Append a text as one line for people: \n and \r as these two characters, all else that
 * ac_text_obeyed finds as \x1b. The rest, backslashes too, stays as it is. */
ac_status ac_text_push_visible(ac_buffer *out, const char *bytes, size_t n);

#endif

/** Small questions about texts. */
#ifndef AC_ENGINE_BASE_TEXT_H
#define AC_ENGINE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/** Does the text end with `end`? Case matters. */
bool ac_text_ends_with(const char *text, const char *end);

/** Are the n bytes the text? */
bool ac_text_is(const char *bytes, size_t n, const char *text);

/** The order of bytes a [n] and b [m] as of unsigned numbers; of two that begin the same the
 * shorter one is first. Negative, 0 or positive, as memcmp. */
int ac_bytes_compare(const void *a, size_t n, const void *b, size_t m);

#endif

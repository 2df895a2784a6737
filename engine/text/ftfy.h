/** What ftfy's fix_text does to a text. Source: ftfy 6.3.1, all defaults. */
#ifndef AC_ENGINE_TEXT_FTFY_H
#define AC_ENGINE_TEXT_FTFY_H

#include "engine/base/buffer.h"

/**
 * HTML references, wrong encodings (mojibake.h), C1 controls, Latin ligatures, character width,
 * quotes, line breaks, terminal escapes, control characters, NFC; line by line, again and again
 * until nothing changes. text is valid UTF-8; appended to out.
 */
AC_MUST_CHECK ac_status ac_ftfy_fix_text(ac_buffer *out, const char *text, size_t n);

#endif

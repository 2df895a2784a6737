/** ftfy's repair of text that was decoded with a wrong encoding ("Ã©" for "é"): its steps
 * "encoding" and all that belongs to it. Source: ftfy 6.3.1's fix_encoding, all defaults. */
#ifndef AC_ENGINE_TEXT_MOJIBAKE_H
#define AC_ENGINE_TEXT_MOJIBAKE_H

#include "engine/base/buffer.h"

/**
 * The text with its encodings repaired, in whole or in part, again and again until nothing
 * changes; appended to out. text is valid UTF-8.
 *
 * *work counts code points times rounds over all calls for one segment; it starts at 0. Texts
 * made to need a round per character would take the square of their length: past a limit that
 * no other text comes near, they stay as they are then.
 */
AC_MUST_CHECK ac_status ac_mojibake_fix(ac_buffer *out, const char *text, size_t n,
                                        int64_t *work);

#endif

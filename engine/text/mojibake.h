/** ftfy's repair of text that was decoded with a wrong encoding ("Ã©" for "é"): its steps
 * "encoding" and all that belongs to it. Source: ftfy 6.3.1's fix_encoding, all defaults. */
#ifndef AC_ENGINE_TEXT_MOJIBAKE_H
#define AC_ENGINE_TEXT_MOJIBAKE_H

#include "engine/base/buffer.h"

/**
 * The text with its encodings repaired, in whole or in part, again and again until nothing
 * changes; appended to out. text is valid UTF-8.
 *
 * *budget is what all calls for one segment may spend, in code points times rounds: see
 * ac_mojibake_budget. Each layer of wrong encodings takes a round. Texts made to need a round
 * per character would take the square of their length; when the budget is spent, the text stays
 * as it is then.
 */
AC_MUST_CHECK ac_status ac_mojibake_fix(ac_buffer *out, const char *text, size_t n,
                                        int64_t *budget);

/** For a segment of n bytes: 16 rounds, and any number for up to 2,000 characters. */
int64_t ac_mojibake_budget(size_t n);

#endif

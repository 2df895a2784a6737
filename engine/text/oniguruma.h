/**
 * Regular expressions of tokenizer.json, written for Oniguruma in Ruby's syntax, in PCRE2's.
 * Only what means the same in both is taken: characters, classes of characters without sets in
 * sets, general categories and scripts, groups, (?i:…) of a few ASCII letters, looking ahead,
 * repetition. All else is refused by its name.
 */
#ifndef AC_ENGINE_TEXT_ONIGURUMA_H
#define AC_ENGINE_TEXT_ONIGURUMA_H

#include "engine/base/buffer.h"

/**
 * Append PCRE2's form (for PCRE2_UTF | PCRE2_UCP), pure ASCII. regex is valid UTF-8.
 * @return AC_E_FORMAT with the place and what stands there
 */
AC_MUST_CHECK ac_status ac_oniguruma_translate(ac_buffer *out, const char *regex, size_t n);

#endif

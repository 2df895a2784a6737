/** What CLIP's tokenizer does to a text before it looks for words. */
#ifndef AC_ENGINE_TEXT_CLEAN_H
#define AC_ENGINE_TEXT_CLEAN_H

#include "engine/base/buffer.h"

/**
 * ftfy's fix_text without the repair of mojibake, HTML unescaped twice, white space collapsed
 * to one space and stripped, then lower-cased (full, with final sigma). text is valid UTF-8;
 * appended to out.
 */
AC_MUST_CHECK ac_status ac_text_clean_clip(ac_buffer *out, const char *text, size_t n);

#endif

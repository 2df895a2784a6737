/** What SigLIP's tokenizer does around its unigram model. Source: transformers'
 * SiglipTokenizer. */
#ifndef AC_ENGINE_TEXT_SIGLIP_TEXT_H
#define AC_ENGINE_TEXT_SIGLIP_TEXT_H

#include "engine/text/unigram.h"

/**
 * Lower-cased, ASCII punctuation removed, white space collapsed, a blank in front; "</s>" and
 * "<unk>" in the text are those pieces. Appends ids, no end token. text is valid UTF-8.
 */
AC_MUST_CHECK ac_status ac_siglip_encode(const ac_unigram *model, const char *text, size_t n,
                                         ac_piece_ids *out);

#endif

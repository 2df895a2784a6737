/** A unigram model in a tokenizer.json, for SigLIP. Private to io/checkpoint. */
#ifndef AC_IO_CHECKPOINT_TOKENIZER_JSON_UNIGRAM_H
#define AC_IO_CHECKPOINT_TOKENIZER_JSON_UNIGRAM_H

#include "engine/text/tokenizer.h"
#include "io/checkpoint/tokenizer_json_parts.h"

/** SigLIP's tokenizer: pieces, scores and the table of normalisation are the file's; the text's
 * cleaning is SigLIP's own, whatever its other steps say. */
AC_MUST_CHECK ac_status ac_tokenizer_json_unigram(const ac_json_node *root,
                                                  const ac_json_node *model, ac_tokenizer *out);

#endif

/**
 * The tokens of a caption as pycocoevalcap has them: the Penn Treebank's, lower-cased, without
 * its 17 punctuation marks.
 * Golden: golden/metrics/tokenize.jsonl
 */
#ifndef AC_ENGINE_METRICS_PTB_TOKENIZER_H
#define AC_ENGINE_METRICS_PTB_TOKENIZER_H

#include "engine/base/buffer.h"

/** For one thread. */
typedef struct ac_ptb_tokenizer ac_ptb_tokenizer;

AC_MUST_CHECK ac_status ac_ptb_tokenizer_new(ac_ptb_tokenizer **out);
void ac_ptb_tokenizer_free(ac_ptb_tokenizer *self);

/**
 * Append the tokens of text [n], which is valid UTF-8, with a space between each two. Line ends
 * of every kind are blanks: a caption is one line. A token may hold a no-break space, which
 * stands for a space within a token ("1 1/2").
 */
AC_MUST_CHECK ac_status ac_ptb_tokenize(ac_ptb_tokenizer *self, ac_buffer *out,
                                        const char *text, size_t n);

#endif

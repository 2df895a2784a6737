/** The vocabulary of OpenAI's CLIP as it is published: bpe_simple_vocab_16e6.txt.gz. */
#ifndef AC_IO_CHECKPOINT_TOKENIZER_OPENAI_H
#define AC_IO_CHECKPOINT_TOKENIZER_OPENAI_H

#include "engine/base/buffer.h"

#define AC_OPENAI_VOCABULARY "bpe_simple_vocab_16e6.txt.gz"

/**
 * Read the file (gzip or plain): a heading, then one merge per line. The vocabulary follows
 * from it, as in CLIP's simple_tokenizer.py: the bytes, the bytes at a word's end, the merges
 * in order, <|startoftext|>, <|endoftext|>. Of the file's merges the first 48,894 count; a
 * shorter file (another model's) is used whole.
 * @param[out] tokens  token texts by id
 * @param[out] merges  the merges, a line each
 */
AC_MUST_CHECK ac_status ac_tokenizer_openai_read(const char *path, ac_texts *tokens,
                                                 ac_buffer *merges);

#endif

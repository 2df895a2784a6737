/** A tokenizer from its files. */
#ifndef AC_IO_CHECKPOINT_TOKENIZER_FILES_H
#define AC_IO_CHECKPOINT_TOKENIZER_FILES_H

#include "engine/text/tokenizer.h"

enum { AC_TOKENIZER_ANY = -1 };

/**
 * tokenizer.json of a folder, else vocab.json and merges.txt, else bpe_simple_vocab_16e6.txt.gz
 * of OpenAI's CLIP; of SigLIP spiece.model, else tokenizer.json. docs/FORMATS.md has what is
 * read.
 * @param[in] model        a model's folder, or its file of weights, beside which the vocabulary
 * lies
 * @param[in] vocabulary   another folder to read them from, or OpenAI's file, or
 * sentencepiece's (its name ends in .model), or a tokenizer.json (ends in .json), or NULL
 * @param[in] kind         AC_TOKENIZER_ANY: from config.json's model_type, else from the
 * vocabulary
 * @param[out] fingerprint XXH3-128 of what was read, 32 digits and a zero byte
 */
AC_MUST_CHECK ac_status ac_tokenizer_open(ac_tokenizer *self, const char *model,
                                          const char *vocabulary, int kind,
                                          char fingerprint[33]);

#endif

/** A tokenizer from its files. */
#ifndef AC_IO_TOKENIZER_FILES_H
#define AC_IO_TOKENIZER_FILES_H

#include "engine/text/tokenizer.h"

enum { AC_TOKENIZER_ANY = -1 };

/**
 * vocab.json and merges.txt of a folder.
 * @param[in] vocabulary   another folder to read them from, or NULL
 * @param[in] kind         AC_TOKENIZER_ANY: from config.json's model_type, else from the vocabulary
 * @param[out] fingerprint XXH3-128 of both files, 32 digits and a zero byte
 */
ac_status ac_tokenizer_open(ac_tokenizer *self, const char *folder, const char *vocabulary, int kind, char fingerprint[33]);

#endif

/** The tokenizer in a GGUF file's metadata. */
#ifndef AC_IO_CHECKPOINT_GGUF_TOKENIZER_H
#define AC_IO_CHECKPOINT_GGUF_TOKENIZER_H

#include "engine/text/tokenizer.h"
#include "io/checkpoint/gguf.h"

/**
 * Byte-level byte-pair encoding. Control and user-defined tokens are found whole in a text,
 * control ones are special; a byte without a token is dropped. Nothing is put around a text.
 * Golden: tests/golden, topics gguf, smollm2.
 *
 * @param[in] vocab_size  rows of the model's embedding: so many tokens must there be
 * @param[out] bos        the token that begins every text; -1: none
 * @return AC_E_FORMAT names file and key
 */
AC_MUST_CHECK ac_status ac_gguf_tokenizer_open(ac_tokenizer *self, const ac_gguf *file,
                                               int64_t vocab_size, int32_t *bos);

#endif

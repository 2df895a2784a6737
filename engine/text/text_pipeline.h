/**
 * A tokenizer as steps, as tokenizer.json describes one, held in memory. Order: added tokens in
 * the text; normalizers on what lies between; added tokens in the normalised text;
 * pre-tokenizers; byte-pair encoding of each word; ids in front and behind.
 *
 * To make one: fill the lists and fields, then call ac_text_pipeline_finish. Whoever has a
 * vocabulary, merges and the name of a pre-tokenizer in memory (GGUF) makes it without JSON.
 */
#ifndef AC_ENGINE_TEXT_TEXT_PIPELINE_H
#define AC_ENGINE_TEXT_TEXT_PIPELINE_H

#include "engine/text/added_tokens.h"
#include "engine/text/bpe_symbols.h"

/** Starts zeroed, but for rules.unknown. Immutable once finished. */
typedef struct ac_text_pipeline {
    ac_bpe_rules rules;
    ac_added_tokens added;
    ac_text_steps normalizers, pre_tokenizers, decoders;
    ac_piece_ids before, after; /* put around a text's ids */
} ac_text_pipeline;

AC_MUST_CHECK ac_status ac_text_pipeline_finish(ac_text_pipeline *self);
void ac_text_pipeline_free(ac_text_pipeline *self);

/** Append a word splitter of byte-level tokenizers: by `regex` (NULL: the text stays whole; see
 * pattern.h), each word in GPT-2's alphabet. */
AC_MUST_CHECK ac_status ac_text_pipeline_push_byte_level(ac_text_steps *steps,
                                                         const char *regex);

/** Append a text's ids, without those in front and behind. text is valid UTF-8. */
AC_MUST_CHECK ac_status ac_text_pipeline_encode(const ac_text_pipeline *self, const ac_bpe *bpe,
                                                const char *text, size_t n, ac_piece_ids *out);

/** Append the text of ids; ids without a token are passed over. */
AC_MUST_CHECK ac_status ac_text_pipeline_decode(const ac_text_pipeline *self, const ac_bpe *bpe,
                                                const int32_t *ids, int64_t n,
                                                bool skip_special, ac_buffer *out);

#endif

/**
 * The tokenizers of CLIP, BART and GPT-2: byte-level byte-pair encoding behind different
 * patterns; any that is made of steps (text_pipeline.h), as tokenizer.json has them; and
 * SigLIP's, a unigram model. Golden: tests/golden, topics clip_tokenizer, bart_tokenizer,
 * tokenizer_json, clip_variants.
 */
#ifndef AC_ENGINE_TEXT_TOKENIZER_H
#define AC_ENGINE_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/text/bpe.h"
#include "engine/text/text_pipeline.h"
#include "engine/text/unigram.h"

typedef enum ac_tokenizer_kind {
    AC_TOKENIZER_CLIP = 0,
    AC_TOKENIZER_BART,
    AC_TOKENIZER_GPT2,
    AC_TOKENIZER_SIGLIP,
    AC_TOKENIZER_LLAMA /* Llama, SmolLM2, Qwen: steps alone */
} ac_tokenizer_kind;

/** Starts zeroed. Immutable once made: encode and decode may run in several threads. */
typedef struct ac_tokenizer {
    ac_tokenizer_kind kind;
    ac_bpe bpe;
    ac_unigram unigram; /* SigLIP's, in place of bpe and pattern */
    void *pattern;      /* compiled, owned */
    ac_text_pipeline
        pipeline; /* where has_steps: in place of pattern; else added tokens alone */
    bool has_steps;
    int64_t size;                           /* all ids are below this */
    int32_t start, end, pad, unknown, mask; /* -1: the vocabulary has none */
} ac_tokenizer;

/** Token ids of one text; memory is reused. Starts zeroed. */
typedef struct ac_encoding {
    int32_t *ids;
    int64_t count, capacity;
    int64_t length; /* before cutting */
} ac_encoding;

/** vocabulary: token texts by id (empty: none); merges: the content of merges.txt. */
AC_MUST_CHECK ac_status ac_tokenizer_init(ac_tokenizer *self, ac_tokenizer_kind kind,
                                          const ac_texts *vocabulary, const char *merges,
                                          size_t merges_bytes);
/** CLIP's, from memory. merges [2 * merges]: left and right of each; added: tokens besides
 * start and end that are found in the text first, taken over, even on failure. */
AC_MUST_CHECK ac_status ac_tokenizer_init_clip_take(ac_tokenizer *self,
                                                    const ac_texts *vocabulary,
                                                    const ac_texts *merges,
                                                    ac_added_tokens *added);
/** One made of steps. Takes both over, even on failure; the pipeline is not yet finished. kind:
 * BART's has "<s>" and "</s>"; of GPT-2's and Llama's start and end are the ids that the
 * pipeline puts around, -1 where it puts none. */
AC_MUST_CHECK ac_status ac_tokenizer_init_pipeline_take(ac_tokenizer *self,
                                                        ac_tokenizer_kind kind, ac_bpe *bpe,
                                                        ac_text_pipeline *pipeline);
/** SigLIP's. Takes the model over, even on failure; it has "</s>", the end and the padding. */
AC_MUST_CHECK ac_status ac_tokenizer_init_siglip_take(ac_tokenizer *self, ac_unigram *model);
void ac_tokenizer_free(ac_tokenizer *self);
int64_t ac_tokenizer_size(const ac_tokenizer *self);

/**
 * @param[in] max_length  truncated to this many ids, the last one the end token where one is
 * put behind; 0: no limit
 * @param[in] specials    put start and end token around (GPT-2 has none, SigLIP no start;
 * steps: what they say)
 * @return AC_E_FORMAT where the text is not UTF-8
 */
AC_MUST_CHECK ac_status ac_tokenizer_encode(const ac_tokenizer *self, const char *text,
                                            size_t n, int64_t max_length, bool specials,
                                            ac_encoding *out);
void ac_encoding_free(ac_encoding *self);

/** Does each token stand for bytes, whatever is beside it? GPT-2's kind does. */
bool ac_tokenizer_is_byte_level(const ac_tokenizer *self);

/** Append the bytes of ids of such a tokenizer, special tokens skipped or as their texts; they
 * may end within a character. */
AC_MUST_CHECK ac_status ac_tokenizer_bytes(const ac_tokenizer *self, const int32_t *ids,
                                           int64_t n, bool skip_special, ac_buffer *out);

/** Append the text of ids, special tokens skipped. clean_up: spaces before punctuation removed,
 * as in 2021. */
AC_MUST_CHECK ac_status ac_tokenizer_decode(const ac_tokenizer *self, const int32_t *ids,
                                            int64_t n, bool clean_up, ac_buffer *out);

#endif

/** The prompt that BART reads: the retrieved entries, each stripped and followed by " | ", as
 * text and as token ids; and what token ids say, as text. */
#ifndef AC_JOBS_MODELS_PROMPT_H
#define AC_JOBS_MODELS_PROMPT_H

#include <stdbool.h>

#include "engine/base/buffer.h"
#include "engine/text/tokenizer.h"

/** One prompt; memory is reused by the next. Starts zeroed; owns everything. */
typedef struct ac_prompt {
    ac_buffer text;
    ac_encoding encoding; /* of the text; `length` beyond `count`: it was truncated */
} ac_prompt;

void ac_prompt_free(ac_prompt *self);

/**
 * The text of K retrieved entries, entries [first, first + K).
 * @param[in] ids  [K] their ids; -1: the cache held fewer entries than K, nothing stands there
 */
AC_MUST_CHECK ac_status ac_prompt_join(ac_prompt *self, const ac_texts *entries, int64_t first,
                                       const int64_t *ids, int64_t K);

/** The text as token ids, at most `limit`. AC_E_FORMAT where it is not UTF-8. */
AC_MUST_CHECK ac_status ac_prompt_encode(ac_prompt *self, const ac_tokenizer *tokenizer,
                                         int64_t limit);

/** What `ids` [n] say, special tokens skipped, without white space around it. Replaces `text`,
 * whose data is never NULL afterwards. clean_up: as in ac_tokenizer_decode. */
AC_MUST_CHECK ac_status ac_prompt_decode(ac_buffer *text, const ac_tokenizer *tokenizer,
                                         const int32_t *ids, int64_t n, bool clean_up);

#endif

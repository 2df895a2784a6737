/** Lists of token ids, as settings of generation have them: bad_words_ids, suppress_tokens,
 * sequence_bias. */
#ifndef AC_GENERATION_TOKEN_SEQUENCES_H
#define AC_GENERATION_TOKEN_SEQUENCES_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

/** How the lists are written. */
typedef enum ac_token_shape {
    AC_TOKENS_PLAIN = 0, /* [5, 6]: each token is a list of its own; 5 stands for [5] */
    AC_TOKENS_NESTED,    /* [[5, 6], [7]] */
    AC_TOKENS_BIASED     /* [[[5, 6], -1.5], [[7], 2.0]] */
} ac_token_shape;

/** List i is tokens[offsets[i]] to tokens[offsets[i + 1] - 1]. Owns its memory; usable when
 * zeroed: no lists. */
typedef struct ac_token_sequences {
    int64_t count;
    int32_t *tokens;  /* [offsets[count]] */
    int64_t *offsets; /* [count + 1]; NULL: no lists */
    float *biases;    /* [count], of AC_TOKENS_BIASED; else NULL */
} ac_token_sequences;

void ac_token_sequences_free(ac_token_sequences *self);

/** Replaces what self holds. AC_E_NOMEM: self is empty. */
AC_MUST_CHECK ac_status ac_token_sequences_copy(ac_token_sequences *self,
                                                const ac_token_sequences *from);

/**
 * Replaces what self holds by the lists of a text: JSON, or YAML's flow form of the same.
 * AC_E_ARG: "is not a list of …", for a caller to put the key in front; self is then empty.
 */
AC_MUST_CHECK ac_status ac_token_sequences_parse(ac_token_sequences *self, ac_token_shape shape,
                                                 const char *text);

static inline int64_t
ac_token_sequences_size(const ac_token_sequences *self, int64_t list)
{
    return self->offsets[list + 1] - self->offsets[list];
}

static inline const int32_t *
ac_token_sequences_at(const ac_token_sequences *self, int64_t list)
{
    return self->tokens + self->offsets[list];
}

#endif

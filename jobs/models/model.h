/** What the models have in common: memory for packed weights, fingerprints, and the check that
 * weights and vocabulary fit together. */
#ifndef AC_JOBS_MODELS_MODEL_H
#define AC_JOBS_MODELS_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buffer.h"
#include "engine/text/tokenizer.h"

/** Memory for a model's packed weights, owned by the model that holds it. Starts zeroed. */
typedef struct ac_packed {
    void *bytes; /* 64-byte aligned */
    size_t size;
    bool fills; /* this process packs; false: another one has packed into the same memory */
    void (*release)(void *bytes, size_t size); /* NULL: free(bytes) */
} ac_packed;

/** Memory of this process alone. */
AC_MUST_CHECK ac_status ac_packed_init(ac_packed *self, size_t size);
void ac_packed_free(ac_packed *self);

/** out: one fingerprint (32 digits and a zero byte) of two; out may be a or b. */
void ac_model_join_fingerprints(char out[33], const char *a, const char *b);

/** What a model's files say about its shape and use joins its fingerprint. Frees `text`;
 * returns its status. */
AC_MUST_CHECK ac_status ac_model_join_description(char fingerprint[33], ac_buffer *text);

/**
 * A vocabulary of another model gives wrong captions without any error: what can be compared
 * is.
 * @param[in] from  the vocabulary's place, for the message
 * @return AC_E_FORMAT where it has more entries than the model has embeddings, or another end
 *         token
 */
AC_MUST_CHECK ac_status ac_model_check_vocabulary(const ac_tokenizer *tokenizer,
                                                  const char *from, int64_t vocab_size,
                                                  int32_t end);

#endif

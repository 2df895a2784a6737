/** tokenizer.json, the one file in which transformers 5 saves a tokenizer. Private to
 * io/checkpoint. */
#ifndef AC_IO_CHECKPOINT_TOKENIZER_JSON_H
#define AC_IO_CHECKPOINT_TOKENIZER_JSON_H

#include <jansson.h>

#include "engine/text/tokenizer.h"

/**
 * A tokenizer from the file's bytes. Done exactly as the file says, but for CLIP and SigLIP,
 * whose cleaning and words stay their own (docs/FORMATS.md); what cannot be done so is refused
 * by key and value.
 * @param[in] path  of the file, for messages
 * @param[in] kind  an ac_tokenizer_kind; AC_TOKENIZER_ANY: from what the file says
 */
AC_MUST_CHECK ac_status ac_tokenizer_json_read(ac_tokenizer *self, const char *bytes, size_t n,
                                               const char *path, int kind);

/** A JSON object of text -> id as texts by id, empty where an id has none. what: for messages,
 * where the object stands. */
AC_MUST_CHECK ac_status ac_tokenizer_json_order(ac_texts *out, json_t *vocabulary,
                                                const char *what);

#endif

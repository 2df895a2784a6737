/** Texts that end a sequence. Source: transformers 5, StopStringCriteria. */
#ifndef AC_GENERATION_STOP_STRINGS_H
#define AC_GENERATION_STOP_STRINGS_H

#include "engine/base/buffer.h"

/** Where a stop string begins: in the piece of token ids[token], after so many bytes of it. */
typedef struct ac_stop_place {
    int64_t token;
    size_t offset;
} ac_stop_place;

/**
 * Does one of the stop strings end within the piece of the token `last`, which follows
 * ids [n]? It may begin in any of them. Cannot fail; a token without a piece says nothing.
 * @param[in] pieces  [V] the bytes of each token, special ones in their own words; NULL only
 *                    where there are no strings
 * @param[out] place  where it begins, of several the first; may be NULL
 */
bool ac_stop_strings_end(const ac_texts *strings, const ac_texts *pieces, const int32_t *ids,
                         int64_t n, int32_t last, ac_stop_place *place);

/**
 * Replaces what self holds by the texts of `text`: a JSON string, or a list of them.
 * AC_E_ARG: "is not a text …", for a caller to put the key in front; self is then empty.
 */
AC_MUST_CHECK ac_status ac_stop_strings_parse(ac_texts *self, const char *text);

#endif

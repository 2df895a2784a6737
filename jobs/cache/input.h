/** The entries that a cache is built from, or grown by. */
#ifndef AC_JOBS_CACHE_INPUT_H
#define AC_JOBS_CACHE_INPUT_H

#include "engine/base/buffer.h"
#include "engine/comm/comm.h"
#include "io/config/config.h"

/** Starts zeroed. */
typedef struct ac_entry_input {
    ac_texts entries;
    const char *kind;     /* "lines" or "ngrams" */
    char fingerprint[33]; /* of the entries */
} ac_entry_input;

/**
 * Collective: the entries that config->input.path and config->ngrams give, on all ranks.
 * AC_E_FORMAT where there are none. folder: the run folder, where mining puts what does not fit
 * into memory; it is made where it is not there.
 */
AC_MUST_CHECK ac_status ac_entry_input_read_all(ac_entry_input *self, const ac_comm *comm,
                                                const ac_config *config, const char *folder);
void ac_entry_input_free(ac_entry_input *self);

/** XXH3-128 of texts and their bounds: 32 digits and a zero byte. */
void ac_texts_fingerprint(const ac_texts *texts, char hex[33]);

#endif

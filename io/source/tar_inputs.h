/** Which tars an input names: one, several in one text, a list, a folder of them. */
#ifndef AC_IO_SOURCE_TAR_INPUTS_H
#define AC_IO_SOURCE_TAR_INPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"

/** Starts zeroed; owns everything. */
typedef struct ac_tar_inputs {
    ac_texts paths; /* zero bytes are no part of them: copy to open. A folder's are sorted */
    char *root;     /* the folder, with its slash, that locations are relative to */
    int64_t compressed; /* how many are, by their first bytes; only `ingest` reads those */
    int64_t first_compressed;
} ac_tar_inputs;

/**
 * paths.count 0: the input is no tars; it is for another kind of source, also where a folder
 * holds images besides tars (tars_beside then says how many: they are passed over).
 * what: the config's key, for messages. AC_E_IO where a tar that is named is not there,
 * AC_E_ARG where tars and images are mixed in a list.
 */
AC_MUST_CHECK ac_status ac_tar_inputs_find(ac_tar_inputs *self, const char *input,
                                           const char *what, int64_t *tars_beside);
void ac_tar_inputs_free(ac_tar_inputs *self);

/** A name that ends in .tar, .tar.gz, .tgz or .tar.zst, in letters of either case. */
bool ac_tar_name_is(const char *name);

/** The folder, with its slash, that locations in several tars are relative to: the longest that
 * all paths are below. Free with free(). */
AC_MUST_CHECK ac_status ac_tar_common_root(const ac_texts *paths, char **root);

#endif

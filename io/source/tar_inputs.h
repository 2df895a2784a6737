/** Which tars an input names: one, several in one text, a list, a folder of them. */
#ifndef AC_IO_SOURCE_TAR_INPUTS_H
#define AC_IO_SOURCE_TAR_INPUTS_H

#include <stdbool.h>

#include "io/source/tar_index.h"

/** Starts zeroed; owns everything. */
typedef struct ac_tar_inputs {
    ac_texts texts;     /* of all tars: path, name, path, name, …, zero-terminated each */
    ac_tar_place *tars; /* [count]; views. A folder's are sorted by path */
    int64_t count;
    int64_t first_compressed; /* by its first bytes; only `ingest` reads such. -1: none */
} ac_tar_inputs;

/**
 * count 0: the input is no tars; it is for another kind of source, also where a folder holds
 * images besides tars: then these are passed over. Names are relative to the folder or the
 * list's folder; of several tars in one text, to the longest folder that all lie below.
 * what: the config's key, for messages. AC_E_IO where a tar that is named is not there,
 * AC_E_ARG where tars and images are mixed.
 */
AC_MUST_CHECK ac_status ac_tar_inputs_find(ac_tar_inputs *self, const char *input,
                                           const char *what);
void ac_tar_inputs_free(ac_tar_inputs *self);

/** Is the tar compressed, by its first bytes? AC_E_IO where it cannot be opened. */
AC_MUST_CHECK ac_status ac_tar_is_compressed(const char *path, const char *what, bool *is);

/** The same tars, of the texts that another process has found (self->texts). */
AC_MUST_CHECK ac_status ac_tar_inputs_take(ac_tar_inputs *self);

/** A name that ends in .tar, .tar.gz, .tgz or .tar.zst, in letters of either case. */
bool ac_tar_name_is(const char *name);

#endif

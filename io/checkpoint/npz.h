/** NumPy's .npz files: a zip of .npy arrays, stored or deflated. */
#ifndef AC_IO_CHECKPOINT_NPZ_H
#define AC_IO_CHECKPOINT_NPZ_H

#include <stdbool.h>

#include "io/checkpoint/npy.h"

/** Does the file begin as a zip archive? */
bool ac_npz_is(const char *path);

/**
 * Open the matrix of floats of an archive as ac_npy_open opens a file; close it with
 * ac_npy_close. A deflated array is unpacked into memory, and its checksum is compared.
 * @param[in] array  its name, without ".npy"; NULL: the only matrix of floats, or of several
 * the one that is called embeddings, text_embeddings, text_emb, embs, emb or features
 * @return AC_E_FORMAT names the arrays that there are, where none or several would do
 */
AC_MUST_CHECK ac_status ac_npz_open(ac_npy *self, const char *path, const char *array);

#endif

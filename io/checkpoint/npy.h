/** NumPy's .npy files: versions 1 to 3, numbers and booleans, either byte order, C and Fortran
 * order. */
#ifndef AC_IO_CHECKPOINT_NPY_H
#define AC_IO_CHECKPOINT_NPY_H

#include "engine/base/tensor.h"
#include "io/file/map.h"
#include "io/file/text_file.h"

/** Starts zeroed. tensor.data points into the mapped file where it is little-endian and
 * C-ordered, else into `owned`. */
typedef struct ac_npy {
    ac_tensor tensor;
    void *owned;
    ac_map map;
} ac_npy;

/** AC_E_FORMAT names the file and what is wrong with it. Object, complex, structured and text
 * arrays are refused. */
AC_MUST_CHECK ac_status ac_npy_open(ac_npy *self, const char *path);
/** The same of an array in memory, which the tensor may point into: it must live as long. path:
 * for messages. */
AC_MUST_CHECK ac_status ac_npy_open_bytes(ac_npy *self, const unsigned char *bytes, size_t n,
                                          const char *path);
/** Type and shape alone, of an array whose beginning the bytes are. */
AC_MUST_CHECK ac_status ac_npy_describe(ac_tensor *out, const unsigned char *bytes, size_t n,
                                        const char *path);
void ac_npy_close(ac_npy *self);

/** Begin an array whose bytes the caller then writes with ac_text_file_write (little-endian, C
 * order) and commits. */
AC_MUST_CHECK ac_status ac_npy_begin(ac_text_file *file, const char *path, ac_dtype dtype,
                                     int rank, const int64_t *shape);

/** Write an array, version 1.0, C order, little-endian; published whole. */
AC_MUST_CHECK ac_status ac_npy_save(const char *path, ac_dtype dtype, int rank,
                                    const int64_t *shape, const void *data);

#endif

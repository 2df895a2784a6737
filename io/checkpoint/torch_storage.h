/** Inside io/checkpoint/torch*.c: storages, the blocks of bytes that tensors are views of. */
#ifndef AC_IO_CHECKPOINT_TORCH_STORAGE_H
#define AC_IO_CHECKPOINT_TORCH_STORAGE_H

#include "io/checkpoint/torch_file.h"

/** A storage's type by PyTorch's class name ("FloatStorage"); false: a type that is not read
 * here. */
bool ac_torch_storage_type(const ac_pickle *pickle, int64_t global, ac_dtype *out);

/** The bytes of the storage with this key. AC_E_FORMAT where there is none. */
AC_MUST_CHECK ac_status ac_torch_storage_find(const ac_torch_file *self, const char *key,
                                              size_t n, const unsigned char **data,
                                              size_t *size);

/** AC_TORCH_LEGACY: the storage with this key in the sorted list; NULL where there is none. */
ac_torch_storage *ac_torch_storage_listed(const ac_torch_file *self, const char *key, size_t n);

/** AC_TORCH_LEGACY: sort the list by key. */
void ac_torch_storages_sort(ac_torch_file *self);

#endif

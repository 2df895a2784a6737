/** Inside io/checkpoint/torch*.c: what the container (zip or legacy) offers to the walk over
 * the pickle's tree. */
#ifndef AC_IO_CHECKPOINT_TORCH_FILE_H
#define AC_IO_CHECKPOINT_TORCH_FILE_H

#include "io/checkpoint/pickle.h"
#include "io/checkpoint/torch.h"
#include "io/checkpoint/zip.h"

/** A storage of the legacy format: its key in the pickle and its bytes. */
typedef struct ac_torch_storage {
    const char *key; /* [key_size] */
    size_t key_size;
    const unsigned char *data;
    size_t size;
} ac_torch_storage;

typedef struct ac_torch_file {
    ac_torch *out;
    ac_pickle pickle;
    ac_zip zip;                 /* AC_TORCH_ZIP, AC_TORCH_SCRIPT */
    ac_torch_storage *storages; /* AC_TORCH_LEGACY: [storage_count], sorted by key */
    int64_t storage_count;
} ac_torch_file;

/** Walk the pickle's tree: fill out->items (sorted), out->scalars, out->copies. */
AC_MUST_CHECK ac_status ac_torch_walk(ac_torch_file *self);

#endif

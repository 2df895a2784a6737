/** Tars held open, to be read at random by several threads. */
#ifndef AC_IO_SOURCE_TAR_FILES_H
#define AC_IO_SOURCE_TAR_FILES_H

#include <pthread.h>

#include "engine/base/item_status.h"
#include "io/source/tar_index.h"

enum { AC_TAR_FILES_OPEN = 64 };

typedef struct ac_tar_file {
    int64_t tar; /* 1 + its number; 0: none */
    int file, readers;
} ac_tar_file;

/** Stays where it is between init and free. */
typedef struct ac_tar_files {
    pthread_mutex_t mutex;
    ac_tar_file slots[AC_TAR_FILES_OPEN];
} ac_tar_files;

void ac_tar_files_init(ac_tar_files *self);
void ac_tar_files_free(ac_tar_files *self);

/**
 * Bytes [at, at + n) of a tar of the index, in place of what `out` held. What is not there is
 * the item's status. AC_E_IO where the tar is not the one that was indexed.
 * May be called by several threads at a time.
 */
AC_MUST_CHECK ac_status ac_tar_files_read(ac_tar_files *self, const ac_tar_index *index,
                                          int64_t tar, int64_t at, int64_t n, ac_buffer *out,
                                          ac_item_status *status);

#endif

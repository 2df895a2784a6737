/**
 * Writing a tar: regular files only, ustar, with a PAX header where a name is longer than ustar
 * takes or a file larger. No times and no owners are stored, so that equal content gives equal
 * bytes. Written under a temporary name and published whole.
 */
#ifndef AC_IO_FILE_TAR_WRITE_H
#define AC_IO_FILE_TAR_WRITE_H

#include <stdio.h>

#include "engine/base/status.h"

/** Starts zeroed. Write errors stick and are reported by the commit. */
typedef struct ac_tar_writer {
    FILE *stream;
    char *path, *temporary;
    int error; /* of the first write that failed; 0: none */
} ac_tar_writer;

AC_MUST_CHECK ac_status ac_tar_create(ac_tar_writer *self, const char *path);
/** A member: its name [name_size] in the archive, and its bytes [n]. AC_E_NOMEM alone. */
AC_MUST_CHECK ac_status ac_tar_add(ac_tar_writer *self, const char *name, size_t name_size,
                                   const void *bytes, size_t n);
/** The end of the archive, fsync, rename, fsync of the folder. */
AC_MUST_CHECK ac_status ac_tar_commit(ac_tar_writer *self);
/** Remove what was not committed. Idempotent, also after a commit. */
void ac_tar_abandon(ac_tar_writer *self);

#endif

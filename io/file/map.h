/** A file mapped into memory, read-only. Its name is known to the handler of SIGBUS
 * (engine/base/mapped.h). */
#ifndef AC_IO_FILE_MAP_H
#define AC_IO_FILE_MAP_H

#include <stddef.h>

#include "engine/base/status.h"

typedef struct ac_map {
    const unsigned char *data; /* NULL for an empty file */
    size_t size;
} ac_map;

/** A Git LFS pointer or an HTML page in place of the file is refused (io/file/file_head.h). */
AC_MUST_CHECK ac_status ac_map_open(ac_map *self, const char *path);
void ac_map_close(ac_map *self);

#endif

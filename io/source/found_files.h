/** Files that a search or a list gave, before they are an input: in no memory of the process's
 * own where they are many (io/file/spill.h). */
#ifndef AC_IO_SOURCE_FOUND_FILES_H
#define AC_IO_SOURCE_FOUND_FILES_H

#include <stdint.h>

#include "io/file/spill.h"
#include "io/source/image_source.h"

/** With so many files an input's index becomes a file. */
enum { AC_IMAGE_FILES_LARGE = 1 << 16 };

/** Behind it: the name, the path, each with a zero byte; up to a multiple of 8 bytes. */
typedef struct ac_found_file {
    ac_image_stamp stamp; /* size -1: not a regular file, or gone */
    int32_t page;
    uint32_t key_size; /* of the name */
    uint32_t name_size, path_size;
} ac_found_file;

typedef struct ac_found_files {
    ac_spill files; /* ac_found_file, … */
    ac_spill order; /* int64_t [count]: where each begins in `files` */
    int64_t count;
} ac_found_files;

static inline const ac_found_file *
ac_found_file_at(const ac_found_files *self, int64_t at)
{
    return (const ac_found_file *) (const void *) (self->files.data + at);
}

/** In the order. */
static inline const ac_found_file *
ac_found_file_of(const ac_found_files *self, int64_t i)
{
    return ac_found_file_at(self, ((const int64_t *) (const void *) self->order.data)[i]);
}

static inline const char *
ac_found_file_name(const ac_found_file *file)
{
    return (const char *) (file + 1);
}

static inline const char *
ac_found_file_path(const ac_found_file *file)
{
    return ac_found_file_name(file) + file->name_size + 1;
}

#endif

/**
 * Which files lie mapped in memory, and where: what a mapped file no longer has, because it was
 * truncated or its disk or server fails, is met by a signal (SIGBUS) that tells an address
 * alone.
 */
#ifndef AC_ENGINE_BASE_MAPPED_H
#define AC_ENGINE_BASE_MAPPED_H

#include <stdbool.h>
#include <stddef.h>

enum { AC_MAPPED_NAME = 1024 };

/** What was mapped. */
typedef struct ac_mapped_file {
    char name[AC_MAPPED_NAME]; /* for people, and to open it; "": it was longer */
    size_t at;                 /* where in the file the address is */
} ac_mapped_file;

/** The file `name` lies at [data, data + size). Any thread. Of more than some thousand mappings
 * the last are not known. */
void ac_mapped_add(const void *data, size_t size, const char *name);

/** Before the mapping at `data` ends. */
void ac_mapped_remove(const void *data);

/** The mapping that holds this address; false: none does. For a signal handler: no locks, no
 * memory. */
bool ac_mapped_find(ac_mapped_file *out, const void *address);

#endif

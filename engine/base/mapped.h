/**
 * Which files are mapped into memory, and where. Reading a page that the file no longer has
 * (it was truncated, or its disk or server failed) raises SIGBUS, which gives nothing but an
 * address: from this table its handler finds the file's name.
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

/** The file `name` is mapped at [data, data + size). Any thread. The table has room for some
 * thousand mappings; later ones are not recorded. */
void ac_mapped_add(const void *data, size_t size, const char *name);

/** Before the mapping at `data` ends. */
void ac_mapped_remove(const void *data);

/** The mapping that holds this address; false: none does. For a signal handler: no locks, no
 * memory. */
bool ac_mapped_find(ac_mapped_file *out, const void *address);

#endif

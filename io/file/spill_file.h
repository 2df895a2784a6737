/** Spilled memory (io/file/spill.h) published as a file, which other processes map: what each
 * of them needs is then there once per node. Numbers are this machine's: not a file to be kept.
 */
#ifndef AC_IO_FILE_SPILL_FILE_H
#define AC_IO_FILE_SPILL_FILE_H

#include "io/file/map.h"
#include "io/file/spill.h"

enum { AC_SPILL_FILE_PARTS = 8 };

/** parts [count], of which there are at most AC_SPILL_FILE_PARTS. */
AC_MUST_CHECK ac_status ac_spill_file_publish(const char *path, const ac_spill *const *parts,
                                              int count);

/**
 * parts [count], zeroed: views of the map, which freeing them does not end, and which must not
 * grow.
 * @return AC_E_FORMAT where the file is none of so many parts, or cut
 */
AC_MUST_CHECK ac_status ac_spill_file_open(ac_map *map, const char *path,
                                           ac_spill *const *parts, int count);

#endif

/**
 * Refuses HDF5 files that are not of the kind that this program writes, before any data is
 * read: HDF5 follows links into other files, reads what another file holds, allocates what a
 * header claims, and is known to crash on damaged structures. For io/hdf5 alone.
 */
#ifndef AC_IO_HDF5_H5_GUARD_H
#define AC_IO_HDF5_H5_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/status.h"

/** Before HDF5 opens it: its structures are those that this program writes, whole and inside
 * the file (h5_raw.h), and the file is as long as it says. What is no HDF5 file at all passes.
 * @param[out] bytes  the file's length
 * @param[out] names  gets those of its datasets, sorted, each with its zero byte */
AC_MUST_CHECK ac_status ac_h5_guard_structure(const char *path, int64_t *bytes,
                                              ac_texts *names);

/**
 * What an open file holds: datasets alone, by links inside the file, of numbers or of texts of
 * one length; no external storage; no filter but zstd, gzip and Fletcher-32; no more elements
 * than the stored bytes can hold. Virtual datasets are refused unless `may_show`; then their
 * sources are named relative to the file, and lie below its folder. AC_E_FORMAT names the file,
 * the object and what is wrong.
 */
AC_MUST_CHECK ac_status ac_h5_guard_content(const char *path, int64_t file, int64_t bytes,
                                            const ac_texts *names, bool may_show);

#endif

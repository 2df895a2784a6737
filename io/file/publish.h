/** Files appear under their final name whole or not at all: temporary name, fsync, rename,
 * fsync of the folder. What was published, made or removed here stays so after a power loss. */
#ifndef AC_IO_FILE_PUBLISH_H
#define AC_IO_FILE_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/status.h"
#include "io/file/io_failure.h"

/** The name under which `path` is written first, in the same folder, its own for each process
 * of each host: PATH.tmp.HOST.PID. Where that is longer than a name may be, a hash stands for
 * the end of the name. Free with free(). AC_E_ARG where `path` is a folder, a device, a pipe,
 * or an open file's name in /proc or /dev (/dev/stdout): a rename would put a file in its
 * place, for all programs of the machine. AC_E_IO where its folder is not there. */
AC_MUST_CHECK ac_status ac_publish_temporary(char **out, const char *path);
/** The same for a folder that is to be renamed to `path`. The caller looks at what is there. */
AC_MUST_CHECK ac_status ac_publish_temporary_folder(char **out, const char *path);

/** What bytes are written to as they come, and is never replaced: a terminal, a pipe,
 * /dev/null, an open file's name (/dev/stdout, /dev/fd/3).
 * @param[out] file  open for writing, the caller's to close; -1: `path` is nothing of the kind
 */
AC_MUST_CHECK ac_status ac_publish_open_stream(int *file, const char *path);

/** Write n bytes as the file `path`, replacing what is there, or to the stream that it names.
 * Removes its temporary file on failure. */
AC_MUST_CHECK ac_status ac_publish_file(const char *path, const void *bytes, size_t n);

/** HOST.PID, as at the end of a temporary name: of a process of this host that is no more? */
bool ac_publish_is_left_over(const char *ending);

/** Remove the temporary files of `path` that killed processes of this host left. What cannot be
 * removed stays. */
void ac_publish_remove_left_over(const char *path);

/** Bytes that a name in this folder may have, as its file system says; 255 where it does not.
 */
size_t ac_publish_longest_name(const char *folder);

/** Can files be made in this folder? By trying: what access() says of other file systems, and
 * to root, is not always so. AC_E_IO with the reason; nothing stays. */
AC_MUST_CHECK ac_status ac_publish_try(const char *folder);

/** Rename a closed, synced temporary file to its final name in the same folder. The temporary
 * stays on failure. */
AC_MUST_CHECK ac_status ac_publish_rename(const char *temporary, const char *path);

/** Sync the folder that holds `path`: from then on it has this name, or has it no more, after a
 * power loss too. No failure where the file system does not sync folders. */
AC_MUST_CHECK ac_status ac_publish_sync_name(const char *path);

/** Remove a file for good: what is published next never stands beside it again. No failure
 * where it is not there. */
AC_MUST_CHECK ac_status ac_publish_remove(const char *path);

#endif

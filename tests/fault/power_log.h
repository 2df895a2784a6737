/* What power_record writes and power_replay reads: records, each followed by its two paths
 * (relative to the folder that is watched) and, of a write, by the bytes. */
#ifndef AC_TESTS_FAULT_POWER_LOG_H
#define AC_TESTS_FAULT_POWER_LOG_H

#include <stdint.h>

typedef enum power_kind {
    POWER_OPEN = 'o', /* path is inode */
    POWER_CREATE =
        'c', /* path is a new file; without a path: a file that has none (O_TMPFILE) */
    POWER_FOLDER = 'm', /* path is a new folder */
    POWER_WRITE = 'w',  /* n bytes at `at` */
    POWER_SIZE = 't',   /* the file is `at` bytes long */
    POWER_RENAME = 'r', /* path becomes path2 */
    POWER_LINK = 'l',   /* path is one more name of inode */
    POWER_UNLINK = 'u', /* of a file or folder */
    POWER_SYNC = 's',   /* of a file or folder */
} power_kind;

typedef struct power_record {
    uint32_t kind, process;
    uint64_t inode;
    uint64_t at, n;
    uint32_t path, path2; /* bytes of the paths, which have no zero byte at their ends */
} power_record;

#endif

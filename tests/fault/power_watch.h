/* Of power_record: the log, and which files it is about. */
#ifndef AC_TESTS_FAULT_POWER_WATCH_H
#define AC_TESTS_FAULT_POWER_WATCH_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "power_log.h"

/* A preloaded library must show the program no names but those it stands in for. */
#pragma GCC visibility push(hidden)

enum { POWER_FILES = 65536 };

/* Any of the C library's. */
typedef union function {
    void *pointer;
    int (*open)(const char *, int, ...);
    int (*openat)(int, const char *, int, ...);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*pwrite)(int, const void *, size_t, off_t);
    ssize_t (*writev)(int, const struct iovec *, int);
    ssize_t (*pwritev)(int, const struct iovec *, int, off_t);
    int (*resize)(int, off_t);
    int (*allocate)(int, off_t, off_t);
    int (*fallocate)(int, int, off_t, off_t);
    int (*fd)(int);
    int (*path)(const char *);
    int (*two)(const char *, const char *);
    int (*two_at)(int, const char *, int, const char *);
    int (*two_flags)(int, const char *, int, const char *, int);
    int (*two_unsigned)(int, const char *, int, const char *, unsigned);
    int (*at)(int, const char *, int);
    int (*make)(const char *, mode_t);
    int (*make_at)(int, const char *, mode_t);
    FILE *(*fopen)(const char *, const char *);
    size_t (*fwrite)(const void *, size_t, size_t, FILE *);
    int (*stream)(FILE *);
} function;

extern bool power_watched[POWER_FILES];
extern int64_t
    power_seen[POWER_FILES]; /* bytes that are in the log already, of a watched file */

/* The C library's own function. */
function power_next(const char *name);

/* Around an operation and its record. A holder that is gone has lost the lock. */
void power_lock(void);
void power_unlock(void);

/* All below are called with the lock. errno stays what it was. */
void power_put(power_kind kind, uint64_t inode, const char *path, const char *path2, int64_t at,
               size_t n, const void *bytes);

/* A file was opened. */
void power_opened(int fd, const char *below, bool created, bool emptied);

/* What has been written behind the log's back is at the end. */
void power_catch_up(int fd);

uint64_t power_inode(int fd);

/* These without it. */
bool power_is_watched(int fd);
bool power_is_there(int folder, const char *path);

/* The path below the root; false where it is elsewhere. */
bool power_is_ours(int folder, const char *path, char below[PATH_MAX]);

#pragma GCC visibility pop

#endif

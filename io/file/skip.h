/** Folders and files of an input that a search passes over by their names: what NAS systems,
 * file managers and backup programs leave among one's own files. */
#ifndef AC_IO_FILE_SKIP_H
#define AC_IO_FILE_SKIP_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"

/** The patterns that count unless others are given; one per line, as everywhere here. */
extern const char ac_skip_default[];

/** A pattern, and what it passed over. */
typedef struct ac_skip_kind {
    char *pattern; /* owned */
    int64_t count;
    char *first;    /* owned: the first path, bytewise; NULL: none */
    int64_t images; /* that were seen in these folders */
} ac_skip_kind;

/** Starts zeroed: nothing is passed over. */
typedef struct ac_skip {
    ac_skip_kind *kinds; /* [count] */
    int64_t count;
    int64_t total;        /* passed over by all of them */
    int64_t last;         /* the kind of what ac_skip_ask found last */
    int64_t looked;       /* folders of those passed over that ac_skip_look has looked into */
    ac_buffer unreadable; /* "PATH: why", one per line: folders that the system keeps closed */
    int64_t unreadable_count;
} ac_skip;

/** patterns: the shell's (*, ?, [a-z]), letters of either case, one per line; of the last
 * component of a path, or, where the pattern has a slash, of all of it. NULL: none. */
AC_MUST_CHECK ac_status ac_skip_init(ac_skip *self, const char *patterns);
void ac_skip_free(ac_skip *self);

/** Is this folder or file to be passed over? It is counted. path: relative to the folder that
 * is searched. */
AC_MUST_CHECK ac_status ac_skip_ask(ac_skip *self, const char *path, bool *skipped);

/** What ac_skip_ask has just passed over, at this path: if it is a folder, count what is_wanted
 * in it and below, for the log; no more than 1,000 folders in all. */
void ac_skip_look(ac_skip *self, const char *path, bool (*is_wanted)(const char *name));

/**
 * A folder that cannot be read (lost+found, another user's): all else is done, and ac_skip_log
 * names it.
 * @return AC_OK where it is to be left out; the failure where the system may say something else
 * at the next try
 */
AC_MUST_CHECK ac_status ac_skip_unreadable(ac_skip *self, const char *path, int error_number);

/** Is a member of an archive with this name [n] to be passed over, by a pattern for it or for a
 * folder that it lies in? Counted as one; a leading "./" does not count. */
AC_MUST_CHECK ac_status ac_skip_ask_member(ac_skip *self, const char *name, size_t n,
                                           bool *skipped);

/** Appended to out: "12 @eaDir (first: a/@eaDir), 1 .git (first: .git); images in them: 120
 * @eaDir". total > 0. */
void ac_skip_print(const ac_skip *self, ac_buffer *out);

/** Appended to out, as a JSON object: {"@eaDir": 12, …}. */
void ac_skip_push_json(const ac_skip *self, ac_buffer *out);

/** A line in the log, where anything was passed over; one per folder that cannot be read (the
 * first of the two alone). what: the config's key. */
void ac_skip_log_unreadable(const ac_skip *self, const char *what);
void ac_skip_log(const ac_skip *self, const char *what);

#endif

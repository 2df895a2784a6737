/**
 * The members of a tar as samples. webdataset's rule: members that follow each other and have
 * one key, the name up to the first dot of its base name. Or as files: each member by itself.
 */
#ifndef AC_IO_SOURCE_TAR_SAMPLES_H
#define AC_IO_SOURCE_TAR_SAMPLES_H

#include "io/file/skip.h"
#include "io/source/tar_reader.h"

/** Why a member is part of no sample. */
typedef enum ac_tar_skip {
    AC_TAR_TAKEN = 0,
    AC_TAR_NO_FILE,      /* a folder, a link, a device, a pipe */
    AC_TAR_OUTSIDE,      /* an absolute name, or one with ".." in it */
    AC_TAR_NO_STEM,      /* no dot in its base name, or nothing before it (webdataset) */
    AC_TAR_META,         /* "__…__" (webdataset) */
    AC_TAR_APPLE_DOUBLE, /* what macOS puts beside a file, as ._NAME */
    AC_TAR_BY_NAME       /* by input.skip */
} ac_tar_skip;

/** A member, and where it belongs. All of it valid until the next is read. */
typedef struct ac_tar_part {
    ac_tar_member member;
    ac_tar_skip skip;
    size_t key_size;    /* of the member's name: the key */
    const char *suffix; /* behind the key and its dot, letters A to Z lower-cased */
    bool begins;        /* a new sample; webdataset alone */
    bool again;         /* and an earlier one of this tar has the same key */
} ac_tar_part;

/** Hashes that were seen. Starts zeroed. */
typedef struct ac_tar_seen {
    uint64_t *slots; /* owned; 0: free */
    int64_t capacity, count;
} ac_tar_seen;

enum { AC_TAR_KEY_PARTS = 256 };

/** Starts zeroed. */
typedef struct ac_tar_samples {
    ac_tar_reader reader;
    bool files; /* as files */
    ac_buffer key, suffix;
    ac_tar_seen suffixes; /* of the present sample */
    /* of the tar, by their hashes' highest byte: each part grows by itself, so that no old
     * table of the whole stands beside a new one: 11 to 21 bytes per key */
    ac_tar_seen keys[AC_TAR_KEY_PARTS];
    bool is_begun;    /* a sample was */
    ac_skip skipping; /* what is passed over by name; the caller's to set after opening */
} ac_tar_samples;

/** As ac_tar_reader_open. */
AC_MUST_CHECK ac_status ac_tar_samples_open(ac_tar_samples *self, const char *path, bool files);
void ac_tar_samples_close(ac_tar_samples *self);

/** As ac_tar_reader_next. */
AC_MUST_CHECK ac_status ac_tar_samples_next(ac_tar_samples *self, ac_tar_part *part,
                                            bool *there);

#endif

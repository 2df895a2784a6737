/** What reading tars passed over or found wrong: counted, and the first names. */
#ifndef AC_IO_SOURCE_TAR_NOTES_H
#define AC_IO_SOURCE_TAR_NOTES_H

#include <stdint.h>

#include "engine/base/buffer.h"

typedef enum ac_tar_note {
    AC_TAR_NOTE_NO_FILE = 0,
    AC_TAR_NOTE_OUTSIDE,
    AC_TAR_NOTE_NO_STEM,
    AC_TAR_NOTE_META,
    AC_TAR_NOTE_APPLE_DOUBLE,
    AC_TAR_NOTE_SKIPPED,     /* by input.skip */
    AC_TAR_NOTE_OTHER,       /* neither images, captions nor metadata */
    AC_TAR_NOTE_NO_IMAGE,    /* samples */
    AC_TAR_NOTE_MORE_IMAGES, /* of a sample */
    AC_TAR_NOTE_AGAIN,       /* keys that come again later in their tar */
    AC_TAR_NOTE_MORE_DATA,   /* tars with data behind their end */
    AC_TAR_NOTE_DAMAGED,     /* tars */
    AC_TAR_NOTE_STATS,       /* tars that differ from their _stats.json */
    AC_TAR_NOTE_STATS_EQUAL,
    AC_TAR_NOTES
} ac_tar_note;

enum { AC_TAR_NOTE_NAMES = 10 };

/** Starts zeroed; owns its names. */
typedef struct ac_tar_notes {
    int64_t count[AC_TAR_NOTES];
    ac_texts names[AC_TAR_NOTES]; /* the first AC_TAR_NOTE_NAMES, in the tars' order */
} ac_tar_notes;

void ac_tar_notes_free(ac_tar_notes *self);
AC_MUST_CHECK ac_status ac_tar_notes_add(ac_tar_notes *self, ac_tar_note note, const char *name,
                                         size_t n);

/** As one JSON object {"NOTE": {"count", "first": […]}, …}, appended to out; only what is. */
AC_MUST_CHECK ac_status ac_tar_notes_print(const ac_tar_notes *self, ac_buffer *out);

/** Adds what such an object says. AC_E_FORMAT where it is none. */
AC_MUST_CHECK ac_status ac_tar_notes_read(ac_tar_notes *self, const char *json);

/** For people, a line per note: "3 members are no files: folders, links, devices (a, b, …)". */
AC_MUST_CHECK ac_status ac_tar_notes_describe(const ac_tar_notes *self, ac_texts *lines);

#endif

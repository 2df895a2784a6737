/** Several sources as one: the items of the first, then those of the next. */
#ifndef AC_IO_SOURCE_JOINED_IMAGES_H
#define AC_IO_SOURCE_JOINED_IMAGES_H

#include "io/source/image_source.h"

/** A part: each item of the source `repeats` times, its keys behind a prefix. */
typedef struct ac_joined_part {
    const ac_image_source *source; /* borrowed: it stays where it is */
    const char *prefix;            /* "train/"; lives as long as the program */
    int64_t repeats;               /* more than 1: the keys end with #0, #1, … */
} ac_joined_part;

enum { AC_JOINED_MOST = 4 };

/** 1 to AC_JOINED_MOST parts. Locations are those of the parts. The fingerprint is of the
 * parts', with a blank between them. */
AC_MUST_CHECK ac_status ac_joined_images_open(ac_image_source *out, const ac_joined_part *parts,
                                              int count);

#endif

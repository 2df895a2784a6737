/** Items of another source under other numbers: those that an updated run has ever had, in the
 * order in which they came to it. */
#ifndef AC_IO_SOURCE_SELECTED_IMAGES_H
#define AC_IO_SOURCE_SELECTED_IMAGES_H

#include "io/source/image_source.h"

/**
 * Item i is item numbers[i] of `source`; where that is -1 it left the input: it has no key, and
 * ac_image_source_check rejects it. `source` and `numbers` [count] are borrowed.
 */
AC_MUST_CHECK ac_status ac_selected_images_open(ac_image_source *out,
                                                const ac_image_source *source,
                                                const int64_t *numbers, int64_t count);

/**
 * The source becomes that of its items `numbers` (i64 [count], of any alignment), ascending,
 * which are copied; it owns what it was. root: what stands before the locations of its items.
 * Its fingerprint stays. On failure it is as it was.
 */
AC_MUST_CHECK ac_status ac_listed_images_take(ac_image_source *images, const void *numbers,
                                              int64_t count, const char *root);

/** The source that was taken so; of another it is that itself. Borrowed. */
const ac_image_source *ac_listed_images_whole(const ac_image_source *images);

/** Of such a source: its numbers [count] and its root. Borrowed. */
const int64_t *ac_listed_images_numbers(const ac_image_source *images, const char **root);

extern const ac_image_source_type ac_listed_images_type, ac_listed_hashed_images_type;

#endif

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

#endif

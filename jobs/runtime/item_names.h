/** What a run's items are called in its files for people: an image's key, or a cache's entry.
 */
#ifndef AC_JOBS_RUNTIME_ITEM_NAMES_H
#define AC_JOBS_RUNTIME_ITEM_NAMES_H

#include "io/source/image_source.h"

/** Borrows what it names. */
typedef struct ac_item_names {
    ac_status (*name)(const void *of, int64_t item,
                      ac_buffer *out); /* replaces what out held */
    const void *of;
} ac_item_names;

ac_item_names ac_item_names_of_images(const ac_image_source *images);
ac_item_names ac_item_names_of_texts(const ac_texts *texts);

#endif

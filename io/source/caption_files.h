/**
 * The .txt files of a folder, and which image each belongs to: the one beside the image, else
 * the only one below the folder with the image's stem (images/a.jpg, texts/a.txt).
 */
#ifndef AC_IO_SOURCE_CAPTION_FILES_H
#define AC_IO_SOURCE_CAPTION_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/item_status.h"
#include "io/file/spill.h"

/** Names relative to the folder, sorted by stem (the last component without its extension),
 * then bytewise. Starts zeroed; owns everything. */
typedef struct ac_caption_files {
    ac_spill names; /* each with its size (uint32_t) in front */
    ac_spill order; /* int64_t [count]: where each begins in `names` */
    int64_t count;
} ac_caption_files;

/** In a folder the names may be in a file without a name (ac_spill); borrowed. */
void ac_caption_files_init(ac_caption_files *self, const char *folder);

void ac_caption_files_free(ac_caption_files *self);

/** Does the name end in .txt, in letters of either case? */
bool ac_caption_file_is(const char *name);

/** A file of the folder whose name ends in .txt. */
AC_MUST_CHECK ac_status ac_caption_files_add(ac_caption_files *self, const char *name);
void ac_caption_files_sort(ac_caption_files *self);

/** Of the files that have an image's stem, those at [first, first + count) in sorted order. */
typedef struct ac_caption_match {
    int64_t first, count;
    int64_t beside; /* which of them lies beside the image; -1: none */
} ac_caption_match;

/** key [n]: the image's name without its extension. */
ac_caption_match ac_caption_files_match(const ac_caption_files *self, const char *key,
                                        size_t n);

/** The name at place i of the sorted order [size], not zero-terminated. */
const char *ac_caption_files_name(const ac_caption_files *self, int64_t i, size_t *size);

/** The text of one caption file, appended to `text` without a byte-order mark. What is no text
 * in UTF-8 is appended as it is, and the status says so; of a file that cannot be read, or that
 * is something else (io/file/file_head.h), nothing is appended, and the status names it. */
AC_MUST_CHECK ac_status ac_caption_file_read(const char *path, ac_buffer *text,
                                             ac_item_status *status);

#endif

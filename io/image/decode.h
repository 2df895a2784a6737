/** Decoding images to Pillow's bytes. A bad image is data, not an error: it has a reason. */
#ifndef AC_IO_IMAGE_DECODE_H
#define AC_IO_IMAGE_DECODE_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buffer.h"
#include "engine/base/item_status.h"
#include "engine/image/image.h"
#include "engine/image/recipe.h"

/**
 * Decode n bytes, whatever their file was called. A failure status is only for memory.
 * @param[out] out      the caller's to free where *item_status is AC_GOOD; empty otherwise
 * @param[in] max_pixels  width × height beyond it: too_large, before anything is allocated
 */
AC_MUST_CHECK ac_status ac_image_decode(ac_image *out, const void *bytes, size_t n,
                                        int64_t max_pixels, ac_item_status *item_status);

/** The same for one page of several, from 0; of what has no pages, 0 is the image. */
AC_MUST_CHECK ac_status ac_image_decode_page(ac_image *out, const void *bytes, size_t n,
                                             int64_t page, int64_t max_pixels,
                                             ac_item_status *item_status);

/**
 * The same for ac_image_preprocess with this recipe (NULL: for anything): pixels that it does
 * not look at may be anything. What is wrong with the image is found all the same.
 */
AC_MUST_CHECK ac_status ac_image_decode_for(ac_image *out, const void *bytes, size_t n,
                                            int64_t page, const ac_preprocess_recipe *recipe,
                                            int64_t max_pixels, ac_item_status *item_status);

/**
 * Width and height of a page as its header says, before any turning by EXIF; nothing is
 * decoded, so that what follows the header may still be damaged. What has no size that can be
 * read, or more than max_pixels, is rejected as ac_image_decode_page would reject it.
 */
AC_MUST_CHECK ac_status ac_image_read_size(const void *bytes, size_t n, int64_t page,
                                           int64_t max_pixels, int64_t *width, int64_t *height,
                                           ac_item_status *item_status);

/** Pages of a TIFF, at least 1; 1 for all other formats (an animation is one image). Nothing is
 * decoded. */
int64_t ac_image_count_pages(const void *bytes, size_t n);

/** "JPEG" and so on, by content; NULL where the bytes are no image that is known. */
const char *ac_image_format_name(const void *bytes, size_t n);

/** A format that the program knows, and whether this build reads it. */
typedef struct ac_image_format {
    const char *name;
    const char *library; /* NULL: always in the build */
    const char *version; /* of the library it was built with; NULL as above, or not built */
    bool built;
} ac_image_format;

/** Format i, from 0; false behind the last. */
bool ac_image_format_at(int i, ac_image_format *out);

/** Read a regular file and decode it; recipe as in ac_image_decode_for. */
AC_MUST_CHECK ac_status ac_image_read_file_for(ac_image *out, const char *path,
                                               const ac_preprocess_recipe *recipe,
                                               int64_t max_pixels, ac_item_status *item_status);

/** Read a regular file and decode it. */
AC_MUST_CHECK ac_status ac_image_read_file(ac_image *out, const char *path, int64_t max_pixels,
                                           ac_item_status *item_status);

/** rgb [S, S, 3] as a JPEG, appended. Equal pixels give equal bytes. */
AC_MUST_CHECK ac_status ac_image_thumbnail_jpeg(ac_buffer *out, const uint8_t *rgb, int64_t S,
                                                int quality);

#endif

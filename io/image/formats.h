/**
 * One decoder per format. Private to io. Contracts as ac_image_decode's. A decoder sets
 * out->orientation only where the format's own turning decides it; left at 0, EXIF is asked.
 */
#ifndef AC_IO_IMAGE_FORMATS_H
#define AC_IO_IMAGE_FORMATS_H

#include "engine/base/item_status.h"
#include "engine/image/image.h"
#include "engine/image/recipe.h"

/* Always built. */
AC_MUST_CHECK ac_status ac_bmp_decode(ac_image *out, const unsigned char *bytes, size_t n,
                                      int64_t max_pixels, ac_item_status *item_status);
AC_MUST_CHECK ac_status ac_gif_decode(ac_image *out, const unsigned char *bytes, size_t n,
                                      int64_t max_pixels, ac_item_status *item_status);
AC_MUST_CHECK ac_status ac_jpeg_decode(ac_image *out, const unsigned char *bytes, size_t n,
                                       int64_t max_pixels, ac_item_status *item_status);
/** Only pixels that ac_image_preprocess looks at need be right (ac_image_decode_for). */
AC_MUST_CHECK ac_status ac_jpeg_decode_for(ac_image *out, const unsigned char *bytes, size_t n,
                                           const ac_preprocess_recipe *recipe,
                                           int64_t max_pixels, ac_item_status *item_status);
AC_MUST_CHECK ac_status ac_png_decode(ac_image *out, const unsigned char *bytes, size_t n,
                                      int64_t max_pixels, ac_item_status *item_status);
AC_MUST_CHECK ac_status ac_webp_decode(ac_image *out, const unsigned char *bytes, size_t n,
                                       int64_t max_pixels, ac_item_status *item_status);

/* Each built where its library was found (cmake/AcDependencies.cmake). */
AC_MUST_CHECK ac_status ac_avif_decode(ac_image *out, const unsigned char *bytes, size_t n,
                                       int64_t max_pixels, ac_item_status *item_status);
AC_MUST_CHECK ac_status ac_heif_decode(ac_image *out, const unsigned char *bytes, size_t n,
                                       int64_t max_pixels, ac_item_status *item_status);
AC_MUST_CHECK ac_status ac_jpeg2000_decode(ac_image *out, const unsigned char *bytes, size_t n,
                                           int64_t max_pixels, ac_item_status *item_status);
AC_MUST_CHECK ac_status ac_jxl_decode(ac_image *out, const unsigned char *bytes, size_t n,
                                      int64_t max_pixels, ac_item_status *item_status);
/** The first page. */
AC_MUST_CHECK ac_status ac_tiff_decode(ac_image *out, const unsigned char *bytes, size_t n,
                                       int64_t max_pixels, ac_item_status *item_status);
/** The page whose directory is at byte `directory` of the file. */
AC_MUST_CHECK ac_status ac_tiff_decode_at(ac_image *out, const unsigned char *bytes, size_t n,
                                          uint64_t directory, int64_t max_pixels,
                                          ac_item_status *item_status);

/** As max_pixels: nothing is decoded. Every size is "too large", and ac_image_size_read gives
 * it. */
enum { AC_IMAGE_SIZE_ONLY = -1 };

/** Whether a size is one that can be allocated; otherwise the item_status says why not. */
bool ac_image_check_size(int64_t width, int64_t height, int64_t max_pixels,
                         ac_item_status *item_status);

/** The size that ac_image_check_size called too large; false where something else was wrong. */
bool ac_image_size_read(const ac_item_status *item_status, int64_t *width, int64_t *height);

/** The same as ac_image_allocate, but the pixels are not zeroed: for decoders that write all of
 * them, or whose image is rejected. */
AC_MUST_CHECK ac_status ac_image_allocate_unset(ac_image *out, ac_image_mode mode,
                                                int64_t width, int64_t height,
                                                int64_t max_pixels,
                                                ac_item_status *item_status);

/** Set mode and size and allocate the pixels, zeroed; a size that is too large or zero becomes
 * the item_status. */
AC_MUST_CHECK ac_status ac_image_allocate(ac_image *out, ac_image_mode mode, int64_t width,
                                          int64_t height, int64_t max_pixels,
                                          ac_item_status *item_status);

#endif

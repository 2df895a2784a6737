/** Images named on the command line, decoded and resized. */
#ifndef AC_JOBS_CLI_TOOLS_IMAGES_H
#define AC_JOBS_CLI_TOOLS_IMAGES_H

#include "engine/image/recipe.h"
#include "io/image/decode.h"

enum { AC_MAX_PIXELS = 178956970 };

/** rgb [n, S, S, 3], S = recipe->size, a zero row where an image is bad, larger than max_pixels
 * for one; statuses [n]. */
AC_MUST_CHECK ac_status ac_images_read(uint8_t *rgb, ac_item_status *statuses,
                                       const char *const *files, int64_t n,
                                       const ac_preprocess_recipe *recipe, int64_t max_pixels);

/** One line per file: {"file","ok","reason"}. Returns AC_E_BAD_ITEMS where any is not ok. */
AC_MUST_CHECK ac_status ac_images_report(const ac_item_status *statuses,
                                         const char *const *files, int64_t n);

#endif

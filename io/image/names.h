/** Which files are taken for images by their names. What one is, its content decides. */
#ifndef AC_IO_IMAGE_NAMES_H
#define AC_IO_IMAGE_NAMES_H

#include <stdbool.h>

/** Whether a name, or a path, ends in an extension of images, in letters of either case; also
 * of formats that this build does not read: such an item is rejected, and says why. */
bool ac_image_name_is(const char *name);

/** The extensions, for people: "jpg, jpeg, …". */
extern const char ac_image_extensions[];

#endif

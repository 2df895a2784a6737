/** Camera fields of an image's EXIF, by the names that Pillow and the standard give them. */
#ifndef AC_IO_IMAGE_EXIF_FIELDS_H
#define AC_IO_IMAGE_EXIF_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buffer.h"

/** Whether this is the name of a field [n] that is read: "Make", "DateTimeOriginal". */
bool ac_exif_field_is(const char *name, size_t n);

/** The names, for people. */
extern const char ac_exif_field_names[];

/**
 * The field of an image's bytes [size] as a JSON value, appended: a text, a number, a list of
 * numbers; null where the image has none that can be read. The name is a field's.
 */
ac_status ac_exif_push_field(ac_buffer *out, const void *bytes, size_t size, const char *name,
                             size_t n);

#endif

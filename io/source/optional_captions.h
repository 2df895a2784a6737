/** A source of captioned images whose captions are references: an image without any, or with
 * some that are no text, is an image all the same. */
#ifndef AC_IO_SOURCE_OPTIONAL_CAPTIONS_H
#define AC_IO_SOURCE_OPTIONAL_CAPTIONS_H

#include "io/source/image_source.h"

/** Takes `captioned` (of captioned_images.h; zeroed afterwards), also on failure. */
AC_MUST_CHECK ac_status ac_optional_captions_open(ac_image_source *out,
                                                  ac_image_source *captioned);

enum { AC_OPTIONAL_CAPTIONS_HEAD = 8 }; /* bytes of it, packed, before those of `captioned` */

extern const ac_image_source_type ac_optional_captions_type;

#endif

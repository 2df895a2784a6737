/** Which kind of source an input is; and a source for other processes of the same program. */
#ifndef AC_IO_SOURCE_OPEN_IMAGES_H
#define AC_IO_SOURCE_OPEN_IMAGES_H

#include "io/source/image_source.h"

/**
 * A folder of images, a .txt list of paths, one image, an image dataset, or tars
 * (tar_inputs.h), which are read with what the config has by default: a job opens those by
 * ac_tar_input_open_all.
 * what: the config's key ("input.path"), for messages. AC_E_IO where the input is not there,
 * AC_E_FORMAT where it holds no image.
 */
AC_MUST_CHECK ac_status ac_images_open(ac_image_source *out, const char *input,
                                       const char *what, const ac_image_options *options);

/** What another process of this program needs to be such a source, appended to out. */
AC_MUST_CHECK ac_status ac_images_pack(const ac_image_source *self, ac_buffer *out);
/** What unpacking will open, which must be there: the index, and the texts; free with free().
 * NULL: none. */
AC_MUST_CHECK ac_status ac_images_packed_files(const char *bytes, size_t n, char *paths[2]);
AC_MUST_CHECK ac_status ac_images_unpack(ac_image_source *out, const char *bytes, size_t n);

#endif

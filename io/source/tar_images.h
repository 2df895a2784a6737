/** Images in tars, by their index, as a source: webdataset's, img2dataset's, plain ones. */
#ifndef AC_IO_SOURCE_TAR_IMAGES_H
#define AC_IO_SOURCE_TAR_IMAGES_H

#include "io/source/image_source.h"
#include "io/source/tar_index.h"
#include "io/source/tar_inputs.h"

/** AC_E_ARG where the text is none of these. */
AC_MUST_CHECK ac_status ac_tar_captions_check(const char *captions);

/**
 * The source of an index (ac_tar_index_merge), which is mapped: a rank's own memory does not
 * grow with the items. Members are read at random; a tar that is not the one that was indexed
 * any more is refused by name, as a failure of ac_image_source_read.
 * With options->captioned captions are stripped, and an item without one is rejected.
 * Locations are "TAR#MEMBER".
 * AC_E_FORMAT where the tars hold no image.
 */
AC_MUST_CHECK ac_status ac_tar_images_open(ac_image_source *out, const char *index,
                                           const ac_tar_options *options);

/** The same in one process, without a run folder: the index is a temporary file without a
 * name. AC_E_ARG where a tar is compressed. */
AC_MUST_CHECK ac_status ac_tar_images_open_alone(ac_image_source *out,
                                                 const ac_tar_inputs *inputs,
                                                 const ac_tar_options *options);

/** How many tars; 0: another source. */
int64_t ac_tar_images_count(const ac_image_source *source);

/** Bytes of an item's image, without reading it; -1: another source. */
int64_t ac_tar_images_bytes(const ac_image_source *source, int64_t i);

/** What the tars hold besides items, as ac_tar_notes_print made it; NULL: another source. */
const char *ac_tar_images_notes(const ac_image_source *source);

/** Do keys begin with their tars' names? */
bool ac_tar_images_prefixed(const ac_image_source *source);

extern const ac_image_source_type ac_tar_images_type;

#endif

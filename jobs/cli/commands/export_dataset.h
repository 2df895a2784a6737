/** `export DATASET --format webdataset|folder`. */
#ifndef AC_JOBS_CLI_COMMANDS_EXPORT_DATASET_H
#define AC_JOBS_CLI_COMMANDS_EXPORT_DATASET_H

#include <stdbool.h>

#include "engine/base/status.h"

/** Is this the folder of an ingest? */
bool ac_is_image_dataset(const char *folder);

/**
 * Write an image dataset's images, captions and metadata as tars, or as files that the folder
 * source reads back: KEY.jpg, KEY.txt, KEY.json. A folder that holds another file of such a
 * name stays as it is: AC_E_ARG names the file.
 * @param[in] without  a run of dedupe, whose dropped images are left out; NULL: none are
 */
AC_MUST_CHECK ac_status ac_export_dataset(const char *folder, const char *format,
                                          const char *out, const char *without);

#endif

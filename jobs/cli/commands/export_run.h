/** A run's captions for other tools: COCO results, CSV, a text file per image. */
#ifndef AC_JOBS_CLI_COMMANDS_EXPORT_RUN_H
#define AC_JOBS_CLI_COMMANDS_EXPORT_RUN_H

#include <stdbool.h>

#include "engine/base/status.h"

/**
 * Local. Export the run in `folder`, as far as it is done (an unfinished one is said on the
 * log).
 * @param[in] format  "coco": [{"image_id": int, "caption": str}], the id being the digits that
 * the key ends with, as in COCO's file names; "csv": RFC 4180, of a tag run one line per entry;
 * "txt": KEY.txt, one caption (or the entries, one per line)
 * @param[in] out     the file; of "txt" a folder, NULL: beside each image. A .txt file of other
 * content is never replaced
 * @return AC_E_BAD_ITEMS where images whose keys end with no number were left out of a COCO
 * file: they are named on the log, and the file holds the others; AC_E_FORMAT where two keys
 * end with the same number
 */
AC_MUST_CHECK ac_status ac_export_run(const char *folder, const char *format, const char *out,
                                      bool reviewed);

#endif

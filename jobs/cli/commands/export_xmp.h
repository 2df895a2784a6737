/** XMP sidecars: a caption as description and as alternative text. */
#ifndef AC_JOBS_CLI_COMMANDS_EXPORT_XMP_H
#define AC_JOBS_CLI_COMMANDS_EXPORT_XMP_H

#include <stdbool.h>

#include "engine/base/buffer.h"

/** The sidecar of a caption [n], appended: dc:description and Iptc4xmpCore's
 * AltTextAccessibility, both in the language x-default. What XML cannot hold becomes U+FFFD. */
ac_status ac_xmp_push(ac_buffer *out, const char *caption, size_t n);

/** Is the file there, written by ac_xmp_push and by no other program since? Then it may be
 * replaced. */
bool ac_xmp_is_ours(const char *path);

#endif

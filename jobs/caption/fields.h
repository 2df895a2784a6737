/**
 * Fields that came with an image and go with it into results: output.metadata, of what its
 * source knows of it, and output.exif, of its bytes. Of an image they are one JSON object with
 * all fields in the config's order, null where the image has none.
 */
#ifndef AC_JOBS_CAPTION_FIELDS_H
#define AC_JOBS_CAPTION_FIELDS_H

#include "engine/base/buffer.h"
#include "io/config/config.h"

/** AC_E_ARG names a field of output.exif that is not read. */
AC_MUST_CHECK ac_status ac_fields_check(const ac_config *config);

/** Are there any? */
bool ac_fields_wanted(const ac_config *config);

/** Their names in results, appended: a field that is called as one of captions.jsonl's own is
 * original_NAME, and one that both lists have counts once. */
AC_MUST_CHECK ac_status ac_fields_names(const ac_config *config, ac_texts *names);

/** The object, in place of what `out` held. metadata [n]: a JSON object, or empty; bytes
 * [size]: the image's own, or none: then output.exif is taken from the metadata. */
AC_MUST_CHECK ac_status ac_fields_make(ac_buffer *out, const ac_config *config,
                                       const char *metadata, size_t n, const void *bytes,
                                       size_t size);

/** Put output.exif's fields that the image has into its metadata, which stays as it is
 * otherwise; what is there already counts. */
AC_MUST_CHECK ac_status ac_fields_add_exif(ac_buffer *metadata, const ac_config *config,
                                           const void *bytes, size_t size);

/** The value of field `name` [n] of such an object as plain text for a table, appended: a text
 * as it is, nothing for null, anything else as JSON. */
AC_MUST_CHECK ac_status ac_fields_push_plain(ac_buffer *out, const char *object, size_t size,
                                             const char *name, size_t n);

#endif

/** What the members of an image are called in a tar that webdataset reads. */
#ifndef AC_IO_SOURCE_SAMPLE_NAME_H
#define AC_IO_SOURCE_SAMPLE_NAME_H

#include "engine/base/buffer.h"

/** The member of a sample's json that holds the true key. */
extern const char ac_sample_key_field[]; /* "antarctic_key" */

/**
 * The key [n] as the part of member names before the extension, in place of what `out` held.
 * webdataset ends it at the first dot of the base name and passes over names in __…__, so dots
 * and '%' of the base name, "__" at the head of the base name and of the whole, a leading '/'
 * and folders "." and ".." are percent-encoded. Different keys stay different.
 */
ac_status ac_sample_name(const char *key, size_t n, ac_buffer *out);

/**
 * The key of a sample whose json shows it as `shown`, in place of what `key` held. JSON has
 * U+FFFD for bytes that are not UTF-8: they are taken from the member's name up to its
 * extension [n], where ac_sample_name made it of such a key.
 */
ac_status ac_sample_key(const char *shown, const char *name, size_t n, ac_buffer *key);

/** The extension for an image's bytes: that of the location [n], if it is one of images (lower:
 * in lower case), else the format's (ac_image_format_name). Without the dot; out [16]. */
void ac_sample_extension(const char *location, size_t n, const char *format, bool lower,
                         char out[16]);

/**
 * A JSON object for a member .json, appended: `metadata` [n] (an object, or empty), then
 * `fields` (members without braces, or empty). The metadata stays as it is, to the byte, unless
 * it has one of `names` (NULL at the end), which `fields` defines: that member is then called
 * original_NAME (original_original_NAME, where that is there too). The true key's member is
 * dropped from the metadata.
 */
AC_MUST_CHECK ac_status ac_sample_json(const char *metadata, size_t n, const ac_buffer *fields,
                                       const char *const *names, ac_buffer *out);

/** Take the true key's member out of an image's metadata (an object, or empty), as samples of
 * ours have it: all else stays as it is, to the byte, and of nothing else nothing is left. */
AC_MUST_CHECK ac_status ac_sample_strip(ac_buffer *metadata);

#endif

/** Captions in the JSON files that programs write, read without building all their values. */
#ifndef AC_IO_SOURCE_CAPTION_SET_SCAN_H
#define AC_IO_SOURCE_CAPTION_SET_SCAN_H

#include "io/source/caption_records.h"

/**
 * {"id": "caption"}, {"id": ["caption", ...]}, and [{"image_id", "caption", ...}].
 * @param[out] out         unchanged where it was not understood
 * @param[out] understood  false: something else is in it, or something wrong; whoever reads all
 *                         of JSON finds out what
 * @return AC_E_NOMEM
 */
AC_MUST_CHECK ac_status ac_captions_scan_json(ac_caption_records *out, const char *text,
                                              size_t n, bool *understood);

#endif

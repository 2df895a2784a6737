/** Pictures named on the command line, decoded and resized. */
#ifndef AC_JOBS_TOOLS_PICTURES_H
#define AC_JOBS_TOOLS_PICTURES_H

#include "io/picture.h"

enum { AC_MAX_PIXELS = 178956970 };

/** rgb [n, S, S, 3], a zero row where a picture is bad, larger than max_pixels for one; verdicts [n]. */
ac_status ac_pictures_read(uint8_t *rgb, ac_verdict *verdicts, const char *const *files, int64_t n, int64_t S, int64_t max_pixels);

/** A line a file: {"file","ok","reason"}. Returns AC_E_BAD_ITEMS where any is bad. */
ac_status ac_pictures_report(const ac_verdict *verdicts, const char *const *files, int64_t n);

#endif

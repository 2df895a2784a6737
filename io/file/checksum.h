/** XXH3-128: of whole files (`xxh128sum FILE` prints the same), and of values as fingerprints.
 * Printed as 32 lower-case digits. */
#ifndef AC_IO_FILE_CHECKSUM_H
#define AC_IO_FILE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

/** hex: 32 lower-case digits and a zero byte. */
AC_MUST_CHECK ac_status ac_file_checksum(const char *path, char hex[33]);

/** The same of bytes [n] in memory. */
void ac_checksum_bytes(const void *bytes, size_t n, char hex[33]);

/** The two halves of a 128-bit number, the higher one first, as 32 digits and a zero byte. */
void ac_checksum_print(uint64_t high, uint64_t low, char hex[33]);

/** A checksum made piece by piece. Starts zeroed; owns its memory. */
typedef struct ac_checksum {
    void *state;
} ac_checksum;

AC_MUST_CHECK ac_status ac_checksum_init(ac_checksum *self);
void ac_checksum_update(ac_checksum *self, const void *bytes, size_t n);
/** Of all bytes so far. */
void ac_checksum_digest(const ac_checksum *self, char hex[33]);
void ac_checksum_free(ac_checksum *self);

#endif

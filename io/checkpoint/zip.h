/**
 * The directory of a zip archive in memory: where each member's bytes lie. For archives whose
 * members are stored, as PyTorch writes them, so that they are used in place. Nothing is
 * unpacked; CRC-32 is not checked (PyTorch does not either).
 */
#ifndef AC_IO_CHECKPOINT_ZIP_H
#define AC_IO_CHECKPOINT_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

typedef struct ac_zip_member {
    const char *name; /* [name_size], not zero-terminated, within the archive */
    size_t name_size;
    const unsigned char *data; /* [size]; NULL where the member is not stored */
    size_t size;
    bool stored;                 /* false: compressed or encrypted */
    bool deflated;               /* compressed by deflate, not encrypted */
    const unsigned char *packed; /* [packed_size]: as the archive holds it */
    size_t packed_size;
    uint32_t crc; /* of the unpacked bytes */
} ac_zip_member;

/** Starts zeroed. Views into the archive's bytes. */
typedef struct ac_zip {
    ac_zip_member *members; /* [count], sorted by name */
    int64_t count;
    const char *root; /* [root_size]: the first member's name up to and with its first '/', the
                         archive's own folder */
    size_t root_size;
} ac_zip;

/** Whether the bytes begin as a zip archive does. */
bool ac_zip_is(const unsigned char *bytes, size_t size);

/**
 * Read the directory (zip64 too). Every place and size is checked against the archive's own
 * size.
 * @param[in] path  for messages
 * @return AC_E_FORMAT naming file, member and rule
 */
AC_MUST_CHECK ac_status ac_zip_open(ac_zip *self, const unsigned char *bytes, size_t size,
                                    const char *path);
void ac_zip_close(ac_zip *self);

/** The member ROOT/name; NULL if there is none. name [n]: not zero-terminated. */
const ac_zip_member *ac_zip_find(const ac_zip *self, const char *name, size_t n);

#endif

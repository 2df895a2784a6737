/** Compressed tars made plain ones, so that their members can be read at random. */
#ifndef AC_IO_SOURCE_TAR_UNPACK_H
#define AC_IO_SOURCE_TAR_UNPACK_H

#include "engine/base/buffer.h"

/**
 * The tar `from` (gzip, zstd, or not compressed), published as the plain tar `to`, with the
 * modification time of `from`: so an index of it stays current.
 * Damaged or cut compressed data is no failure: what was whole is there, the plain tar ends
 * within a header or member, as a reader of it says too, and *damage has the message ("":
 * none). A failure: reading, writing, memory.
 * @param[in] memory  bytes for it (ac_byte_stream_limit); 0: no limit
 */
AC_MUST_CHECK ac_status ac_tar_unpack(const char *from, const char *to, int64_t memory,
                                      ac_buffer *damage);

#endif

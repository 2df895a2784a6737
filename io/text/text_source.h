/**
 * Text from files: `.txt`, gzip, zstd, standard input, and the members of tar shards.
 *
 * A source is one path. Preparing it checks that its text is UTF-8. Text that does not lie in a
 * plain file is unpacked into a spool file first, so that afterwards every text is a stretch of
 * plain bytes that can be divided.
 */
#ifndef AC_IO_TEXT_TEXT_SOURCE_H
#define AC_IO_TEXT_TEXT_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/heartbeat.h"
#include "io/file/skip.h"

/**
 * The sources of the inputs, in their order. A folder is searched recursively for names that
 * end in .txt, .txt.gz, .txt.zst, .tar, .tar.gz or .tar.zst (case matters), sorted by path
 * component by component, bytewise; what `skip` names is passed over. "-": standard input.
 * AC_E_IO where an input is not there, AC_E_FORMAT where a folder holds no such file.
 */
AC_MUST_CHECK ac_status ac_text_sources_list(ac_texts *paths, const char *const *inputs,
                                             int64_t count, ac_skip *skip);

/** Is this one plain text file: no folder, not compressed, no tar by content or name, not
 * standard input? Also true where it cannot be opened. */
bool ac_text_source_is_plain(const char *path);

/** Is this file a tar, compressed or not? */
bool ac_text_source_is_tar(const char *path);

/** What preparing a source found. Plain data, the same size everywhere, zeroed where not
 * prepared. */
typedef struct ac_text_document {
    int64_t bytes;    /* of its text; 0 where all was skipped */
    int64_t modified; /* nanoseconds; of a plain file */
    int64_t skipped;  /* texts that are not UTF-8: the file, or members of a tar */
    int64_t texts;    /* files or members that were taken */
    int64_t spooled;  /* 1: the text is in the spool file */
} ac_text_document;

/**
 * Check a source, and unpack it where it is not a plain file. Local.
 * @param[in] spool      the file to unpack into, made where it is needed and removed where it
 * stays empty
 * @param[in] extension  of the members of a tar that are taken, without the dot
 * @param[in] memory     bytes for unpacking it (ac_byte_stream_limit); 0: no limit
 * @param[out] skipped   appended: the names of texts that are not UTF-8, "shard.tar: member"
 * for a member; each with its zero byte
 * @param[in] heartbeat      beats with each block; may be NULL
 */
AC_MUST_CHECK ac_status ac_text_source_prepare(const char *path, const char *spool,
                                               const char *extension, int64_t memory,
                                               ac_text_document *out, ac_texts *skipped,
                                               ac_heartbeat *heartbeat);

#endif

#include "io/file/checksum.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "engine/base/memory.h"
#include "io/file/file_open.h"
#include "io/file/publish.h"

enum { BLOCK = 1 << 20 };

void
ac_checksum_print(uint64_t high, uint64_t low, char hex[33])
{
    snprintf(hex, 33, "%016llx%016llx", (unsigned long long) high, (unsigned long long) low);
}

void
ac_checksum_bytes(const void *bytes, size_t n, char hex[33])
{
    const XXH128_hash_t digest = XXH3_128bits(bytes, n);

    ac_checksum_print(digest.high64, digest.low64, hex);
}

ac_status
ac_checksum_init(ac_checksum *self)
{
    self->state = XXH3_createState();
    if (!self->state)
        return ac_error_set(AC_E_NOMEM, "out of memory");
    XXH3_128bits_reset(self->state);
    return AC_OK;
}

void
ac_checksum_update(ac_checksum *self, const void *bytes, size_t n)
{
    XXH3_128bits_update(self->state, bytes, n);
}

void
ac_checksum_digest(const ac_checksum *self, char hex[33])
{
    const XXH128_hash_t digest = XXH3_128bits_digest(self->state);

    ac_checksum_print(digest.high64, digest.low64, hex);
}

void
ac_checksum_free(ac_checksum *self)
{
    XXH3_freeState(self->state);
    *self = (ac_checksum){ 0 };
}

ac_status
ac_file_checksum(const char *path, char hex[33])
{
    ac_status st = AC_OK;
    ac_checksum sum = { 0 };
    char *block = NULL;
    size_t n;
    int64_t at = 0;
    int fd = -1;

    hex[0] = '\0';
    AC_TRY(ac_file_open(&fd, path));
    AC_TRY(ac_checksum_init(&sum));
    AC_TRY(ac_alloc(&block, BLOCK, 1));
    do {
        if (!ac_file_read_at(fd, block, BLOCK, at, &n))
            AC_FAIL(ac_io_failure(errno), "%s: cannot be read: %s", path, strerror(errno));
        ac_checksum_update(&sum, block, n);
        at += (int64_t) n;
    } while (n == BLOCK);
    ac_checksum_digest(&sum, hex);
out:
    if (fd >= 0)
        close(fd);
    free(block);
    ac_checksum_free(&sum);
    return st;
}

#include "io/file/checksum.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "engine/base/memory.h"
#include "io/file/publish.h"

enum { BLOCK = 1 << 20 };

ac_status
ac_file_checksum(const char *path, char hex[33])
{
    ac_status st = AC_OK;
    XXH3_state_t *state = XXH3_createState();
    char *block = NULL;
    XXH128_hash_t digest;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    hex[0] = '\0';
    if (fd < 0)
        AC_FAIL(AC_E_IO, "%s: cannot be opened: %s", path, strerror(errno));
    if (!state)
        AC_FAIL(AC_E_NOMEM, "out of memory");
    AC_TRY(ac_alloc(&block, BLOCK, 1));
    XXH3_128bits_reset(state);
    while ((n = read(fd, block, BLOCK)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            AC_FAIL(ac_io_failure(errno), "%s: cannot be read: %s", path, strerror(errno));
        XXH3_128bits_update(state, block, (size_t) n);
    }
    digest = XXH3_128bits_digest(state);
    snprintf(hex, 33, "%016llx%016llx", (unsigned long long) digest.high64,
             (unsigned long long) digest.low64);
out:
    if (fd >= 0)
        close(fd);
    free(block);
    XXH3_freeState(state);
    return st;
}

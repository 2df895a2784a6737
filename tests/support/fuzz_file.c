#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/tensor.h"
#include "tests/support/fuzz.h"

static void
fill(int fd, const uint8_t *data, size_t n)
{
    FUZZ_CHECK(fd >= 0);
    while (n) {
        const ssize_t done = write(fd, data, n);
        FUZZ_CHECK(done > 0);
        data += done;
        n -= (size_t) done;
    }
}

const char *
fuzz_file(const uint8_t *data, size_t n)
{
    static char path[64];
    static int fd = -1;

    if (fd >= 0)
        close(fd);
    fd = memfd_create("fuzz", MFD_CLOEXEC);
    fill(fd, data, n);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

static char folder[] = "/tmp/ac_fuzz_XXXXXX";
static char file[sizeof folder + 64];

static void
remove_folder(void)
{
    unlink(file);
    rmdir(folder);
}

const char *
fuzz_folder(const char *name, const uint8_t *data, size_t n)
{
    static int made;
    int fd;

    if (!made) {
        FUZZ_CHECK(mkdtemp(folder));
        made = 1;
        atexit(remove_folder);
    }
    unlink(file);
    snprintf(file, sizeof file, "%s/%s", folder, name);
    fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    fill(fd, data, n);
    close(fd);
    return folder;
}

void
fuzz_check_tensors(const struct ac_tensors *tensors)
{
    volatile unsigned char sum = 0;

    for (int64_t i = 0; i < tensors->count; i++) {
        const ac_tensor *t = &tensors->items[i];
        const size_t bytes = (size_t) ac_tensor_count(t) * ac_dtype_bytes(t->dtype);
        FUZZ_CHECK(i == 0 || strcmp(tensors->items[i - 1].name, t->name) < 0);
        FUZZ_CHECK(t->rank >= 0 && t->rank <= AC_MAX_RANK);
        for (size_t b = 0; b < bytes; b++)
            sum = (unsigned char) (sum ^ ((const unsigned char *) t->data)[b]);
    }
}

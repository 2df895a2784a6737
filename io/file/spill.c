#include "io/file/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/mapped.h"
#include "io/file/path.h"
#include "io/file/publish.h"

enum { SMALL = 4 << 20 };

static ac_status
no_memory(size_t bytes)
{
    return ac_error_set(AC_E_NOMEM, "out of memory: %zu bytes", bytes);
}

/* A file that is gone from its folder as soon as it is open. */
static ac_status
open_file(ac_spill *self)
{
    char *path = NULL, *temporary = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/spill", self->folder));
    AC_TRY(ac_publish_temporary(&temporary, path));
    self->fd = open(temporary, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (self->fd < 0)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be created: %s", temporary, strerror(errno));
    unlink(temporary);
    self->is_file = 1;
out:
    free(path);
    free(temporary);
    return st;
}

/* The file has room for the whole, or this fails; a hole would end the process where the disk
 * is full. */
static ac_status
grow_file(ac_spill *self, size_t capacity)
{
    const int error = posix_fallocate(self->fd, 0, (off_t) capacity);

    return error == 0 ? AC_OK
                      : ac_error_set(ac_io_failure(error),
                                     "%s: no room for a temporary file of %zu bytes: %s",
                                     self->folder, capacity, strerror(error));
}

static ac_status
become_file(ac_spill *self, size_t capacity)
{
    void *data;
    ac_status st = AC_OK;

    AC_TRY(open_file(self));
    AC_TRY(grow_file(self, capacity));
    data = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
    if (data == MAP_FAILED)
        AC_TRY(no_memory(capacity));
    if (self->size)
        memcpy(data, self->data, self->size);
    if (self->data)
        munmap(self->data, self->capacity);
    self->data = data;
    self->capacity = capacity;
    ac_mapped_add(data, capacity, self->folder);
out:
    return st;
}

ac_status
ac_spill_reserve(ac_spill *self, size_t bytes)
{
    size_t capacity = self->capacity ? self->capacity : 1 << 16;
    void *data;
    ac_status st = AC_OK;

    if (bytes <= self->capacity)
        return AC_OK;
    while (capacity < bytes) /* in steps of a half, and never past what a file may be */
        capacity = capacity > (size_t) INT64_MAX / 2 ? bytes : capacity + capacity / 2;
    capacity = (capacity + 65535) & ~(size_t) 65535;
    if (capacity > SMALL && self->folder && !self->is_file)
        return become_file(self, capacity);
    if (self->is_file)
        AC_TRY(grow_file(self, capacity));
    ac_mapped_remove(self->data);
    data = self->data ? mremap(self->data, self->capacity, capacity, MREMAP_MAYMOVE)
                      : mmap(NULL, capacity, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        AC_TRY(no_memory(capacity));
    self->data = data;
    self->capacity = capacity;
    if (self->is_file)
        ac_mapped_add(data, capacity, self->folder);
out:
    return st;
}

ac_status
ac_spill_push(ac_spill *self, const void *bytes, size_t n)
{
    const ac_status st = ac_spill_reserve(self, self->size + n);

    if (st == AC_OK && n)
        memcpy(self->data + self->size, bytes, n);
    if (st == AC_OK)
        self->size += n;
    return st;
}

void
ac_spill_free(ac_spill *self)
{
    if (self->capacity) { /* else a view of a file's map (spill_file.c) */
        ac_mapped_remove(self->data);
        munmap(self->data, self->capacity);
    }
    if (self->is_file)
        close(self->fd);
    *self = (ac_spill){ .folder = self->folder };
}

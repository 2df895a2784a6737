#include "io/file/map.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/mapped.h"
#include "io/file/file_head.h"
#include "io/file/file_open.h"
#include "io/file/publish.h"

ac_status
ac_map_open(ac_map *self, const char *path)
{
    ac_status st = AC_OK;
    struct stat info;
    void *p;
    int fd;

    *self = (ac_map){ 0 };
    st = ac_file_open(&fd, path);
    if (st != AC_OK)
        return st;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        AC_FAIL(AC_E_IO, "%s: not a regular file", path);
    if (info.st_size) {
        p = mmap(NULL, (size_t) info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            AC_FAIL(ac_io_failure(errno), "%s: cannot be mapped into memory: %s", path,
                    strerror(errno));
        self->data = p;
        self->size = (size_t) info.st_size;
        ac_mapped_add(p, self->size, path);
        st = ac_head_check(path, self->data, self->size);
    }
out:
    close(fd);
    if (st != AC_OK)
        ac_map_close(self);
    return st;
}

void
ac_map_close(ac_map *self)
{
    ac_mapped_remove(self->data);
    if (self->data)
        munmap((void *) (size_t) self->data, self->size);
    *self = (ac_map){ 0 };
}

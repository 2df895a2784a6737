#include "jobs/runtime/inflight.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/file_open.h"
#include "io/file/publish.h"

static void
write_slot(const ac_inflight *self, int slot, const ac_inflight_items *now)
{
    if (self->open &&
        !ac_file_write_at(self->file, now, sizeof *now, slot * (int64_t) sizeof *now))
        return; /* it costs the quarantine alone */
}

ac_status
ac_inflight_open(ac_inflight *self, const char *path, int slots)
{
    *self = (ac_inflight){ .slots = slots };
    self->file = ac_file_open_for(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC);
    if (self->file < 0)
        return ac_error_set(ac_io_failure(errno), "%s: cannot be created: %s", path,
                            strerror(errno));
    self->open = true;
    ac_inflight_clear(self);
    return AC_OK;
}

void
ac_inflight_close(ac_inflight *self)
{
    if (self->open)
        close(self->file);
    *self = (ac_inflight){ 0 };
}

void
ac_inflight_begin(const ac_inflight *self, int slot, int64_t first, int64_t count)
{
    const ac_inflight_items now = { self->stage, first, count };

    write_slot(self, slot, &now);
}

void
ac_inflight_end(const ac_inflight *self, int slot)
{
    const ac_inflight_items none = { -1, -1, 0 };

    write_slot(self, slot, &none);
}

void
ac_inflight_clear(const ac_inflight *self)
{
    for (int i = 0; i < self->slots; i++)
        ac_inflight_end(self, i);
}

ac_status
ac_inflight_read(const char *path, ac_inflight_items **items, int64_t *count, int64_t *capacity)
{
    ac_status st = AC_OK;
    ac_inflight_items one;
    size_t got;
    int fd = ac_file_open_for(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return AC_OK;
    while (ac_file_read_on(fd, &one, sizeof one, &got) && got == sizeof one) {
        if (one.first < 0 || one.count < 1)
            continue;
        AC_TRY(ac_grow(items, capacity, *count + 1, sizeof **items));
        (*items)[(*count)++] = one;
    }
out:
    close(fd);
    return st;
}

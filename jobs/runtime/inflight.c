#include "jobs/runtime/inflight.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"

ac_status
ac_hand_open(ac_hand *self, const char *path, int slots)
{
    self->file = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    if (self->file < 0)
        return ac_error_set(AC_E_IO, "%s: cannot be created: %s", path, strerror(errno));
    for (int i = 0; i < slots; i++)
        ac_hand_put(self, i);
    return AC_OK;
}

void
ac_hand_close(ac_hand *self)
{
    if (self->file >= 0)
        close(self->file);
    self->file = -1;
}

void
ac_hand_take(ac_hand *self, int slot, int64_t stage, int64_t first, int64_t count)
{
    const ac_hand_items now = { stage, first, count };

    if (self->file >= 0 &&
        pwrite(self->file, &now, sizeof now, (off_t) (slot * (int64_t) sizeof now)) !=
            (ssize_t) sizeof now)
        return;
}

void
ac_hand_put(ac_hand *self, int slot)
{
    ac_hand_take(self, slot, -1, -1, 0);
}

ac_status
ac_hand_read(const char *path, ac_hand_items **items, int64_t *count, int64_t *capacity)
{
    ac_status st = AC_OK;
    ac_hand_items one;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return AC_OK;
    while (read(fd, &one, sizeof one) == (ssize_t) sizeof one) {
        if (one.first < 0 || one.count < 1)
            continue;
        AC_TRY(ac_grow(items, capacity, *count + 1, sizeof **items));
        (*items)[(*count)++] = one;
    }
out:
    close(fd);
    return st;
}

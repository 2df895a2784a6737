#include "io/source/tar_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "io/file/file_bytes.h"
#include "io/file/publish.h"
#include "io/file/file_open.h"

void
ac_tar_files_init(ac_tar_files *self)
{
    memset(self, 0, sizeof *self);
    pthread_mutex_init(&self->mutex, NULL);
}

void
ac_tar_files_free(ac_tar_files *self)
{
    for (int s = 0; s < AC_TAR_FILES_OPEN; s++)
        if (self->slots[s].tar)
            close(self->slots[s].file);
    pthread_mutex_destroy(&self->mutex);
}

/* A tar's slot, opened where it is not; NULL: others read in it, *file is the caller's own.
 * *file < 0: cannot be opened, errno says why. */
static ac_tar_file *
acquire(ac_tar_files *self, const char *path, int64_t tar, int *file)
{
    ac_tar_file *slot = &self->slots[tar % AC_TAR_FILES_OPEN];

    pthread_mutex_lock(&self->mutex);
    if (slot->tar != tar + 1 && slot->readers == 0) {
        if (slot->tar)
            close(slot->file);
        slot->file = ac_file_open_for(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        slot->tar = slot->file < 0 ? 0 : tar + 1;
    }
    if (slot->tar == tar + 1) {
        slot->readers++;
        *file = slot->file;
    } else {
        slot = NULL;
        *file = ac_file_open_for(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    }
    pthread_mutex_unlock(&self->mutex);
    return slot;
}

static void
release(ac_tar_files *self, ac_tar_file *slot, int file)
{
    if (!slot) {
        if (file >= 0)
            close(file);
        return;
    }
    pthread_mutex_lock(&self->mutex);
    slot->readers--;
    pthread_mutex_unlock(&self->mutex);
}

static ac_status
read_all(const char *path, int file, int64_t at, int64_t n, ac_buffer *out,
         ac_item_status *status)
{
    ac_status st = AC_OK;

    if (!ac_file_item_fits(file, at, n, status))
        return AC_OK;
    st = ac_buffer_reserve(out, (size_t) n);
    if (st != AC_OK)
        return st;
    if (!ac_file_read_at(file, out->data, (size_t) n, at, &out->size))
        return ac_file_item_unreadable(status, path, errno, strerror(errno));
    if ((int64_t) out->size < n)
        return ac_item_status_set(status, AC_REJECT_TRUNCATED,
                                  "the tar ends inside it: %lld of %lld bytes",
                                  (long long) out->size, (long long) n);
    return AC_OK;
}

ac_status
ac_tar_files_read(ac_tar_files *self, const ac_tar_index *index, int64_t tar, int64_t at,
                  int64_t n, ac_buffer *out, ac_item_status *status)
{
    const char *path = ac_tar_index_path(index, tar);
    const int64_t there = index->tars[tar].bytes - at;
    ac_tar_file *slot;
    char why[200];
    int file;
    ac_status st = AC_OK;

    ac_buffer_reset(out);
    if (!ac_tar_index_is_current(index, tar, why))
        return ac_error_set(
            AC_E_IO,
            "%s: the tar was replaced since it was indexed (%s); the command that made the run "
            "reads it again where its members are the same; else put the old one back, or take "
            "another run folder (--run)",
            path, why);
    if (n > there) /* without memory for what is not there */
        return ac_item_status_set(status, AC_REJECT_TRUNCATED,
                                  "the tar ends inside it: %lld of %lld bytes",
                                  (long long) there, (long long) n);
    slot = acquire(self, path, tar, &file);
    if (file < 0)
        st = ac_file_item_unreadable(status, path, errno, strerror(errno));
    else
        st = read_all(path, file, at, n, out, status);
    if (out->data)
        out->data[out->size] = '\0';
    release(self, slot, file);
    return st;
}

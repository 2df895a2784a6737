#include "jobs/train/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/file_look.h"
#include "io/file/file_open.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"

/* How many bytes of the file are whole lines of steps up to `step`. */
static size_t
part_up_to(const ac_buffer *text, int64_t step)
{
    size_t at = 0;

    while (at < text->size) {
        const char *line = text->data + at, *newline = memchr(line, '\n', text->size - at);
        json_t *record = newline ? json_loadb(line, (size_t) (newline - line), 0, NULL) : NULL;
        const json_t *number = json_object_get(record, "step");
        const int64_t found = json_is_integer(number) ? json_integer_value(number) : INT64_MAX;
        json_decref(record);
        if (found > step)
            break;
        at += (size_t) (newline - line) + 1;
    }
    return at;
}

ac_status
ac_metrics_open(ac_metrics *self, const char *path, int64_t step)
{
    ac_buffer text = { 0 };
    ac_status st = AC_OK;
    bool there;
    int fd;

    *self = (ac_metrics){ 0 };
    AC_TRY(ac_duplicate(&self->path, path, strlen(path)));
    if ((there = ac_file_is_there(path))) {
        AC_TRY(ac_text_file_read(path, &text));
        AC_TRY(ac_publish_file(path, text.data ? text.data : "", part_up_to(&text, step)));
    }
    if ((fd = ac_file_open_for(path, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC)) < 0)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be opened: %s", path, strerror(errno));
    self->file = fd + 1;
    if (!there) /* or its lines are synced under no name, and the checkpoints go on without */
        st = ac_publish_sync_name(path);
out:
    ac_buffer_free(&text);
    return st;
}

void
ac_metrics_close(ac_metrics *self)
{
    if (self->file)
        close(self->file - 1);
    free(self->path);
    *self = (ac_metrics){ 0 };
}

static ac_status
append(ac_metrics *self, ac_buffer *line)
{
    ac_status st = line->status;

    if (st == AC_OK && !ac_file_write(self->file - 1, line->data, line->size))
        st = ac_error_set(AC_E_IO, "%s: cannot be written: %s; is the disk full?", self->path,
                          strerror(errno));
    ac_buffer_free(line);
    return st;
}

ac_status
ac_metrics_step(ac_metrics *self, int64_t step, int64_t epoch, double loss, int64_t tokens,
                double rate, double norm)
{
    ac_buffer line = { 0 };

    ac_buffer_printf(&line,
                     "{\"step\": %lld, \"epoch\": %lld, \"loss\": %.9g, \"tokens\": %lld, "
                     "\"rate\": %.9g, \"gradient_norm\": %.9g}\n",
                     (long long) step, (long long) epoch, loss, (long long) tokens, rate, norm);
    return append(self, &line);
}

ac_status
ac_metrics_validation(ac_metrics *self, int64_t step, int64_t epoch, double vloss,
                      int64_t tokens)
{
    ac_buffer line = { 0 };

    ac_buffer_printf(&line,
                     "{\"step\": %lld, \"epoch\": %lld, \"vloss\": %.9g, \"tokens\": %lld}\n",
                     (long long) step, (long long) epoch, vloss, (long long) tokens);
    return append(self, &line);
}

ac_status
ac_metrics_sync(ac_metrics *self)
{
    if (fsync(self->file - 1) != 0)
        return ac_error_set(ac_io_failure(errno), "%s: cannot be synced: %s", self->path,
                            strerror(errno));
    return AC_OK;
}

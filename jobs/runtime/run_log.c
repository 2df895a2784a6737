#include "jobs/runtime/run_log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/text.h"
#include "io/file/file_look.h"
#include "io/file/path.h"

static const char *const marks[] = { "error: ", "warning: ", "", "" };

/* Open log.txt as soon as the run folder exists: the log does not make it. */
static void
open_file(ac_run_log *self)
{
    struct stat info;
    char *path = NULL;

    if (self->file || !self->folder || ac_file_stat(self->folder, &info) != 0 ||
        !S_ISDIR(info.st_mode))
        return;
    if (ac_path_format(&path, "%s/log.txt", self->folder) == AC_OK)
        self->file = fopen(path, "a");
    free(path);
    if (!self->file)
        self->folder =
            NULL; /* not writable: what matters there fails with a message of its own */
}

static void
keep(ac_run_log *self, const char *mark, const char *line)
{
    const time_t now = time(NULL);
    struct tm utc;
    char stamp[32] = "";

    if (!self->folder)
        return;
    if (gmtime_r(&now, &utc))
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    ac_buffer_printf(&self->waiting, "%s %s%s\n", stamp, mark, line);
    open_file(self);
    if (!self->file)
        return;
    if (self->waiting.size)
        fwrite(self->waiting.data, 1, self->waiting.size, self->file);
    fflush(self->file);
    ac_buffer_reset(&self->waiting);
}

void
ac_run_log_init(ac_run_log *self, const char *folder, const char *header)
{
    ac_buffer seen = { 0 };

    *self = (ac_run_log){ .folder = folder, .terminal = isatty(STDERR_FILENO) };
    if (ac_text_push_visible(&seen, header, strlen(header)) == AC_OK)
        header = seen.data;
    keep(self, "=== ", header);
    ac_buffer_free(&seen);
}

void
ac_run_log_line(void *context, ac_log_level level, const char *line)
{
    ac_run_log *self = context;
    ac_buffer seen = { 0 };

    if (ac_text_push_visible(&seen, line, strlen(line)) == AC_OK)
        line = seen.data;
    if (level <= AC_LOG_INFO) /* on a terminal a progress line may stand there: write over it */
        fprintf(stderr, "%s%s%s\n", self->terminal ? "\r\033[K" : "", marks[level], line);
#pragma omp critical(ac_run_log)
    keep(self, marks[level], line);
    ac_buffer_free(&seen);
}

void
ac_run_log_close(ac_run_log *self)
{
    open_file(self);
    if (self->file) {
        if (self->waiting.size)
            fwrite(self->waiting.data, 1, self->waiting.size, self->file);
        fclose(self->file);
    }
    ac_buffer_free(&self->waiting);
    *self = (ac_run_log){ 0 };
}

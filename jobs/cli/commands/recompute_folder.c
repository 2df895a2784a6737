#include "jobs/cli/commands/recompute_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/text.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"
#include "jobs/cli/commands/job_process.h"

/* ---- the copy ---- */

static ac_status
make_folder(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST
               ? AC_OK
               : ac_error_set(ac_io_failure(errno), "%s: cannot be made: %s", path,
                              strerror(errno));
}

static ac_status
copy_file(const char *from, const char *to)
{
    ac_buffer bytes = { 0 };
    ac_status st = ac_text_file_read(from, &bytes);

    if (st == AC_OK)
        st = ac_publish_file(to, bytes.data ? bytes.data : "", bytes.size);
    ac_buffer_free(&bytes);
    return st;
}

/* What the merge makes, and what belongs to one start. */
static bool
is_left_out(const char *name, bool top)
{
    static const char *const names[] = { "DONE", "lock", "progress.json", "summary.json" };
    static const char *const endings[] = { ".jsonl", ".txt", ".html", ".h5", ".npy" };

    for (size_t i = 0; top && i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    for (size_t i = 0; top && i < sizeof endings / sizeof *endings; i++)
        if (ac_text_ends_with(name, endings[i]))
            return true;
    return name[0] == '.' || strstr(name, ".tmp");
}

/* Shards are linked, the rest is copied: a journal is appended to. from: absolute. */
static ac_status
copy_folder(const char *from, const char *to, bool top)
{
    struct dirent *entry;
    DIR *folder = ac_folder_open(from);
    char *old = NULL, *new = NULL;
    ac_status st = AC_OK;

    if (!folder)
        return ac_error_set(ac_io_failure(errno), "%s: cannot be read: %s", from,
                            strerror(errno));
    while (st == AC_OK && (st = ac_folder_next(&entry, folder, from)) == AC_OK && entry) {
        struct stat info;
        if (is_left_out(entry->d_name, top))
            continue;
        free(old);
        free(new);
        new = NULL;
        AC_TRY(ac_path_format(&old, "%s/%s", from, entry->d_name));
        AC_TRY(ac_path_format(&new, "%s/%s", to, entry->d_name));
        if (ac_file_stat(old, &info) != 0) {
            if (errno == ENOENT)
                continue;
            AC_FAIL(ac_io_failure(errno), "%s: cannot be read: %s", old, strerror(errno));
        }
        if (S_ISDIR(info.st_mode)) {
            AC_TRY(make_folder(new));
            AC_TRY(copy_folder(old, new, false));
        } else if (ac_text_ends_with(old, ".h5")) {
            if (symlink(old, new) != 0)
                AC_FAIL(ac_io_failure(errno), "%s: cannot be made: %s", new, strerror(errno));
        } else if (S_ISREG(info.st_mode)) {
            AC_TRY(copy_file(old, new));
        }
    }
out:
    closedir(folder);
    free(old);
    free(new);
    return st;
}

ac_status
ac_recompute_folder_make(char **folder, const ac_run_view *run, const bool *missing)
{
    const ac_manifest *m = &run->manifest;
    char *from = realpath(run->folder, NULL), *path = NULL;
    ac_status st = AC_OK;

    *folder = NULL;
    if (!from)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be read: %s", run->folder, strerror(errno));
    AC_TRY(ac_job_folder_make(folder, "recompute"));
    AC_TRY(copy_folder(from, *folder, true));
    for (int s = 0; s < m->stage_count; s++)
        for (int64_t i = 0; run->stages[s] && i < m->shard_count; i++) {
            if (!missing[i])
                continue;
            free(path);
            AC_TRY(ac_path_format(&path, "%s/%s/%05lld.h5", *folder, run->stages[s]->folder,
                                  (long long) i));
            unlink(path);
        }
out:
    free(from);
    free(path);
    return st;
}

/* ---- the job ---- */

ac_status
ac_recompute_folder_run(const char *folder, const char *job, int *code, ac_buffer *said)
{
    char *config = NULL, *log = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&config, "%s/config.yaml", folder));
    AC_TRY(ac_path_format(&log, "%s/recompute.log", folder));
    st = ac_job_process_run(
        (char *[]){ NULL, (char *) job, config, "--run", (char *) folder, NULL }, log, 0, code,
        said);
out:
    free(config);
    free(log);
    return st;
}

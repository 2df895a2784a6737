#include "jobs/runtime/done.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/buffer.h"
#include "engine/base/memory.h"
#include "io/file/checksum.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"

/* Folders, beside the run folder itself, whose files the manifest does not know. */
static const char *const folders[] = { "", "checkpoints/" };

/* Files that change after the end (a cache grows), or are no result. */
static bool
is_no_result(const char *name)
{
    static const char *const names[] = { "DONE",          "lock",          "attempts.jsonl",
                                         "manifest.json", "progress.json", "log.txt",
                                         "report.html",   "job.sbatch",    "jobs.jsonl" };
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return strstr(name, ".tmp") != NULL || name[0] == '.' ||
           (dot && strcmp(dot, ".out") == 0) || strstr(name, "-lock");
}

static int
select_files(const struct dirent *entry)
{
    return !is_no_result(entry->d_name);
}

static ac_status
push_folder(ac_buffer *out, const char *folder, const char *inside)
{
    ac_status st = AC_OK;
    struct dirent **entries = NULL;
    struct stat info;
    char *path = NULL, checksum[33];
    int n = 0;

    AC_TRY(ac_path_format(&path, "%s/%s", folder, inside));
    if ((n = ac_folder_scan(path, &entries, select_files)) < 0) {
        n = 0;
        if (errno != ENOENT)
            AC_FAIL(errno == ENOMEM ? AC_E_NOMEM : ac_io_failure(errno),
                    "%s: the folder cannot be read: %s", path, strerror(errno));
    }
    for (int i = 0; i < n; i++) {
        free(path);
        AC_TRY(ac_path_format(&path, "%s/%s%s", folder, inside, entries[i]->d_name));
        if (ac_file_stat(path, &info) != 0)
            AC_FAIL(ac_io_failure(errno), "%s: cannot be read: %s", path, strerror(errno));
        if (!S_ISREG(info.st_mode))
            continue;
        AC_TRY(ac_file_checksum(path, checksum));
        AC_TRY(ac_buffer_printf(out, "%s  %s%s\n", checksum, inside, entries[i]->d_name));
    }
out:
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    free(path);
    return st;
}

ac_status
ac_done_write(const char *folder)
{
    ac_status st = AC_OK;
    ac_buffer text = { 0 };
    char *path = NULL;

    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        AC_TRY(push_folder(&text, folder, folders[i]));
    AC_TRY(ac_path_format(&path, "%s/DONE", folder));
    st = ac_publish_file(path, text.data ? text.data : "", text.size);
out:
    ac_buffer_free(&text);
    free(path);
    return st;
}

/* One line, "checksum  name". */
static ac_status
check_line(const char *folder, const char *line, size_t n,
           void (*visit)(void *, const char *, const char *), void *context)
{
    ac_status st;
    char *path = NULL, checksum[33], name[512];
    const char *trouble = NULL;

    if (n < 35 || n - 34 >= sizeof name || line[32] != ' ' || line[33] != ' ') {
        visit(context, "DONE", "a line is not \"checksum  name\"");
        return AC_OK;
    }
    memcpy(name, line + 34, n - 34);
    name[n - 34] = '\0';
    st = ac_path_format(&path, "%s/%s", folder, name);
    if (st == AC_OK)
        st = ac_file_checksum(path, checksum);
    free(path);
    if (st == AC_E_NOMEM)
        return st;
    if (st != AC_OK)
        trouble = "gone or unreadable";
    else if (memcmp(checksum, line, 32) != 0)
        trouble = "not what was written";
    visit(context, name, trouble);
    return AC_OK;
}

ac_status
ac_done_visit(const char *folder,
              void (*visit)(void *context, const char *name, const char *trouble),
              void *context)
{
    ac_status st = AC_OK;
    ac_buffer text = { 0 };
    char *path = NULL;

    AC_TRY(ac_path_format(&path, "%s/DONE", folder));
    AC_TRY(ac_text_file_read(path, &text));
    for (const char *line = text.data; line && *line;) {
        const size_t n = strcspn(line, "\n");
        AC_TRY(check_line(folder, line, n, visit, context));
        line += n + (line[n] == '\n');
    }
out:
    ac_buffer_free(&text);
    free(path);
    return st;
}

typedef struct first_trouble {
    char name[512], what[64];
} first_trouble;

static void
keep_first(void *context, const char *name, const char *trouble)
{
    first_trouble *first = context;

    if (!trouble || first->name[0])
        return;
    snprintf(first->name, sizeof first->name, "%s", name);
    snprintf(first->what, sizeof first->what, "%s", trouble);
}

ac_status
ac_done_check(const char *folder)
{
    first_trouble first = { 0 };
    const ac_status st = ac_done_visit(folder, keep_first, &first);

    if (st != AC_OK || !first.name[0])
        return st;
    return ac_error_set(AC_E_FORMAT, "%s/%s: %s", folder, first.name, first.what);
}

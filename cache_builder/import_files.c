#include "cache_builder/import_files.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/buffer.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/file_look.h"
#include "io/file/json_file.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"

void
ac_import_files_free(ac_import_files *self)
{
    for (int64_t i = 0; i < self->count; i++)
        free(self->paths[i]);
    free(self->paths);
    *self = (ac_import_files){ 0 };
}

static ac_status
push(ac_import_files *self, const char *path)
{
    ac_status st = AC_OK;

    AC_TRY(ac_grow(&self->paths, &self->room, self->count + 1, sizeof *self->paths));
    AC_TRY(ac_duplicate(&self->paths[self->count], path, strlen(path)));
    self->count++;
out:
    return st;
}

/* ---- a folder of parts ---- */

/* emb00000.npy, text_emb_0.npy: a part's number; -1: not a part. */
static long
part_number(const char *name)
{
    static const char *const stems[] = { "text_emb_", "emb" };

    for (size_t i = 0; i < sizeof stems / sizeof *stems; i++) {
        const size_t n = strlen(stems[i]);
        char *end;
        long number;
        if (strncmp(name, stems[i], n) != 0 || name[n] < '0' || name[n] > '9')
            continue;
        number = strtol(name + n, &end, 10);
        return strcmp(end, ".npy") == 0 ? number : -1;
    }
    return -1;
}

/* By number: clip-retrieval's text_emb_10 comes after text_emb_9. */
static int
by_number(const void *a, const void *b)
{
    const char *x = strrchr(*(char *const *) a, '/') + 1,
               *y = strrchr(*(char *const *) b, '/') + 1;
    const long i = part_number(x), j = part_number(y);

    return i != j ? (i > j) - (i < j) : strcmp(x, y);
}

static ac_status
list_folder(ac_import_files *self, const char *folder)
{
    const int64_t before = self->count;
    ac_status st = AC_OK;
    struct dirent *entry;
    DIR *d = ac_folder_open(folder);

    if (!d)
        return ac_error_set(ac_io_failure(errno), "%s: cannot be opened: %s", folder,
                            strerror(errno));
    while (st == AC_OK && (st = ac_folder_next(&entry, d, folder)) == AC_OK && entry) {
        if (part_number(entry->d_name) < 0)
            continue;
        st = ac_grow(&self->paths, &self->room, self->count + 1, sizeof *self->paths);
        if (st == AC_OK)
            st = ac_path_format(&self->paths[self->count], "%s/%s", folder, entry->d_name);
        self->count += st == AC_OK;
    }
    closedir(d);
    if (st == AC_OK && self->count > before)
        qsort(self->paths + before, (size_t) (self->count - before), sizeof *self->paths,
              by_number);
    return st;
}

/* A folder of parts, or one with a folder text_emb of parts. */
static ac_status
add_folder(ac_import_files *self, const char *folder)
{
    const int64_t before = self->count;
    char *inner = NULL;
    ac_status st = AC_OK;

    AC_TRY(list_folder(self, folder));
    AC_TRY(ac_path_format(&inner, "%s/text_emb", folder));
    if (self->count == before && ac_file_is_there(inner))
        AC_TRY(list_folder(self, inner));
    if (self->count == before)
        st = ac_error_set(AC_E_FORMAT,
                          "%s: no embeddings in this folder: looked for emb00000.npy …, "
                          "text_emb/text_emb_0.npy …",
                          folder);
out:
    free(inner);
    return st;
}

/* ---- lists and patterns ---- */

/* One path per line, relative to the list's folder. */
static ac_status
add_list(ac_import_files *self, const char *list)
{
    const char *slash = strrchr(list, '/');
    ac_buffer text = { 0 };
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_text_read(list, &text));
    for (char *line = text.data, *end = line + text.size; line < end;) {
        const size_t n = strcspn(line, "\r\n");
        char *next = line + n + strspn(line + n, "\r\n");
        line[n] = '\0';
        free(path);
        path = NULL;
        AC_TRY(ac_path_format(&path, "%.*s%s",
                              *line == '/' || !slash ? 0 : (int) (slash - list + 1), list,
                              line));
        if (*line)
            AC_TRY(push(self, path));
        line = next;
    }
out:
    free(path);
    ac_buffer_free(&text);
    return st;
}

/* By their numbers: part_10 comes after part_9. */
static int
naturally(const void *a, const void *b)
{
    return strverscmp(*(char *const *) a, *(char *const *) b);
}

static ac_status
add_pattern(ac_import_files *self, const char *pattern)
{
    const int64_t before = self->count;
    glob_t found = { 0 };
    ac_status st = AC_OK;

    if (glob(pattern, GLOB_BRACE, NULL, &found) != 0)
        AC_FAIL(AC_E_IO, "%s: no such file, and no file matches it", pattern);
    for (size_t i = 0; i < found.gl_pathc; i++)
        AC_TRY(push(self, found.gl_pathv[i]));
    qsort(self->paths + before, (size_t) (self->count - before), sizeof *self->paths,
          naturally);
out:
    globfree(&found);
    return st;
}

ac_status
ac_import_files_add(ac_import_files *self, const char *given)
{
    struct stat info;

    if (ac_file_stat(given, &info) != 0)
        return strpbrk(given, "*?[{")
                   ? add_pattern(self, given)
                   : ac_error_set(ac_io_failure(errno), "%s: %s", given, strerror(errno));
    return S_ISDIR(info.st_mode)              ? add_folder(self, given)
           : ac_text_ends_with(given, ".txt") ? add_list(self, given)
                                              : push(self, given);
}

void
ac_import_files_check_order(const ac_import_files *self)
{
    for (int64_t i = 1; i < self->count; i++)
        if (strverscmp(self->paths[i - 1], self->paths[i]) > 0) {
            ac_log(
                AC_LOG_WARNING,
                "the embeddings are taken in the order given, %s before %s: the lines of the "
                "text must be in this order too",
                self->paths[i - 1], self->paths[i]);
            return;
        }
}

/* ---- what lies beside ---- */

/* A file's folder with its slash: its length. */
static int
folder_size(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? (int) (slash - path + 1) : 0;
}

ac_status
ac_import_files_entries(const ac_import_files *self, char **path)
{
    const char *first = self->paths[0];
    ac_status st = ac_path_format(path, "%.*sentries.txt", folder_size(first), first);

    if (st == AC_OK && !ac_file_is_readable(*path))
        st = ac_error_set(AC_E_FORMAT,
                          "%s: there is no such file: clip-grams writes the entries with "
                          "--save_entries True; write them, or give --text FILE",
                          *path);
    return st;
}

ac_status
ac_import_files_prefix(const ac_import_files *self, char **prefix)
{
    const char *first = self->paths[0];
    const int folder = folder_size(first);
    char *path = NULL;
    json_t *root = NULL;
    const json_t *told;
    ac_status st = AC_OK;

    *prefix = NULL;
    AC_TRY(ac_path_format(&path, "%.*sargs.txt", folder, first));
    if (strncmp(first + folder, "emb", 3) != 0 || part_number(first + folder) < 0 ||
        !ac_file_is_there(path))
        goto out;
    AC_TRY(ac_json_file_read(&root, path, 0));
    told = json_object_get(root, "prefix");
    if (told && !json_is_string(told))
        AC_FAIL(AC_E_FORMAT, "%s: \"prefix\" is no text", path);
    if (told)
        st = ac_duplicate(prefix, json_string_value(told), json_string_length(told));
out:
    json_decref(root);
    free(path);
    return st;
}

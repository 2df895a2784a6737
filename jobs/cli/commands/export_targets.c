#include "jobs/cli/commands/export_targets.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "engine/base/memory.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/publish.h"

/* A file, or a folder that files are below. */
struct ac_export_target {
    XXH128_hash_t path;
    uint64_t content;
    int64_t key;
    bool is_folder;
};

void
ac_export_targets_free(ac_export_targets *self)
{
    free(self->list);
    free(self->folder);
    free(self->real);
    *self = (ac_export_targets){ 0 };
}

static ac_status
add(ac_export_targets *self, const char *path, size_t n, uint64_t content, int64_t key,
    bool is_folder)
{
    const ac_status st =
        ac_grow(&self->list, &self->capacity, self->count + 1, sizeof *self->list);

    if (st == AC_OK)
        self->list[self->count++] =
            (ac_export_target){ XXH3_128bits(path, n), content, key, is_folder };
    return st;
}

/* The deepest folder of the path that is there: its length, which ends at a slash; 0: the
 * current one, of a relative path. */
static ac_status
find_there(const char *folder, size_t *n)
{
    char part[PATH_MAX];
    struct stat info;

    *n = strlen(folder);
    if (*n >= sizeof part)
        return ac_error_set(AC_E_IO, "%.100s…: a path of %zu bytes is too long", folder, *n);
    memcpy(part, folder, *n + 1);
    while (*n) {
        size_t name = *n;
        while (name > 1 && part[name - 1] == '/')
            name--;
        part[name] = '\0';
        if (ac_file_stat(part, &info) == 0 && S_ISDIR(info.st_mode))
            return AC_OK;
        if (lstat(part, &info) == 0)
            return ac_error_set(AC_E_IO, "%s: is no folder, but files are to lie in it", part);
        if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG)
            return ac_error_set(ac_io_failure(errno), "%s: %s", part, strerror(errno));
        while (name && part[name - 1] != '/')
            name--;
        *n = name;
    }
    return AC_OK;
}

/* Each name of `rest` fits into a folder of this file system. */
static ac_status
check_names(const char *path, const char *rest, const char *there)
{
    const size_t most = ac_publish_longest_name(there);

    if (strlen(path) >= PATH_MAX)
        return ac_error_set(AC_E_IO, "%.100s…: a path of %zu bytes is too long", path,
                            strlen(path));
    while (*rest) {
        const size_t n = strcspn(rest, "/");
        if (n > most)
            return ac_error_set(
                AC_E_IO, "%s: the name %.40s… has %zu bytes, and this file system takes %zu",
                path, rest, n, most);
        rest += n + (rest[n] == '/');
    }
    return AC_OK;
}

/* The rest of a path without empty names and dots, behind what is there. */
static ac_status
resolve(const char *there, const char *rest, char **out)
{
    ac_buffer path = { 0 };
    char *real = realpath(there, NULL);
    ac_status st = AC_OK;

    if (!real)
        AC_FAIL(errno == ENOMEM ? AC_E_NOMEM : AC_E_IO, "%s: %s", there, strerror(errno));
    ac_buffer_push_text(&path, strcmp(real, "/") == 0 ? "" : real);
    while (*rest) {
        const size_t n = strcspn(rest, "/");
        if (n && !(n == 1 && *rest == '.')) {
            ac_buffer_push_char(&path, '/');
            ac_buffer_push(&path, rest, n);
        }
        rest += n + (rest[n] == '/');
    }
    AC_TRY(path.status);
    st = ac_duplicate(out, path.data ? path.data : "", path.size);
out:
    free(real);
    ac_buffer_free(&path);
    return st;
}

/* A folder that files are to lie in: what is there of it can be written, the rest can be made.
 */
static ac_status
look_at_folder(ac_export_targets *self, const char *folder)
{
    char *there = NULL;
    size_t n;
    ac_status st = AC_OK;

    free(self->folder);
    free(self->real);
    self->folder = self->real = NULL;
    AC_TRY(find_there(folder, &n));
    AC_TRY(ac_path_format(&there, "%.*s", n ? (int) n : 1, n ? folder : "."));
    AC_TRY(check_names(folder, folder + n, there));
    AC_TRY(ac_publish_try(there));
    AC_TRY(resolve(there, folder + n, &self->real));
    st = ac_duplicate(&self->folder, folder, strlen(folder));
out:
    free(there);
    return st;
}

/* Each folder above the file that has to be made. */
static ac_status
add_folders(ac_export_targets *self, int64_t key)
{
    ac_status st = AC_OK;

    for (const char *slash = strchr(self->real, '/'); slash && st == AC_OK;
         slash = strchr(slash + 1, '/'))
        if (slash > self->real)
            st = add(self, self->real, (size_t) (slash - self->real), 0, key, true);
    return st == AC_OK ? add(self, self->real, strlen(self->real), 0, key, true) : st;
}

ac_status
ac_export_targets_add(ac_export_targets *self, int64_t key, const char *path,
                      const ac_buffer *content)
{
    const char *slash = strrchr(path, '/');
    const size_t n = slash ? (size_t) (slash - path) + 1 : 0;
    char *folder = NULL, *real = NULL;
    ac_status st = AC_OK;

    if (!self->folder || strlen(self->folder) != n || memcmp(self->folder, path, n) != 0) {
        AC_TRY(ac_path_format(&folder, "%.*s", (int) n, path));
        AC_TRY(look_at_folder(self, folder));
        AC_TRY(add_folders(self, key));
    }
    AC_TRY(check_names(path, path + n, self->real[0] ? self->real : "/"));
    AC_TRY(ac_path_format(&real, "%s/%s", self->real, path + n));
    st = add(self, real, strlen(real),
             content->size ? XXH3_64bits(content->data, content->size) : 0, key, false);
out:
    free(folder);
    free(real);
    return st;
}

static int
compare(const void *a, const void *b)
{
    const ac_export_target *x = a, *y = b;
    const int order = XXH128_cmp(&x->path, &y->path);

    return order ? order : (x->key > y->key) - (x->key < y->key);
}

void
ac_export_targets_clash(ac_export_targets *self, int64_t *first, int64_t *second)
{
    *first = *second = -1;
    if (self->count)
        qsort(self->list, (size_t) self->count, sizeof *self->list, compare);
    for (int64_t i = 1, begin = 0; i < self->count; i++) {
        const ac_export_target *a = &self->list[begin], *b = &self->list[i];
        if (XXH128_cmp(&a->path, &b->path) != 0) {
            begin = i;
            continue;
        }
        if ((a->is_folder && b->is_folder) ||
            (!a->is_folder && !b->is_folder && self->same_is_well && a->content == b->content))
            continue;
        if (*first < 0 || a->key < *first) {
            *first = a->key;
            *second = b->key;
        }
    }
}

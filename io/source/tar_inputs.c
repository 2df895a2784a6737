#include "io/source/tar_inputs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/file_look.h"
#include "io/file/file_open.h"
#include "io/file/path.h"
#include "io/file/path_set.h"
#include "io/file/publish.h"
#include "io/file/skip.h"
#include "io/file/text_file.h"
#include "io/image/names.h"
#include "io/source/location.h"
#include "io/source/place_list.h"
#include "io/source/tar_reader.h"

enum { MOST_DEPTH = 64, HEAD = 512, MAGIC_AT = 257 };

/* What is found first: paths, and the folder, with its slash, that names are relative to. */
typedef struct found_tars {
    ac_texts paths;
    char *root;
    json_t *named; /* of a list of places inside tars: the paths, as names; else NULL */
} found_tars;

void
ac_tar_inputs_free(ac_tar_inputs *self)
{
    ac_texts_free(&self->texts);
    free(self->tars);
    *self = (ac_tar_inputs){ 0 };
}

static bool
ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);

    return n > m && strcasecmp(name + n - m, end) == 0;
}

bool
ac_tar_name_is(const char *name)
{
    return ends_with(name, ".tar") || ends_with(name, ".tar.gz") || ends_with(name, ".tgz") ||
           ends_with(name, ".tar.zst");
}

/* An archive that no job reads, by its name. */
static ac_status
check_archive(const char *what, const char *name)
{
    static const char *const ends[] = { ".tar.xz", ".txz",     ".tar.bz2", ".tbz",
                                        ".tbz2",   ".tar.lz4", ".tar.lz",  ".tar.Z",
                                        ".zip",    ".7z",      ".rar" };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_with(name, ends[i]))
            return ac_error_set(
                AC_E_ARG,
                "%s: %s: archives of this kind are not read: unpack it (tars are, "
                "and .tar.gz, .tgz and .tar.zst by `antarctic ingest`)",
                what, name);
    return AC_OK;
}

/* ---- folders ---- */

/* Tars below `path`, and whether there is an image: then the folder is one of images. */
static ac_status
search(ac_texts *tars, const char *path, size_t root, ac_skip *skip, int depth, bool *images)
{
    DIR *folder = ac_folder_open(path);
    struct dirent *entry;
    char *child = NULL;
    ac_status st = AC_OK;

    if (!folder && depth > 0)
        return ac_skip_unreadable(skip, path, errno);
    if (!folder)
        return ac_error_set(ac_io_failure(errno), "%s: the folder cannot be read: %s", path,
                            strerror(errno));
    while (depth <= MOST_DEPTH) {
        struct stat info;
        bool is_folder, skipped;
        AC_TRY(ac_folder_next(&entry, folder, path));
        if (!entry)
            break;
        is_folder = entry->d_type == DT_DIR;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        free(child);
        AC_TRY(ac_path_format(&child, "%s/%s", path, entry->d_name));
        AC_TRY(ac_skip_ask(skip, child + root, &skipped));
        if (skipped)
            continue;
        if (entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN)
            is_folder = ac_file_stat(child, &info) == 0 && S_ISDIR(info.st_mode);
        if (is_folder)
            AC_TRY(search(tars, child, root, skip, depth + 1, images));
        else if (strncmp(entry->d_name, "._", 2) == 0)
            continue; /* what macOS leaves beside others */
        else if (ac_image_name_is(entry->d_name))
            *images = true;
        else if (ac_tar_name_is(entry->d_name))
            AC_TRY(ac_texts_push(tars, child, strlen(child)));
        if (*images)
            break; /* the first image tells */
    }
out:
    free(child);
    closedir(folder);
    return st;
}

typedef struct found_path {
    const char *text;
    size_t size;
} found_path;

static int
compare_paths(const void *a, const void *b)
{
    const found_path *x = a, *y = b;

    return ac_bytes_compare(x->text, x->size, y->text, y->size);
}

static ac_status
push_sorted(ac_texts *out, const ac_texts *found)
{
    found_path *paths = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&paths, found->count, sizeof *paths));
    for (int64_t i = 0; i < found->count; i++)
        paths[i] = (found_path){ ac_texts_at(found, i), ac_texts_size(found, i) };
    if (found->count)
        qsort(paths, (size_t) found->count, sizeof *paths, compare_paths);
    for (int64_t i = 0; i < found->count; i++)
        AC_TRY(ac_texts_push(out, paths[i].text, paths[i].size));
out:
    free(paths);
    return st;
}

static ac_status
find_in_folder(found_tars *self, const char *folder, const char *skip)
{
    ac_texts found = { 0 };
    size_t n = strlen(folder);
    ac_skip skipping = { 0 };
    char *clean = NULL;
    bool images = false;
    ac_status st = AC_OK;

    while (n > 1 && folder[n - 1] == '/')
        n--;
    AC_TRY(ac_duplicate(&clean, folder, n));
    AC_TRY(ac_skip_init(&skipping, skip));
    AC_TRY(search(&found, clean, n + 1, &skipping, 0, &images));
    if (!images) {
        ac_skip_log_unreadable(&skipping, "input");
        AC_TRY(push_sorted(&self->paths, &found));
    }
    AC_TRY(ac_location_root(clean, &self->root));
out:
    ac_texts_free(&found);
    ac_skip_free(&skipping);
    free(clean);
    return st;
}

/* ---- lists ---- */

/* The folder that all paths are below. */
static ac_status
set_common_root(found_tars *self)
{
    const ac_texts *paths = &self->paths;
    const char *first = ac_texts_at(paths, 0);
    size_t n = ac_texts_size(paths, 0);

    for (int64_t i = 1; i < paths->count; i++) {
        const char *p = ac_texts_at(paths, i);
        size_t same = 0;
        while (same < n && same < ac_texts_size(paths, i) && p[same] == first[same])
            same++;
        n = same;
    }
    while (n && first[n - 1] != '/')
        n--;
    return ac_duplicate(&self->root, first, n);
}

static ac_status
mixed(const char *what, const char *list, const char *a, const char *b)
{
    return ac_error_set(
        AC_E_ARG,
        "%s: %s names tars and other files (%s, %s): give one kind, in a run of "
        "its own",
        what, list, a, b);
}

static ac_status
mixed_places(const char *what, const char *list, const char *place, const char *other)
{
    return ac_error_set(
        AC_E_ARG,
        "%s: %s names places inside archives and files (%s, %s): give one kind, in a run of "
        "its own",
        what, list, place, other);
}

/* A line's path, or paths: relative to the list's folder. */
static ac_status
add_line(found_tars *self, const char *folder, const char *line)
{
    char *whole = NULL;
    ac_status st = ac_path_set_resolve(&whole, folder, line);

    if (st == AC_OK)
        st = ac_path_set_is(whole) ? ac_path_set_expand(whole, &self->paths)
                                   : ac_texts_push(&self->paths, whole, strlen(whole));
    free(whole);
    return st;
}

/* A place inside a tar: the tar, once. */
static ac_status
add_place(found_tars *self, const char *folder, const char *line, size_t archive)
{
    char *path = NULL;
    ac_status st =
        ac_path_format(&path, "%s%.*s", line[0] == '/' ? "" : folder, (int) archive, line);

    if (st == AC_OK && !self->named && !(self->named = json_object()))
        st = ac_error_set(AC_E_NOMEM, "out of memory");
    if (st == AC_OK && !json_object_get(self->named, path) &&
        json_object_set_new_nocheck(self->named, path, json_true()) != 0)
        st = ac_error_set(AC_E_NOMEM, "out of memory");
    free(path);
    return st;
}

/* The tars of places, sorted; their names are relative to the folder that they share. */
static ac_status
take_named(found_tars *self)
{
    ac_texts found = { 0 };
    const char *path;
    json_t *one;
    ac_status st = AC_OK;

    json_object_foreach(self->named, path, one)
        AC_TRY(ac_texts_push(&found, path, strlen(path)));
    AC_TRY(push_sorted(&self->paths, &found));
    st = set_common_root(self);
out:
    ac_texts_free(&found);
    return st;
}

static ac_status
find_in_list(found_tars *self, const char *list, const char *what)
{
    const char *slash = strrchr(list, '/');
    char *folder = NULL, *first_tar = NULL, *first_other = NULL, *first_place = NULL;
    ac_text_lines lines = { 0 };
    char *line;
    bool first = true;
    size_t n, archive;
    ac_status st = AC_OK;

    AC_TRY(ac_duplicate(&folder, list, slash ? (size_t) (slash - list + 1) : 0));
    AC_TRY(ac_text_lines_open(&lines, list, false));
    for (;; first = false) {
        AC_TRY(ac_text_lines_next(&lines, &line, &n));
        if (!line)
            break;
        if (first && strncmp(line, "\xef\xbb\xbf", 3) == 0)
            line += 3, n -= 3;
        while (n && (line[n - 1] == '\r' || line[n - 1] == ' '))
            n--;
        line[n] = '\0';
        if (n == 0)
            continue;
        if (ac_tar_name_is(line)) {
            if (!first_tar)
                AC_TRY(ac_duplicate(&first_tar, line, n));
            AC_TRY(add_line(self, folder, line));
        } else if (ac_place_split(line, &archive) != AC_LISTED_FILE) {
            if (!first_place)
                AC_TRY(ac_duplicate(&first_place, line, n));
            AC_TRY(add_place(self, folder, line, archive));
        } else if (!first_other) {
            AC_TRY(check_archive(what, line));
            AC_TRY(ac_duplicate(&first_other, line, n));
        }
        if (first_place && (first_tar || first_other))
            AC_TRY(mixed_places(what, list, first_place, first_tar ? first_tar : first_other));
        if (first_tar && first_other)
            AC_TRY(mixed(what, list, first_tar, first_other));
    }
out:
    free(folder);
    free(first_tar);
    free(first_other);
    free(first_place);
    ac_text_lines_close(&lines);
    return st;
}

/* ---- files ---- */

/* By its name, or as a tar by its first bytes. */
static bool
is_tar_file(const char *path)
{
    char head[HEAD] = "";
    const int fd = ac_file_open_for(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    size_t n = 0;
    const bool good = fd >= 0 && ac_file_read_at(fd, head, sizeof head, 0, &n);

    if (fd >= 0)
        close(fd);
    return ac_tar_name_is(path) ||
           (good && n == HEAD && memcmp(head + MAGIC_AT, "ustar", 5) == 0 &&
            !ac_image_name_is(path));
}

static ac_status
find_in_set(found_tars *self, const char *input, const char *what)
{
    char *first = NULL;
    ac_status st = AC_OK;

    st = ac_path_set_expand(input, &self->paths);
    if (st != AC_OK)
        return ac_error_prefix(st, "%s", what);
    for (int64_t i = 0; i < self->paths.count; i++) {
        free(first);
        AC_TRY(
            ac_duplicate(&first, ac_texts_at(&self->paths, i), ac_texts_size(&self->paths, i)));
        AC_TRY(check_archive(what, first));
        if (!is_tar_file(first))
            AC_FAIL(AC_E_ARG,
                    "%s: %s is no tar; \"::\" and braces name tars (a list of images is a .txt "
                    "file of paths)",
                    what, first);
    }
out:
    free(first);
    return st;
}

ac_status
ac_tar_is_compressed(const char *path, const char *what, bool *is)
{
    unsigned char head[4];
    size_t n;
    bool good;
    const int fd = ac_file_open_for(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    *is = false;
    if (fd < 0)
        return ac_error_set(ac_io_failure(errno), "%s: %s: %s", what, path, strerror(errno));
    good = ac_file_read_at(fd, head, sizeof head, 0, &n);
    close(fd);
    *is = good && n > 0 && ac_tar_compression(head, n);
    return AC_OK;
}

static ac_status
find(found_tars *self, const char *input, const char *what, const char *skip)
{
    struct stat info;
    ac_status st = AC_OK;

    if (ac_path_set_is(input)) {
        AC_TRY(find_in_set(self, input, what));
        AC_TRY(set_common_root(self));
    } else if (ac_file_stat(input, &info) != 0) {
        AC_FAIL(ac_io_failure(errno), "%s: %s: %s", what, input, strerror(errno));
    } else if (S_ISDIR(info.st_mode)) {
        AC_TRY(find_in_folder(self, input, skip));
    } else if (ends_with(input, ".txt")) {
        AC_TRY(find_in_list(self, input, what));
        AC_TRY(self->named ? take_named(self) : ac_location_root(input, &self->root));
    } else if (is_tar_file(input)) {
        AC_TRY(ac_texts_push(&self->paths, input, strlen(input)));
        AC_TRY(set_common_root(self));
    } else {
        st = check_archive(what, input);
    }
out:
    return st;
}

ac_status
ac_tar_inputs_take(ac_tar_inputs *self)
{
    ac_status st = AC_OK;

    self->count = self->texts.count / 2;
    AC_TRY(ac_alloc(&self->tars, self->count, sizeof *self->tars));
    for (int64_t t = 0; t < self->count; t++) {
        const char *path = ac_texts_at(&self->texts, 2 * t);
        self->tars[t] = (ac_tar_place){ path, ac_texts_at(&self->texts, 2 * t + 1), path };
    }
out:
    return st;
}

/* Paths and names, and whether they are all there. */
static ac_status
push_places(ac_tar_inputs *self, const found_tars *found, const char *what)
{
    char *path = NULL;
    ac_status st = AC_OK;

    for (int64_t t = 0; t < found->paths.count; t++) {
        const size_t n = ac_texts_size(&found->paths, t), root = strlen(found->root);
        const bool below =
            n > root && memcmp(ac_texts_at(&found->paths, t), found->root, root) == 0;
        bool compressed;
        free(path);
        AC_TRY(ac_duplicate(&path, ac_texts_at(&found->paths, t), n));
        AC_TRY(ac_tar_is_compressed(path, what, &compressed));
        if (compressed && self->first_compressed < 0)
            self->first_compressed = t;
        AC_TRY(ac_texts_push(&self->texts, path, n + 1));
        AC_TRY(
            ac_texts_push(&self->texts, path + (below ? root : 0), n + 1 - (below ? root : 0)));
    }
    st = ac_tar_inputs_take(self);
out:
    free(path);
    return st;
}

ac_status
ac_tar_inputs_find(ac_tar_inputs *self, const char *input, const char *what, const char *skip)
{
    found_tars found = { 0 };
    ac_status st = AC_OK;

    *self = (ac_tar_inputs){ .first_compressed = -1 };
    AC_TRY(find(&found, input, what, skip));
    st = push_places(self, &found, what);
out:
    ac_texts_free(&found.paths);
    free(found.root);
    json_decref(found.named);
    if (st != AC_OK)
        ac_tar_inputs_free(self);
    return st;
}

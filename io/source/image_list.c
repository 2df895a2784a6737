#include "io/source/image_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "engine/base/memory.h"
#include "io/file/path.h"
#include "io/file/publish.h"

typedef struct found {
    char *path, *key; /* owned */
    int64_t size;     /* bytes; -1: not a regular file, or gone */
} found;

typedef struct finder {
    found *items;
    int64_t count, capacity;
} finder;

static bool
is_image_name(const char *name)
{
    static const char *const extensions[] = { ".jpg", ".jpeg", ".png", ".bmp", ".webp" };
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < sizeof extensions / sizeof *extensions; i++)
        if (strcasecmp(dot, extensions[i]) == 0)
            return true;
    return false;
}

/* Length of a path without its last extension; a name that begins with its only dot keeps it.
 */
static size_t
stem_length(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path,
               *dot = strrchr(name, '.');

    return dot && dot > name ? (size_t) (dot - path) : strlen(path);
}

static ac_status
add(finder *self, const char *path, const char *relative)
{
    ac_status st = AC_OK;
    found item = { 0 };
    struct stat info;

    AC_TRY(ac_grow(&self->items, &self->capacity, self->count + 1, sizeof *self->items));
    AC_TRY(ac_duplicate(&item.path, path, strlen(path)));
    AC_TRY(ac_duplicate(&item.key, relative, stem_length(relative)));
    item.size = stat(path, &info) == 0 && S_ISREG(info.st_mode) ? (int64_t) info.st_size : -1;
    self->items[self->count++] = item;
    return AC_OK;
out:
    free(item.path);
    free(item.key);
    return st;
}

/* Everything below `path`; `root` is the length of the input's own path and slash. Links to
 * folders are followed to a depth that no sane archive has, which also ends circles. */
static ac_status
search(finder *self, const char *path, size_t root, int depth)
{
    ac_status st = AC_OK;
    char *child = NULL;
    struct dirent *entry;
    DIR *folder = opendir(path);

    if (!folder)
        return ac_error_set(AC_E_IO, "%s: the folder cannot be read: %s", path,
                            strerror(errno));
    if (depth > 64)
        AC_FAIL(AC_E_ARG, "%s: folders nested more than 64 deep: is there a link in a circle?",
                path);
    while ((errno = 0, entry = readdir(folder))) {
        struct stat info;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        AC_TRY(ac_path_format(&child, "%s/%s", path, entry->d_name));
        if (entry->d_type == DT_DIR ||
            ((entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN) &&
             stat(child, &info) == 0 && S_ISDIR(info.st_mode))) {
            if (is_image_name(entry->d_name)) /* a folder where an image should be: said, not
                                                 skipped in silence */
                AC_TRY(add(self, child, child + root));
            AC_TRY(search(self, child, root, depth + 1));
        } else if (is_image_name(entry->d_name)) {
            AC_TRY(add(self, child, child + root));
        }
        free(child);
        child = NULL;
    }
    if (errno)
        st = ac_error_set(AC_E_IO, "%s: the folder cannot be read to its end: %s", path,
                          strerror(errno));
out:
    free(child);
    closedir(folder);
    return st;
}

/* A text file of paths, one a line, relative to the list's own folder. */
static ac_status
read_list(finder *self, const char *path)
{
    ac_status st = AC_OK;
    const char *slash = strrchr(path, '/');
    int folder_length = slash ? (int) (slash - path + 1) : 0;
    FILE *f = fopen(path, "r");
    char *line = NULL, *full = NULL;
    size_t room = 0;
    ssize_t n;

    if (!f)
        return ac_error_set(ac_io_failure(errno), "%s: the list of images cannot be opened: %s",
                            path, strerror(errno));
    while ((n = getline(&line, &room, f)) >= 0) {
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            line[--n] = '\0';
        if (n == 0)
            continue;
        AC_TRY(ac_path_format(&full, "%.*s%s", line[0] == '/' ? 0 : folder_length, path, line));
        AC_TRY(add(self, full, strncmp(line, "./", 2) == 0 ? line + 2 : line));
        free(full);
        full = NULL;
    }
    if (ferror(f))
        st = ac_error_set(AC_E_IO, "%s: cannot be read: %s", path, strerror(errno));
out:
    free(full);
    free(line);
    fclose(f);
    return st;
}

static int
compare_found(const void *a, const void *b)
{
    const found *x = a, *y = b;
    int order = strcmp(x->key, y->key);

    return order ? order : strcmp(x->path, y->path);
}

static ac_status
take_sorted(ac_image_list *self, finder *f)
{
    ac_status st = AC_OK;
    XXH3_state_t *hash = XXH3_createState();
    XXH128_hash_t digest;

    if (!hash)
        return ac_error_set(AC_E_NOMEM, "out of memory");
    XXH3_128bits_reset(hash);
    qsort(f->items, (size_t) f->count, sizeof *f->items, compare_found);
    for (int64_t i = 0; i < f->count; i++) {
        const found *item = &f->items[i];
        const char *extension = item->path + stem_length(item->path);
        AC_TRY(ac_texts_push(&self->keys, item->key, strlen(item->key)));
        AC_TRY(ac_texts_push(&self->paths, item->path, strlen(item->path)));
        XXH3_128bits_update(hash, item->key, strlen(item->key) + 1);
        XXH3_128bits_update(hash, extension, strlen(extension) + 1);
        XXH3_128bits_update(hash, &item->size, sizeof item->size);
    }
    self->count = f->count;
    digest = XXH3_128bits_digest(hash);
    snprintf(self->fingerprint, sizeof self->fingerprint, "%016llx%016llx",
             (unsigned long long) digest.high64, (unsigned long long) digest.low64);
out:
    XXH3_freeState(hash);
    return st;
}

ac_status
ac_image_list_read(ac_image_list *self, const char *input)
{
    ac_status st = AC_OK;
    finder f = { 0 };
    struct stat info;
    size_t n = strlen(input);
    char *path = NULL;

    *self = (ac_image_list){ 0 };
    while (n > 1 && input[n - 1] == '/')
        n--;
    AC_TRY(ac_duplicate(&path, input, n));
    if (stat(path, &info) != 0)
        AC_FAIL(ac_io_failure(errno), "input.path: %s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) {
        AC_TRY(search(&f, path, n + 1, 0));
    } else if (n > 4 && strcasecmp(path + n - 4, ".txt") == 0) {
        AC_TRY(read_list(&f, path));
    } else {
        const char *slash = strrchr(path, '/');
        AC_TRY(add(&f, path, slash ? slash + 1 : path));
    }
    if (f.count == 0)
        AC_FAIL(AC_E_FORMAT,
                "input.path: %s holds no image (looked for jpg, jpeg, png, bmp, webp, in all "
                "folders below)",
                path);
    AC_TRY(take_sorted(self, &f));
out:
    for (int64_t i = 0; i < f.count; i++) {
        free(f.items[i].path);
        free(f.items[i].key);
    }
    free(f.items);
    free(path);
    if (st != AC_OK)
        ac_image_list_free(self);
    return st;
}

void
ac_image_list_free(ac_image_list *self)
{
    ac_texts_free(&self->keys);
    ac_texts_free(&self->paths);
    *self = (ac_image_list){ 0 };
}

bool
ac_image_list_is_duplicate(const ac_image_list *self, int64_t i)
{
    size_t n = ac_texts_size(&self->keys, i);

    return i > 0 && ac_texts_size(&self->keys, i - 1) == n &&
           memcmp(ac_texts_at(&self->keys, i), ac_texts_at(&self->keys, i - 1), n) == 0;
}

ac_status
ac_image_sidecar(const char *path, size_t n, const char *extension, char **out)
{
    ac_status st;
    char *made = NULL;
    const size_t e = strlen(extension);

    *out = NULL;
    AC_TRY(ac_alloc(&made, (int64_t) (n + e + 1), 1));
    memcpy(made, path, n);
    memcpy(made + stem_length(made), extension, e + 1);
    *out = made;
out:
    return st;
}

ac_status
ac_image_list_sidecar(const ac_image_list *self, int64_t i, const char *extension, char **out)
{
    return ac_image_sidecar(ac_texts_at(&self->paths, i), ac_texts_size(&self->paths, i),
                            extension, out);
}

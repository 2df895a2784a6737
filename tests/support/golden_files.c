/* Golden files as plain files. In tests/data many are compressed: X.zst stands for X, and
 * X.zst.base, where it is there, names the file (below the same root) that the compressor was
 * given as a prefix: the same weights in another format cost a few kilobytes. By hand: zstd -d
 * X.zst, or zstd -d --patch-from=BASE X.zst.
 *
 * They are decompressed on first use into a folder of the build, one for each root. Several
 * processes may do so at once: every entry is made under a name of its own and renamed. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "tests/support/golden.h"

static const char suffix[] = ".zst", base_suffix[] = ".zst.base";

__attribute__((format(printf, 1, 2))) static char *
text(const char *format, ...)
{
    va_list args;
    char *made;

    va_start(args, format);
    if (vasprintf(&made, format, args) < 0)
        fail_msg("out of memory");
    va_end(args);
    return made;
}

static bool
ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);

    return n > m && strcmp(name + n - m, end) == 0;
}

/* Folders of path up to its last '/'. */
static void
make_parents(char *path)
{
    for (char *p = path + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            fail_msg("%s: cannot be made: %s", path, strerror(errno));
        *p = '/';
    }
}

/* Where the plain form of root/relative goes. */
static char *
place_of(const char *root, const char *relative)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    char *place;

    for (const char *c = root; *c; c++)
        h = (h ^ (unsigned char) *c) * 1099511628211u;
    place = text("%s/%016llx/%s", AC_TEST_UNPACKED, (unsigned long long) h, relative);
    make_parents(place);
    return place;
}

static void
rename_into_place(const char *temporary, const char *place)
{
    if (rename(temporary, place) != 0)
        fail_msg("%s: cannot be renamed: %s", place, strerror(errno));
}

static char *find_plain(const char *root, const char *relative);

/* The prefix that root/relative was compressed with; NULL, *bytes 0: none. */
static char *
read_base(const char *root, const char *relative, size_t *bytes)
{
    char *name = text("%s/%s%s", root, relative, base_suffix), *base, *path, *data;

    *bytes = 0;
    if (access(name, F_OK) != 0) {
        free(name);
        return NULL;
    }
    base = test_read_file(name, NULL);
    base[strcspn(base, "\n")] = '\0';
    path = find_plain(root, base);
    if (!path)
        fail_msg("%s: there is no %s/%s", name, root, base);
    data = test_read_file(path, bytes);
    free(path);
    free(base);
    free(name);
    return data;
}

static void
decompress(const char *root, const char *relative, const char *source, const char *place)
{
    char *temporary = text("%s.%ld", place, (long) getpid());
    size_t compressed_bytes, base_bytes, got;
    char *compressed = test_read_file(source, &compressed_bytes), *plain;
    char *base = read_base(root, relative, &base_bytes);
    const unsigned long long bytes = ZSTD_getFrameContentSize(compressed, compressed_bytes);
    ZSTD_DCtx *context = ZSTD_createDCtx();
    FILE *f = fopen(temporary, "wb");

    if (!context || !f || bytes == ZSTD_CONTENTSIZE_ERROR || bytes == ZSTD_CONTENTSIZE_UNKNOWN)
        fail_msg("%s: cannot be decompressed to %s", source, temporary);
    plain = malloc((size_t) bytes + 1);
    assert_non_null(plain);
    ZSTD_DCtx_refPrefix(context, base, base_bytes);
    got = ZSTD_decompressDCtx(context, plain, (size_t) bytes, compressed, compressed_bytes);
    if (ZSTD_isError(got) || got != bytes)
        fail_msg("%s: %s", source, ZSTD_getErrorName(got));
    if (fwrite(plain, 1, (size_t) bytes, f) != bytes || fclose(f) != 0)
        fail_msg("%s: cannot be written", temporary);
    rename_into_place(temporary, place);
    ZSTD_freeDCtx(context);
    free(plain);
    free(base);
    free(compressed);
    free(temporary);
}

/* root/relative.zst without its compression. It is made once: the time of the file tells
 * whether it is still that one. */
static char *
plain_file(const char *root, const char *relative)
{
    char *source = text("%s/%s%s", root, relative, suffix), *place = NULL;
    struct stat from, to;

    if (stat(source, &from) == 0) {
        place = place_of(root, relative);
        if (stat(place, &to) != 0 || to.st_mtim.tv_sec != from.st_mtim.tv_sec ||
            to.st_mtim.tv_nsec != from.st_mtim.tv_nsec) {
            decompress(root, relative, source, place);
            utimensat(AT_FDCWD, place, (struct timespec[]){ from.st_mtim, from.st_mtim }, 0);
        }
    }
    free(source);
    return place;
}

/* A folder's entries but "." and "..", one after the other; NULL at the end. */
static const struct dirent *
next_entry(DIR *folder)
{
    const struct dirent *e;

    while ((e = readdir(folder)) &&
           (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0))
        ;
    return e;
}

static bool
is_folder(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

static bool
holds_compressed(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *e;
    bool found = false;

    if (!folder)
        fail_msg("%s: cannot be read: %s", path, strerror(errno));
    while (!found && (e = next_entry(folder))) {
        char *entry = text("%s/%s", path, e->d_name);
        found = is_folder(entry) ? holds_compressed(entry) : ends_with(entry, suffix);
        free(entry);
    }
    closedir(folder);
    return found;
}

static void
link_to(const char *target, const char *place)
{
    char *absolute = realpath(target, NULL),
         *temporary = text("%s.%ld", place, (long) getpid());

    unlink(temporary);
    if (!absolute || symlink(absolute, temporary) != 0)
        fail_msg("%s: cannot be linked to %s: %s", place, target, strerror(errno));
    rename_into_place(temporary, place);
    free(absolute);
    free(temporary);
}

/* The folder root/relative with its compressed files decompressed and links to the others. */
static char *
plain_folder(const char *root, const char *relative)
{
    char *source = text("%s/%s", root, relative), *inside = text("%s/x", relative);
    char *place = place_of(root, inside);
    DIR *folder = opendir(source);
    const struct dirent *e;

    assert_non_null(folder);
    *strrchr(place, '/') = '\0';
    while ((e = next_entry(folder))) {
        char *entry = text("%s/%s", relative, e->d_name),
             *from = text("%s/%s", source, e->d_name);
        char *to = text("%s/%s", place, e->d_name);
        if (ends_with(entry, suffix))
            entry[strlen(entry) - strlen(suffix)] = '\0', free(plain_file(root, entry));
        else if (is_folder(from) && holds_compressed(from))
            free(plain_folder(root, entry));
        else if (!ends_with(entry, base_suffix))
            link_to(from, to);
        free(entry);
        free(from);
        free(to);
    }
    closedir(folder);
    free(source);
    free(inside);
    return place;
}

static char *
find_plain(const char *root, const char *relative)
{
    char *path = text("%s/%s", root, relative), *plain;

    if (access(path, R_OK) != 0)
        plain = plain_file(root, relative);
    else if (is_folder(path) && holds_compressed(path))
        plain = plain_folder(root, relative);
    else
        return path;
    free(path);
    return plain;
}

static int found, missing;

char *
golden_path(const char *relative)
{
    const char *set = getenv("AC_GOLDEN"), *root = set && *set ? set : AC_TEST_DATA "/golden";
    char *path = find_plain(root, relative);

    if (!path && root != set)
        fail_msg("%s: not in %s", relative, root);
    if (!path)
        fprintf(stderr, "AC_GOLDEN=%s has no %s: skipped\n", set, relative);
    found += path != NULL;
    missing += path == NULL;
    return path;
}

int
golden_result(int failed)
{
    return failed == 0 && found == 0 && missing > 0 ? 77 : failed;
}

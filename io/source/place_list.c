#include "io/source/place_list.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "engine/base/memory.h"
#include "io/file/checksum.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/text_file.h"
#include "io/source/image_dataset.h"
#include "io/source/location.h"
#include "io/source/selected_images.h"

enum { DIGEST = 32 }; /* digits; a line's is kept as half as many bytes */

typedef struct digest {
    unsigned char bytes[DIGEST / 2];
} digest;

/* ---- lines ---- */

/* "/shards/00000.h5/" */
static bool
is_shard(const char *text)
{
    const char *p = text + strlen("/shards/");
    const char *digits = p;

    while (isdigit((unsigned char) *p))
        p++;
    return p > digits && strncmp(p, ".h5/", 4) == 0 && p[4];
}

static bool
ends_in_tar(const char *text, size_t n)
{
    static const char *const ends[] = { ".tar", ".tar.gz", ".tgz", ".tar.zst" };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t m = strlen(ends[i]);
        if (n > m && strncasecmp(text + n - m, ends[i], m) == 0)
            return true;
    }
    return false;
}

ac_listed_kind
ac_place_split(const char *line, size_t *archive)
{
    for (const char *p = strchr(line, '#'); p; p = strchr(p + 1, '#'))
        if (p[1] && ends_in_tar(line, (size_t) (p - line))) {
            *archive = (size_t) (p - line);
            return AC_LISTED_TAR;
        }
    for (const char *p = strstr(line, "/shards/"); p; p = strstr(p + 1, "/shards/"))
        if (p > line && is_shard(p)) {
            *archive = (size_t) (p - line);
            return AC_LISTED_DATASET;
        }
    *archive = 0;
    return AC_LISTED_FILE;
}

/* The next line that is not empty; NULL: none. */
static ac_status
next_line(ac_text_lines *lines, char **line, size_t *size)
{
    ac_status st;

    do {
        st = ac_text_lines_next(lines, line, size);
        while (st == AC_OK && *line && *size && (*line)[*size - 1] == '\r')
            (*line)[--*size] = '\0';
    } while (st == AC_OK && *line && *size == 0);
    return st;
}

/* The folder of the list, with its slash. */
static ac_status
folder_of(const char *list, char **folder)
{
    const char *slash = strrchr(list, '/');

    return ac_duplicate(folder, list, slash ? (size_t) (slash - list + 1) : 0);
}

/* What the first line of an input names; a file where it is no list. dataset: its folder, or
 * NULL; free with free(). */
static ac_status
find_kind(const char *input, ac_listed_kind *kind, char **dataset)
{
    const size_t n = strlen(input);
    struct stat info;
    ac_text_lines lines = { 0 };
    char *folder = NULL, *line;
    size_t size, archive;
    ac_status st = AC_OK;

    *kind = AC_LISTED_FILE;
    *dataset = NULL;
    if (n < 5 || strcasecmp(input + n - 4, ".txt") != 0 || ac_file_stat(input, &info) != 0 ||
        !S_ISREG(info.st_mode))
        return AC_OK; /* whoever opens it says why */
    AC_TRY(ac_text_lines_open(&lines, input, false));
    AC_TRY(next_line(&lines, &line, &size));
    if (line && strncmp(line, "\xef\xbb\xbf", 3) == 0)
        line += 3;
    *kind = line ? ac_place_split(line, &archive) : AC_LISTED_FILE;
    if (*kind != AC_LISTED_DATASET)
        goto out;
    AC_TRY(folder_of(input, &folder));
    st = ac_path_format(dataset, "%s%.*s", line[0] == '/' ? "" : folder, (int) archive, line);
out:
    free(folder);
    ac_text_lines_close(&lines);
    return st;
}

ac_status
ac_place_dataset_find(const char *input, const char *what, bool *is_dataset, char **folder)
{
    ac_listed_kind kind;
    ac_status st = AC_OK;

    *is_dataset = false;
    AC_TRY(find_kind(input, &kind, folder));
    if (!*folder)
        AC_TRY(ac_duplicate(folder, input, strlen(input)));
    AC_TRY(ac_image_dataset_is(*folder, what, is_dataset));
    if (kind == AC_LISTED_DATASET && !*is_dataset)
        st = ac_error_set(AC_E_FORMAT,
                          "%s: %s names places in %s, which is no image dataset, or is gone",
                          what, input, *folder);
out:
    if (st != AC_OK || !*is_dataset) {
        free(*folder);
        *folder = NULL;
    }
    return st;
}

/* ---- which items ---- */

typedef struct selection {
    const char *list, *what;
    ac_listed_kind kind;
    char *folder;    /* of the list */
    ac_buffer root;  /* what the source's locations are relative to, with its slash */
    ac_buffer first; /* the first line's archive */
    digest *lines;   /* [count], sorted, each once */
    bool *found;     /* [count] */
    int64_t count;
    ac_buffer numbers;    /* i64 each */
    ac_buffer path, name; /* scratch */
} selection;

static void
selection_free(selection *self)
{
    free(self->folder);
    free(self->lines);
    free(self->found);
    ac_buffer_free(&self->root);
    ac_buffer_free(&self->first);
    ac_buffer_free(&self->numbers);
    ac_buffer_free(&self->path);
    ac_buffer_free(&self->name);
}

/* Of a whole path [n], as a line of a list has it. */
static ac_status
digest_of(selection *self, const char *path, size_t n, digest *out)
{
    char hex[DIGEST + 1];
    ac_status st;

    ac_buffer_reset(&self->name);
    st = ac_text_push_name_line(&self->name, path, n);
    if (st != AC_OK)
        return st;
    ac_checksum_bytes(self->name.data, self->name.size, hex);
    for (int i = 0; i < DIGEST / 2; i++) {
        const char two[3] = { hex[2 * i], hex[2 * i + 1], '\0' };
        out->bytes[i] = (unsigned char) strtoul(two, NULL, 16);
    }
    return AC_OK;
}

static ac_status
digest_line(selection *self, const char *line, digest *out)
{
    ac_buffer_reset(&self->path);
    ac_buffer_push_text(&self->path, line[0] == '/' ? "" : self->folder);
    if (ac_buffer_push_text(&self->path, line) != AC_OK)
        return self->path.status;
    return digest_of(self, self->path.data, self->path.size, out);
}

/* The folder that all archives so far lie in; a dataset is its own. self->path: the line's. */
static ac_status
narrow_root(selection *self, size_t archive)
{
    const char *path = self->path.data;
    size_t same = 0;

    if (self->kind == AC_LISTED_DATASET) {
        ac_buffer_reset(&self->root);
        return ac_buffer_push(&self->root, path, archive + 1);
    }
    if (self->count == 0)
        AC_CHECK(ac_buffer_push(&self->root, path, archive) == AC_OK);
    while (same < archive && same < self->root.size && path[same] == self->root.data[same])
        same++;
    while (same && path[same - 1] != '/')
        same--;
    self->root.size = same;
    return AC_OK;
}

static ac_status
add_line(selection *self, const char *line, int64_t number, ac_buffer *digests)
{
    size_t archive;
    digest one;
    ac_status st = AC_OK;

    if (ac_place_split(line, &archive) != self->kind)
        AC_FAIL(AC_E_ARG,
                "%s: %s, line %lld: %s: the lines before name places in %s: give one kind, in "
                "a run of its own",
                self->what, self->list, (long long) number, line,
                self->kind == AC_LISTED_TAR ? "tars" : "an image dataset");
    if (self->count == 0)
        AC_TRY(ac_buffer_push(&self->first, line, archive));
    if (self->kind == AC_LISTED_DATASET &&
        (archive != self->first.size || memcmp(line, self->first.data, archive) != 0))
        AC_FAIL(
            AC_E_ARG, "%s: %s, line %lld: %.*s is another image dataset than %s: one in a run",
            self->what, self->list, (long long) number, (int) archive, line, self->first.data);
    AC_TRY(digest_line(self, line, &one));
    AC_TRY(ac_buffer_push(digests, &one, sizeof one));
    st = narrow_root(self, archive + (line[0] == '/' ? 0 : strlen(self->folder)));
    self->count++;
out:
    return st;
}

static int
compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(digest));
}

static ac_status
read_lines(selection *self)
{
    ac_text_lines lines = { 0 };
    ac_buffer digests = { 0 };
    char *line;
    size_t size;
    int64_t kept = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_text_lines_open(&lines, self->list, true));
    for (int64_t number = 1;; number++) {
        AC_TRY(next_line(&lines, &line, &size));
        if (!line)
            break;
        AC_TRY(add_line(self, line, number, &digests));
    }
    AC_TRY(ac_alloc(&self->lines, self->count, sizeof *self->lines));
    AC_TRY(ac_alloc(&self->found, self->count, sizeof *self->found));
    memcpy(self->lines, digests.data, digests.size);
    qsort(self->lines, (size_t) self->count, sizeof *self->lines, compare);
    for (int64_t i = 0; i < self->count; i++)
        if (kept == 0 || compare(&self->lines[kept - 1], &self->lines[i]) != 0)
            self->lines[kept++] = self->lines[i];
    self->count = kept;
out:
    ac_buffer_free(&digests);
    ac_text_lines_close(&lines);
    return st;
}

/* Is the path [n] listed? */
static ac_status
look_up(selection *self, const char *path, size_t n, bool *listed)
{
    digest one;
    const digest *at;
    ac_status st = digest_of(self, path, n, &one);

    if (st != AC_OK)
        return st;
    at = bsearch(&one, self->lines, (size_t) self->count, sizeof one, compare);
    if (at)
        self->found[at - self->lines] = true;
    *listed = *listed || at;
    return AC_OK;
}

/* A line names all pages of its image, or one. */
static ac_status
find_items(selection *self, const ac_image_source *images)
{
    ac_buffer location = { 0 };
    ac_status st = AC_OK;

    for (int64_t i = 0; i < images->count; i++) {
        bool listed = false;
        int64_t page;
        size_t whole;
        AC_TRY(ac_image_source_locate(images, i, &location));
        ac_buffer_reset(&self->path);
        ac_buffer_push(&self->path, self->root.data, self->root.size);
        AC_TRY(ac_buffer_push(&self->path, location.data, location.size));
        AC_TRY(look_up(self, self->path.data, self->path.size, &listed));
        whole = ac_location_page(self->path.data, self->path.size, &page);
        if (whole < self->path.size && page == ac_image_source_page(images, i))
            AC_TRY(look_up(self, self->path.data, whole, &listed));
        if (listed)
            AC_TRY(ac_buffer_push(&self->numbers, &i, sizeof i));
    }
out:
    ac_buffer_free(&location);
    return st;
}

/* The first line that no item is at, where there is one. */
static ac_status
check_found(selection *self)
{
    ac_text_lines lines = { 0 };
    int64_t missing = 0;
    char *line;
    size_t size, archive;
    digest one;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->count; i++)
        missing += !self->found[i];
    if (missing == 0)
        return AC_OK;
    AC_TRY(ac_text_lines_open(&lines, self->list, true));
    for (int64_t number = 1;; number++) {
        const digest *at;
        AC_TRY(next_line(&lines, &line, &size));
        if (!line)
            break;
        AC_TRY(digest_line(self, line, &one));
        at = bsearch(&one, self->lines, (size_t) self->count, sizeof one, compare);
        ac_place_split(line, &archive);
        if (at && !self->found[at - self->lines])
            AC_FAIL(AC_E_FORMAT, "%s: %s, line %lld: %s: no such image in %.*s", self->what,
                    self->list, (long long) number, line, (int) archive, line);
    }
out:
    ac_text_lines_close(&lines);
    return st;
}

/* What stands before the source's locations, so that they are relative to the list's folder. */
static const char *
shown_root(const selection *self)
{
    const size_t n = strlen(self->folder);

    if (!self->root.data)
        return "";
    self->root.data[self->root.size] = '\0';
    return self->root.data + (strncmp(self->root.data, self->folder, n) == 0 ? n : 0);
}

ac_status
ac_place_list_select(ac_image_source *images, const char *input, const char *what)
{
    selection self = { .list = input, .what = what };
    char *dataset = NULL, hex[33];
    ac_buffer prints = { 0 };
    ac_status st = AC_OK;

    AC_TRY(find_kind(input, &self.kind, &dataset));
    if (self.kind == AC_LISTED_FILE)
        goto out;
    AC_TRY(folder_of(input, &self.folder));
    AC_TRY(read_lines(&self));
    AC_TRY(find_items(&self, images));
    AC_TRY(check_found(&self));
    AC_TRY(ac_file_checksum(input, hex));
    AC_TRY(ac_buffer_printf(&prints, "%s %s", hex, images->fingerprint));
    ac_checksum_bytes(prints.data, prints.size, hex);
    AC_TRY(ac_listed_images_take(images, self.numbers.data,
                                 (int64_t) (self.numbers.size / sizeof(int64_t)),
                                 shown_root(&self)));
    memcpy(images->fingerprint, hex, sizeof hex);
out:
    free(dataset);
    ac_buffer_free(&prints);
    selection_free(&self);
    return st;
}

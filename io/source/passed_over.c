#include "io/source/passed_over.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/file_open.h"
#include "io/file/json_write.h"

void
ac_passed_over_free(ac_passed_over *self)
{
    for (int i = 0; i < AC_PASSED_OVER_NAMES; i++)
        free(self->names[i]);
    ac_skip_free(&self->skipped);
    *self = (ac_passed_over){ 0 };
}

/* Letters and digits behind the last dot, in lower case; "" where there are none, or many. */
static void
take_extension(char extension[AC_PASSED_OVER_LETTERS], const char *name)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name,
               *dot = strrchr(base, '.');
    size_t n = 0;

    for (;
         dot && dot > base && n < AC_PASSED_OVER_LETTERS && isalnum((unsigned char) dot[n + 1]);
         n++)
        if (n + 1 < AC_PASSED_OVER_LETTERS)
            extension[n] = (char) tolower((unsigned char) dot[n + 1]);
    if (n >= AC_PASSED_OVER_LETTERS || !dot || (n && dot[n + 1] != '\0'))
        n = 0;
    extension[n] = '\0';
}

static void
count_kind(ac_passed_over *self, const char *extension)
{
    int k = 0;

    while (k < self->kinds && strcmp(self->kind[k].extension, extension) != 0)
        k++;
    if (k == AC_PASSED_OVER_KINDS) { /* the last place is for all that is left */
        k--;
        self->kind[k].extension[0] = '\0';
    } else if (k == self->kinds) {
        strcpy(self->kind[k].extension, extension);
        self->kinds++;
    }
    self->kind[k].count++;
}

/* Among the first names, bytewise; the last of ten makes way. */
static ac_status
keep_name(ac_passed_over *self, const char *name)
{
    int at = 0;
    char *copy = NULL;
    ac_status st;

    while (at < AC_PASSED_OVER_NAMES && self->names[at] && strcmp(self->names[at], name) <= 0)
        at++;
    if (at == AC_PASSED_OVER_NAMES)
        return AC_OK;
    st = ac_duplicate(&copy, name, strlen(name));
    if (st != AC_OK)
        return st;
    free(self->names[AC_PASSED_OVER_NAMES - 1]);
    memmove(self->names + at + 1, self->names + at,
            (size_t) (AC_PASSED_OVER_NAMES - 1 - at) * sizeof *self->names);
    self->names[at] = copy;
    return AC_OK;
}

ac_status
ac_passed_over_add(ac_passed_over *self, const char *name)
{
    char extension[AC_PASSED_OVER_LETTERS];

    take_extension(extension, name);
    if (strcmp(extension, "txt") == 0 || strcmp(extension, "knn") == 0)
        return AC_OK;
    self->files++;
    count_kind(self, extension);
    return keep_name(self, name);
}

static int
compare_kinds(const void *a, const void *b)
{
    const ac_passed_kind *x = a, *y = b;

    return x->count != y->count ? (x->count < y->count ? 1 : -1)
                                : strcmp(x->extension, y->extension);
}

void
ac_passed_over_sort(ac_passed_over *self)
{
    qsort(self->kind, (size_t) self->kinds, sizeof *self->kind, compare_kinds);
}

bool
ac_passed_over_any(const ac_passed_over *self)
{
    return self->files > 0 || self->apple_double > 0 || self->skipped.total > 0;
}

void
ac_passed_over_print(const ac_passed_over *self, ac_buffer *out)
{
    for (int k = 0; k < self->kinds; k++) {
        ac_buffer_printf(out, "%s%lld ", k ? ", " : "", (long long) self->kind[k].count);
        if (self->kind[k].extension[0])
            ac_buffer_printf(out, ".%s", self->kind[k].extension);
        else
            ac_buffer_push_text(out, "without an extension");
    }
    for (int i = 0; i < AC_PASSED_OVER_NAMES && self->names[i]; i++)
        ac_buffer_printf(out, "%s%s", i ? ", " : " (", self->names[i]);
    ac_buffer_push_text(out, self->files > AC_PASSED_OVER_NAMES ? ", …)" : ")");
}

void
ac_passed_over_push_json(const ac_passed_over *self, ac_buffer *out)
{
    ac_buffer_printf(out, "{\"files\": %lld, \"extensions\": {", (long long) self->files);
    for (int k = 0; k < self->kinds; k++)
        ac_buffer_printf(out, "%s\"%s\": %lld", k ? ", " : "", self->kind[k].extension,
                         (long long) self->kind[k].count);
    ac_buffer_push_text(out, "}, \"first\": [");
    for (int i = 0; i < AC_PASSED_OVER_NAMES && self->names[i]; i++) {
        ac_buffer_push_text(out, i ? ", " : "");
        ac_json_text(out, self->names[i]);
    }
    ac_buffer_printf(out, "], \"apple_double\": %lld", (long long) self->apple_double);
    if (self->skipped.total) {
        ac_buffer_push_text(out, ", \"skipped\": ");
        ac_skip_push_json(&self->skipped, out);
    }
    ac_buffer_push_char(out, '}');
}

bool
ac_is_apple_double(const char *path, const char *name)
{
    static const unsigned char magic[4] = { 0x00, 0x05, 0x16, 0x07 };
    unsigned char bytes[4];
    size_t n;
    int fd;
    bool is;

    if (strncmp(name, "._", 2) != 0)
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    is = ac_file_read_at(fd, bytes, sizeof bytes, 0, &n) && n == sizeof bytes &&
         memcmp(bytes, magic, sizeof magic) == 0;
    close(fd);
    return is;
}

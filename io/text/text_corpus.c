#include "io/text/text_corpus.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/text/unicode.h"
#include "io/file/file_look.h"
#include "io/file/file_open.h"
#include "io/file/publish.h"

enum { LOOK_BYTES = 1 << 16, LONGEST_LINE = 1 << 28 };

ac_status
ac_text_corpus_arrange(ac_text_corpus *self, int64_t piece_bytes)
{
    ac_status st = ac_alloc(&self->starts, self->count + 1, sizeof *self->starts);

    if (st != AC_OK)
        return st;
    for (int64_t d = 0; d < self->count; d++)
        self->starts[d + 1] = self->starts[d] + self->documents[d].bytes;
    self->piece_bytes = piece_bytes;
    self->pieces = (self->starts[self->count] + piece_bytes - 1) / piece_bytes;
    return AC_OK;
}

void
ac_text_corpus_free(ac_text_corpus *self)
{
    ac_texts_free(&self->paths);
    ac_texts_free(&self->names);
    free(self->documents);
    free(self->starts);
    *self = (ac_text_corpus){ 0 };
}

static ac_status
changed(const char *path)
{
    return ac_error_set(
        AC_E_IO, "%s: changed while it was read; run again when it no longer changes", path);
}

static bool
is_as_prepared(const ac_text_document *d, const struct stat *now)
{
    if (d->spooled)
        return now->st_size >= d->bytes;
    return now->st_size == d->bytes &&
           (int64_t) now->st_mtim.tv_sec * 1000000000 + now->st_mtim.tv_nsec == d->modified;
}

static ac_status
open_document(const ac_text_corpus *self, int64_t d, int *file)
{
    const char *path = ac_texts_at(&self->paths, d);
    char why[AC_FILE_WHY];
    struct stat now;
    ac_status st;

    st = ac_file_open_why(file, path, why);
    if (st != AC_OK)
        return ac_error_set(
            st, "%s: was there when the work began, and cannot be opened now: %s", path, why);
    if (fstat(*file, &now) != 0 || !is_as_prepared(&self->documents[d], &now))
        return changed(path);
    return AC_OK;
}

static ac_status
read_at(int file, const char *path, char *bytes, int64_t n, int64_t at)
{
    size_t got;

    if (!ac_file_read_at(file, bytes, (size_t) n, at, &got))
        return ac_error_set(ac_io_failure(errno), "%s: cannot be read: %s", path,
                            strerror(errno));
    return (int64_t) got < n ? changed(path) : AC_OK;
}

/* The first place at or behind `at` where a line of the document begins; its end where none
 * does. */
static ac_status
line_start(int file, const char *path, int64_t bytes, int64_t at, int64_t *start)
{
    char look[LOOK_BYTES];
    bool after_carriage = false;

    if (at == 0 || at >= bytes) {
        *start = at;
        return AC_OK;
    }
    for (int64_t from = at - 1; from < bytes; from += LOOK_BYTES) {
        if (from - at > LONGEST_LINE)
            return ac_error_set(
                AC_E_LIMIT,
                "%s: a line of more than %d bytes (around byte %lld): is this a "
                "text of lines?",
                path, LONGEST_LINE, (long long) at);
        const int64_t n = bytes - from < LOOK_BYTES ? bytes - from : LOOK_BYTES;
        const ac_status st = read_at(file, path, look, n, from);
        if (st != AC_OK)
            return st;
        for (int64_t i = 0; i < n; i++) {
            if (after_carriage && look[i] != '\n') {
                *start = from + i;
                return AC_OK;
            }
            if (look[i] == '\n') {
                *start = from + i + 1;
                return AC_OK;
            }
            after_carriage = look[i] == '\r';
        }
    }
    *start = bytes;
    return AC_OK;
}

/* The document's part of a piece: from, to [nominal] within the document, moved to line starts.
 */
static ac_status
read_part(const ac_text_corpus *self, int64_t d, int64_t from, int64_t to, ac_text_take take,
          void *context)
{
    const char *name = ac_texts_at(self->names.count ? &self->names : &self->paths, d);
    const int64_t bytes = self->documents[d].bytes;
    char *text = NULL;
    int file = -1;
    ac_status st = AC_OK;

    AC_TRY(open_document(self, d, &file));
    AC_TRY(line_start(file, name, bytes, from, &from));
    AC_TRY(line_start(file, name, bytes, to, &to));
    if (from >= to)
        goto out;
    AC_TRY(ac_alloc_aligned(&text, to - from, 1));
    AC_TRY(read_at(file, name, text, to - from, from));
    if (ac_utf8_check(text, (size_t) (to - from)) != AC_OK) /* it was, when it was prepared */
        AC_TRY(changed(name));
    st = take(context, text, (size_t) (to - from));
out:
    free(text);
    if (file >= 0)
        close(file);
    return st;
}

ac_status
ac_text_corpus_read(const ac_text_corpus *self, int64_t piece, ac_text_take take, void *context)
{
    const int64_t from = piece * self->piece_bytes, end = from + self->piece_bytes;
    int64_t low = 0, high = self->count;
    ac_status st = AC_OK;

    while (high - low > 1) { /* the document that holds `from`; of empty ones the last */
        const int64_t middle = (low + high) / 2;
        if (self->starts[middle] <= from)
            low = middle;
        else
            high = middle;
    }
    for (int64_t d = low; d < self->count && self->starts[d] < end && st == AC_OK; d++) {
        const int64_t first = from > self->starts[d] ? from - self->starts[d] : 0;
        const int64_t last = end - self->starts[d] < self->documents[d].bytes
                                 ? end - self->starts[d]
                                 : self->documents[d].bytes;
        if (first < last)
            st = read_part(self, d, first, last, take, context);
    }
    return st;
}

ac_status
ac_text_corpus_check(const ac_text_corpus *self)
{
    for (int64_t d = 0; d < self->count; d++) {
        struct stat now;
        if (!self->documents[d].spooled && self->documents[d].bytes &&
            (ac_file_stat(ac_texts_at(&self->paths, d), &now) != 0 ||
             !is_as_prepared(&self->documents[d], &now)))
            return changed(ac_texts_at(&self->paths, d));
    }
    return AC_OK;
}

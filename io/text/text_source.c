#include "io/text/text_source.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "engine/text/unicode.h"
#include "io/file/file_look.h"
#include "io/file/file_open.h"
#include "io/text/byte_stream.h"
#include "io/file/file_head.h"
#include "io/file/path.h"
#include "io/file/publish.h"

enum { BLOCK = 1 << 20, SEQUENCE = 4 };

/* ---- listing ---- */

static bool
is_text_name(const char *name)
{
    static const char *const ends[] = { ".txt", ".txt.gz", ".txt.zst",
                                        ".tar", ".tar.gz", ".tar.zst" };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ac_text_ends_with(name, ends[i]))
            return true;
    return false;
}

static ac_status list_folder(ac_texts *paths, const char *folder, size_t root, ac_skip *skip,
                             bool is_below);

/* A folder or file that was found. */
static ac_status
take_found(ac_texts *paths, const char *path, const char *name, bool is_link, size_t root,
           ac_skip *skip)
{
    struct stat info;
    bool skipped;
    ac_status st = ac_skip_ask(skip, path + root, &skipped);

    if (st != AC_OK || skipped)
        return st;
    if (ac_file_stat(path, &info) != 0)
        return errno == EACCES ? ac_skip_unreadable(skip, path, errno)
               : is_text_name(name)
                   ? ac_error_set(ac_io_failure(errno), "%s: cannot be accessed: %s", path,
                                  strerror(errno))
                   : AC_OK;
    if (S_ISDIR(info.st_mode) && !is_link)
        return list_folder(paths, path, root, skip, true);
    return S_ISREG(info.st_mode) && is_text_name(name)
               ? ac_texts_push(paths, path, strlen(path) + 1) /* with its zero byte */
               : AC_OK;
}

/* Names in a folder sorted bytewise, folders entered where they stand: that is the order by
 * components. root: the length of the input's own path and slash. */
static ac_status
list_folder(ac_texts *paths, const char *folder, size_t root, ac_skip *skip, bool is_below)
{
    struct dirent **entries = NULL;
    const int count = ac_folder_scan(folder, &entries, NULL);
    ac_status st = AC_OK;

    if (count < 0 && is_below)
        return ac_skip_unreadable(skip, folder, errno);
    if (count < 0)
        return ac_error_set(ac_io_failure(errno), "%s: cannot be read: %s", folder,
                            strerror(errno));
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        char *path = NULL;
        if (st == AC_OK && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            st = ac_path_format(&path, "%s%s%s", folder,
                                ac_text_ends_with(folder, "/") ? "" : "/", name);
        if (path)
            st = take_found(paths, path, name, entries[i]->d_type == DT_LNK, root, skip);
        free(path);
        free(entries[i]);
    }
    free(entries);
    return st;
}

ac_status
ac_text_sources_list(ac_texts *paths, const char *const *inputs, int64_t count, ac_skip *skip)
{
    ac_status st = AC_OK;

    for (int64_t i = 0; i < count; i++) {
        const int64_t before = paths->count;
        const bool is_named = strcmp(inputs[i], "-") != 0;
        struct stat info = { 0 };
        if (is_named && ac_file_stat(inputs[i], &info) != 0)
            AC_FAIL(ac_io_failure(errno), "%s: cannot be found: %s", inputs[i],
                    strerror(errno));
        if (is_named && S_ISDIR(info.st_mode)) {
            AC_TRY(list_folder(paths, inputs[i],
                               strlen(inputs[i]) + !ac_text_ends_with(inputs[i], "/"), skip,
                               false));
            if (paths->count == before)
                AC_FAIL(AC_E_FORMAT,
                        "%s: no text in this folder: looked for .txt, .txt.gz, .txt.zst, .tar, "
                        ".tar.gz, .tar.zst",
                        inputs[i]);
        } else {
            AC_TRY(ac_texts_push(paths, inputs[i], strlen(inputs[i]) + 1));
        }
    }
out:
    return st;
}

/* ---- checking text piece by piece ---- */

typedef struct checker {
    ac_heartbeat *heartbeat;
    char block[SEQUENCE +
               BLOCK]; /* the beginning of a sequence that the last block cut, then a block */
    int64_t kept;
    bool valid;
} checker;

/* Bytes at the end that begin a sequence which is not over. */
static int64_t
unfinished(const char *bytes, int64_t n)
{
    for (int64_t back = 1; back < SEQUENCE && back <= n; back++) {
        const unsigned char c = (unsigned char) bytes[n - back];
        const int64_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        if (c >= 0x80 && c < 0xc0)
            continue;
        return length > back ? back : 0;
    }
    return 0;
}

/* n more bytes are at self->block + SEQUENCE. */
static void
check_block(checker *self, int64_t n)
{
    char *from = self->block + SEQUENCE - self->kept;
    const int64_t all = self->kept + n, rest = unfinished(from, all);

    ac_heartbeat_beat(self->heartbeat);
    if (self->valid && ac_utf8_check(from, (size_t) (all - rest)) != AC_OK)
        self->valid = false;
    memmove(self->block + SEQUENCE - rest, from + all - rest, (size_t) rest);
    self->kept = rest;
}

static bool
is_whole(const checker *self)
{
    return self->valid && self->kept == 0;
}

static void
start_check(checker *self)
{
    self->kept = 0;
    self->valid = true;
}

/* ---- spooling ---- */

typedef struct spool {
    const char *path, *source;
    int file;
    int64_t bytes; /* of whole texts */
} spool;

static ac_status
spool_write(spool *self, const char *bytes, int64_t n)
{
    if (n > 0 && !ac_file_write(self->file, bytes, (size_t) n))
        return ac_error_set(ac_io_failure(errno),
                            "%s: cannot be written: %s; unpacking %s needs space there",
                            self->path, strerror(errno), self->source);
    return AC_OK;
}

static ac_status
spool_open(spool *self)
{
    self->file = ac_file_open_for(self->path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC);
    if (self->file < 0)
        return ac_error_set(ac_io_failure(errno), "%s: cannot be created: %s", self->path,
                            strerror(errno));
    return AC_OK;
}

/* The text that was written since the last one is whole: keep it, with an end to its last line,
 * or take it back. */
static ac_status
spool_end_text(spool *self, const checker *c, const char *name, ac_text_document *out,
               ac_texts *skipped)
{
    const off_t end = lseek(self->file, 0, SEEK_CUR);
    ac_status st = AC_OK;

    if (is_whole(c)) {
        if (end > self->bytes)
            st = spool_write(self, "\n", 1); /* a line end more makes an empty line at most, and
                                                those count for nothing */
        self->bytes = lseek(self->file, 0, SEEK_CUR);
        out->texts++;
        return st;
    }
    out->skipped++;
    if (ftruncate(self->file, self->bytes) != 0 || lseek(self->file, self->bytes, SEEK_SET) < 0)
        return ac_error_set(ac_io_failure(errno), "%s: cannot be written: %s", self->path,
                            strerror(errno));
    return ac_texts_push(skipped, name, strlen(name) + 1);
}

typedef struct tar_input {
    ac_byte_stream *stream;
    char *block;   /* [BLOCK] */
    int64_t ready; /* bytes of the block that were read before the archive was opened */
    ac_status status;
} tar_input;

static la_ssize_t
read_tar_block(struct archive *a, void *context, const void **bytes)
{
    tar_input *self = context;
    int64_t n = self->ready;

    (void) a;
    self->ready = 0;
    if (n == 0 && self->status == AC_OK)
        self->status = ac_byte_stream_read(self->stream, self->block, BLOCK, &n);
    *bytes = self->block;
    return self->status == AC_OK ? n : -1;
}

static ac_status
tar_failed(const tar_input *input, struct archive *a, const char *path)
{
    if (input->status != AC_OK)
        return input->status;
    return ac_error_set(AC_E_FORMAT, "%s: damaged tar: %s; fetch the file again, or remove it",
                        path, archive_error_string(a));
}

static ac_status
spool_member(spool *self, struct archive *a, const tar_input *input, const char *name,
             checker *c)
{
    la_ssize_t n;
    bool first = true;
    ac_status st = AC_OK;

    start_check(c);
    while ((n = archive_read_data(a, c->block + SEQUENCE, BLOCK)) > 0 && st == AC_OK) {
        if (first)
            AC_TRY(ac_head_check(name, c->block + SEQUENCE, (size_t) n));
        first = false;
        st = c->valid ? spool_write(self, c->block + SEQUENCE, n) : AC_OK;
        check_block(c, n);
    }
    if (n < 0 && st == AC_OK)
        st = tar_failed(input, a, self->source);
out:
    return st;
}

static ac_status
spool_tar(spool *self, tar_input *input, const char *extension, checker *c,
          ac_text_document *out, ac_texts *skipped)
{
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    ac_status st = AC_OK;
    char *end = NULL, *name = NULL;
    int result;

    AC_TRY(ac_path_format(&end, ".%s", extension));
    if (!a)
        AC_FAIL(AC_E_NOMEM, "out of memory for a tar");
    archive_read_support_format_tar(a);
    archive_read_set_options(
        a, "hdrcharset=BINARY"); /* names as they are: a locale could not hold some of them */
    if (archive_read_open(a, input, NULL, read_tar_block, NULL) != ARCHIVE_OK)
        AC_TRY(tar_failed(input, a, self->source));
    while ((result = archive_read_next_header(a, &entry)) == ARCHIVE_OK ||
           result == ARCHIVE_WARN) {
        const char *member = archive_entry_pathname(entry);
        if (archive_entry_filetype(entry) != AE_IFREG || !member ||
            !ac_text_ends_with(member, end))
            continue;
        free(name);
        AC_TRY(ac_path_format(&name, "%s: %s", self->source, member));
        AC_TRY(spool_member(self, a, input, name, c));
        AC_TRY(spool_end_text(self, c, name, out, skipped));
    }
    if (result != ARCHIVE_EOF)
        st = tar_failed(input, a, self->source);
out:
    free(name);
    free(end);
    archive_read_free(a);
    return st;
}

/* ---- preparing ---- */

/* Text that is not in a tar: first `n` bytes are in the checker's block already. */
static ac_status
check_text(ac_byte_stream *stream, spool *to, checker *c, int64_t n, int64_t *bytes)
{
    ac_status st = AC_OK;

    start_check(c);
    for (*bytes = 0; n > 0;) {
        if (to && c->valid)
            AC_TRY(spool_write(to, c->block + SEQUENCE, n));
        check_block(c, n);
        *bytes += n;
        AC_TRY(ac_byte_stream_read(stream, c->block + SEQUENCE, BLOCK, &n));
    }
out:
    return st;
}

static bool
is_tar(const char *bytes, int64_t n)
{
    return ac_head_of(bytes, (size_t) n) == AC_HEAD_TAR;
}

static bool
is_tar_name(const char *path)
{
    return ac_text_ends_with(path, ".tar") || ac_text_ends_with(path, ".tar.gz") ||
           ac_text_ends_with(path, ".tar.zst");
}

/* What is no text, or not what its name says. */
static ac_status
check_head(const char *path, const char *bytes, int64_t n)
{
    const ac_status st = ac_head_check(path, bytes, (size_t) n);

    if (st == AC_OK && n > 0 && !is_tar(bytes, n) && is_tar_name(path))
        return ac_error_set(AC_E_FORMAT,
                            "%s: not a tar, as its name says: fetch the file again, or give "
                            "it the name of what it is",
                            path);
    return st;
}

/* A plain file stays where it is: what was read of it, and when it was changed last. */
static ac_status
describe_plain(const char *path, const struct stat *before, const checker *c, int64_t bytes,
               ac_text_document *out, ac_texts *skipped)
{
    if (bytes != before->st_size)
        return ac_error_set(
            AC_E_IO, "%s: changed while it was read; run again when it no longer changes",
            path);
    if (!is_whole(c)) {
        out->skipped = 1;
        return ac_texts_push(skipped, path, strlen(path) + 1);
    }
    out->texts = 1;
    out->bytes = bytes;
    out->modified = (int64_t) before->st_mtim.tv_sec * 1000000000 + before->st_mtim.tv_nsec;
    return AC_OK;
}

ac_status
ac_text_source_prepare(const char *path, const char *spool_path, const char *extension,
                       int64_t memory, ac_text_document *out, ac_texts *skipped,
                       ac_heartbeat *heartbeat)
{
    ac_byte_stream stream = { 0 };
    spool to = { .path = spool_path, .source = path, .file = -1 };
    checker *c = NULL;
    tar_input tar = { .stream = &stream };
    struct stat before = { 0 };
    ac_status st = AC_OK;
    int64_t n, bytes;

    *out = (ac_text_document){ 0 };
    AC_TRY(ac_byte_stream_open(&stream, path));
    ac_byte_stream_limit(&stream, memory);
    AC_TRY(ac_alloc(&c, 1, sizeof *c));
    c->heartbeat = heartbeat;
    if (fstat(stream.file, &before) != 0)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be accessed: %s", path, strerror(errno));
    if (S_ISDIR(before.st_mode))
        AC_FAIL(AC_E_FORMAT, "%s: a folder, not a file", path);
    AC_TRY(ac_byte_stream_read(&stream, c->block + SEQUENCE, BLOCK, &n));
    AC_TRY(check_head(path, c->block + SEQUENCE, n));
    if (is_tar(c->block + SEQUENCE, n)) {
        AC_TRY(ac_alloc(&tar.block, BLOCK, 1));
        memcpy(tar.block, c->block + SEQUENCE, (size_t) n);
        tar.ready = n;
        AC_TRY(spool_open(&to));
        AC_TRY(spool_tar(&to, &tar, extension, c, out, skipped));
    } else if (stream.kind == AC_STREAM_PLAIN && S_ISREG(before.st_mode) && stream.owns_file) {
        AC_TRY(check_text(&stream, NULL, c, n, &bytes));
        AC_TRY(describe_plain(path, &before, c, bytes, out, skipped));
    } else {
        AC_TRY(spool_open(&to));
        AC_TRY(check_text(&stream, &to, c, n, &bytes));
        AC_TRY(spool_end_text(&to, c, strcmp(path, "-") == 0 ? "standard input" : path, out,
                              skipped));
    }
    if (to.file >= 0) {
        out->bytes = to.bytes;
        out->spooled = to.bytes > 0;
    }
out:
    if (to.file >= 0 && close(to.file) != 0 && st == AC_OK)
        st = ac_error_set(ac_io_failure(errno), "%s: cannot be written: %s", spool_path,
                          strerror(errno));
    if (to.file >= 0 && (st != AC_OK || !out->spooled))
        unlink(spool_path);
    free(tar.block);
    free(c);
    ac_byte_stream_close(&stream);
    return st;
}

/* The kind of a regular file's stream, and its first bytes; false: it cannot be read. */
static bool
look_at(const char *path, ac_byte_stream_kind *kind, bool *tar)
{
    ac_byte_stream stream = { 0 };
    char head[AC_HEAD_BYTES];
    int64_t n = 0;

    if (ac_byte_stream_open(&stream, path) != AC_OK)
        return false;
    *tar = ac_byte_stream_read(&stream, head, sizeof head, &n) == AC_OK && is_tar(head, n);
    *kind = stream.kind;
    ac_byte_stream_close(&stream);
    return true;
}

bool
ac_text_source_is_plain(const char *path)
{
    ac_byte_stream_kind kind;
    struct stat info;
    bool tar;

    if (strcmp(path, "-") == 0 || is_tar_name(path) ||
        (ac_file_stat(path, &info) == 0 && !S_ISREG(info.st_mode)))
        return false;
    return !look_at(path, &kind, &tar) || (kind == AC_STREAM_PLAIN && !tar);
}

bool
ac_text_source_is_tar(const char *path)
{
    ac_byte_stream_kind kind;
    struct stat info;
    bool tar;

    return ac_file_stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
           look_at(path, &kind, &tar) && tar;
}

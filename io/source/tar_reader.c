/* Headers of tars. The format: POSIX.1-2001 (ustar, PAX), GNU's long names and base-256
 * numbers. As Python's tarfile, a link, folder or device has no data, whatever its size says.
 */
#include "io/source/tar_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/file_head.h"
#include "io/file/file_open.h"
#include "io/file/publish.h"

enum {
    BLOCK = 512,
    WINDOW = 16 << 10,       /* read at once: small members come with their headers */
    MOST_EXTENDED = 1 << 20, /* bytes of an extended header, or of a long name */
    MOST_NAME = 1 << 16,
    LOOK_BEHIND = 64 << 10 /* behind the end: tar pads to 10 KiB, few to more */
};

/* A header's fields: where, and how long. */
enum {
    NAME_AT = 0,
    NAME_SIZE = 100,
    SIZE_AT = 124,
    SIZE_SIZE = 12,
    SUM_AT = 148,
    SUM_SIZE = 8,
    TYPE_AT = 156,
    MAGIC_AT = 257,
    PREFIX_AT = 345,
    PREFIX_SIZE = 155,
    SPARSE_MORE_AT = 482,    /* GNU: the map of holes goes on in a block behind the header */
    SPARSE_MORE_IN_MAP = 504 /* and in another one behind that block */
};

const char *
ac_tar_compression(const void *bytes, size_t n)
{
    static const unsigned char gzip[] = { 0x1f, 0x8b };

    if (n >= sizeof gzip && memcmp(bytes, gzip, sizeof gzip) == 0)
        return "gzip";
    return ac_head_is_zstd(bytes, n) ? "zstd" : NULL;
}

/* What people have under a tar's name, by its first bytes. */
static const char *
not_a_tar(const char *bytes)
{
    static const struct {
        const char *head, *words;
    } others[] = {
        { "\xfd"
          "7zXZ",
          "not a tar, but compressed by xz: unpack it, or compress it by gzip or zstd" },
        { "BZh",
          "not a tar, but compressed by bzip2: unpack it, or compress it by gzip or zstd" },
        { "\x04\x22\x4d\x18",
          "not a tar, but compressed by lz4: unpack it, or compress it by gzip or zstd" },
        { "PK\x03\x04", "not a tar, but a zip archive: unpack it to a folder" },
        { "7z\xbc\xaf", "not a tar, but a 7z archive: unpack it to a folder" },
    };

    for (size_t i = 0; bytes && i < sizeof others / sizeof *others; i++)
        if (strncmp(bytes, others[i].head, strlen(others[i].head)) == 0)
            return others[i].words;
    return "not a tar";
}

/* Up to n bytes from `at` on; *got fewer where the tar ends. */
static ac_status
read_at(const ac_tar_reader *self, int64_t at, char *bytes, int64_t n, int64_t *got)
{
    size_t done;

    *got = 0;
    if (!ac_file_read_at(self->file, bytes, (size_t) n, at, &done))
        return ac_error_set(ac_io_failure(errno), "%s: cannot be read: %s", self->path,
                            strerror(errno));
    *got = (int64_t) done;
    return AC_OK;
}

/* *bytes: n bytes at `at`, in the window; NULL where the tar ends before. n <= WINDOW. */
static ac_status
look(ac_tar_reader *self, int64_t at, int64_t n, const char **bytes)
{
    int64_t got = 0;
    ac_status st = AC_OK;

    *bytes = NULL;
    if (at > self->bytes - n)
        return AC_OK;
    if (!self->window.size || at < self->window_at ||
        at + n > self->window_at + (int64_t) self->window.size) {
        ac_buffer_reset(&self->window);
        AC_TRY(ac_buffer_reserve(&self->window, WINDOW));
        self->window_at = at;
        AC_TRY(read_at(self, at, self->window.data, WINDOW, &got));
        self->window.size = (size_t) got;
    }
    if (at + n <= self->window_at + (int64_t) self->window.size)
        *bytes = self->window.data + (at - self->window_at);
out:
    return st;
}

ac_status
ac_tar_reader_open(ac_tar_reader *self, const char *path)
{
    ac_status st = AC_OK;
    struct stat info;
    const char *head, *compression = NULL;
    char why[AC_FILE_WHY];

    *self = (ac_tar_reader){ .file = -1, .pax_size = -1, .global_size = -1 };
    AC_TRY(ac_duplicate(&self->path, path, strlen(path)));
    st = ac_file_open_why(&self->file, path, why);
    if (st != AC_OK)
        AC_FAIL(st, "%s: the tar cannot be opened: %s", path, why);
    if (fstat(self->file, &info) != 0)
        AC_FAIL(ac_io_failure(errno), "%s: the tar cannot be opened: %s", path,
                strerror(errno));
    if (!S_ISREG(info.st_mode))
        AC_FAIL(AC_E_IO, "%s: not a regular file", path);
    self->bytes = info.st_size;
    self->seconds = info.st_mtim.tv_sec;
    self->nanoseconds = info.st_mtim.tv_nsec;
    AC_TRY(look(self, 0, 4, &head));
    if (head)
        compression = ac_tar_compression(head, 4);
    if (compression)
        st = ac_error_set(
            AC_E_ARG,
            "%s: a compressed tar (%s), which cannot be read at random: `antarctic "
            "ingest` makes an image dataset of it; or unpack it to a plain .tar",
            path, compression);
out:
    if (st != AC_OK)
        ac_tar_reader_close(self);
    return st;
}

void
ac_tar_reader_close(ac_tar_reader *self)
{
    if (self->path && self->file >= 0)
        close(self->file);
    free(self->path);
    ac_buffer_free(&self->window);
    ac_buffer_free(&self->name);
    ac_buffer_free(&self->long_name);
    ac_buffer_free(&self->extended);
    ac_buffer_free(&self->pax_name);
    ac_buffer_free(&self->sparse_name);
    ac_buffer_free(&self->global_name);
    *self = (ac_tar_reader){ 0 };
}

ac_status
ac_tar_reader_bytes(ac_tar_reader *self, int64_t at, int64_t n, ac_buffer *out)
{
    const char *here;
    int64_t got = 0;
    ac_status st = AC_OK;

    ac_buffer_reset(out);
    if (n > self->bytes - at)
        n = self->bytes > at ? self->bytes - at : 0;
    if (n <= WINDOW) {
        AC_TRY(look(self, at, n, &here));
        if (here)
            st = ac_buffer_push(out, here, (size_t) n);
        return st;
    }
    AC_TRY(ac_buffer_reserve(out, (size_t) n));
    AC_TRY(read_at(self, at, out->data, n, &got));
    out->size = (size_t) got;
    out->data[got] = '\0';
out:
    return st;
}

/* ---- numbers ---- */

/* Octal digits between blanks or zero bytes; or GNU's base-256. false: neither, or too large.
 */
static bool
parse_number(const char *field, int n, int64_t *out)
{
    const unsigned char *p = (const unsigned char *) field;
    uint64_t value = 0;
    int i = 0;

    if (p[0] & 0x80) { /* base-256, big-endian; 0xff: negative */
        if (p[0] != 0x80)
            return false;
        for (i = 1; i < n; i++) {
            if (value >> 55)
                return false;
            value = value << 8 | p[i];
        }
        *out = (int64_t) value;
        return value <= INT64_MAX / 2;
    }
    while (i < n && (p[i] == ' ' || p[i] == '\0'))
        i++;
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
        value = value << 3 | (uint64_t) (p[i] - '0'); /* 12 digits are 36 bits */
    *out = (int64_t) value;
    return i == n || p[i] == ' ' || p[i] == '\0';
}

static bool
parse_decimal(const char *text, size_t n, int64_t *out)
{
    int64_t value = 0;

    if (n == 0 || n > 18)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = 10 * value + (text[i] - '0');
    }
    *out = value;
    return true;
}

/* Of all bytes, the field itself as blanks; old tars added signed bytes. */
static bool
checksum_is_right(const char *header)
{
    int64_t unsigned_sum = 0, signed_sum = 0, wanted;

    for (int i = 0; i < BLOCK; i++) {
        const bool own = i >= SUM_AT && i < SUM_AT + SUM_SIZE;
        unsigned_sum += own ? ' ' : (unsigned char) header[i];
        signed_sum += own ? ' ' : (signed char) header[i];
    }
    return parse_number(header + SUM_AT, SUM_SIZE, &wanted) &&
           (wanted == unsigned_sum || wanted == signed_sum);
}

static bool
is_zero(const char *bytes, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (bytes[i])
            return false;
    return true;
}

/* ---- damage ---- */

static ac_status
damaged(ac_tar_reader *self, ac_reject_reason reason, const char *what)
{
    self->damage = reason;
    return ac_error_set(AC_E_FORMAT, "%s: byte %lld: %s", self->path, (long long) self->at,
                        what);
}

/* ---- extended headers ---- */

static bool
begins(const char *text, size_t n, const char *start)
{
    return n >= strlen(start) && memcmp(text, start, strlen(start)) == 0;
}

/* A record's key [key_size] and value [n]. */
static ac_status
take_record(ac_tar_reader *self, const char *key, size_t key_size, const char *value, size_t n,
            bool global)
{
    ac_buffer *name = global ? &self->global_name : &self->pax_name;

    if (key_size == 4 && memcmp(key, "path", 4) == 0) {
        if (n > MOST_NAME)
            return damaged(self, AC_REJECT_CORRUPT, "a name of more than 64 KiB");
        ac_buffer_reset(name);
        return ac_buffer_push(name, value, n);
    }
    if (key_size == 4 && memcmp(key, "size", 4) == 0 &&
        !parse_decimal(value, n, global ? &self->global_size : &self->pax_size))
        return damaged(self, AC_REJECT_CORRUPT,
                       "an extended header whose size is not a number");
    if (!begins(key, key_size, "GNU.sparse."))
        return AC_OK;
    self->sparse = true;
    if (key_size != strlen("GNU.sparse.name") || memcmp(key, "GNU.sparse.name", key_size) != 0)
        return AC_OK;
    if (n > MOST_NAME)
        return damaged(self, AC_REJECT_CORRUPT, "a name of more than 64 KiB");
    ac_buffer_reset(&self->sparse_name); /* the header's and "path" are made up */
    return ac_buffer_push(&self->sparse_name, value, n);
}

/* "LENGTH KEY=VALUE\n" …, in self->extended. */
static ac_status
take_records(ac_tar_reader *self, bool global)
{
    const char *at = self->extended.data, *end = at + self->extended.size;
    ac_status st = AC_OK;

    while (at < end && *at) {
        const size_t room = (size_t) (end - at);
        const char *blank = memchr(at, ' ', room < 20 ? room : 20), *equals;
        int64_t length;
        if (!blank || !parse_decimal(at, (size_t) (blank - at), &length) ||
            length <= blank - at + 1 || length > end - at || at[length - 1] != '\n' ||
            !(equals = memchr(blank + 1, '=', (size_t) (at + length - blank - 1))))
            return damaged(self, AC_REJECT_CORRUPT, "an extended header that cannot be read");
        AC_TRY(take_record(self, blank + 1, (size_t) (equals - blank - 1), equals + 1,
                           (size_t) (at + length - 1 - equals - 1), global));
        at += length;
    }
out:
    return st;
}

/* The data of a header that belongs to the next one. */
static ac_status
read_extended(ac_tar_reader *self, char type, int64_t size)
{
    const bool name = type == 'L';
    ac_status st = AC_OK;

    if (size > MOST_EXTENDED)
        return damaged(self, AC_REJECT_CORRUPT, "an extended header of more than 1 MiB");
    if (size > self->bytes - self->at - BLOCK)
        return damaged(self, AC_REJECT_TRUNCATED, "the tar ends inside an extended header");
    AC_TRY(ac_tar_reader_bytes(self, self->at + BLOCK, size, &self->extended));
    if (type == 'x' || type == 'X' || type == 'g') {
        st = take_records(self, type == 'g');
    } else if (name) {
        const size_t n =
            self->extended.size ? strnlen(self->extended.data, self->extended.size) : 0;
        if (n > MOST_NAME)
            return damaged(self, AC_REJECT_CORRUPT, "a name of more than 64 KiB");
        ac_buffer_reset(&self->long_name);
        st =
            ac_buffer_push(&self->long_name, self->extended.data ? self->extended.data : "", n);
    }
out:
    return st;
}

/* ---- members ---- */

static ac_tar_kind
kind_of(const ac_tar_reader *self, char type)
{
    if (type == 'S' || self->sparse)
        return AC_TAR_SPARSE;
    return type == '0' || type == '\0' || type == '7' ? AC_TAR_FILE : AC_TAR_OTHER;
}

static bool
has_data(char type)
{
    return !(type >= '1' && type <= '6');
}

static ac_status
take_name(ac_tar_reader *self, const char *header)
{
    const ac_buffer *given = self->sparse_name.size   ? &self->sparse_name
                             : self->pax_name.size    ? &self->pax_name
                             : self->long_name.size   ? &self->long_name
                             : self->global_name.size ? &self->global_name
                                                      : NULL;

    ac_buffer_reset(&self->name);
    if (given)
        return ac_buffer_push(&self->name, given->data, given->size);
    if (memcmp(header + MAGIC_AT, "ustar\0", 6) == 0 && header[PREFIX_AT]) {
        ac_buffer_push(&self->name, header + PREFIX_AT,
                       strnlen(header + PREFIX_AT, PREFIX_SIZE));
        ac_buffer_push_char(&self->name, '/');
    }
    return ac_buffer_push(&self->name, header + NAME_AT, strnlen(header + NAME_AT, NAME_SIZE));
}

/* Over the blocks of a map of holes that stand between a header and its data. */
static ac_status
pass_sparse_map(ac_tar_reader *self, bool more, int64_t *at)
{
    const char *block;
    ac_status st = AC_OK;

    for (; more; *at += BLOCK) {
        AC_TRY(look(self, *at, BLOCK, &block));
        if (!block)
            return damaged(self, AC_REJECT_TRUNCATED,
                           "the tar ends inside the header of a sparse member");
        more = block[SPARSE_MORE_IN_MAP];
    }
out:
    return st;
}

static ac_status
take_member(ac_tar_reader *self, const char *header, int64_t size, ac_tar_member *member)
{
    const char type = header[TYPE_AT];
    const bool more = type == 'S' && header[SPARSE_MORE_AT];
    ac_status st = AC_OK;

    if (self->pax_size >= 0 || self->global_size >= 0)
        size = self->pax_size >= 0 ? self->pax_size : self->global_size;
    AC_TRY(take_name(self, header));
    *member = (ac_tar_member){ .kind = kind_of(self, type), .at = self->at + BLOCK };
    member->size = has_data(type) ? size : 0;
    AC_TRY(pass_sparse_map(self, more, &member->at));
    while (self->name.size && self->name.data[self->name.size - 1] == '/') {
        member->kind = AC_TAR_OTHER; /* a folder, as old tars write it too */
        self->name.data[--self->name.size] = '\0';
    }
    member->name = self->name.data ? self->name.data : "";
    member->name_size = self->name.size;
    member->cut = member->size > self->bytes - member->at;
    self->cut = member->cut;
    self->members++;
    if (!member->cut)
        self->at = member->at + (member->size + BLOCK - 1) / BLOCK * BLOCK;
    self->pax_size = -1;
    self->sparse = false;
    ac_buffer_reset(&self->pax_name);
    ac_buffer_reset(&self->sparse_name);
    ac_buffer_reset(&self->long_name);
out:
    return st;
}

/* Zeros end an archive; other data behind them is told. */
static ac_status
look_behind_end(ac_tar_reader *self)
{
    const char *block;
    ac_status st = AC_OK;

    for (int64_t at = self->at; at < self->at + LOOK_BEHIND && !self->more; at += BLOCK) {
        AC_TRY(look(self, at, BLOCK, &block));
        if (!block)
            break;
        self->more = !is_zero(block, BLOCK);
    }
out:
    return st;
}

/* *header: the next one; NULL: the archive is over. */
static ac_status
next_header(ac_tar_reader *self, const char **header, int64_t *size)
{
    ac_status st = AC_OK;

    AC_TRY(look(self, self->at, BLOCK, header));
    if (!*header) {
        if (self->bytes == 0)
            return damaged(self, AC_REJECT_EMPTY, "an empty file is no tar");
        if (self->at < self->bytes && self->at > 0)
            return damaged(self, AC_REJECT_TRUNCATED, "the tar ends inside a header");
        return self->at > 0 ? AC_OK : damaged(self, AC_REJECT_CORRUPT, "not a tar");
    }
    if (is_zero(*header, BLOCK)) {
        *header = NULL;
        return look_behind_end(self);
    }
    if (!checksum_is_right(*header))
        return damaged(self, AC_REJECT_CORRUPT,
                       self->at ? "a header whose checksum is wrong" : not_a_tar(*header));
    if (!parse_number(*header + SIZE_AT, SIZE_SIZE, size))
        return damaged(self, AC_REJECT_CORRUPT, "a header whose size is not a number");
out:
    return st;
}

ac_status
ac_tar_reader_next(ac_tar_reader *self, ac_tar_member *member, bool *there)
{
    ac_status st = AC_OK;
    const char *header;
    int64_t size = 0;
    bool extended = false; /* a header was that belongs to the next member */

    *there = false;
    if (self->cut)
        return damaged(self, AC_REJECT_TRUNCATED,
                       "the tar ends inside the member that begins here");
    for (;;) {
        AC_TRY(next_header(self, &header, &size));
        if (!header && extended)
            return damaged(self, AC_REJECT_TRUNCATED,
                           "the tar ends behind an extended header, before its member");
        if (!header)
            break;
        if (!memchr("xXgLK", header[TYPE_AT], 5)) {
            AC_TRY(take_member(self, header, size, member));
            *there = true;
            break;
        }
        extended = extended || header[TYPE_AT] != 'g';
        AC_TRY(read_extended(self, header[TYPE_AT], size));
        self->at += BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
    }
out:
    return st;
}

#include "io/checkpoint/zip.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"

/* Sizes of the fixed parts, and their signatures (APPNOTE.TXT 4.3). */
enum {
    LOCAL_BYTES = 30,
    ENTRY_BYTES = 46,
    END_BYTES = 22,
    LOCATOR64_BYTES = 20,
    END64_BYTES = 56,
    MAX_COMMENT = 65535
};
enum { ID_ZIP64 = 1, METHOD_STORED = 0, METHOD_DEFLATED = 8, FLAG_ENCRYPTED = 1 };

/* Where the directory is. */
typedef struct directory {
    uint64_t offset, bytes, count;
} directory;

static uint16_t
u16(const unsigned char *p)
{
    return (uint16_t) (p[0] | p[1] << 8);
}

static uint32_t
u32(const unsigned char *p)
{
    return (uint32_t) u16(p) | (uint32_t) u16(p + 2) << 16;
}

static uint64_t
u64(const unsigned char *p)
{
    return u32(p) | (uint64_t) u32(p + 4) << 32;
}

bool
ac_zip_is(const unsigned char *bytes, size_t size)
{
    return size >= 4 && memcmp(bytes, "PK\3\4", 4) == 0;
}

/* The end record is the last thing in the file but for a comment, whose length it states. */
static const unsigned char *
find_end(const unsigned char *bytes, size_t size)
{
    for (size_t back = END_BYTES; back <= size && back <= END_BYTES + MAX_COMMENT; back++) {
        const unsigned char *p = bytes + size - back;
        if (memcmp(p, "PK\5\6", 4) == 0 && u16(p + 20) == back - END_BYTES)
            return p;
    }
    return NULL;
}

static ac_status
find_directory(directory *d, const unsigned char *bytes, size_t size, const char *path)
{
    const unsigned char *end = find_end(bytes, size);
    size_t at;

    if (!end)
        return ac_error_set(
            AC_E_FORMAT,
            "%s: the zip archive has no directory at its end: truncated? Get the file again",
            path);
    at = (size_t) (end - bytes);
    *d = (directory){ u32(end + 16), u32(end + 12), u16(end + 10) };
    if (at >= LOCATOR64_BYTES && memcmp(end - LOCATOR64_BYTES, "PK\6\7", 4) == 0) {
        const uint64_t where = u64(end - LOCATOR64_BYTES + 8);
        if (where > at || at - where < END64_BYTES + LOCATOR64_BYTES ||
            memcmp(bytes + where, "PK\6\6", 4) != 0)
            return ac_error_set(
                AC_E_FORMAT,
                "%s: the zip archive's 64-bit end record is not where it should be: damaged?",
                path);
        *d = (directory){ u64(bytes + where + 48), u64(bytes + where + 40),
                          u64(bytes + where + 32) };
        at = (size_t) where;
    }
    if (d->offset > at || d->bytes > at - d->offset || d->count > d->bytes / ENTRY_BYTES)
        return ac_error_set(AC_E_FORMAT,
                            "%s: the zip archive's directory (%llu entries at byte %llu) does "
                            "not fit the file: damaged?",
                            path, (unsigned long long) d->count,
                            (unsigned long long) d->offset);
    return AC_OK;
}

/* Sizes and offset that did not fit 32 bits stand in the extra field, in this order. False:
 * they do not. */
static bool
read_zip64(const unsigned char *extra, size_t n, uint64_t *size, uint64_t *packed,
           uint64_t *offset)
{
    uint64_t *const wanted[] = { size, packed, offset };

    while (n >= 4) {
        const unsigned char *p = extra + 4;
        size_t length = u16(extra + 2);
        if (length > n - 4)
            return false;
        n -= 4 + length;
        extra += 4 + length;
        if (u16(p - 4) != ID_ZIP64)
            continue;
        for (int i = 0; i < 3; i++) {
            if (*wanted[i] != UINT32_MAX)
                continue;
            if (length < 8)
                return false;
            *wanted[i] = u64(p);
            p += 8;
            length -= 8;
        }
        return true;
    }
    return *size != UINT32_MAX && *packed != UINT32_MAX && *offset != UINT32_MAX;
}

static ac_status
bad_member(const ac_zip_member *m, const char *path, const char *what)
{
    const int n = m->name_size < 200 ? (int) m->name_size : 200;

    return ac_error_set(AC_E_FORMAT, "%s: member \"%.*s\" %s", path, n, m->name, what);
}

/* The member's bytes follow its local header, whose name and extra field have lengths of their
 * own. */
static ac_status
find_data(ac_zip_member *m, const unsigned char *bytes, size_t size, uint64_t offset,
          uint64_t packed, const char *path)
{
    const unsigned char *p;
    uint64_t head;

    if (offset > size || size - offset < LOCAL_BYTES)
        return bad_member(m, path, "lies outside the archive: truncated?");
    p = bytes + offset;
    head = LOCAL_BYTES + (uint64_t) u16(p + 26) + u16(p + 28);
    if (memcmp(p, "PK\3\4", 4) != 0)
        return bad_member(m, path, "is not where the directory says: damaged?");
    if (head > size - offset || packed > size - offset - head)
        return bad_member(m, path, "ends outside the archive: truncated?");
    if (m->stored && packed != m->size)
        return bad_member(m, path,
                          "is stored in another number of bytes than it has: damaged?");
    m->packed = p + head;
    m->packed_size = packed;
    if (m->stored)
        m->data = p + head;
    return AC_OK;
}

/* One entry of the directory; *at moves past it. */
static ac_status
read_entry(ac_zip_member *m, const unsigned char *bytes, size_t size, uint64_t *at,
           uint64_t end, const char *path)
{
    const unsigned char *p = bytes + *at;
    uint64_t unpacked, packed, offset, length;

    if (end - *at < ENTRY_BYTES || memcmp(p, "PK\1\2", 4) != 0)
        return ac_error_set(AC_E_FORMAT,
                            "%s: the zip archive's directory is damaged at byte %llu", path,
                            (unsigned long long) *at);
    unpacked = u32(p + 24);
    packed = u32(p + 20);
    offset = u32(p + 42);
    length = ENTRY_BYTES + (uint64_t) u16(p + 28) + u16(p + 30) + u16(p + 32);
    if (length > end - *at)
        return ac_error_set(AC_E_FORMAT,
                            "%s: the zip archive's directory is truncated at byte %llu", path,
                            (unsigned long long) *at);
    *m = (ac_zip_member){ .name = (const char *) p + ENTRY_BYTES, .name_size = u16(p + 28) };
    if (!read_zip64(p + ENTRY_BYTES + m->name_size, u16(p + 30), &unpacked, &packed, &offset))
        return bad_member(m, path, "has a damaged zip64 field");
    m->size = unpacked;
    m->crc = u32(p + 16);
    m->deflated = u16(p + 10) == METHOD_DEFLATED && !(u16(p + 8) & FLAG_ENCRYPTED);
    m->stored = u16(p + 10) == METHOD_STORED && !(u16(p + 8) & FLAG_ENCRYPTED);
    *at += length;
    return find_data(m, bytes, size, offset, packed, path);
}

static int
compare_members(const void *a, const void *b)
{
    const ac_zip_member *m = a, *n = b;

    return ac_bytes_compare(m->name, m->name_size, n->name, n->name_size);
}

ac_status
ac_zip_open(ac_zip *self, const unsigned char *bytes, size_t size, const char *path)
{
    ac_status st = AC_OK;
    directory d = { 0 };
    uint64_t at;
    const char *slash;

    *self = (ac_zip){ 0 };
    if (!ac_zip_is(bytes, size))
        return ac_error_set(AC_E_FORMAT, "%s: not a zip archive", path);
    AC_TRY(find_directory(&d, bytes, size, path));
    AC_TRY(ac_alloc(&self->members, (int64_t) d.count, sizeof *self->members));
    at = d.offset;
    for (; self->count < (int64_t) d.count; self->count++)
        AC_TRY(read_entry(&self->members[self->count], bytes, size, &at, d.offset + d.bytes,
                          path));
    if (self->count == 0)
        AC_FAIL(AC_E_FORMAT, "%s: the zip archive is empty", path);
    self->root = self->members[0].name;
    slash = memchr(self->root, '/', self->members[0].name_size);
    self->root_size = slash ? (size_t) (slash - self->root) + 1 : 0;
    qsort(self->members, (size_t) self->count, sizeof *self->members, compare_members);
    for (int64_t i = 1; i < self->count; i++)
        if (compare_members(&self->members[i - 1], &self->members[i]) == 0)
            AC_TRY(bad_member(&self->members[i], path, "is there twice"));
out:
    if (st != AC_OK)
        ac_zip_close(self);
    return st;
}

void
ac_zip_close(ac_zip *self)
{
    free(self->members);
    *self = (ac_zip){ 0 };
}

/* A member's name against ROOT + name, without joining them. */
static int
compare_in_root(const ac_zip *self, const ac_zip_member *m, const char *name, size_t n)
{
    int order = ac_bytes_compare(
        m->name, m->name_size < self->root_size ? m->name_size : self->root_size, self->root,
        self->root_size);

    return order ? order
                 : ac_bytes_compare(m->name + self->root_size, m->name_size - self->root_size,
                                    name, n);
}

const ac_zip_member *
ac_zip_find(const ac_zip *self, const char *name, size_t n)
{
    int64_t low = 0, high = self->count;

    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const int order = compare_in_root(self, &self->members[middle], name, n);
        if (order == 0)
            return &self->members[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

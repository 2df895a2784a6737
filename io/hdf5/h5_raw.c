#include "io/hdf5/h5_raw.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/file/file_open.h"
#include "io/file/publish.h"

enum { HEAD_BYTES = 6 + 16 + 4 + 8, MOST_PARTS = 64, MOST_PART = 1 << 20, SHARED = 2 };

uint64_t
ac_h5_raw_number(const unsigned char *bytes, int n)
{
    uint64_t value = 0;

    while (n-- > 0)
        value = value << 8 | bytes[n];
    return value;
}

ac_status
ac_h5_raw_damaged(const ac_h5_raw *self, const char *what)
{
    return ac_error_set(AC_E_FORMAT, "%s: refused: %s: its %s is damaged", self->path,
                        self->name, what);
}

ac_status
ac_h5_raw_refuse(const ac_h5_raw *self, const char *what)
{
    return ac_error_set(AC_E_FORMAT, "%s: refused: %s %s", self->path, self->name, what);
}

ac_status
ac_h5_raw_read(const ac_h5_raw *self, uint64_t at, void *out, size_t n)
{
    size_t got = 0;

    if (at > (uint64_t) self->bytes || n > (uint64_t) self->bytes - at)
        return ac_h5_raw_refuse(self, "lies beyond the end of the file: damaged");
    if (!ac_file_read_at(self->file, out, n, (int64_t) at, &got))
        return ac_error_set(ac_io_failure(errno), "%s: cannot be read: %s", self->path,
                            strerror(errno));
    return got == n ? AC_OK
                    : ac_h5_raw_refuse(self, "lies beyond the end of the file: damaged");
}

typedef struct part {
    uint64_t at, end;
} part;

typedef struct header {
    ac_h5_raw *raw;
    part parts[MOST_PARTS];
    int count;
    size_t head;          /* bytes before each message */
    unsigned char *bytes; /* of the part that is read */
} header;

/* A further part: "OCHK", messages, a checksum. */
static ac_status
note_part(header *self, const unsigned char *message, size_t n)
{
    const uint64_t at = n < 16 ? 0 : ac_h5_raw_number(message, 8),
                   size = n < 16 ? 0 : ac_h5_raw_number(message + 8, 8),
                   all = (uint64_t) self->raw->bytes;

    if (self->count == MOST_PARTS || at > all || size > all - at || size < 8 ||
        size > MOST_PART)
        return ac_h5_raw_damaged(self->raw, "header");
    for (int i = 0; i < self->count; i++) /* a loop, or the same messages once more */
        if (at + 4 < self->parts[i].end && self->parts[i].at < at + size - 4)
            return ac_h5_raw_damaged(self->raw, "header");
    self->parts[self->count++] = (part){ at + 4, at + size - 4 };
    return AC_OK;
}

static ac_status
read_part(header *self, part now,
          ac_status (*message)(void *context, int type, const unsigned char *bytes, size_t n),
          void *context)
{
    const size_t all = (size_t) (now.end - now.at);
    ac_status st = AC_OK;

    free(self->bytes);
    self->bytes = NULL;
    AC_TRY(ac_alloc(&self->bytes, (int64_t) all + 1, 1));
    AC_TRY(ac_h5_raw_read(self->raw, now.at, self->bytes, all));
    for (size_t at = 0; all - at >= self->head;) {
        const int type = self->bytes[at], flags = self->bytes[at + 3];
        const size_t n = (size_t) ac_h5_raw_number(self->bytes + at + 1, 2);
        at += self->head;
        if (n > all - at)
            return ac_h5_raw_damaged(self->raw, "header");
        if (flags & SHARED)
            return ac_h5_raw_refuse(self->raw, "shares a part of its header with another");
        if (type == AC_H5_CONTINUED)
            AC_TRY(note_part(self, self->bytes + at, n));
        else if (type != AC_H5_NIL)
            AC_TRY(message(context, type, self->bytes + at, n));
        at += n;
    }
out:
    return st;
}

ac_status
ac_h5_raw_messages(ac_h5_raw *self, uint64_t at,
                   ac_status (*message)(void *context, int type, const unsigned char *bytes,
                                        size_t n),
                   void *context)
{
    header h = { .raw = self, .count = 1 };
    unsigned char head[HEAD_BYTES] = { 0 };
    size_t first = 6;
    int wide;
    uint64_t size;
    ac_status st = AC_OK;

    AC_TRY(ac_h5_raw_read(self, at, head, first));
    if (memcmp(head, "OHDR", 4) != 0 || head[4] != 2)
        AC_FAIL(AC_E_FORMAT, "%s: refused: %s has a header that we do not write", self->path,
                self->name);
    first += (head[5] & 0x20) ? 16 : 0; /* times */
    first += (head[5] & 0x10) ? 4 : 0;  /* when attributes move out */
    wide = 1 << (head[5] & 3);
    h.head = 4 + ((head[5] & 0x04) ? 2 : 0);
    AC_TRY(ac_h5_raw_read(self, at, head, first + (size_t) wide));
    size = ac_h5_raw_number(head + first, wide);
    at += first + (size_t) wide;
    if (at > (uint64_t) self->bytes || size > (uint64_t) self->bytes - at || size > MOST_PART)
        AC_TRY(ac_h5_raw_damaged(self, "header"));
    h.parts[0] = (part){ at, at + size };
    for (int i = 0; i < h.count; i++)
        AC_TRY(read_part(&h, h.parts[i], message, context));
out:
    free(h.bytes);
    return st;
}

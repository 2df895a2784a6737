#include "io/image/exif.h"

#include <string.h>

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, TYPE_LONG = 4 };

static uint32_t
read_big(const unsigned char *x, int bytes)
{
    uint32_t y = 0;

    for (int i = 0; i < bytes; i++)
        y = y << 8 | x[i];
    return y;
}

static uint32_t
read_little(const unsigned char *x, int bytes)
{
    uint32_t y = 0;

    for (int i = bytes; i-- > 0;)
        y = y << 8 | x[i];
    return y;
}

/* A block found; WebP's chunk may have JPEG's prefix too. */
static bool
take(const unsigned char *x, size_t n, ac_exif *out)
{
    if (n >= 6 && memcmp(x, "Exif\0\0", 6) == 0) {
        x += 6;
        n -= 6;
    }
    if (n < 8 || (memcmp(x, "II", 2) != 0 && memcmp(x, "MM", 2) != 0))
        return false;
    *out = (ac_exif){ .data = x, .size = n, .read = x[0] == 'I' ? read_little : read_big };
    return out->read(x + 2, 2) == 42;
}

static bool
find_in_jpeg(const unsigned char *x, size_t n, ac_exif *out)
{
    for (size_t at = 2; at + 4 <= n && x[at] == 0xff;) {
        const unsigned marker = x[at + 1];
        const size_t length = read_big(x + at + 2, 2);
        if (marker == 0xff) { /* a fill byte */
            at++;
            continue;
        }
        if (marker == 0xda || marker == 0xd9 || length < 2 ||
            length > n - at - 2) /* the image itself begins */
            break;
        if (marker == 0xe1 && length >= 8 && memcmp(x + at + 4, "Exif\0\0", 6) == 0)
            return take(x + at + 4, length - 2, out);
        at += 2 + length;
    }
    return false;
}

/* Chunks of a name and a length: PNG's (length first, big-endian, a check sum behind) and
 * RIFF's (little-endian, even). */
static bool
find_in_chunks(const unsigned char *x, size_t n, size_t first, bool png, ac_exif *out)
{
    for (size_t at = first; at + 8 <= n;) {
        const size_t length = png ? read_big(x + at, 4) : read_little(x + at + 4, 4);
        const unsigned char *name = png ? x + at + 4 : x + at;
        if (length > n - at - 8)
            break;
        if (memcmp(name, png ? "eXIf" : "EXIF", 4) == 0)
            return take(x + at + 8, length, out);
        at += 8 + length + (png ? 4 : length % 2);
    }
    return false;
}

bool
ac_exif_find(const unsigned char *bytes, size_t n, ac_exif *out)
{
    if (n > 4 && bytes[0] == 0xff && bytes[1] == 0xd8)
        return find_in_jpeg(bytes, n, out);
    if (n > 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
        return find_in_chunks(bytes, n, 8, true, out);
    if (n > 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0)
        return find_in_chunks(bytes, n, 12, false, out);
    return false;
}

bool
ac_exif_entry_find(const ac_exif *self, size_t directory, unsigned tag, ac_exif_entry *out)
{
    const unsigned char *x = self->data;
    size_t at = directory, entries;

    if (self->size < 2 || at > self->size - 2)
        return false;
    entries = self->read(x + at, 2);
    for (at += 2; entries-- > 0 && at + 12 <= self->size; at += 12) {
        if (self->read(x + at, 2) != tag)
            continue;
        *out = (ac_exif_entry){ .type = self->read(x + at + 2, 2),
                                .count = self->read(x + at + 4, 4),
                                .value = at + 8 };
        return true;
    }
    return false;
}

int
ac_exif_orientation(const unsigned char *bytes, size_t n)
{
    ac_exif exif;
    ac_exif_entry entry;
    uint32_t value;

    if (!ac_exif_find(bytes, n, &exif) ||
        !ac_exif_entry_find(&exif, exif.read(exif.data + 4, 4), TAG_ORIENTATION, &entry) ||
        (entry.type != TYPE_SHORT && entry.type != TYPE_LONG) || entry.count != 1)
        return 1;
    value = exif.read(exif.data + entry.value, entry.type == TYPE_SHORT ? 2 : 4);
    return value >= 1 && value <= 8 ? (int) value : 1;
}

#include "io/image/exif.h"

#include <stdbool.h>
#include <stdint.h>
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

/* The first directory of a TIFF block. */
static int
orientation_of_tiff(const unsigned char *x, size_t n)
{
    uint32_t (*read)(const unsigned char *, int);
    size_t at, entries;

    if (n >= 6 && memcmp(x, "Exif\0\0", 6) == 0) { /* WebP's chunk may have JPEG's prefix too */
        x += 6;
        n -= 6;
    }
    if (n < 8 || (memcmp(x, "II", 2) != 0 && memcmp(x, "MM", 2) != 0))
        return 1;
    read = x[0] == 'I' ? read_little : read_big;
    at = read(x + 4, 4);
    if (read(x + 2, 2) != 42 || at > n - 2)
        return 1;
    entries = read(x + at, 2);
    for (at += 2; entries-- > 0 && at + 12 <= n; at += 12) {
        const uint32_t type = read(x + at + 2, 2);
        uint32_t value;
        if (read(x + at, 2) != TAG_ORIENTATION)
            continue;
        if ((type != TYPE_SHORT && type != TYPE_LONG) || read(x + at + 4, 4) != 1)
            return 1;
        value = read(x + at + 8, type == TYPE_SHORT ? 2 : 4);
        return value >= 1 && value <= 8 ? (int) value : 1;
    }
    return 1;
}

static int
orientation_of_jpeg(const unsigned char *x, size_t n)
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
            return orientation_of_tiff(x + at + 4, length - 2);
        at += 2 + length;
    }
    return 1;
}

/* Chunks of a name and a length: PNG's (length first, big-endian, a check sum behind) and
 * RIFF's (little-endian, even). */
static int
orientation_of_chunks(const unsigned char *x, size_t n, size_t first, bool png)
{
    for (size_t at = first; at + 8 <= n;) {
        const size_t length = png ? read_big(x + at, 4) : read_little(x + at + 4, 4);
        const unsigned char *name = png ? x + at + 4 : x + at;
        if (length > n - at - 8)
            break;
        if (memcmp(name, png ? "eXIf" : "EXIF", 4) == 0)
            return orientation_of_tiff(x + at + 8, length);
        at += 8 + length + (png ? 4 : length % 2);
    }
    return 1;
}

int
ac_exif_orientation(const unsigned char *bytes, size_t n)
{
    if (n > 4 && bytes[0] == 0xff && bytes[1] == 0xd8)
        return orientation_of_jpeg(bytes, n);
    if (n > 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
        return orientation_of_chunks(bytes, n, 8, true);
    if (n > 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0)
        return orientation_of_chunks(bytes, n, 12, false);
    return 1;
}

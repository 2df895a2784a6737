#include "io/image/tiff_pages.h"

#include <string.h>

typedef struct tiff {
    const unsigned char *bytes;
    size_t n;
    bool little, big; /* byte order; BigTIFF */
} tiff;

/* An integer of `size` bytes; 0 where the file does not reach so far. */
static uint64_t
read_at(const tiff *t, uint64_t at, int size)
{
    uint64_t v = 0;

    if (at > t->n || t->n - at < (size_t) size)
        return 0;
    for (int i = 0; i < size; i++)
        v = v << 8 | t->bytes[at + (uint64_t) (t->little ? size - 1 - i : i)];
    return v;
}

static bool
open_tiff(tiff *t, const unsigned char *bytes, size_t n)
{
    t->bytes = bytes;
    t->n = n;
    if (n < 8 || (memcmp(bytes, "II", 2) != 0 && memcmp(bytes, "MM", 2) != 0))
        return false;
    t->little = bytes[0] == 'I';
    t->big = read_at(t, 2, 2) == 43;
    return t->big || read_at(t, 2, 2) == 42;
}

bool
ac_tiff_is(const unsigned char *bytes, size_t n)
{
    tiff t;

    return open_tiff(&t, bytes, n);
}

static uint64_t
first_directory(const tiff *t)
{
    return t->big ? read_at(t, 8, 8) : read_at(t, 4, 4);
}

/* A directory is a count, entries, and where the next one is; 0: none. */
static uint64_t
next_directory(const tiff *t, uint64_t at)
{
    const uint64_t count = read_at(t, at, t->big ? 8 : 2), entry = t->big ? 20 : 12;

    if (count > t->n / entry)
        return 0;
    return read_at(t, at + (t->big ? 8 : 2) + count * entry, t->big ? 8 : 4);
}

/* Brent's search for a loop: from the chain alone, in time of its length. */
int64_t
ac_tiff_count_pages(const unsigned char *bytes, size_t n)
{
    tiff t;
    uint64_t slow, fast;
    int64_t power = 1, loop = 1, steps = 1, before = 0;

    if (!open_tiff(&t, bytes, n) || (slow = first_directory(&t)) == 0 || slow >= n)
        return 0;
    fast = next_directory(&t, slow);
    while (fast != slow) {
        if (fast == 0 || fast >= n || steps == AC_TIFF_MOST_PAGES)
            return steps;
        if (power == loop) {
            slow = fast;
            power *= 2;
            loop = 0;
        }
        fast = next_directory(&t, fast);
        loop++;
        steps++;
    }
    slow = fast = first_directory(&t);
    for (int64_t i = 0; i < loop; i++)
        fast = next_directory(&t, fast);
    for (; slow != fast; before++) {
        slow = next_directory(&t, slow);
        fast = next_directory(&t, fast);
    }
    return before + loop;
}

uint64_t
ac_tiff_page(const unsigned char *bytes, size_t n, int64_t page)
{
    tiff t;
    uint64_t at;

    if (!open_tiff(&t, bytes, n))
        return 0;
    at = first_directory(&t);
    for (int64_t i = 0; i < page && at != 0 && at < n; i++)
        at = next_directory(&t, at);
    return at < n ? at : 0;
}

/* LZW with codes that grow from code_bits + 1 to 12 bits, least bit first. */
#include <string.h>

#include "io/image/gif.h"

enum { MOST_BITS = 12, NONE = -1 };

/* The next code of `width` bits; NONE where the data ends, or the last block is not whole. */
static int
next_code(ac_lzw *self, int width)
{
    int code;

    while (self->bit_count < width) {
        if (self->block == 0) {
            if (self->at >= self->n || self->bytes[self->at] == 0 ||
                self->bytes[self->at] > self->n - self->at - 1)
                return NONE;
            self->block = self->bytes[self->at++];
        }
        self->bits |= (uint32_t) self->bytes[self->at++] << self->bit_count;
        self->bit_count += 8;
        self->block--;
    }
    code = (int) (self->bits & ((1u << width) - 1));
    self->bits >>= width;
    self->bit_count -= width;
    return code;
}

/* Rows 0, 8, 16 …, then 4, 12 …, then 2, 6 …, then 1, 3 … of an interlaced frame. */
static void
next_row(ac_lzw *self)
{
    static const int8_t firsts[] = { 0, 4, 2, 1 }, steps[] = { 8, 8, 4, 2 };

    self->x = 0;
    self->y += self->row_step;
    while (self->interlaced && self->y >= self->height && self->sweep < 3) {
        self->sweep++;
        self->y = firsts[self->sweep];
        self->row_step = steps[self->sweep];
    }
}

/* n pixels in reading order; what does not fit behind the last row is dropped. */
static void
put(ac_lzw *self, const uint8_t *pixels, int n)
{
    for (int i = 0; i < n && self->y < self->height; i++) {
        self->pixels[self->y * self->stride + self->x] = pixels[i];
        if (++self->x == self->width)
            next_row(self);
    }
}

/* The string of a code, at the end of self->string; returns its length. */
static int
spell(ac_lzw *self, int code, int clear)
{
    int n = 0;

    for (; code > clear; code = self->before[code])
        self->string[AC_LZW_CODES - ++n] = self->last[code];
    self->string[AC_LZW_CODES - ++n] = (uint8_t) code;
    return n;
}

static void
corrupt(ac_lzw *self, ac_item_status *item_status)
{
    ac_item_status_set(item_status, AC_REJECT_CORRUPT, "GIF: a wrong code in row %lld of %lld",
                       (long long) self->y, (long long) self->height);
}

void
ac_gif_unpack(ac_lzw *self, ac_item_status *item_status)
{
    const int clear = 1 << self->code_bits, end = clear + 1;
    int width = self->code_bits + 1, next = clear + 2, previous = NONE;

    self->row_step = self->interlaced ? 8 : 1;
    while (self->y < self->height) {
        const int code = next_code(self, width);
        int n;
        if (code == NONE || code == end) {
            ac_item_status_set(item_status, AC_REJECT_TRUNCATED,
                               "GIF: ends before row %lld of %lld", (long long) self->y,
                               (long long) self->height);
            return;
        }
        if (code == clear) {
            width = self->code_bits + 1;
            next = clear + 2;
            previous = NONE;
            continue;
        }
        if (code > next || (previous == NONE && code > clear)) {
            corrupt(self, item_status);
            return;
        }
        if (previous != NONE && next < AC_LZW_CODES) {
            /* the previous string and the first pixel of this one, which may be the new entry
             */
            const int first = code == next ? previous : code;
            n = spell(self, first, clear);
            self->before[next] = (uint16_t) previous;
            self->last[next] = self->string[AC_LZW_CODES - n];
            next++;
            if (next == 1 << width && width < MOST_BITS)
                width++;
        }
        n = spell(self, code, clear);
        put(self, self->string + AC_LZW_CODES - n, n);
        previous = code;
    }
}

/* BMP's run lengths. A pair (n, v): n pixels of v; (0, 0): the row ends; (0, 1): the image
 * ends; (0, 2): a jump of x, y in the next two bytes; (0, n): n pixels as they are, padded to
 * 16 bits. With 4 bits v holds two pixels, which take turns. */
#include "io/image/bmp.h"

typedef struct runs {
    const ac_bmp *bmp;
    ac_image *out;
    size_t at;           /* in the file */
    int64_t place, most; /* the next pixel, counted along rows from the first one stored */
    int64_t x;           /* its column; the width, and beyond, where the row is full */
    bool new_row;        /* nothing came since the last row ended */
} runs;

static void
put(runs *self, unsigned value)
{
    const ac_bmp *b = self->bmp;
    const int64_t x = self->place % b->width, y = self->place / b->width;
    uint8_t *row = self->out->pixels + (b->top_down ? y : b->height - 1 - y) * b->width;

    row[x] = (uint8_t) (self->out->mode == AC_MODE_1 && value ? 255 : value);
    self->place++;
}

static unsigned
pixel_of(const ac_bmp *b, unsigned byte, unsigned i)
{
    return b->bits == 8 ? byte : i % 2 == 0 ? byte >> 4 : byte & 15;
}

/* A run ends with its row, however long it says it is. */
static void
run(runs *self, unsigned count, unsigned value)
{
    for (unsigned i = 0; i < count && self->x < self->bmp->width && self->place < self->most;
         i++, self->x++)
        put(self, pixel_of(self->bmp, value, i));
    self->new_row = false;
}

static void
end_row(runs *self)
{
    const int64_t width = self->bmp->width, over = self->place % width;

    if (over)
        self->place += width - over;
    else if (self->new_row)
        self->place += width;
    self->x = 0;
    self->new_row = true;
}

/* Along the rows, so a jump past the end of a row lands in the next. */
static void
jump(runs *self, unsigned right, unsigned up)
{
    self->place += right + up * self->bmp->width;
    self->place = self->place > self->most ? self->most : self->place;
    self->x = self->place % self->bmp->width;
    self->new_row = self->x == 0;
}

static bool
literal(runs *self, unsigned count)
{
    const ac_bmp *b = self->bmp;
    const size_t bytes = b->bits == 8 ? count : (count + 1) / 2;

    if (b->n - self->at < bytes || self->most - self->place < count)
        return false;
    for (unsigned i = 0; i < count; i++)
        put(self, pixel_of(b, b->bytes[self->at + (b->bits == 8 ? i : i / 2)], i));
    self->at += bytes + bytes % 2;
    self->at = self->at > b->n ? b->n : self->at;
    self->x += count;
    self->new_row = false;
    return true;
}

void
ac_bmp_read_runs(const ac_bmp *b, ac_image *out, ac_item_status *item_status)
{
    runs self = {
        .bmp = b, .out = out, .at = b->pixels_at, .most = b->width * b->height, .new_row = true
    };

    while (self.place < self.most) {
        unsigned count, value;
        bool whole = b->n - self.at >= 2;
        if (whole) {
            count = b->bytes[self.at];
            value = b->bytes[self.at + 1];
            self.at += 2;
            if (count) {
                run(&self, count, value);
            } else if (value == 0) {
                end_row(&self);
            } else if (value == 1) {
                return; /* the rest is index 0 */
            } else if (value == 2) {
                whole = b->n - self.at >= 2;
                if (whole)
                    jump(&self, b->bytes[self.at], b->bytes[self.at + 1]);
                self.at += whole ? 2 : 0;
            } else {
                whole = literal(&self, value);
            }
        }
        if (!whole) {
            ac_item_status_set(item_status, AC_REJECT_TRUNCATED,
                               "BMP: run-length data ends at row %lld of %lld",
                               (long long) (self.place / b->width), (long long) b->height);
            return;
        }
    }
}

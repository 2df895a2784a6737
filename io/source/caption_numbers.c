/* Ids that are numbers, whatever zeros stand before them. */
#include <ctype.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "io/source/caption_set.h"

enum { MOST_DIGITS = 18 };

struct ac_caption_number {
    int64_t number, row;
};

/* The number that a text is, without the folder in front of it; -1: it is none. */
static int64_t
number_of(const char *text, size_t n)
{
    int64_t number = 0;
    size_t first = n;

    while (first > 0 && text[first - 1] != '/')
        first--;
    while (first + 1 < n && text[first] == '0')
        first++;
    if (first == n || n - first > MOST_DIGITS)
        return -1;
    for (size_t i = first; i < n; i++) {
        if (!isdigit((unsigned char) text[i]))
            return -1;
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

static int
by_number(const void *a, const void *b)
{
    const ac_caption_number *x = a, *y = b;

    return x->number != y->number ? (x->number > y->number) - (x->number < y->number)
                                  : (x->row > y->row) - (x->row < y->row);
}

static void
take(ac_caption_set *self, const ac_texts *texts, int64_t row)
{
    const int64_t number = number_of(ac_texts_at(texts, row), ac_texts_size(texts, row));

    if (number >= 0)
        self->numbers[self->number_count++] = (ac_caption_number){ number, row };
}

ac_status
ac_caption_set_number(ac_caption_set *self)
{
    ac_status st = ac_alloc(&self->numbers, 2 * self->count, sizeof *self->numbers);

    for (int64_t i = 0; i < self->count && st == AC_OK; i++) {
        take(self, &self->ids, i);
        take(self, &self->names, i);
    }
    if (st == AC_OK && self->number_count)
        qsort(self->numbers, (size_t) self->number_count, sizeof *self->numbers, by_number);
    return st;
}

int64_t
ac_caption_set_find_number(const ac_caption_set *self, const char *key, size_t n)
{
    const int64_t wanted = number_of(key, n);
    int64_t low = 0, high = self->number_count, row;

    if (wanted < 0)
        return -1;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (self->numbers[middle].number < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == self->number_count || self->numbers[low].number != wanted)
        return -1;
    row = self->numbers[low].row;
    for (; low < self->number_count && self->numbers[low].number == wanted; low++)
        if (self->numbers[low].row != row)
            return -1;
    return row;
}

#include "engine/metrics/token_sets.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/metrics/token_tables.h"
#include "engine/text/unicode.h"

enum { MOST_CLASSES = 256, LAST_POINT = 0xFFFF };

static ac_status
add_range(ac_token_sets *self, int32_t first, int32_t last)
{
    ac_status st = ac_grow(&self->ranges, &self->range_capacity, self->range_count + 1,
                           sizeof *self->ranges);

    if (st == AC_OK)
        self->ranges[self->range_count++] = (ac_point_range){ first, last };
    return st;
}

static const ac_point_range *
named_set(char name)
{
    return name == 'l'   ? ac_token_letters
           : name == 'u' ? ac_token_capitals
           : name == 'd' ? ac_token_digits
           : name == 'm' ? ac_token_marks
           : name == 'y' ? ac_token_symbols
                         : NULL;
}

/* A literal letter in both cases, with the signs whose other case it is. */
static ac_status
add_letter(ac_token_sets *self, int32_t letter)
{
    static const int32_t more[][2] = {
        { 's', 0x17F }, { 'k', 0x212A }, { 'i', 0x130 }, { 'i', 0x131 }
    };
    const int32_t lower = letter | 0x20;
    ac_status st = AC_OK;

    AC_TRY(add_range(self, lower, lower));
    AC_TRY(add_range(self, lower - 0x20, lower - 0x20));
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        if (more[i][0] == lower)
            AC_TRY(add_range(self, more[i][1], more[i][1]));
out:
    return st;
}

static int32_t
next_point(const char **at)
{
    size_t n = 0;
    int32_t point;

    if (**at == '\\')
        ++*at;
    point = ac_utf8_next(*at, strlen(*at), &n);
    *at += n;
    return point;
}

/* All but the set's ranges from `first` on. */
static ac_status
turn_around(ac_token_sets *self, int64_t first)
{
    const int64_t n = self->range_count - first;
    ac_point_range *ranges;
    int32_t at = 0;
    ac_status st;

    if ((st = ac_alloc(&ranges, n, sizeof *ranges)) != AC_OK)
        return st;
    memcpy(ranges, self->ranges + first, (size_t) n * sizeof *ranges);
    self->range_count = first;
    while (at <= LAST_POINT && st == AC_OK) {
        int32_t end = LAST_POINT + 1, beyond = at;
        for (int64_t i = 0; i < n; i++) {
            if (ranges[i].first <= at && at <= ranges[i].last && ranges[i].last >= beyond)
                beyond = ranges[i].last + 1;
            if (ranges[i].first > at && ranges[i].first < end)
                end = ranges[i].first;
        }
        if (beyond == at) {
            st = add_range(self, at, end - 1);
            beyond = end;
        }
        at = beyond;
    }
    free(ranges);
    return st;
}

static ac_status
add_named(ac_token_sets *self, const char **at)
{
    ac_status st = AC_OK;

    for (const ac_point_range *r = named_set((*at)[1]); r->first >= 0 && st == AC_OK; r++)
        st = add_range(self, r->first, r->last);
    *at += 2;
    return st;
}

static ac_status
add_bracket(ac_token_sets *self, const char **at)
{
    const bool others = (*at)[1] == '^';
    const int64_t from = self->range_count;
    ac_status st = AC_OK;

    *at += others ? 2 : 1;
    while (**at != ']') {
        int32_t first, last;

        if (**at == '\\' && named_set((*at)[1])) {
            AC_TRY(add_named(self, at));
            continue;
        }
        first = last = next_point(at);
        if (**at == '-') {
            ++*at;
            last = next_point(at);
        }
        AC_CHECK(first <= last);
        AC_TRY(add_range(self, first, last));
    }
    ++*at;
    if (others)
        AC_TRY(turn_around(self, from));
out:
    return st;
}

/* The first set with the ranges of that behind the last: most sets occur many times. */
static int64_t
same_as_last(const ac_token_sets *self)
{
    const int64_t from = self->count ? self->ends[self->count - 1] : 0,
                  n = self->range_count - from;
    int64_t first = 0;

    for (int64_t s = 0; s < self->count; first = self->ends[s++])
        if (self->ends[s] - first == n && memcmp(self->ranges + first, self->ranges + from,
                                                 (size_t) n * sizeof *self->ranges) == 0)
            return s;
    return self->count;
}

ac_status
ac_token_sets_parse(ac_token_sets *self, const char **at, int *set)
{
    const int64_t first = self->range_count;
    ac_status st = AC_OK;

    if (**at == '[') {
        AC_TRY(add_bracket(self, at));
    } else if (**at == '\\' && named_set((*at)[1])) {
        AC_TRY(add_named(self, at));
    } else if ((**at >= 'a' && **at <= 'z') || (**at >= 'A' && **at <= 'Z')) {
        AC_TRY(add_letter(self, next_point(at)));
    } else {
        const int32_t point = next_point(at);
        AC_TRY(add_range(self, point, point));
    }
    AC_TRY(ac_grow(&self->ends, &self->capacity, self->count + 1, sizeof *self->ends));
    self->ends[self->count] = self->range_count;
    *set = (int) same_as_last(self);
    if (*set < self->count)
        self->range_count = first;
    else
        self->count++;
out:
    return st;
}

/* ---- classes ---- */

/* Which class of before and membership of this set make which class. */
static ac_status
divide_by(ac_token_sets *self, int64_t set, bool *inside)
{
    int16_t to[2 * MOST_CLASSES];
    int count = 0;

    memset(inside, 0, LAST_POINT + 1);
    for (int64_t r = set ? self->ends[set - 1] : 0; r < self->ends[set]; r++)
        memset(inside + self->ranges[r].first, 1,
               (size_t) (self->ranges[r].last - self->ranges[r].first + 1));
    memset(to, 0xff, sizeof to);
    for (int32_t p = 0; p <= LAST_POINT; p++) {
        int16_t *class = &to[2 * self->classes[p] + inside[p]];
        if (*class < 0) {
            AC_CHECK(count < MOST_CLASSES);
            *class = (int16_t) count++;
        }
        self->classes[p] = (uint8_t) * class;
    }
    self->class_count = count;
    return AC_OK;
}

ac_status
ac_token_sets_divide(ac_token_sets *self)
{
    bool *inside = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&inside, LAST_POINT + 1, sizeof *inside));
    AC_TRY(ac_alloc(&self->classes, LAST_POINT + 1, 1));
    for (int64_t s = 0; s < self->count; s++)
        AC_TRY(divide_by(self, s, inside));
    AC_TRY(ac_alloc(&self->has, self->count * self->class_count, sizeof *self->has));
    for (int64_t s = 0; s < self->count; s++)
        for (int64_t r = s ? self->ends[s - 1] : 0; r < self->ends[s]; r++)
            for (int32_t p = self->ranges[r].first; p <= self->ranges[r].last; p++)
                self->has[s * self->class_count + self->classes[p]] = true;
out:
    free(inside);
    return st;
}

void
ac_token_sets_free(ac_token_sets *self)
{
    free(self->ranges);
    free(self->ends);
    free(self->classes);
    free(self->has);
    *self = (ac_token_sets){ 0 };
}

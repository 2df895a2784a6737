/* A double m 2^-s times 10^k is a whole number of 128 bits plus bits behind the point, for the
 * doubles from 0.0001 to 10^15 and as many digits as they need. So the digits, and whether they
 * read back as the same double, follow without the C library's arithmetic of any length, which
 * takes ten times as long. Other doubles are the C library's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/file/json_write.h"

__extension__ typedef unsigned __int128 wide;

enum { LEAST_DIGITS = 15, MOST_DIGITS = 17 };

static void
push_by_library(ac_buffer *out, double x)
{
    char text[40];

    for (int digits = LEAST_DIGITS; digits <= MOST_DIGITS; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x)
            break;
    }
    ac_buffer_push_text(out, text);
}

static wide
power_of_ten(int n)
{
    static const uint64_t low[] = { 1u,
                                    10u,
                                    100u,
                                    1000u,
                                    10000u,
                                    100000u,
                                    1000000u,
                                    10000000u,
                                    100000000u,
                                    1000000000u,
                                    10000000000u,
                                    100000000000u,
                                    1000000000000u,
                                    10000000000000u,
                                    100000000000000u,
                                    1000000000000000u };

    return n < 16 ? low[n] : (wide) low[15] * low[n - 15];
}

/* The digits of m 2^-s, the first one worth 10^exponent. 0: the library must say. */
static uint64_t
find_digits(uint64_t m, int s, int exponent, int *digits)
{
    const wide part = (wide) 1 << s;

    for (*digits = LEAST_DIGITS; *digits <= MOST_DIGITS; ++*digits) {
        const wide unit = power_of_ten(*digits - 1 - exponent), all = m * unit,
                   rest = all & (part - 1);
        uint64_t number = (uint64_t) (all >> s);
        const bool up = 2 * rest > part || (2 * rest == part && (number & 1));
        const wide error = up ? part - rest : rest;

        number += up;
        if (number >= (uint64_t) power_of_ten(*digits) ||
            (m == UINT64_C(1) << 52 && !up && rest))
            return 0;
        if (2 * error < unit || (2 * error == unit && !(m & 1)))
            return number;
    }
    return 0;
}

static void
push_digits(ac_buffer *out, uint64_t number, int digits, int exponent)
{
    char text[MOST_DIGITS + 8] = "0.000", *at = text + (exponent < 0 ? 1 - exponent : 0);
    const int whole = exponent < 0 ? 0 : exponent + 1;
    int n = digits;

    for (; n > whole && number % 10 == 0; n--)
        number /= 10;
    if (whole && n > whole) {
        for (int i = n; i > whole; i--, number /= 10)
            at[i] = (char) ('0' + number % 10);
        at[whole] = '.';
        for (int i = whole; i-- > 0; number /= 10)
            at[i] = (char) ('0' + number % 10);
        n++;
    } else {
        for (int i = n; i-- > 0; number /= 10)
            at[i] = (char) ('0' + number % 10);
    }
    ac_buffer_push(out, text, (size_t) (at - text + n));
}

static uint64_t
bits_of(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

ac_status
ac_json_double(ac_buffer *self, double x)
{
    const double least = 1e-4, most = 1e15, size = fabs(x);
    uint64_t bits, m, number;
    int s, digits, exponent = -4;
    double power = 1e-3;

    if (!isfinite(x))
        return ac_buffer_push_text(self, "null");
    if (size < least || size >= most) {
        if (bits_of(x))
            push_by_library(self, x);
        else
            ac_buffer_push_char(self, '0');
        return self->status;
    }
    bits = bits_of(size);
    m = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    s = 1075 - (int) (bits >> 52);
    for (; size >= power; power *= 10)
        exponent++;
    /* the powers are rounded */
    if ((m * power_of_ten(MOST_DIGITS - 1 - exponent)) >> s < power_of_ten(MOST_DIGITS - 1))
        exponent--;
    number =
        exponent < -4 || exponent > LEAST_DIGITS - 2 ? 0 : find_digits(m, s, exponent, &digits);
    if (!number) {
        push_by_library(self, x);
        return self->status;
    }
    if (x < 0)
        ac_buffer_push_char(self, '-');
    push_digits(self, number, digits, exponent);
    return self->status;
}

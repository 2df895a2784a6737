/* Both passes over RGB images with AVX-512 VNNI, four rows at a time. Compiled with -mavx512f,
 * -mavx512bw and -mavx512vnni, called where the CPU has them.
 *
 * A weight of 22 bits is three digits of 8 bits with a sign, w = 65536 a + 256 b + c. Each is
 * summed by itself, four taps a step; 65536 sum(a) + 256 sum(b) + sum(c) is the same integer
 * as the plain sum, also where one of them leaves 32 bits on the way: the same bytes.
 *
 * Between the passes the four rows lie interleaved: quads [rows / 4, columns × 3, 4], so that
 * the second pass finds four taps of each number side by side. */
#include <immintrin.h>
#include <string.h>

#include "engine/image/resize.h"

enum {
    PRECISION = 22,
    DIGITS = 3,
    LANES = 16,      /* numbers of 32 bits */
    STRIP = 4,       /* vectors of the second pass at once */
    PADDING = 64,    /* bytes that may be read behind the last one that counts */
    LEAST_WIDTH = 16 /* a row's last step reads less than this many pixels of the next */
};

static int64_t
groups_of(const ac_taps *t)
{
    return (t->most + 3) / 4 +
           1; /* one more where the first does not begin with its first tap */
}

int64_t
ac_resize_rgb_scratch_bytes(int64_t rows, int64_t width, const ac_taps *across,
                            const ac_taps *down)
{
    const int64_t table = (across->count * groups_of(across) + groups_of(down)) * DIGITS * 4,
                  quads = (rows + 3) / 4 * across->count * 12, last = 4 * (width * 3 + PADDING);

    return table + quads + PADDING + last;
}

/* The four weights from w[first] on, of n, as digits: [DIGITS] numbers of four bytes. */
static void
split(int32_t out[DIGITS], const int32_t *w, int64_t first, int64_t n)
{
    int8_t bytes[DIGITS][4];

    for (int64_t k = 0; k < 4; k++) {
        const int64_t at = first + k;
        const int32_t whole = at >= 0 && at < n ? w[at] : 0, c = ((whole + 128) & 255) - 128,
                      rest = (whole - c) / 256, b = ((rest + 128) & 255) - 128;
        bytes[0][k] = (int8_t) c;
        bytes[1][k] = (int8_t) b;
        bytes[2][k] = (int8_t) ((rest - b) / 256);
    }
    memcpy(out, bytes, sizeof bytes);
}

/* 65536 a + 256 b + c, rounded and clipped: bytes in lanes of 32 bits. */
static inline __m512i
whole_bytes(__m512i c, __m512i b, __m512i a)
{
    const __m512i sum =
        _mm512_add_epi32(_mm512_add_epi32(c, _mm512_set1_epi32(1 << (PRECISION - 1))),
                         _mm512_add_epi32(_mm512_slli_epi32(b, 8), _mm512_slli_epi32(a, 16)));

    return _mm512_max_epi32(_mm512_srai_epi32(sum, PRECISION), _mm512_setzero_si512());
}

static inline __m128i
load16(const uint8_t *x)
{
    return _mm_loadu_si128((const __m128i *) (const void *) x);
}

/* One output of four rows: 12 bytes (and 4 more that the next output overwrites) from the
 * first taps of each row. */
static inline void
one_output(uint8_t *y, const uint8_t *x, int64_t stride, const int32_t *digits, int64_t groups)
{
    /* of four pixels: the reds, the greens, the blues */
    const __m512i by_colour = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1));
    /* [row, colour] -> [colour, row] */
    const __m128i transpose =
        _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i a = _mm512_setzero_si512(), b = a, c = a;

    for (int64_t g = 0; g < groups; g++, x += 12, digits += DIGITS) {
        __m512i four = _mm512_castsi128_si512(load16(x));
        four = _mm512_inserti32x4(four, load16(x + stride), 1);
        four = _mm512_inserti32x4(four, load16(x + 2 * stride), 2);
        four = _mm512_inserti32x4(four, load16(x + 3 * stride), 3);
        four = _mm512_shuffle_epi8(four, by_colour);
        c = _mm512_dpbusd_epi32(c, four, _mm512_set1_epi32(digits[0]));
        b = _mm512_dpbusd_epi32(b, four, _mm512_set1_epi32(digits[1]));
        a = _mm512_dpbusd_epi32(a, four, _mm512_set1_epi32(digits[2]));
    }
    _mm_storeu_si128((__m128i *) (void *) y,
                     _mm_shuffle_epi8(_mm512_cvtusepi32_epi8(whole_bytes(c, b, a)), transpose));
}

/* quads of all rows; the last four (or fewer) are read from `last`, which may be read beyond
 * its end. */
static void
along_rows(uint8_t *quads, const uint8_t *x, int64_t rows, int64_t width, const ac_taps *t,
           const int32_t *digits, uint8_t *last)
{
    const int64_t stride = width * 3, padded = stride + PADDING, whole = (rows - 1) / 4 * 4;

    memset(last, 0, (size_t) (4 * padded));
    for (int64_t r = whole; r < rows; r++)
        memcpy(last + (r - whole) * padded, x + r * stride, (size_t) stride);
    for (int64_t r = 0; r < rows; r += 4) {
        const uint8_t *from = r < whole ? x + r * stride : last;
        const int64_t step = r < whole ? stride : padded;
        for (int64_t i = 0; i < t->count; i++)
            one_output(quads + (r / 4 * t->count + i) * 12, from + t->start[i] * 3, step,
                       digits + i * groups_of(t) * DIGITS, (t->length[i] + 3) / 4);
    }
}

/* n <= STRIP × LANES numbers of one row, of `groups` quads with n_all numbers each. */
static inline void
one_strip(uint8_t *y, const uint8_t *quads, int64_t n_all, int64_t n, const int32_t *digits,
          int64_t groups)
{
    __m512i a[STRIP], b[STRIP], c[STRIP];

    for (int v = 0; v < STRIP; v++)
        a[v] = b[v] = c[v] = _mm512_setzero_si512();
    for (int64_t g = 0; g < groups; g++, quads += n_all * 4, digits += DIGITS) {
        const __m512i low = _mm512_set1_epi32(digits[0]), middle = _mm512_set1_epi32(digits[1]),
                      high = _mm512_set1_epi32(digits[2]);
        for (int v = 0; v < STRIP; v++) {
            const int64_t left = n - v * LANES;
            const __mmask16 mask = (__mmask16) (left >= LANES ? 0xFFFF
                                                : left <= 0   ? 0
                                                              : (1 << left) - 1);
            const __m512i x = _mm512_maskz_loadu_epi32(mask, quads + v * LANES * 4);
            c[v] = _mm512_dpbusd_epi32(c[v], x, low);
            b[v] = _mm512_dpbusd_epi32(b[v], x, middle);
            a[v] = _mm512_dpbusd_epi32(a[v], x, high);
        }
    }
    for (int v = 0; v < STRIP; v++) {
        const int64_t left = n - v * LANES;
        const __m128i bytes = _mm512_cvtusepi32_epi8(whole_bytes(c[v], b[v], a[v]));
        uint8_t out[LANES];
        if (left >= LANES) {
            _mm_storeu_si128((__m128i *) (void *) (y + v * LANES), bytes);
        } else if (left > 0) {
            _mm_storeu_si128((__m128i *) (void *) out, bytes);
            memcpy(y + v * LANES, out, (size_t) left);
        }
    }
}

bool
ac_resize_rgb_avx512_vnni(uint8_t *y, const uint8_t *x, int64_t rows, int64_t width,
                          const ac_taps *across, const ac_taps *down, uint8_t *scratch)
{
    int32_t *const table = (int32_t *) (void *) scratch, *const row_digits =
                                                             table + across->count *
                                                                         groups_of(across) *
                                                                         DIGITS;
    uint8_t *const quads = (uint8_t *) (row_digits + groups_of(down) * DIGITS),
                   *const last = quads + (rows + 3) / 4 * across->count * 12 + PADDING;
    const int64_t n = across->count * 3;

    if (width < LEAST_WIDTH || rows < 1)
        return false;
    for (int64_t i = 0; i < across->count; i++)
        for (int64_t g = 0; 4 * g < across->length[i]; g++)
            split(table + (i * groups_of(across) + g) * DIGITS,
                  across->weights + i * across->most, 4 * g, across->length[i]);
    along_rows(quads, x, rows, width, across, table, last);
    for (int64_t r = 0; r < down->count; r++) {
        const int64_t first = down->start[r] / 4, before = down->start[r] % 4,
                      groups = (before + down->length[r] + 3) / 4;
        for (int64_t g = 0; g < groups; g++)
            split(row_digits + g * DIGITS, down->weights + r * down->most, 4 * g - before,
                  down->length[r]);
        for (int64_t i = 0; i < n; i += STRIP * LANES)
            one_strip(y + r * n + i, quads + first * n * 4 + i * 4, n,
                      n - i < STRIP * LANES ? n - i : STRIP * LANES, row_digits, groups);
    }
    return true;
}

/* What every int8 kernel set shares, included once for each. The includer defines
 *   vec, ivec     floats and 32-bit integers of a vector, LANES of each
 *   number        the type of q: uint8_t, or int16_t
 *   smaller(a, b), larger(a, b)    of floats, lane by lane; b where one is NaN or both are 0
 *   larger_bits(a, b)              of integers
 *   store_rounded(p, x, zero)      x rounded to whole numbers, ties to even, plus zero, limited
 *                 to 0 to 255, as LANES numbers
 *   ROWS          the most rows of the kernel
 *   dots          static void dots(int32_t *sums, const number *q, int64_t stride, const int8_t
 *                 *b, int64_t depth, int R): sums [R, WIDTH] of rows of q and two panels
 *   begin(R), end()   before and after dots of R rows; may be empty */
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { WIDTH = AC_INT8_WIDTH };

static inline vec
set1(float x)
{
    return (vec){ 0 } + x;
}

static inline vec
load(const float *p)
{
    vec v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline vec
load_some(const float *p, int64_t n)
{
    vec v = { 0 };

    memcpy(&v, p, (size_t) n * sizeof *p);
    return v;
}

typedef struct range {
    vec low, high;
    ivec bad; /* the bits of the largest magnitude: an infinity's or more where not finite */
} range;

static inline void
widen(range *r, vec v)
{
    const ivec none = { 0 };

    r->low = smaller(v, r->low);
    r->high = larger(v, r->high);
    r->bad = larger_bits(r->bad, (ivec) v & (none + 0x7fffffff));
}

/* The step and zero of one row; step NaN where a number is not finite, 0 where all are 0 or too
 * small to matter. */
static inline float
find_step(const float *x, int64_t K, int32_t *zero)
{
    const float magic = 12582912.0f; /* 1.5 2^23: adding it rounds to a whole number */
    range r = { 0 };
    float low = 0, high = 0, step;
    bool bad = false;
    int64_t k = 0;

    for (; k + LANES <= K; k += LANES)
        widen(&r, load(x + k));
    if (k < K)
        widen(&r, load_some(x + k, K - k));
    for (int i = 0; i < LANES; i++) {
        low = r.low[i] < low ? r.low[i] : low;
        high = r.high[i] > high ? r.high[i] : high;
        bad |= r.bad[i] >= 0x7f800000;
    }
    step = high / 255 - low / 255; /* a difference could overflow */
    *zero = 0;
    if (bad)
        return NAN;
    if (!(step >= 0x1p-100f))
        return 0;
    *zero = (int32_t) (magic - low * (1 / step) - magic);
    return step;
}

static void
quantize(const ac_int8_rows *out, const float *x, int64_t rows, int64_t K)
{
    const int64_t filled = (K + AC_INT8_DEPTH - 1) / AC_INT8_DEPTH * AC_INT8_DEPTH;

    for (int64_t m = 0; m < rows; m++, x += K) {
        number *q = (number *) (void *) ((char *) out->q + (size_t) m * out->bytes);
        int32_t zero;
        const float step = find_step(x, K, &zero);
        const vec by = set1(1 / step);
        const ivec none = { 0 };
        int64_t k = 0;
        out->steps[m] = step;
        out->zeros[m] = zero;
        if (!(step > 0)) { /* NaN too */
            memset(q, 0, (size_t) filled * sizeof *q);
            continue;
        }
        for (; k + LANES <= K; k += LANES)
            store_rounded(q + k, load(x + k) * by, none + zero);
        for (; k < filled; k += LANES)
            store_rounded(q + k, (k < K ? load_some(x + k, K - k) : set1(0)) * by, none + zero);
    }
}

/* Back to floats: R rows of WIDTH columns. */
static inline void
finish(float *y, int64_t stride, const int32_t *sums, const float *steps, const int32_t *zeros,
       const ac_int8_matrix *b, const float *bias, const float *residual, int R)
{
    for (int c = 0; c < WIDTH; c += LANES) {
        const vec scale = load(b->scales + c), plus = load(bias + c);
        ivec all;
        memcpy(&all, b->sums + c, sizeof all);
        for (int r = 0; r < R; r++) {
            ivec sum;
            vec v;
            memcpy(&sum, sums + r * WIDTH + c, sizeof sum);
            v = __builtin_convertvector(sum - all * zeros[r], vec) * (set1(steps[r]) * scale) +
                plus;
            if (residual)
                v += load(residual + r * stride + c);
            memcpy(y + r * stride + c, &v, sizeof v);
        }
    }
}

/* The last columns of a matrix, fewer than WIDTH: by copies of that width. */
static void
finish_edge(float *y, int64_t stride, const int32_t *sums, const float *steps,
            const int32_t *zeros, const ac_int8_matrix *b, const float *bias,
            const float *residual, int R, int64_t columns)
{
    const size_t bytes = (size_t) columns * sizeof(float);
    float result[WIDTH], plus[WIDTH] = { 0 }, more[WIDTH] = { 0 };

    memcpy(plus, bias, bytes);
    for (int r = 0; r < R; r++) {
        if (residual)
            memcpy(more, residual + r * stride, bytes);
        finish(result, WIDTH, sums + r * WIDTH, steps + r, zeros + r, b, plus,
               residual ? more : NULL, 1);
        memcpy(y + r * stride, result, bytes);
    }
}

static void
multiply(const ac_int8_result *out, const ac_int8_rows *rows, const ac_int8_matrix *matrix)
{
    const int64_t stride = (int64_t) (rows->bytes / sizeof(number));
    _Alignas(64) int32_t sums[ROWS * WIDTH];

    for (int64_t r = 0; r < out->rows; r += ROWS) {
        const int R = out->rows - r < ROWS ? (int) (out->rows - r) : ROWS;
        const number *q = (const number *) rows->q + r * stride;
        begin(R);
        for (int64_t c = 0; c < out->columns; c += WIDTH) {
            const ac_int8_matrix b = { matrix->weights + c * matrix->depth, matrix->scales + c,
                                       matrix->sums + c, matrix->depth };
            const int64_t at = r * out->stride + c;
            const float *residual = out->residual ? out->residual + at : NULL;
            dots(sums, q, stride, b.weights, b.depth, R);
            if (out->columns - c < WIDTH)
                finish_edge(out->y + at, out->stride, sums, rows->steps + r, rows->zeros + r,
                            &b, out->bias + c, residual, R, out->columns - c);
            else
                finish(out->y + at, out->stride, sums, rows->steps + r, rows->zeros + r, &b,
                       out->bias + c, residual, R);
        }
        end();
    }
}

#define AC_INT8_TABLE                      \
    {                                      \
        sizeof(number), quantize, multiply \
    }

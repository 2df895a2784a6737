/* What every int8 kernel set shares, included once for each. The includer defines
 *   vec, ivec, uvec   floats, 32-bit integers, and unsigned ones of a vector, LANES of each
 *   fma_(a, b, c)     a b + c, rounded once
 *   number        the type of q: uint8_t, or int16_t
 *   smaller(a, b), larger(a, b)    of floats, lane by lane; b where one is NaN or both are 0
 *   larger_bits(a, b)              of integers
 *   smallest_of(v), largest_of(v), largest_bits_of(i), sum_of(i)   of all lanes, numbers finite
 *   store_rounded(p, x, zero)      x rounded to whole numbers, ties to even, plus zero, limited
 *                 to 0 to 255, as LANES numbers
 *   ROWS          the most rows of the kernel
 *   dots          static void dots(int32_t *sums, const number *q, int64_t stride, const int8_t
 *                 *b, int64_t depth, int R): sums [R, WIDTH] of rows of q and two panels
 *   OWN_MULTIPLY      where it has a `multiply` of its own, neither ROWS nor dots is asked for
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { WIDTH = AC_INT8_WIDTH };

static inline vec
set1(float x)
{
    return x - (vec){ 0 }; /* of -0 too */
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
    float low, high, step;
    int64_t k = 0;

    for (; k + LANES <= K; k += LANES)
        widen(&r, load(x + k));
    if (k < K)
        widen(&r, load_some(x + k, K - k));
    low = smallest_of(r.low); /* both were 0 before x was looked at */
    high = largest_of(r.high);
    step = high / 255 - low / 255; /* a difference could overflow */
    *zero = 0;
    if (largest_bits_of(r.bad) >= 0x7f800000)
        return NAN;
    if (!(step >= 0x1p-100f))
        return 0;
    *zero = (int32_t) (magic - low * (1 / step) - magic);
    return step;
}

static void
quantize(const ac_int8_rows *out, const float *x, int64_t stride, int64_t rows, int64_t K)
{
    const int64_t filled = (K + AC_INT8_DEPTH - 1) / AC_INT8_DEPTH * AC_INT8_DEPTH;

    for (int64_t m = 0; m < rows; m++, x += stride) {
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

/* ---- back to floats ---- */

#include "engine/kernels/int8_activation_body.h"

static inline __attribute__((always_inline)) vec
activate(ac_activation activation, vec v)
{
    switch (activation) {
    case AC_ACTIVATION_NONE: break;
    case AC_ACTIVATION_GELU: return gelu_(v);
    case AC_ACTIVATION_GELU_NEW: return gelu_new_(v);
    case AC_ACTIVATION_QUICK_GELU: return quick_gelu_(v);
    case AC_ACTIVATION_RELU: return relu_(v);
    case AC_ACTIVATION_SILU: return silu_(v);
    }
    return v;
}

/* Sums [rows, WIDTH] and what makes floats of them. */
typedef struct block {
    const int32_t *sums;
    const ac_int8_result *out;
    const float *steps; /* of its rows */
    const int32_t *zeros;
    ac_int8_matrix b; /* from its first column on */
    int64_t at;       /* its first number in y and residual */
    int64_t column, columns;
} block;

/* Rows [from, to) of a whole block. What belongs to its columns is loaded once. */
static inline __attribute__((always_inline)) void
finish_whole(float *y, const float *before, const float *residual, int64_t stride,
             const block *k, const float *bias, ac_activation activation, int from, int to)
{
    enum { VECTORS = WIDTH / LANES };
    const int32_t *sums = k->sums + from * WIDTH, *zeros = k->zeros;
    const float *steps = k->steps;
    vec scales[VECTORS], plus[VECTORS], all[VECTORS];

    for (int v = 0; v < VECTORS; v++) {
        ivec of_column;
        scales[v] = load(k->b.scales + v * LANES);
        plus[v] = bias ? load(bias + v * LANES) : set1(0);
        memcpy(&of_column, k->b.sums + v * LANES, sizeof of_column);
        all[v] = __builtin_convertvector(of_column, vec);
    }
    y += from * stride;
    if (before)
        before += from * stride;
    if (residual)
        residual += from * stride;
    for (int r = from; r < to; r++) {
        for (int v = 0; v < VECTORS; v++, sums += LANES) {
            ivec sum;
            vec x;
            memcpy(&sum, sums, sizeof sum);
            x = fma_(all[v], set1((float) -zeros[r]), __builtin_convertvector(sum, vec));
            x = fma_(x, set1(steps[r]) * scales[v], plus[v]);
            if (before)
                x += load(before + v * LANES);
            x = activate(activation, x);
            if (residual)
                x += load(residual + v * LANES);
            memcpy(y + v * LANES, &x, sizeof x);
        }
        y += stride;
        if (before)
            before += stride;
        if (residual)
            residual += stride;
    }
}

/* The last columns of a matrix, fewer than WIDTH: by copies of that width. */
static void
finish_edge(const block *k, int from, int to)
{
    const ac_int8_result *out = k->out;
    const size_t bytes = (size_t) k->columns * sizeof(float);
    float result[WIDTH], plus[WIDTH] = { 0 }, first[WIDTH] = { 0 }, more[WIDTH] = { 0 };

    if (out->bias)
        memcpy(plus, out->bias + k->column, bytes);
    for (int r = from; r < to; r++) {
        const int64_t at = k->at + r * out->stride;
        if (out->before)
            memcpy(first, out->before + at, bytes);
        if (out->residual)
            memcpy(more, out->residual + at, bytes);
        finish_whole(result, out->before ? first : NULL, out->residual ? more : NULL, 0, k,
                     plus, out->activation, r, r + 1);
        memcpy(out->y + at, result, bytes);
    }
}

/* Rows [from, to) of a block. */
static inline __attribute__((always_inline)) void
finish(const block *k, int from, int to)
{
    const ac_int8_result *out = k->out;
    const float *before = out->before ? out->before + k->at : NULL,
                *residual = out->residual ? out->residual + k->at : NULL,
                *bias = out->bias ? out->bias + k->column : NULL;

    if (k->columns < WIDTH)
        finish_edge(k, from, to);
    else if (out->activation == AC_ACTIVATION_NONE)
        finish_whole(out->y + k->at, before, residual, out->stride, k, bias, AC_ACTIVATION_NONE,
                     from, to);
    else
        finish_whole(out->y + k->at, before, residual, out->stride, k, bias, out->activation,
                     from, to);
}

static inline block
block_of(const ac_int8_result *out, const ac_int8_rows *rows, const ac_int8_matrix *matrix,
         const int32_t *sums, int64_t row, int64_t column)
{
    return (block){ .sums = sums,
                    .out = out,
                    .steps = rows->steps + row,
                    .zeros = rows->zeros + row,
                    .b = { matrix->weights + column * matrix->depth, matrix->scales + column,
                           matrix->sums + column, matrix->depth },
                    .at = row * out->stride + column,
                    .column = column,
                    .columns = out->columns - column < WIDTH ? out->columns - column : WIDTH };
}

#ifndef OWN_MULTIPLY
static void
multiply(const ac_int8_result *out, const ac_int8_rows *rows, const ac_int8_matrix *matrix)
{
    const int64_t stride = (int64_t) (rows->bytes / sizeof(number));
    _Alignas(64) int32_t sums[ROWS * WIDTH];

    for (int64_t r = 0; r < out->rows; r += ROWS) {
        const int R = out->rows - r < ROWS ? (int) (out->rows - r) : ROWS;
        const number *q = (const number *) rows->q + r * stride;
        for (int64_t c = 0; c < out->columns; c += WIDTH) {
            const block k = block_of(out, rows, matrix, sums, r, c);
            dots(sums, q, stride, k.b.weights, k.b.depth, R);
            finish(&k, 0, R);
        }
    }
}
#endif

/* ---- attention ---- */

/* Whole numbers nearest to x, ties to even, |x| < 2^22; any numbers where x is not finite. */
static inline ivec
nearest(vec x)
{
    const vec magic = set1(12582912.0f);

    return (ivec) ((uvec) (x + magic) - (uvec) magic);
}

/* means [D] of x [T, D]. Its rows lie far apart and are read here for the first time. */
static void
find_means(float *means, const float *x, int64_t stride, int64_t T, int64_t D)
{
    enum { AHEAD = 12, LINE = 64 / sizeof(float) };

    memset(means, 0, (size_t) D * sizeof *means);
    for (int64_t t = 0; t < T; t++, x += stride) {
        const float *next = x + (T - t > AHEAD ? AHEAD : 0) * stride;
        for (int64_t d = 0; d < D; d += LINE)
            __builtin_prefetch(next + d);
        for (int64_t d = 0; d < D; d += LANES) {
            const vec sum = load(means + d) + load(x + d);
            memcpy(means + d, &sum, sizeof sum);
        }
    }
    for (int64_t d = 0; d < D; d += LANES) {
        const vec mean = load(means + d) / set1((float) T);
        memcpy(means + d, &mean, sizeof mean);
    }
}

/* Bits of the larger magnitude, an infinity's or more where one is not finite. */
static inline ivec
larger_magnitude(ivec most, vec v)
{
    const ivec none = { 0 };

    return larger_bits(most, (ivec) v & (none + 0x7fffffff));
}

static inline vec
choose(ivec mask, vec yes, vec no)
{
    return (vec) (((ivec) yes & mask) | ((ivec) no & ~mask));
}

/* Scales for numbers of these magnitudes: NaN where not finite; 0 where too small to matter,
 * and then their inverse is 0 too. */
static inline vec
scales_of(ivec bits, vec *by)
{
    const ivec none = { 0 };
    const vec most = (vec) bits;
    const ivec bad = bits >= none + 0x7f800000, tiny = most < set1(0x1p-100f);

    *by = choose(tiny, set1(0), set1(127) / most);
    return choose(bad, set1(NAN), choose(tiny, set1(0), most / set1(127)));
}

static void
pack_key(int8_t *to, float *scale, int32_t *sum, const float *x, const float *means, int64_t D,
         float times)
{
    typedef int8_t bytes __attribute__((vector_size(LANES)));
    ivec most = { 0 };
    uvec total = { 0 }; /* may overflow where a number is not finite */
    float largest, inverse;
    int32_t bits;
    vec by;

    for (int64_t d = 0; d < D; d += LANES)
        most = larger_magnitude(most, load(x + d) - load(means + d));
    bits = largest_bits_of(most);
    memcpy(&largest, &bits, sizeof largest);
    *scale = 0;
    inverse = 0;
    if (bits >= 0x7f800000) {
        *scale = NAN;
    } else if (largest >= 0x1p-100f) {
        *scale = largest / 127 * times;
        inverse = 127 / largest;
    }
    by = set1(inverse);
    for (int64_t d = 0; d < D; d += LANES) {
        const ivec q = nearest((load(x + d) - load(means + d)) * by);
        const bytes narrow = __builtin_convertvector(q, bytes);
        total += (uvec) q;
        for (int i = 0; i < LANES; i += 4)
            memcpy(to + (d + i) * AC_INT8_PANEL, (const char *) &narrow + i, 4);
    }
    *sum = sum_of((ivec) total);
}

static void
pack_keys(void *packed, const float *x, int64_t stride, int64_t T, int64_t D, float by)
{
    enum { PANEL = AC_INT8_PANEL, MOST = AC_INT8_MOST_HEAD };
    const ac_int8_matrix m = ac_int8_view(packed, T, D, 0);
    int8_t *weights = (int8_t *) m.weights;
    float *scales = (float *) m.scales, means[MOST];
    int32_t *sums = (int32_t *) m.sums;

    find_means(means, x, stride, T, D);
    memset(packed, 0, ac_int8_packed_bytes(T, D));
    for (int64_t t = 0; t < T; t++)
        pack_key(weights + t / PANEL * PANEL * m.depth + t % PANEL * 4, scales + t, sums + t,
                 x + t * stride, means, D, by);
}

/* Four tokens of a channel lie side by side: rows x [count <= 4], at `to` and each PANEL
 * channels further. */
static inline void
pack_four(int8_t *to, int64_t panel, int32_t *sums, const float *x, int64_t stride, int count,
          const float *means, const float *by, int64_t D)
{
    for (int64_t d = 0; d < D; d += LANES) {
        uvec four = { 0 }, total;
        memcpy(&total, sums + d, sizeof total);
        for (int i = 0; i < count; i++) {
            const uvec q =
                (uvec) nearest((load(x + i * stride + d) - load(means + d)) * load(by + d));
            four |= (q & 255) << 8 * i;
            total += q;
        }
        memcpy(to + d / AC_INT8_PANEL * panel + d % AC_INT8_PANEL * 4, &four, sizeof four);
        memcpy(sums + d, &total, sizeof total);
    }
}

static void
pack_values(void *packed, float *means, const float *x, int64_t stride, int64_t T, int64_t D)
{
    enum { PANEL = AC_INT8_PANEL, MOST = AC_INT8_MOST_HEAD };
    const ac_int8_matrix m = ac_int8_view(packed, D, T, 0);
    int8_t *weights = (int8_t *) m.weights;
    int32_t *sums = (int32_t *) m.sums, most[MOST] = { 0 };
    float by[MOST];

    find_means(means, x, stride, T, D);
    memset(packed, 0, ac_int8_packed_bytes(D, T));
    for (int64_t t = 0; t < T; t++)
        for (int64_t d = 0; d < D; d += LANES) {
            ivec bits;
            memcpy(&bits, most + d, sizeof bits);
            bits = larger_magnitude(bits, load(x + t * stride + d) - load(means + d));
            memcpy(most + d, &bits, sizeof bits);
        }
    for (int64_t d = 0; d < D; d += LANES) {
        ivec bits;
        vec inverse, scale;
        memcpy(&bits, most + d, sizeof bits);
        scale = scales_of(bits, &inverse);
        memcpy((float *) m.scales + d, &scale, sizeof scale);
        memcpy(by + d, &inverse, sizeof inverse);
    }
    for (int64_t t = 0; t < T; t += 4)
        pack_four(weights + t * PANEL, PANEL * m.depth, sums, x + t * stride, stride,
                  T - t < 4 ? (int) (T - t) : 4, means, by, D);
}

static void
round_shares(void *to, const float *x, int64_t n)
{
    const int64_t filled = (n + AC_INT8_DEPTH - 1) / AC_INT8_DEPTH * AC_INT8_DEPTH;
    const ivec none = { 0 };
    number *q = to;

    for (int64_t k = 0; k < n; k += LANES)
        store_rounded(q + k, load(x + k) * set1(255), none);
    memset(q + n, 0, (size_t) (filled - n) * sizeof *q);
}

#define AC_INT8_TABLE                                                            \
    {                                                                            \
        sizeof(number), quantize, multiply, pack_keys, pack_values, round_shares \
    }

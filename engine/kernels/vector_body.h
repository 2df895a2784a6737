/* The loops of vector.h, included once for each instruction set, after vec, ivec, WIDTH, load,
 * store, set1 and fma_. */
#include <math.h>
#include <string.h>

enum { LANES = 16, PARTS = LANES / WIDTH };

/* The last n < WIDTH elements, with a filler behind them. */
static inline vec
load_some(const float *p, int64_t n, float filler)
{
    float x[WIDTH];

    for (int64_t i = 0; i < WIDTH; i++)
        x[i] = i < n ? p[i] : filler;
    return load(x);
}

static inline void
store_some(float *p, vec v, int64_t n)
{
    float x[WIDTH];

    store(x, v);
    memcpy(p, x, (size_t) n * sizeof *p);
}

static inline vec
choose(ivec mask, vec yes, vec no)
{
    return (vec) (((ivec) yes & mask) | ((ivec) no & ~mask));
}

/* y[i] = f(x[i]) for all i; `f` sees x. */
#define MAP(y, x, n, f)                                                        \
    do {                                                                       \
        int64_t i_ = 0;                                                        \
        for (; i_ + WIDTH <= (n); i_ += WIDTH)                                 \
            store((y) + i_, f(load((x) + i_)));                                \
        if (i_ < (n))                                                          \
            store_some((y) + i_, f(load_some((x) + i_, (n) -i_, 0)), (n) -i_); \
    } while (0)

/* exp(x) = 2^k exp(r), |r| <= ln 2 / 2, a polynomial of degree 6 for exp(r) (Cephes). 0 below
 * -87; x <= 88. */
static inline vec
exp_(vec x)
{
    const vec magic = set1(12582912.0f); /* 1.5 2^23: adding it rounds to a whole number, which
                                            stands in the low bits */
    const ivec none = x < set1(-87.0f);
    const vec t = fma_(x, set1(1.44269504f), magic), k = t - magic;
    const vec r = fma_(k, set1(2.12194440e-4f), fma_(k, set1(-0.693359375f), x));
    vec p = set1(1.9875691500e-4f);

    p = fma_(p, r, set1(1.3981999507e-3f));
    p = fma_(p, r, set1(8.3334519073e-3f));
    p = fma_(p, r, set1(4.1665795894e-2f));
    p = fma_(p, r, set1(1.6666665459e-1f));
    p = fma_(p, r, set1(5.0000001201e-1f));
    p = fma_(p, r * r, r) + set1(1.0f);
    p = p * (vec) ((uvec) set1(1.0f) + ((uvec) t << 23));
    return choose(none, set1(0.0f), p);
}

/* Abramowitz and Stegun 7.1.26. */
static inline vec
erf_(vec x)
{
    const ivec sign = (ivec) x & (ivec) set1(-0.0f);
    const vec a = (vec) ((ivec) x ^ sign),
              t = set1(1.0f) / fma_(set1(0.3275911f), a, set1(1.0f));
    vec p = set1(1.061405429f), y;

    p = fma_(p, t, set1(-1.453152027f));
    p = fma_(p, t, set1(1.421413741f));
    p = fma_(p, t, set1(-0.284496736f));
    p = fma_(p, t, set1(0.254829592f));
    y = set1(1.0f) - p * t * exp_((vec) ((ivec) (a * a) ^ (ivec) set1(-0.0f)));
    return (vec) ((ivec) y | sign);
}

static inline vec
gelu_(vec x)
{
    return set1(0.5f) * x * (set1(1.0f) + erf_(x * set1(0.70710678118654752f)));
}

/* x s(z) with s the logistic function; exp gets at most 88. */
static inline vec
times_logistic(vec x, vec z)
{
    const vec minus = set1(0.0f) - z;

    return x / (set1(1.0f) + exp_(choose(minus > set1(88.0f), set1(88.0f), minus)));
}

/* 0.5 (1 + tanh u) = s(2u) */
static inline vec
gelu_new_(vec x)
{
    return times_logistic(x, set1(2.0f * 0.79788456080286536f) *
                                 fma_(set1(0.044715f) * x * x, x, x));
}

static inline vec
quick_gelu_(vec x)
{
    return times_logistic(x, set1(1.702f) * x);
}
static inline vec
silu_(vec x)
{
    return times_logistic(x, x);
}
static inline vec
relu_(vec x)
{
    return choose(x < set1(0.0f), set1(0.0f), x);
}

static void
gelu(float *x, int64_t n)
{
    MAP(x, x, n, gelu_);
}
static void
gelu_new(float *x, int64_t n)
{
    MAP(x, x, n, gelu_new_);
}
static void
quick_gelu(float *x, int64_t n)
{
    MAP(x, x, n, quick_gelu_);
}
static void
relu(float *x, int64_t n)
{
    MAP(x, x, n, relu_);
}

static void
silu(float *x, int64_t n)
{
    MAP(x, x, n, silu_);
}

static void
axpy(float *y, float s, const float *x, int64_t n)
{
    const vec by = set1(s);
    int64_t i = 0;

    for (; i + WIDTH <= n; i += WIDTH)
        store(y + i, fma_(by, load(x + i), load(y + i)));
    if (i < n)
        store_some(y + i, fma_(by, load_some(x + i, n - i, 0), load_some(y + i, n - i, 0)),
                   n - i);
}

static void
add(float *y, const float *x, int64_t n)
{
    int64_t i = 0;

    for (; i + WIDTH <= n; i += WIDTH)
        store(y + i, load(y + i) + load(x + i));
    for (; i < n; i++)
        y[i] += x[i];
}

static void
scale(float *y, float s, int64_t n)
{
    const vec by = set1(s);
    int64_t i = 0;

    for (; i + WIDTH <= n; i += WIDTH)
        store(y + i, load(y + i) * by);
    for (; i < n; i++)
        y[i] *= s;
}

static void
shift(float *y, float a, float b, int64_t n)
{
    const vec va = set1(a), vb = set1(b);
    int64_t i = 0;

    for (; i + WIDTH <= n; i += WIDTH)
        store(y + i, load(y + i) - va - vb);
    for (; i < n; i++)
        y[i] = y[i] - a - b;
}

/* ---- sums ---- */

/* The lanes, pairwise. */
static inline float
add_lanes(const vec sums[PARTS])
{
    float x[LANES];

    for (int p = 0; p < PARTS; p++)
        store(x + p * WIDTH, sums[p]);
    for (int n = LANES / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++)
            x[i] += x[i + n];
    return x[0];
}

/* For every part p of every 16 elements: `step` sees the part p, the place at, and `left`
 * elements from there (WIDTH or fewer). */
#define EACH_PART(n, step)                                                                  \
    do {                                                                                    \
        int64_t base_ = 0;                                                                  \
        for (; base_ + LANES <= (n); base_ += LANES)                                        \
            for (int p = 0; p < PARTS; p++) {                                               \
                const int64_t at = base_ + p * WIDTH, left = WIDTH;                         \
                step                                                                        \
            }                                                                               \
        for (int p = 0; p < PARTS && base_ + p * WIDTH < (n); p++) {                        \
            const int64_t at = base_ + p * WIDTH, left = (n) -at < WIDTH ? (n) -at : WIDTH; \
            step                                                                            \
        }                                                                                   \
    } while (0)

static inline vec
load_part(const float *p, int64_t left, float filler)
{
    return left == WIDTH ? load(p) : load_some(p, left, filler);
}

static inline void
clear(vec sums[PARTS])
{
    for (int p = 0; p < PARTS; p++)
        sums[p] = set1(0.0f);
}

static float
dot(const float *a, const float *b, int64_t n)
{
    vec sums[PARTS];

    clear(sums);
    EACH_PART(n,
              sums[p] = fma_(load_part(a + at, left, 0), load_part(b + at, left, 0), sums[p]););
    return add_lanes(sums);
}

static float
sum(const float *x, int64_t n)
{
    vec sums[PARTS];

    clear(sums);
    EACH_PART(n, sums[p] = sums[p] + load_part(x + at, left, 0););
    return add_lanes(sums);
}

static float
largest(const float *x, int64_t n)
{
    vec most[PARTS];
    float lanes[LANES], y = -INFINITY;

    for (int p = 0; p < PARTS; p++)
        most[p] = set1(-INFINITY);
    EACH_PART(n, const vec v = load_part(x + at, left, -INFINITY);
              most[p] = choose(v > most[p], v, most[p]););
    for (int p = 0; p < PARTS; p++)
        store(lanes + p * WIDTH, most[p]);
    for (int i = 0; i < LANES; i++) /* lane by lane, so that of 0 and -0 all sets take one */
        y = lanes[i] > y ? lanes[i] : y;
    return y;
}

static float
sum_exp(const float *x, float by, int64_t n)
{
    const vec less = set1(by);
    vec sums[PARTS];

    clear(sums);
    EACH_PART(n, sums[p] = sums[p] + exp_(load_part(x + at, left, -INFINITY) - less););
    return add_lanes(sums);
}

static float
exp_all(float *y, const float *x, float by, int64_t n)
{
    const vec less = set1(by);
    vec sums[PARTS];

    clear(sums);
    EACH_PART(n, const vec e = exp_(load_part(x + at, left, -INFINITY) - less);
              sums[p] = sums[p] + e; if (left == WIDTH) store(y + at, e);
              else store_some(y + at, e, left););
    return add_lanes(sums);
}

static void
layernorm(float *y, const float *x, const float *gamma, const float *beta, int64_t C, float eps)
{
    const float mean = sum(x, C) / (float) C;
    const vec less = set1(mean);
    float rstd;
    vec sums[PARTS], by;

    clear(sums);
    EACH_PART(C, const vec d = load_part(x + at, left, mean) - less;
              sums[p] = fma_(d, d, sums[p]););
    rstd = 1.0f / sqrtf(add_lanes(sums) / (float) C + eps);
    by = set1(rstd);
    EACH_PART(C,
              const vec v = fma_((load_part(x + at, left, 0) - less) * by,
                                 load_part(gamma + at, left, 0), load_part(beta + at, left, 0));
              (void) p; if (left == WIDTH) store(y + at, v); else store_some(y + at, v, left););
}

/* ---- training ---- */

static inline void
store_part(float *p, vec v, int64_t left)
{
    if (left == WIDTH)
        store(p, v);
    else
        store_some(p, v, left);
}

static void
add_products(float *y, const float *a, const float *b, int64_t n)
{
    int64_t i = 0;

    for (; i + WIDTH <= n; i += WIDTH)
        store(y + i, load(y + i) + load(a + i) * load(b + i));
    for (; i < n; i++)
        y[i] += a[i] * b[i];
}

static float
layernorm_saved(float *y, float *normal, const float *x, const float *gamma, const float *beta,
                int64_t C, float eps)
{
    const float mean = sum(x, C) / (float) C;
    const vec less = set1(mean);
    float rstd;
    vec sums[PARTS], by;

    clear(sums);
    EACH_PART(C, const vec d = load_part(x + at, left, mean) - less;
              sums[p] = sums[p] + d * d;);
    rstd = 1.0f / sqrtf(add_lanes(sums) / (float) C + eps);
    by = set1(rstd);
    EACH_PART(
        C, const vec v = (load_part(x + at, left, 0) - less) * by; (void) p; store_part(
            y + at, v * load_part(gamma + at, left, 0) + load_part(beta + at, left, 0), left);
        if (normal) store_part(normal + at, v, left););
    return rstd;
}

static void
layernorm_backward(float *dx, const float *dy, const float *normal, float rstd,
                   const float *gamma, int64_t C)
{
    vec sums[PARTS], along[PARTS], mean, slope;

    clear(sums);
    clear(along);
    EACH_PART(C, const vec g = load_part(dy + at, left, 0) * load_part(gamma + at, left, 0);
              sums[p] = sums[p] + g;
              along[p] = along[p] + g * load_part(normal + at, left, 0););
    mean = set1(add_lanes(sums) / (float) C);
    slope = set1(add_lanes(along) / (float) C);
    EACH_PART(
        C, const vec g = load_part(dy + at, left, 0) * load_part(gamma + at, left, 0); (void) p;
        store_part(dx + at, set1(rstd) * (g - mean - load_part(normal + at, left, 0) * slope),
                   left););
}

static void
softmax_backward(float *d, const float *w, int64_t n, float by)
{
    vec sums[PARTS], along;

    clear(sums);
    EACH_PART(n, sums[p] = sums[p] + load_part(w + at, left, 0) * load_part(d + at, left, 0););
    along = set1(add_lanes(sums));
    EACH_PART(n, (void) p; store_part(d + at,
                                      load_part(w + at, left, 0) *
                                          (load_part(d + at, left, 0) - along) * set1(by),
                                      left););
}

/* As many chains as hide an addition's latency on two ports, and fit into 16 registers. */
static double
multiply_adds(int64_t rounds, float *sum)
{
    enum { CHAINS = 12 };
    const vec by = set1(0.5f), plus = set1(1.0f);
    vec y[CHAINS], total = zero();
    float lanes[WIDTH];

    for (int i = 0; i < CHAINS; i++)
        y[i] = set1((float) i);
    for (int64_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++)
            y[i] = fma_(y[i], by, plus);
    for (int i = 0; i < CHAINS; i++)
        total = add_(total, y[i]);
    store(lanes, total);
    *sum = lanes[0];
    return (double) rounds * CHAINS * WIDTH;
}

#define AC_VECTOR_TABLE                                                               \
    {                                                                                 \
        dot, axpy, add, scale, shift, largest, sum, sum_exp, exp_all, gelu, gelu_new, \
            quick_gelu, relu, silu, layernorm, add_products, layernorm_saved,         \
            layernorm_backward, softmax_backward, scores, weighted, multiply_adds     \
    }

/* The body of a kernel, included once for each instruction set and type of weight. The includer
 * defines
 *   NAME          of the kernel
 *   ROWS, PANELS  the most rows, panels of weights side by side
 *   WIDTH, vec    floats per vector; the vector
 *   WEIGHT        the type of a weight
 *   load_b(p)     WIDTH weights as a vec
 *   fma_(a, b, c), load(p), store(p, v), set1(x), add_(a, b), zero() */

#define VECTORS (PANELS * AC_PRODUCT_PANEL / WIDTH) /* of a row of y */
#define IN_PANEL (AC_PRODUCT_PANEL / WIDTH)
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define ROWS_OF JOIN(NAME, _rows)
#define AHEAD_OF JOIN(NAME, _ahead)

/* Prefetch what is multiplied next into L2 (with few rows, one cache line of each panel), or
 * what comes soon into L1. A line holds several k of narrow weights: they take turns. */
static inline __attribute__((always_inline)) void
AHEAD_OF(const char *next, int64_t stride, bool soon, int64_t k, const int R)
{
    enum { EACH = 4 / sizeof(WEIGHT) };

    if (PANELS > 1 && R > AC_PRODUCT_FEW && soon)
#pragma GCC unroll 2
        for (int p = 0; p < PANELS; p++) {
            if (k % EACH == p % EACH)
                __builtin_prefetch(next + p * stride * (int64_t) sizeof(WEIGHT), 0, 3);
        }
    else if (R > AC_PRODUCT_FEW)
        __builtin_prefetch(next, 0, 2);
    else
#pragma GCC unroll 2
        for (int p = 0; p < PANELS; p++)
            if (k % EACH == p % EACH)
                __builtin_prefetch(next + p * stride * (int64_t) sizeof(WEIGHT), 0, 2);
}

/* One loop for every R: the constant is known after inlining, so the accumulators stay in
 * registers. */
static inline __attribute__((always_inline)) void
ROWS_OF(float *y, int64_t ldy, const float *a, const WEIGHT *b, int64_t stride, int64_t K,
        const int R, int add, ac_product_ahead ahead)
{
    const char *next = ahead.at;
    vec sums[ROWS][VECTORS];

#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 16
        for (int v = 0; v < VECTORS; v++)
            sums[r][v] = zero();
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 16
        for (int p = 0; p < PANELS; p++) /* the result's lines, which a tall tile left in L2 or
                                            beyond: 3 to 6 % faster */
            __builtin_prefetch(y + r * ldy + p * AC_PRODUCT_PANEL, 1, 3);
    for (int64_t k = 0; k < K; k++, a += R, b += AC_PRODUCT_PANEL, next += ahead.step) {
        vec weights[VECTORS];
#pragma GCC unroll 16
        for (int v = 0; v < VECTORS; v++)
            weights[v] = load_b(b + v / IN_PANEL * stride + v % IN_PANEL * WIDTH);
        AHEAD_OF(next, stride, ahead.soon, k, R);
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) {
            const vec x = set1(a[r]);
#pragma GCC unroll 16
            for (int v = 0; v < VECTORS; v++)
                sums[r][v] = fma_(x, weights[v], sums[r][v]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 16
        for (int v = 0; v < VECTORS; v++) {
            float *to = y + r * ldy + v * WIDTH;
            store(to, add ? add_(load(to), sums[r][v]) : sums[r][v]);
        }
}

static void
NAME(float *y, int64_t ldy, const float *a, const void *b, int64_t stride, int64_t K, int R,
     int add, ac_product_ahead ahead)
{
    switch (R) {
#define CASE(n) \
    case n: ROWS_OF(y, ldy, a, b, stride, K, n, add, ahead); return
        CASE(1);
        CASE(2);
        CASE(3);
#if ROWS > 3
        CASE(4);
        CASE(5);
        CASE(6);
#endif
#if ROWS > 6
        CASE(7);
        CASE(8);
        CASE(9);
        CASE(10);
        CASE(11);
        CASE(12);
#endif
#undef CASE
    }
}

#undef VECTORS
#undef IN_PANEL
#undef JOIN_
#undef JOIN
#undef ROWS_OF
#undef AHEAD_OF

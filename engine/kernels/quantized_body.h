/* Products over quantized weights, included once for each instruction set, after vec, ivec,
 * uvec, WIDTH, set1, load, store, fma_, add_, and
 *   TOGETHER     panels that a row's product takes side by side
 *   fma_exact(a, b, c)  fma_ where a b is exact
 *   fours(x, s)  the codes in the low 4 bits of each word of x, signed or not, as a vec
 *   widen_halves(p)  WIDTH fp16 numbers as a vec; may be left out */

enum { PARTS_OF_PANEL = AC_PRODUCT_PANEL / WIDTH, LINE = 64 };

typedef uint16_t halves __attribute__((vector_size(WIDTH * 2)));
typedef int8_t small __attribute__((vector_size(WIDTH)));
typedef uint8_t usmall __attribute__((vector_size(WIDTH)));

#define ALWAYS static inline __attribute__((always_inline))

/* WIDTH finite fp16 numbers. */
ALWAYS vec
load_halves(const char *p)
{
#ifdef widen_halves
    return widen_halves(p);
#else
    halves narrow;
    uvec wide;

    memcpy(&narrow, p, sizeof narrow);
    wide = __builtin_convertvector(narrow, uvec);
    return (vec) ((uvec) ((vec) ((wide & 0x7fff) << 13) * set1(0x1p112f)) | (wide & 0x8000)
                                                                                << 16);
#endif
}

ALWAYS uvec
load_words(const char *p)
{
    uvec words;

    memcpy(&words, p, sizeof words);
    return words;
}

/* Codes number k of a unit, part v of the panel. k and the shape are constants. */
ALWAYS vec
load_codes(const char *codes, const int k, const int v, const ac_quants_shape s)
{
    const int word = k * s.bits / 32, from = k * s.bits % 32, over = from + s.bits - 32;
    const char *at = codes + (word * AC_PRODUCT_PANEL + v * WIDTH) * 4;
    uvec x = load_words(at);

    if (s.bits == 4)
        return fours(from ? x >> from : x, s.is_signed);
    if (over > 0)
        x = x >> from | load_words(at + AC_PRODUCT_PANEL * 4) << (32 - from);
    if (s.is_signed) {
        const int up = over > 0 ? 32 - s.bits : -over;
        return __builtin_convertvector((ivec) (x << up) >> (32 - s.bits), vec);
    }
    if (over <= 0)
        x = x >> from;
    return __builtin_convertvector((ivec) (x & ((1u << s.bits) - 1)), vec);
}

/* What the numbers of a group are made with; `least` stays unset where the kind has none. */
typedef struct weights_of {
    vec scale[PARTS_OF_PANEL], least[PARTS_OF_PANEL];
} weights_of;

/* Of unit u and its group g. */
ALWAYS void
load_scales(weights_of *w, const char *piece, int64_t u, int g, const ac_quants_shape s)
{
    const int64_t panel = AC_PRODUCT_PANEL, both = s.has_least ? 2 : 1;
    const char *half = piece + (s.groups ? 0 : u * both * panel * 2),
               *group = piece + both * panel * 2 + (u * s.groups + g) * both * panel;

#pragma GCC unroll 4
    for (int v = 0; v < PARTS_OF_PANEL; v++) {
        w->scale[v] = load_halves(half + v * WIDTH * 2);
        if (s.has_least)
            w->least[v] = load_halves(half + (panel + v * WIDTH) * 2);
        if (s.groups) {
            small by;
            memcpy(&by, group + v * WIDTH, sizeof by);
            w->scale[v] *= __builtin_convertvector(__builtin_convertvector(by, ivec), vec);
        }
        if (s.groups && s.has_least) {
            usmall by;
            memcpy(&by, group + panel + v * WIDTH, sizeof by);
            w->least[v] *= __builtin_convertvector(__builtin_convertvector(by, ivec), vec);
        }
    }
}

ALWAYS vec
number(const weights_of *w, const char *codes, const int k, const int v,
       const ac_quants_shape s)
{
    const vec code = load_codes(codes, k, v, s);

    if (s.has_least)
        return fma_exact(code, w->scale[v], w->least[v]);
    return code * w->scale[v];
}

/* y [P PANEL] = a [K] times P pieces. */
ALWAYS void
quantized_row(float *y, const float *a, const char *pieces, int64_t K, int add, const int P,
              const ac_quants_shape s)
{
    enum { MOST = TOGETHER };
    const size_t scales = ac_quantized_scale_bytes(s, K),
                 piece = ac_quantized_piece_bytes(s, K);
    const int groups = s.groups ? s.groups : 1, each = AC_QUANTS_UNIT / groups;
    vec sums[MOST][PARTS_OF_PANEL];

#pragma GCC unroll 4
    for (int p = 0; p < P; p++)
#pragma GCC unroll 4
        for (int v = 0; v < PARTS_OF_PANEL; v++)
            sums[p][v] = zero();
    for (int64_t u = 0; u < K / AC_QUANTS_UNIT; u++) {
        const char *codes = pieces + scales + u * s.bits * AC_PRODUCT_PANEL * 4;
        /* the next pieces, in the order of memory, into L2: 30 % faster */
#pragma GCC unroll 40
        for (int line = 0; line < P * (s.bits + 1); line++)
            __builtin_prefetch(
                pieces + (size_t) P * piece + (u * P * (s.bits + 1) + line) * LINE, 0, 2);
#pragma GCC unroll 2
        for (int g = 0; g < groups; g++) {
            weights_of w[MOST];
#pragma GCC unroll 4
            for (int p = 0; p < P; p++)
                load_scales(&w[p], pieces + (size_t) p * piece, u, g, s);
#pragma GCC unroll 32
            for (int k = g * each; k < (g + 1) * each; k++) {
                const vec x = set1(a[u * AC_QUANTS_UNIT + k]);
#pragma GCC unroll 4
                for (int p = 0; p < P; p++)
#pragma GCC unroll 4
                    for (int v = 0; v < PARTS_OF_PANEL; v++)
                        sums[p][v] = fma_(x, number(&w[p], codes + (size_t) p * piece, k, v, s),
                                          sums[p][v]);
            }
        }
    }
#pragma GCC unroll 4
    for (int p = 0; p < P; p++)
#pragma GCC unroll 4
        for (int v = 0; v < PARTS_OF_PANEL; v++) {
            float *to = y + p * AC_PRODUCT_PANEL + v * WIDTH;
            store(to, add ? add_(load(to), sums[p][v]) : sums[p][v]);
        }
}

/* All panels, TOGETHER at a time. */
ALWAYS void
quantized_rows(float *y, const float *a, const char *pieces, int64_t K, int64_t panels, int add,
               const ac_quants_shape s)
{
    const size_t piece = ac_quantized_piece_bytes(s, K);
    int64_t p = 0;

    for (; p + TOGETHER <= panels; p += TOGETHER)
        quantized_row(y + p * AC_PRODUCT_PANEL, a, pieces + (size_t) p * piece, K, add,
                      TOGETHER, s);
    for (; TOGETHER > 1 && p < panels; p++)
        quantized_row(y + p * AC_PRODUCT_PANEL, a, pieces + (size_t) p * piece, K, add, 1, s);
}

ALWAYS void
quantized_expand(float *restrict to, const char *restrict piece, int64_t K,
                 const ac_quants_shape s)
{
    const size_t scales = ac_quantized_scale_bytes(s, K);
    const int groups = s.groups ? s.groups : 1, each = AC_QUANTS_UNIT / groups;

    for (int64_t u = 0; u < K / AC_QUANTS_UNIT; u++) {
        const char *codes = piece + scales + u * s.bits * AC_PRODUCT_PANEL * 4;
#pragma GCC unroll 2
        for (int g = 0; g < groups; g++) {
            weights_of w;
            load_scales(&w, piece, u, g, s);
#pragma GCC unroll 32
            for (int k = g * each; k < (g + 1) * each; k++)
#pragma GCC unroll 4
                for (int v = 0; v < PARTS_OF_PANEL; v++)
                    store(to + (u * AC_QUANTS_UNIT + k) * AC_PRODUCT_PANEL + v * WIDTH,
                          number(&w, codes, k, v, s));
        }
    }
}

#define X(name, bits, is_signed, has_least, groups)                                 \
    static void row_##name(float *y, const float *a, const void *pieces, int64_t K, \
                           int64_t panels, int add)                                 \
    {                                                                               \
        quantized_rows(y, a, pieces, K, panels, add,                                \
                       (ac_quants_shape){ bits, is_signed, has_least, groups });    \
    }                                                                               \
    static void expand_##name(float *to, const void *piece, int64_t K)              \
    {                                                                               \
        quantized_expand(to, piece, K,                                              \
                         (ac_quants_shape){ bits, is_signed, has_least, groups });  \
    }
AC_QUANTS_KINDS(X)
#undef X

#define AC_QUANTIZED_KERNELS(name, bits, is_signed, has_least, groups) \
    { row_##name, expand_##name },
#define AC_QUANTIZED_TABLE                    \
    {                                         \
        AC_QUANTS_KINDS(AC_QUANTIZED_KERNELS) \
    }

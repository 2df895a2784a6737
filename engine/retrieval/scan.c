#include "engine/retrieval/scan.h"

#include <math.h>
#include <string.h>

/* Relative cushion: far above every rounding error of the scan's own arithmetic, far below the
 * error of quantisation. */
#define CUSHION 0x1p-20

/* Vectors longer than this are not scanned (their products could overflow a float): every entry
 * or query of such a length has an infinite bound, so that its score is always computed.
 * Numbers below TINY count as error, not as content. */
static const double LONGEST = 0x1p60;
static const double TINY = 0x1p-80;

static const ac_scan_kernel *const kernels[] = {
#if defined(__x86_64__)
    &ac_scan_int8_avx512vnni, &ac_scan_int8_avxvnni, &ac_scan_int8_avx2,
    &ac_scan_int6_avx512vnni, &ac_scan_int6_avxvnni, &ac_scan_int6_avx2,
    &ac_scan_bf16_avx2,       &ac_scan_fp32_avx2,
#endif
    &ac_scan_int8_scalar,     &ac_scan_int6_scalar,  &ac_scan_bf16_scalar,
    &ac_scan_fp32_scalar,
};

enum { KERNELS = sizeof kernels / sizeof *kernels };

const ac_scan_kernel *const *
ac_scan_kernels(int *count)
{
    *count = KERNELS;
    return kernels;
}

const ac_scan_kernel *
ac_scan_kernel_best(ac_scan scan)
{
    for (int i = 0; i < KERNELS; i++)
        if (kernels[i]->scan == scan && ac_kernels_include(kernels[i]->instructions))
            return kernels[i];
    return NULL; /* not reached: the scalar ones are always there */
}

int32_t
ac_scan_query_max(const ac_scan_kernel *kernel, int64_t D)
{
    const int64_t most = INT32_MAX / (127 * ac_scan_padded(D));

    return most < kernel->query_max ? (int32_t) most : kernel->query_max;
}

int64_t
ac_scan_group_bytes(ac_scan scan, int64_t D)
{
    switch (scan) {
    case AC_SCAN_INT8: return AC_SCAN_GROUP * ac_scan_padded(D);
    case AC_SCAN_INT6: return AC_SCAN_GROUP * ac_scan_int6_padded(D) * 6 / 8;
    case AC_SCAN_BF16: return AC_SCAN_GROUP * D * 2;
    default: return 0;
    }
}

int64_t
ac_scan_panel_width(const ac_scan_kernel *kernel, int64_t D)
{
    switch (kernel->scan) {
    case AC_SCAN_INT8: return ac_scan_padded(D);
    case AC_SCAN_INT6: return AC_SCAN_INT6_HEAD + 4 * ac_scan_low_bytes(AC_SCAN_INT6, D);
    default: return D;
    }
}

double
ac_scan_norm(const float *x, int64_t D)
{
    double sum = 0;

#pragma omp simd reduction(+ : sum)
    for (int64_t d = 0; d < D; d++)
        sum += (double) x[d] * (double) x[d];
    return sqrt(sum);
}

float
ac_scan_round_up(double x)
{
    return (float) (x * (1 + CUSHION) + 0x1p-126);
}

const ac_scan_coarse *
ac_scan_coarse_of(const ac_scan_kernel *kernel, int64_t D)
{
    return kernel->coarse && D <= kernel->coarse->dimension_max ? kernel->coarse : NULL;
}

int64_t
ac_scan_query_integers(const ac_scan_kernel *kernel, int64_t D)
{
    if (!kernel->query_max)
        return 0;
    return ac_scan_padded(D) * (ac_scan_coarse_of(kernel, D) ? 2 : 1);
}

ac_scan_facts
ac_scan_facts_at(const ac_scan_facts *all, int64_t at)
{
    ac_scan_facts f = {
        all->scales + at, all->errors + at, all->norms + at, NULL, NULL, all->sums + at, NULL,
        all->low_bytes
    };

    if (all->coarse_errors) {
        f.coarse_errors = all->coarse_errors + at;
        f.coarse_norms = all->coarse_norms + at;
    }
    if (all->low)
        f.low = all->low + at * all->low_bytes;
    return f;
}

/* What rounding an entry did: |c - m - c^| and |c^|, squared. */
typedef struct rounding {
    double error, norm;
} rounding;

/* Compiled once for any CPU and once for AVX2. */
#define INLINE static inline __attribute__((always_inline))

static inline void
account(rounding *self, double wanted, double got)
{
    self->error += (wanted - got) * (wanted - got);
    self->norm += got * got;
}

/* Sums over one entry rounded to integers: of (v - c^)^2, of +-(v - c^) with the sign of the
 * lowest bit, of integers. */
typedef struct int8_sums {
    double error, signed_error;
    int64_t squares, coarse_squares;
    int32_t integers;
} int8_sums;

/* v = x - centre; row [D] takes the integers. */
INLINE void
round_row(int8_t *row, float *scale, int8_sums *sums, const float *x, const float *centre,
          int64_t D)
{
    float largest, inverse;
    double error = 0, signed_error = 0;
    int32_t largest_bits = 0, total = 0;

    for (int64_t d = 0; d < D; d++) { /* floats without sign are in the order of their bits */
        const float v = fabsf(x[d] - centre[d]);
        int32_t bits;
        memcpy(&bits, &v, sizeof bits);
        largest_bits = bits > largest_bits ? bits : largest_bits;
    }
    memcpy(&largest, &largest_bits, sizeof largest);
    *scale = (double) largest < TINY ? 0 : largest / 127;
    inverse = *scale > 0 ? 1 / *scale : 0;
    for (int64_t d = 0; d < D; d++) {
        float r = (x[d] - centre[d]) *
                  inverse; /* nearest, halves away from zero; any rounding would do */
        r += r < 0 ? -0.5f : 0.5f;
        r = r > 127 ? 127 : r < -127 ? -127 : r;
        row[d] = (int8_t) (int32_t) r;
    }
#pragma omp simd reduction(+ : error, signed_error, total)
    for (int64_t d = 0; d < D; d++) {
        const double left = (double) x[d] - (double) centre[d] - (double) *scale * row[d];
        error += left * left;
        signed_error += left * (1 - 2 * (row[d] & 1));
        total += row[d];
    }
    *sums = (int8_sums){ .error = error, .signed_error = signed_error, .integers = total };
    for (int64_t from = 0; from < D; from += 4096) { /* so that int32 sums do not overflow */
        const int64_t to = from + 4096 < D ? from + 4096 : D;
        int32_t squares = 0, coarse = 0;
        for (int64_t d = from; d < to; d++) {
            const int32_t four = 4 * (row[d] >> 1) + 1; /* twice the coarse number */
            squares += row[d] * row[d];
            coarse += four * four;
        }
        sums->squares += squares;
        sums->coarse_squares += coarse;
    }
}

static void
round_row_scalar(int8_t *row, float *scale, int8_sums *sums, const float *x,
                 const float *centre, int64_t D)
{
    round_row(row, scale, sums, x, centre, D);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void
round_row_avx2(int8_t *row, float *scale, int8_sums *sums, const float *x, const float *centre,
               int64_t D)
{
    round_row(row, scale, sums, x, centre, D);
}
#endif

static void
round_entry(int8_t *row, float *scale, int8_sums *sums, const float *x, const float *centre,
            int64_t D)
{
#if defined(__x86_64__)
    if (ac_kernels_include(AC_CPU_AVX2))
        round_row_avx2(row, scale, sums, x, centre, D);
    else
#endif
        round_row_scalar(row, scale, sums, x, centre, D);
}

/*
 * The coarse number of an 8-bit integer i is 2 (i >> 1) + 1/2, so that what it leaves is what i
 * leaves, plus half a unit where i is odd, minus half a unit where it is even: its squares
 * follow from the sums.
 */
static void
pack_int8(int8_t *group, float *scale, int32_t *sum, rounding *fine, rounding *coarse,
          const float *x, const float *centre, int64_t D)
{
    int8_t row[AC_TOPK_MAX_DIMENSION];
    int8_sums s;
    double unit;

    round_entry(row, scale, &s, x, centre, D);
    unit = (double) *scale;
    *sum = s.integers;
    fine->error = s.error;
    fine->norm = unit * unit * (double) s.squares;
    coarse->error = s.error - unit * s.signed_error + 0.25 * unit * unit * (double) D;
    coarse->error +=
        0x1p-36 * (s.error + unit * unit * (double) D); /* the cancellation of the line above */
    coarse->norm = 0.25 * unit * unit * (double) s.coarse_squares;
    memset(row + D, 0, (size_t) (ac_scan_padded(D) - D));
    for (int64_t d = 0; d < D; d += AC_SCAN_STEP)
        memcpy(group + d * AC_SCAN_GROUP, row + d, AC_SCAN_STEP);
}

/* What is left of an entry, and its norm, where of each 8-bit integer i the upper 6 bits and
 * the middle of the lower 2 are taken: i + 3/2 - (i & 3). */
INLINE void
account_upper(rounding *self, const int8_t *row, double unit, const float *x,
              const float *centre, int64_t D)
{
    double error = 0, norm = 0;

#pragma omp simd reduction(+ : error, norm)
    for (int64_t d = 0; d < D; d++) {
        const double got = unit * (row[d] + 1.5 - (row[d] & 3)),
                     left = (double) x[d] - (double) centre[d] - got;
        error += left * left;
        norm += got * got;
    }
    *self = (rounding){ error, norm };
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void
account_upper_avx2(rounding *self, const int8_t *row, double unit, const float *x,
                   const float *centre, int64_t D)
{
    account_upper(self, row, unit, x, centre, D);
}
#endif

static void
pack_int6(unsigned char *group, const ac_scan_facts *facts, int64_t j, rounding *fine,
          rounding *coarse, const float *x, const float *centre, int64_t D)
{
    int8_t row[AC_TOPK_MAX_DIMENSION];
    int8_sums s;
    double unit;

    round_entry(row, &facts->scales[j], &s, x, centre, D);
    unit = (double) facts->scales[j];
    *fine = (rounding){ s.error, unit * unit * (double) s.squares };
#if defined(__x86_64__)
    if (ac_kernels_include(AC_CPU_AVX2))
        account_upper_avx2(coarse, row, unit, x, centre, D);
    else
#endif
        account_upper(coarse, row, unit, x, centre, D);
    ac_scan_int6_pack(group, facts->low + j * facts->low_bytes, j, row, D);
}

/* To the nearest, ties to even; the numbers are finite and far from overflow. */
static uint16_t
to_bf16(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return (uint16_t) ((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static void
pack_bf16(uint16_t *group, rounding *fine, const float *x, const float *centre, int64_t D)
{
    for (int64_t d = 0; d < D; d++) {
        const uint16_t h = to_bf16(x[d] - centre[d]);
        const uint32_t bits = (uint32_t) h << 16;
        float back;
        memcpy(&back, &bits, sizeof back);
        group[d * AC_SCAN_GROUP] = h;
        account(fine, (double) x[d] - (double) centre[d], (double) back);
    }
}

/* Entry j of a group. */
static void
pack_entry(ac_scan scan, void *group, const ac_scan_facts *facts, int64_t j, const float *x,
           const float *centre, int64_t D)
{
    const double norm = ac_scan_norm(x, D);
    rounding fine = { 0 }, coarse = { 0 };

    if (!(norm <= LONGEST)) {
        fine.error = coarse.error = INFINITY;
    } else if (scan == AC_SCAN_INT8) {
        pack_int8((int8_t *) group + j * AC_SCAN_STEP, &facts->scales[j], &facts->sums[j],
                  &fine, &coarse, x, centre, D);
    } else if (scan == AC_SCAN_INT6) {
        pack_int6(group, facts, j, &fine, &coarse, x, centre, D);
    } else if (scan == AC_SCAN_BF16) {
        pack_bf16((uint16_t *) group + j, &fine, x, centre, D);
    } else {
        fine.norm = norm * norm;
    }
    facts->errors[j] = fine.error > 0 ? ac_scan_round_up(sqrt(fine.error)) : 0;
    facts->norms[j] = ac_scan_round_up(sqrt(fine.norm));
    if (facts->coarse_errors) {
        facts->coarse_errors[j] = ac_scan_round_up(sqrt(coarse.error));
        facts->coarse_norms[j] = ac_scan_round_up(sqrt(coarse.norm));
    }
}

void
ac_scan_pack_group(ac_scan scan, void *group, const ac_scan_facts *facts, const float *x,
                   const float *centre, int64_t count, int64_t D)
{
    memset(group, 0, (size_t) ac_scan_group_bytes(scan, D));
    if (facts->low)
        memset(facts->low, 0, (size_t) (AC_SCAN_GROUP * facts->low_bytes));
    for (int64_t j = 0; j < AC_SCAN_GROUP; j++) {
        facts->scales[j] = 1;
        facts->sums[j] = 0;
        facts->errors[j] = facts->norms[j] = 0;
        if (facts->coarse_errors)
            facts->coarse_errors[j] = facts->coarse_norms[j] = 0;
        if (j < count)
            pack_entry(scan, group, facts, j, x + j * D, centre, D);
    }
}

/* Round q to integers of this size. Returns |q - q^|. */
static double
quantise_query(ac_scan_rounded *out, const float *q, int32_t largest_integer, int64_t D)
{
    const int64_t padded = ac_scan_padded(D);
    double largest = 0, error = 0;

    for (int64_t d = 0; d < D; d++)
        largest = fabs((double) q[d]) > largest ? fabs((double) q[d]) : largest;
    out->scale = largest < TINY ? 0 : (float) (largest / largest_integer);
    for (int64_t d = 0; d < padded; d++) {
        double r = d < D && out->scale > 0 ? rint((double) q[d] / (double) out->scale) : 0,
               left;
        r = r > largest_integer ? largest_integer : r < -largest_integer ? -largest_integer : r;
        out->integers[d] = (int16_t) r;
        left = (d < D ? (double) q[d] : 0) - (double) out->scale * r;
        error += left * left;
    }
    return sqrt(error);
}

/* error: |q - q^|, or for fp32 arithmetic the rounding of its sums over |q|. */
static void
set_bound(ac_scan_rounded *self, double norm, double error)
{
    self->spread = ac_scan_round_up(norm * (1 + CUSHION));
    self->slack = ac_scan_round_up(error * (1 + CUSHION) + CUSHION * norm);
}

/* Too long to be scanned with: its bounds are infinite. */
static void
set_unbounded(ac_scan_rounded *self, int64_t D)
{
    if (self->integers)
        memset(self->integers, 0, (size_t) ac_scan_padded(D) * sizeof *self->integers);
    self->spread = self->slack = INFINITY;
}

void
ac_scan_query_init(ac_scan_query *self, const ac_scan_kernel *kernel, const float *q,
                   int16_t *integers, const float *centre, double centre_norm, int64_t D)
{
    const ac_scan_coarse *coarse = ac_scan_coarse_of(kernel, D);
    const double norm = ac_scan_norm(q, D);

    *self = (ac_scan_query){ .q = q,
                             .fine = { .integers = kernel->query_max ? integers : NULL,
                                       .scale = 1 },
                             .coarse = { .scale = 1 } };
    if (coarse)
        self->coarse.integers = integers + ac_scan_padded(D);
    if (!(norm <= LONGEST)) {
        set_unbounded(&self->fine, D);
        set_unbounded(&self->coarse, D);
        self->constant = INFINITY;
        return;
    }
    for (int64_t d = 0; d < D; d++)
        self->base += (double) q[d] * (double) centre[d];
    self->constant = CUSHION * norm * centre_norm + (double) (D + 8) * 0x1p-126;
    if (kernel->query_max)
        set_bound(&self->fine, norm,
                  quantise_query(&self->fine, q, ac_scan_query_max(kernel, D), D));
    else
        set_bound(&self->fine, norm,
                  1.01 * 0x1p-24 * (double) D *
                      norm); /* fp32 sums of D products, in any order */
    if (coarse) {
        set_bound(&self->coarse, norm, quantise_query(&self->coarse, q, coarse->query_max, D));
        for (int64_t d = 0; d < D; d++)
            self->coarse_sum += self->coarse.integers[d];
    }
}

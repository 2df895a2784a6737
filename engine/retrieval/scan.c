#include "engine/retrieval/scan.h"

#include <math.h>
#include <string.h>

/* Relative cushion: far above every rounding error of the scan's own arithmetic, far below the error of quantisation. */
#define CUSHION 0x1p-20

/* Vectors longer than this are not scanned (their products could overflow a float): every entry or query of such a length
 * has an infinite bound, so that its score is always computed. Numbers below TINY count as error, not as content. */
static const double LONGEST = 0x1p60;
static const double TINY = 0x1p-80;

static const ac_scan_kernel *const kernels[] = {
#if defined(__x86_64__)
    &ac_scan_int8_avx512vnni,
    &ac_scan_int8_avxvnni,
    &ac_scan_int8_avx2,
    &ac_scan_bf16_avx2,
    &ac_scan_fp32_avx2,
#endif
    &ac_scan_int8_scalar,
    &ac_scan_bf16_scalar,
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
        if (kernels[i]->scan == scan && kernels[i]->is_available())
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
    case AC_SCAN_BF16: return AC_SCAN_GROUP * D * 2;
    default: return 0;
    }
}

double
ac_scan_norm(const float *x, int64_t D)
{
    double sum = 0;

    for (int64_t d = 0; d < D; d++)
        sum += (double) x[d] * (double) x[d];
    return sqrt(sum);
}

float
ac_scan_round_up(double x)
{
    return (float) (x * (1 + CUSHION) + 0x1p-126);
}

/* What rounding an entry did: |c - m - c^| and |c^|, squared. */
typedef struct rounding {
    double error, norm;
} rounding;

static inline void
account(rounding *self, double wanted, double got)
{
    self->error += (wanted - got) * (wanted - got);
    self->norm += got * got;
}

static rounding
pack_int8(int8_t *group, float *scale, int32_t *sum, const float *x, const float *centre, int64_t D)
{
    rounding left = { 0 };
    float largest = 0, inverse;

    for (int64_t d = 0; d < D; d++) {
        const float v = fabsf(x[d] - centre[d]);
        largest = v > largest ? v : largest;
    }
    *scale = (double) largest < TINY ? 0 : largest / 127;
    inverse = *scale > 0 ? 1 / *scale : 0;
    for (int64_t d = 0; d < D; d++) {
        float r = rintf((x[d] - centre[d]) * inverse);
        int8_t integer;
        r = r > 127 ? 127 : r < -127 ? -127 : r;
        integer = (int8_t) r;
        group[d / AC_SCAN_STEP * AC_SCAN_GROUP * AC_SCAN_STEP + d % AC_SCAN_STEP] = integer;
        *sum += integer;
        account(&left, (double) x[d] - (double) centre[d], (double) *scale * integer);
    }
    return left;
}

/* To the nearest, ties to even; the numbers are finite and far from overflow. */
static uint16_t
to_bf16(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return (uint16_t) ((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static rounding
pack_bf16(uint16_t *group, const float *x, const float *centre, int64_t D)
{
    rounding left = { 0 };

    for (int64_t d = 0; d < D; d++) {
        const uint16_t h = to_bf16(x[d] - centre[d]);
        const uint32_t bits = (uint32_t) h << 16;
        float back;
        memcpy(&back, &bits, sizeof back);
        group[d * AC_SCAN_GROUP] = h;
        account(&left, (double) x[d] - (double) centre[d], (double) back);
    }
    return left;
}

void
ac_scan_pack_group(ac_scan scan, void *group, float *scales, float *errors, float *norms, int32_t *sums, const float *x,
                   const float *centre, int64_t count, int64_t D)
{
    memset(group, 0, (size_t) ac_scan_group_bytes(scan, D));
    for (int64_t j = 0; j < AC_SCAN_GROUP; j++) {
        rounding left = { 0 };
        scales[j] = 1;
        sums[j] = 0;
        errors[j] = norms[j] = 0;
        if (j >= count)
            continue;
        if (!(ac_scan_norm(x + j * D, D) <= LONGEST)) {
            errors[j] = INFINITY;
            continue;
        }
        if (scan == AC_SCAN_INT8)
            left = pack_int8((int8_t *) group + j * AC_SCAN_STEP, &scales[j], &sums[j], x + j * D, centre, D);
        else if (scan == AC_SCAN_BF16)
            left = pack_bf16((uint16_t *) group + j, x + j * D, centre, D);
        else
            left.norm = ac_scan_norm(x + j * D, D) * ac_scan_norm(x + j * D, D);
        errors[j] = scan == AC_SCAN_FP32 ? 0 : ac_scan_round_up(sqrt(left.error));
        norms[j] = ac_scan_round_up(sqrt(left.norm));
    }
}

/* q^ = scale * integers. Returns |q - q^|. */
static double
quantise_query(ac_scan_query *self, int32_t largest_integer, int64_t D)
{
    const int64_t padded = ac_scan_padded(D);
    double largest = 0, error = 0;

    for (int64_t d = 0; d < D; d++)
        largest = fabs((double) self->q[d]) > largest ? fabs((double) self->q[d]) : largest;
    self->scale = largest < TINY ? 0 : (float) (largest / largest_integer);
    for (int64_t d = 0; d < padded; d++) {
        double r = d < D && self->scale > 0 ? rint((double) self->q[d] / (double) self->scale) : 0, left;
        r = r > largest_integer ? largest_integer : r < -largest_integer ? -largest_integer : r;
        self->integers[d] = (int16_t) r;
        left = (d < D ? (double) self->q[d] : 0) - (double) self->scale * r;
        error += left * left;
    }
    return sqrt(error);
}

void
ac_scan_query_init(ac_scan_query *self, const ac_scan_kernel *kernel, const float *q, int16_t *integers, const float *centre,
                   double centre_norm, int64_t D)
{
    const double norm = ac_scan_norm(q, D);
    double error = 0;

    *self = (ac_scan_query) { .q = q, .integers = integers, .scale = 1 };
    if (!(norm <= LONGEST)) {
        if (integers)
            memset(integers, 0, (size_t) ac_scan_padded(D) * sizeof *integers);
        self->spread = self->slack = INFINITY;
        self->constant = INFINITY;
        return;
    }
    for (int64_t d = 0; d < D; d++)
        self->base += (double) q[d] * (double) centre[d];
    if (integers)
        error = quantise_query(self, ac_scan_query_max(kernel, D), D);
    else
        error = 1.01 * 0x1p-24 * (double) D * norm; /* fp32 sums of D products, in any order */
    self->spread = ac_scan_round_up(norm * (1 + CUSHION));
    self->slack = ac_scan_round_up(error * (1 + CUSHION) + CUSHION * norm);
    self->constant = CUSHION * norm * centre_norm + (double) (D + 8) * 0x1p-126;
}

/* Making an index: its centre, and its groups. */
#include "engine/retrieval/index.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/tensor.h"
#include "engine/retrieval/scan.h"

enum {
    CENTRE_SAMPLE = 4096, /* entries the centre is taken from */
    CHECKED = 1024        /* entries that a thread checks at a time */
};

bool
ac_embeddings_check(const float *x, int64_t n, int64_t D, int64_t *bad_row)
{
    int64_t bad = n;

#pragma omp parallel for schedule(static) reduction(min : bad)
    for (int64_t from = 0; from < n; from += CHECKED) {
        const int64_t rows = n - from < CHECKED ? n - from : CHECKED,
                      row = from + ac_floats_not_finite(x + from * D, rows * D) / D;
        if (row < from + rows && row < bad)
            bad = row;
    }
    if (bad < n)
        *bad_row = bad;
    return bad == n;
}

bool
ac_scan_from_name(const char *name, ac_scan *out)
{
    static const char *const names[] = { "auto", "int8", "bf16", "fp32", "int6" };

    for (int i = 0; i < 5; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (ac_scan) i;
            return true;
        }
    }
    return false;
}

const char *
ac_topk_index_scan(const ac_topk_index *self)
{
    return self->kernel->name;
}

/* In huge pages where there are some: a scan runs as fast as memory gives its entries. */
static ac_status
take(ac_topk_index *self, void *out, int64_t count, size_t size)
{
    self->bytes += (size_t) count * size;
    return ac_alloc_aligned(out, count, size);
}

/*
 * The mean of a sample, if entries are shorter without it: embeddings of one model crowd around
 * a direction, and what they share need not be rounded. Any centre keeps the bound; a bad one
 * only loosens it. sums [D]: scratch.
 */
static void
choose_centre(ac_topk_index *self, double *sums)
{
    const int64_t sample = self->n < CENTRE_SAMPLE ? self->n : CENTRE_SAMPLE, D = self->D;
    double before = 0, after = 0;

    for (int64_t i = 0; i < sample; i++)
        for (int64_t d = 0; d < D; d++)
            sums[d] += (double) self->embeddings[i * self->n / sample * D + d];
    for (int64_t d = 0; d < D; d++)
        self->centre[d] = (float) (sums[d] / (double) (sample ? sample : 1));
    for (int64_t i = 0; i < sample; i++) {
        const float *x = self->embeddings + i * self->n / sample * D;
        double left = 0;
        for (int64_t d = 0; d < D; d++) {
            const double v = (double) x[d] - (double) self->centre[d];
            left += v * v;
        }
        before += ac_scan_norm(x, D);
        after += sqrt(left);
    }
    self->centre_norm = ac_scan_norm(self->centre, D);
    if (after < 0.97 * before && self->centre_norm < 0x1p40)
        return;
    memset(self->centre, 0, (size_t) D * sizeof *self->centre);
    self->centre_norm = 0;
}

static void
pack(ac_topk_index *self)
{
    const int64_t groups = (self->n + AC_SCAN_GROUP - 1) / AC_SCAN_GROUP,
                  bytes = ac_scan_group_bytes(self->kernel->scan, self->D);
    const ac_scan_facts all = ac_scan_facts_of(self);

#pragma omp parallel for schedule(static)
    for (int64_t g = 0; g < groups; g++) {
        const int64_t at = g * AC_SCAN_GROUP,
                      count = self->n - at < AC_SCAN_GROUP ? self->n - at : AC_SCAN_GROUP;
        const ac_scan_facts facts = ac_scan_facts_at(&all, at);
        ac_scan_pack_group(self->kernel->scan, self->packed + g * bytes, &facts,
                           self->embeddings + at * self->D, self->centre, count, self->D);
    }
}

ac_status
ac_topk_index_init_kernel(ac_topk_index *self, const float *embeddings, int64_t n, int64_t D,
                          int64_t first, const ac_scan_kernel *kernel)
{
    const int64_t padded = (n + AC_SCAN_GROUP - 1) / AC_SCAN_GROUP * AC_SCAN_GROUP;
    double *sums = NULL;
    ac_status st = AC_OK;

    *self = (ac_topk_index){
        .embeddings = embeddings, .n = n, .D = D, .first = first, .kernel = kernel
    };
    self->packed_bytes =
        (size_t) (padded / AC_SCAN_GROUP * ac_scan_group_bytes(kernel->scan, D));
    if (D < 1 || D > AC_TOPK_MAX_DIMENSION)
        AC_FAIL(AC_E_LIMIT, "top-k: vectors of %lld values; the search takes 1 to %d",
                (long long) D, AC_TOPK_MAX_DIMENSION);
    AC_TRY(take(self, &self->centre, D, sizeof *self->centre));
    memset(self->centre, 0, (size_t) D * sizeof *self->centre);
    AC_TRY(take(self, &self->packed, padded / AC_SCAN_GROUP,
                (size_t) ac_scan_group_bytes(kernel->scan, D)));
    AC_TRY(take(self, &self->scales, padded, sizeof *self->scales));
    AC_TRY(take(self, &self->errors, padded, sizeof *self->errors));
    AC_TRY(take(self, &self->norms, padded, sizeof *self->norms));
    AC_TRY(take(self, &self->sums, padded, sizeof *self->sums));
    self->low_bytes = ac_scan_low_bytes(kernel->scan, D);
    if (self->low_bytes)
        AC_TRY(take(self, &self->low, padded, (size_t) self->low_bytes));
    if (ac_scan_coarse_of(kernel, D) || self->low) {
        AC_TRY(take(self, &self->coarse_errors, padded, sizeof *self->coarse_errors));
        AC_TRY(take(self, &self->coarse_norms, padded, sizeof *self->coarse_norms));
    }
    if (kernel->scan != AC_SCAN_FP32) {
        AC_TRY(ac_alloc(&sums, D, sizeof *sums));
        choose_centre(self, sums);
    }
    pack(self);
out:
    free(sums);
    if (st != AC_OK)
        ac_topk_index_free(self);
    return st;
}

void
ac_topk_index_free(ac_topk_index *self)
{
    free(self->centre);
    free(self->packed);
    free(self->scales);
    free(self->errors);
    free(self->norms);
    free(self->coarse_errors);
    free(self->coarse_norms);
    free(self->sums);
    free(self->low);
    *self = (ac_topk_index){ 0 };
}

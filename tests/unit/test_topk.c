/* The fast search equals the definition, to the bit, for every scan, kernel, batch and number
 * of threads: on random vectors of any width, near-ties, duplicates, one huge component,
 * denormals, zeros, overflow, and with k past the end.
 *
 * Longer than 600 lines: one plain search and its data serve all cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/kernels/kernel_set.h"
#include "engine/linear/compute.h"
#include "engine/retrieval/candidates.h"
#include "engine/retrieval/exact.h"
#include "engine/retrieval/narrow.h"
#include "engine/retrieval/scan.h"
#include "engine/retrieval/topk.h"

static uint64_t seed = 20240229;

/* In [-1, 1), of place (a, b) of a stream. */
static float
draw(uint64_t stream, int64_t a, int64_t b)
{
    return (float) (2 * ac_random_uniform(seed, stream, (uint32_t) a, (uint32_t) b) - 1);
}

static int64_t
draw_from(uint64_t stream, int64_t a, int64_t least, int64_t most)
{
    return least + (int64_t) (ac_random_uniform(seed, stream, (uint32_t) a, 77) *
                              (double) (most - least + 1));
}

static void
normalise(float *x, int64_t D)
{
    const double norm = ac_scan_norm(x, D);

    for (int64_t d = 0; d < D && norm > 0; d++)
        x[d] = (float) ((double) x[d] / norm);
}

typedef enum kind {
    UNIT = 0,  /* random, unit length */
    CROWDED,   /* unit length, all near one direction, as a model's embeddings are; half of the
                  queries elsewhere */
    PLANTED,   /* unnormalised; duplicates, neighbours one unit in the last place away, zeros,
                  long ones */
    NEAR_TIES, /* one entry again and again, each a few units in the last place off in one place
                */
    EQUAL,     /* one entry, n times */
    SPIKES,    /* one component a million times the others */
    ALTERNATING, /* large numbers of alternating sign, whose sum in double depends on the order
                  */
    DENORMAL,    /* far below the smallest normal number */
    TINY_AND_HUGE, /* lengths from 1e-38 to 1e38: products overflow a float, or vanish */
    NEGATIVE,      /* every score is negative */
    SIGNED_ZEROS,  /* -0.0 and few ones: scores tie at integers */
    KINDS
} kind;

static const char *const kind_names[KINDS] = { "unit",        "crowded",     "planted",
                                               "near ties",   "equal",       "spikes",
                                               "alternating", "denormal",    "tiny and huge",
                                               "negative",    "signed zeros" };

static void
fill_entry(kind what, float *c, int64_t i, int64_t D, const float *before)
{
    for (int64_t d = 0; d < D; d++)
        c[d] = draw(1, i, d);
    switch (what) {
    case UNIT: normalise(c, D); break;
    case CROWDED:
        for (int64_t d = 0; d < D; d++)
            c[d] = 0.2f * c[d] + (d % 7 ? 0.4f : 3.0f) * draw(2, 0, d);
        normalise(c, D);
        break;
    case PLANTED:
        if (i % 5 == 1)
            memcpy(c, before, (size_t) D * sizeof *c);
        if (i % 5 == 2) {
            memcpy(c, before, (size_t) D * sizeof *c);
            c[i % D] = nextafterf(c[i % D], 9);
        }
        if (i % 17 == 3)
            memset(c, 0, (size_t) D * sizeof *c);
        if (i % 23 == 4)
            for (int64_t d = 0; d < D; d++)
                c[d] *= d % 2 ? 1e4f : -1e4f;
        break;
    case NEAR_TIES:
        for (int64_t d = 0; d < D; d++)
            c[d] = draw(3, 0, d);
        for (int64_t steps = draw_from(4, i, 0, 3); steps > 0; steps--)
            c[i % D] = nextafterf(c[i % D], i % 2 ? 9 : -9);
        break;
    case EQUAL:
        for (int64_t d = 0; d < D; d++)
            c[d] = draw(3, 0, d);
        break;
    case SPIKES: c[draw_from(4, i, 0, D - 1)] *= 1e6f; break;
    case ALTERNATING:
        for (int64_t d = 0; d < D; d++)
            c[d] = (d % 2 ? 1e8f : -1e8f) * (1 + c[d] * 1e-7f);
        break;
    case DENORMAL:
        for (int64_t d = 0; d < D; d++)
            c[d] *= 1e-42f;
        break;
    case TINY_AND_HUGE: {
        const float scale = powf(10, (float) draw_from(4, i, -38, 37));
        for (int64_t d = 0; d < D; d++)
            c[d] *= scale;
        break;
    }
    case NEGATIVE:
        for (int64_t d = 0; d < D; d++)
            c[d] = -fabsf(c[d]) - 0.01f;
        break;
    default:
        for (int64_t d = 0; d < D; d++)
            c[d] = c[d] > 0.9f ? 1.0f : c[d] < -0.9f ? -1.0f : c[d] > 0 ? 0.0f : -0.0f;
        break;
    }
}

static void
fill_query(kind what, float *q, int64_t i, int64_t D)
{
    for (int64_t d = 0; d < D; d++)
        q[d] = draw(5, i, d);
    if (what == NEGATIVE)
        for (int64_t d = 0; d < D; d++)
            q[d] = fabsf(q[d]);
    if (what == SIGNED_ZEROS)
        for (int64_t d = 0; d < D; d++)
            q[d] = q[d] > 0.5f ? 1.0f : -0.0f;
    if (what == TINY_AND_HUGE || what == DENORMAL)
        for (int64_t d = 0; d < D; d++)
            q[d] *= powf(10, (float) draw_from(6, i, -38, 37));
    if (what == CROWDED && i % 2)
        for (int64_t d = 0; d < D; d++)
            q[d] = 0.3f * q[d] + (d % 7 ? 0.4f : 3.0f) * draw(2, 0, d);
    if (what == UNIT || what == CROWDED)
        normalise(q, D);
    if (i % 11 == 5) /* a zero query: every score ties */
        for (int64_t d = 0; d < D; d++)
            q[d] = d % 2 ? 0.0f : -0.0f;
    if (i % 13 == 6) /* one huge component */
        q[D / 2] = what == TINY_AND_HUGE ? 3e38f : 4096.0f;
}

typedef struct problem {
    kind what;
    int64_t n, D, nq, k;
    float *c, *q, *expected, *scores;
    int64_t *expected_ids, *ids;
} problem;

static void
problem_init(problem *p, kind what, int64_t n, int64_t D, int64_t nq, int64_t k)
{
    *p = (problem){ .what = what, .n = n, .D = D, .nq = nq, .k = k };
    p->c = calloc((size_t) (n * D + 1), sizeof *p->c);
    p->q = calloc((size_t) (nq * D), sizeof *p->q);
    p->expected = calloc((size_t) (nq * k), sizeof *p->expected);
    p->scores = calloc((size_t) (nq * k), sizeof *p->scores);
    p->expected_ids = calloc((size_t) (nq * k), sizeof *p->ids);
    p->ids = calloc((size_t) (nq * k), sizeof *p->ids);
    for (int64_t i = 0; i < n; i++)
        fill_entry(what, p->c + i * D, i, D, i ? p->c + (i - 1) * D : p->c);
    for (int64_t i = 0; i < nq; i++)
        fill_query(what, p->q + i * D, i, D);
    assert_int_equal(ac_topk_ref(p->c, n, D, 100, p->q, nq, k, p->expected_ids, p->expected),
                     AC_OK);
}

static void
problem_free(problem *p)
{
    free(p->c);
    free(p->q);
    free(p->expected);
    free(p->scores);
    free(p->expected_ids);
    free(p->ids);
}

static void
compare_first(const problem *p, const ac_scan_kernel *kernel, int threads, int64_t nq)
{
    for (int64_t i = 0; i < nq * p->k; i++)
        if (p->ids[i] != p->expected_ids[i] ||
            memcmp(&p->scores[i], &p->expected[i], sizeof(float)) != 0)
            fail_msg("seed %llu, %s, %s, n %lld, D %lld, %lld queries, k %lld, %d threads: "
                     "query %lld, place %lld is entry %lld with %.9g, "
                     "the definition says %lld with %.9g",
                     (unsigned long long) seed, kernel->name, kind_names[p->what],
                     (long long) p->n, (long long) p->D, (long long) nq, (long long) p->k,
                     threads, (long long) (i / p->k), (long long) (i % p->k),
                     (long long) p->ids[i], (double) p->scores[i],
                     (long long) p->expected_ids[i], (double) p->expected[i]);
}

/* Every kernel of this CPU, with batches of the first 1, 2, 3, 7 and of all queries, on 1 and
 * (the last two) 2 threads. */
static void
check(kind what, int64_t n, int64_t D, int64_t nq, int64_t k)
{
    const int64_t batches[] = { 1, 2, 3, 7, nq };
    problem p;
    int count;
    const ac_scan_kernel *const *kernels = ac_scan_kernels(&count);

    problem_init(&p, what, n, D, nq, k);
    for (int i = 0; i < count; i++) {
        ac_topk_index index = { 0 };
        if (!ac_cpu_has(kernels[i]->instructions))
            continue;
        assert_int_equal(ac_topk_index_init_kernel(&index, p.c, n, D, 100, kernels[i]), AC_OK);
        for (int threads = 1; threads <= 2; threads++) {
            ac_compute_init(threads);
            for (size_t j = threads == 1 ? 0 : 3; j < sizeof batches / sizeof *batches; j++) {
                const int64_t batch = batches[j] < nq ? batches[j] : nq;
                memset(p.ids, 0x55, (size_t) (nq * k) * sizeof *p.ids);
                memset(p.scores, 0x55, (size_t) (nq * k) * sizeof *p.scores);
                assert_int_equal(ac_topk_search(&index, p.q, batch, k, p.ids, p.scores, NULL),
                                 AC_OK);
                compare_first(&p, kernels[i], threads, batch);
            }
        }
        ac_topk_index_free(&index);
    }
    problem_free(&p);
}

static void
equals_the_definition_on_every_kind(void **state)
{
    (void) state;
    for (int what = 0; what < KINDS; what++) {
        check((kind) what, 1500, 64, 64, 10);
        check((kind) what, 700, 37, 20, 5);
    }
}

static void
equals_the_definition_at_every_size(void **state)
{
    (void) state;
    for (int64_t i = 0; i < 40; i++) {
        const int64_t D = i < 8 ? i + 1 : draw_from(7, i, 1, 1024), n = draw_from(8, i, 1, 400),
                      nq = draw_from(9, i, 1, 16);
        check((kind) (i % KINDS), n, D, nq, draw_from(10, i, 1, 2 * n));
    }
    check(UNIT, 300, 1024, 300, 10);
    check(PLANTED, 1025, 9, 300, 3);
}

static void
k_may_be_all_or_more(void **state)
{
    (void) state;
    check(PLANTED, 0, 16, 8, 3);
    check(PLANTED, 1, 1, 8, 1);
    check(PLANTED, 17, 16, 8, 17);
    check(EQUAL, 40, 5, 8, 40);
    check(PLANTED, 33, 16, 8, 100);
    check(UNIT, 2000, 16, 8, 1000);
}

/* Few candidates' room, many candidates: the buffer is pruned and settled again and again. */
static void
ties_without_end(void **state)
{
    (void) state;
    check(EQUAL, 6000, 8, 7, 10);
    check(NEAR_TIES, 6000, 8, 7, 70);
    check(SIGNED_ZEROS, 6000, 12, 7, 10);
}

/* The integers of every int8 kernel, also the extremes, are those of the plain sum. */
static void
kernels_give_the_same_integers(void **state)
{
    int count;
    const ac_scan_kernel *const *kernels = ac_scan_kernels(&count);

    (void) state;
    for (int i = 0; i < count; i++) {
        if (kernels[i]->scan != AC_SCAN_INT8)
            continue;
        if (!ac_cpu_has(kernels[i]->instructions)) {
            print_message("%s: not run, this CPU does not have it\n", kernels[i]->name);
            continue;
        }
        for (int64_t D = 1; D <= 1100; D = D * 3 + 1) {
            for (int rows = 1; rows <= AC_SCAN_ROWS; rows++) {
                const int64_t padded = ac_scan_padded(D);
                const int32_t most = ac_scan_query_max(kernels[i], D);
                int8_t *group = aligned_alloc(64, (size_t) padded * AC_SCAN_GROUP + 64 -
                                                      (size_t) padded * AC_SCAN_GROUP % 64);
                int16_t *tile = aligned_alloc(64, (size_t) padded * AC_SCAN_GROUP * 2),
                        *integers = calloc((size_t) (padded * rows), 2);
                int16_t *panel = calloc((size_t) (padded * rows), sizeof *panel);
                int32_t out[AC_SCAN_ROWS * AC_SCAN_GROUP], sums[AC_SCAN_GROUP] = { 0 };
                ac_scan_query queries[AC_SCAN_ROWS] = { 0 };
                for (int64_t d = 0; d < padded; d++) {
                    for (int64_t j = 0; j < AC_SCAN_GROUP; j++) {
                        int8_t *at = &group[d / 4 * 64 + j * 4 + d % 4];
                        *at = (int8_t) (j == 0   ? 127
                                        : j == 1 ? -127
                                                 : draw_from(20, d * 16 + j, -127, 127));
                        if (d >= D)
                            *at = 0;
                        sums[j] += *at;
                    }
                    for (int r = 0; r < rows; r++)
                        integers[r * padded + d] =
                            (int16_t) (d >= D   ? 0
                                       : r == 0 ? most
                                       : r == 1 ? -most
                                                : draw_from(21, d * 6 + r, -most, most));
                }
                for (int r = 0; r < rows; r++)
                    queries[r].fine.integers = integers + r * padded;
                kernels[i]->panel(panel, queries, rows, D);
                for (int direct = 0; direct <= (rows <= kernels[i]->direct_rows); direct++) {
                    if (direct) {
                        kernels[i]->tile_direct(out, group, panel, D, rows, AC_SCAN_GROUP);
                    } else {
                        if (kernels[i]->expand)
                            kernels[i]->expand(tile, group, D, AC_SCAN_GROUP);
                        kernels[i]->tile(out, kernels[i]->expand ? (void *) tile : group, panel,
                                         sums, D, rows);
                    }
                    for (int r = 0; r < rows; r++) {
                        for (int64_t j = 0; j < AC_SCAN_GROUP; j++) {
                            int64_t sum = 0;
                            for (int64_t d = 0; d < D; d++)
                                sum += (int64_t) integers[r * padded + d] *
                                       group[d / 4 * 64 + j * 4 + d % 4];
                            assert_int_equal(out[r * AC_SCAN_GROUP + j], sum);
                        }
                    }
                }
                free(group);
                free(tile);
                free(integers);
                free(panel);
            }
        }
    }
}

/* The same of the int6 kernels, packed from rows. */
static void
six_bits_give_the_same_integers(void **state)
{
    int count;
    const ac_scan_kernel *const *kernels = ac_scan_kernels(&count);

    (void) state;
    for (int i = 0; i < count; i++) {
        if (kernels[i]->scan != AC_SCAN_INT6 || !ac_cpu_has(kernels[i]->instructions))
            continue;
        for (int64_t D = 1; D <= 1100; D = D * 3 + 1) {
            const int64_t padded = ac_scan_padded(D);
            const int32_t most = ac_scan_query_max(kernels[i], D);
            unsigned char *group = calloc(1, (size_t) ac_scan_group_bytes(AC_SCAN_INT6, D)),
                          *panel = malloc(
                              (size_t) (ac_scan_panel_width(kernels[i], D) * AC_SCAN_ROWS));
            const int64_t low_bytes = ac_scan_low_bytes(AC_SCAN_INT6, D);
            unsigned char *low = calloc(AC_SCAN_GROUP, (size_t) low_bytes);
            int8_t *rows = malloc((size_t) (D * AC_SCAN_GROUP));
            int16_t *integers = calloc((size_t) (padded * AC_SCAN_ROWS), sizeof *integers);
            ac_scan_query queries[AC_SCAN_ROWS] = { 0 };
            for (int64_t j = 0; j < AC_SCAN_GROUP; j++) {
                for (int64_t d = 0; d < D; d++)
                    rows[j * D + d] =
                        (int8_t) (j == 0   ? 127
                                  : j == 1 ? -127
                                           : draw_from(22, d * 16 + j, -127, 127));
                ac_scan_int6_pack(group, low + j * low_bytes, j, rows + j * D, D);
            }
            for (int64_t r = 0; r < AC_SCAN_ROWS; r++) {
                for (int64_t d = 0; d < D; d++)
                    integers[r * padded + d] =
                        (int16_t) (r == 0   ? most
                                   : r == 1 ? -most
                                            : draw_from(23, d * 6 + r, -most, most));
                queries[r].fine.integers = integers + r * padded;
            }
            for (int n = 1; n <= AC_SCAN_ROWS; n++) {
                int32_t out[AC_SCAN_ROWS * AC_SCAN_GROUP];
                kernels[i]->panel(panel, queries, n, D);
                kernels[i]->tile(out, group, panel, NULL, D, n);
                for (int64_t j = 0; j < n * AC_SCAN_GROUP; j++) {
                    const int64_t r = j / AC_SCAN_GROUP, c = j % AC_SCAN_GROUP;
                    int64_t sum = 0, twice_upper = 0;
                    for (int64_t d = 0; d < D; d++) {
                        const int q = integers[r * padded + d], v = rows[c * D + d];
                        sum += (int64_t) q * v;
                        twice_upper += (int64_t) q * (2 * v + 3 - 2 * (v & 3));
                    }
                    assert_int_equal(out[j], twice_upper);
                    assert_int_equal(
                        kernels[i]->refine(out[j], low + c * low_bytes,
                                           panel + r * ac_scan_panel_width(kernels[i], D), D),
                        sum);
                }
            }
            free(group);
            free(low);
            free(panel);
            free(rows);
            free(integers);
        }
    }
}

/* The coarse stage's integers at the extremes: nothing saturates, and fine_one is the plain
 * sum. */
static void
coarse_integers_are_exact(void **state)
{
    int count;
    const ac_scan_kernel *const *kernels = ac_scan_kernels(&count);

    (void) state;
    for (int i = 0; i < count; i++) {
        if (!ac_cpu_has(kernels[i]->instructions) || !kernels[i]->coarse)
            continue;
        for (int64_t D = 1; D <= 2000; D = D * 3 + 2) {
            const ac_scan_coarse *coarse = kernels[i]->coarse;
            const int64_t padded = ac_scan_padded(D), wide = ac_scan_coarse_padded(D);
            int8_t *group = calloc((size_t) padded * AC_SCAN_GROUP, 1),
                   *panel = calloc((size_t) wide * AC_SCAN_ROWS, 1);
            void *tile = aligned_alloc(64, (size_t) wide * AC_SCAN_GROUP);
            int16_t *integers = calloc((size_t) padded * AC_SCAN_ROWS, sizeof *integers);
            ac_scan_query queries[AC_SCAN_ROWS] = { 0 };
            for (int64_t d = 0; d < D; d++) {
                for (int64_t j = 0; j < AC_SCAN_GROUP; j++)
                    group[d / 4 * 64 + j * 4 + d % 4] =
                        (int8_t) (j == 0   ? 127
                                  : j == 1 ? -127
                                           : draw_from(22, d * 16 + j, -127, 127));
                for (int r = 0; r < AC_SCAN_ROWS; r++)
                    integers[r * padded + d] =
                        (int16_t) (r == 0   ? coarse->query_max
                                   : r == 1 ? -coarse->query_max
                                            : draw_from(23, d * 6 + r, -coarse->query_max,
                                                        coarse->query_max));
            }
            for (int r = 0; r < AC_SCAN_ROWS; r++)
                queries[r].coarse.integers = integers + r * padded;
            coarse->expand(tile, group, D);
            for (int rows = 1; rows <= AC_SCAN_ROWS; rows++) {
                int32_t out[AC_SCAN_ROWS * AC_SCAN_GROUP];
                coarse->panel(panel, queries, rows, D);
                coarse->tile(out, tile, panel, D, rows);
                for (int r = 0; r < rows; r++) {
                    for (int j = 0; j < AC_SCAN_GROUP; j++) {
                        int64_t seven = 0, eight = 0;
                        for (int64_t d = 0; d < D; d++) {
                            const int8_t c = group[d / 4 * 64 + j * 4 + d % 4];
                            const int16_t q = integers[r * padded + d];
                            seven += q * ((c + 128) / 2);
                            eight += q * c;
                        }
                        assert_int_equal(out[r * AC_SCAN_GROUP + j], seven);
                        assert_int_equal(
                            coarse->fine_one(group, queries[r].coarse.integers, D, j), eight);
                    }
                }
            }
            free(group);
            free(panel);
            free(tile);
            free(integers);
        }
    }
}

/* |score - scanned| <= bound, or fail. */
static void
assert_within(const problem *p, const char *name, int64_t r, int64_t at, double scanned,
              double bound)
{
    double sum = 0;

    for (int64_t d = 0; d < p->D; d++)
        sum += (double) p->q[r * p->D + d] * (double) p->c[at * p->D + d];
    if (fabs((double) (float) sum - scanned) > bound)
        fail_msg("%s, %s: score %.9g, scanned %.9g, bound %.9g", name, kind_names[p->what], sum,
                 scanned, bound);
}

static void
check_bounds(const problem *p, const ac_scan_kernel *kernel)
{
    const int64_t D = p->D, room = ac_scan_query_integers(kernel, D);
    const ac_scan_coarse *coarse = ac_scan_coarse_of(kernel, D);
    int16_t *integers = calloc((size_t) (p->nq * room + 1), sizeof *integers);
    unsigned char *panel = calloc(
        (size_t) (p->nq * (AC_SCAN_INT6_HEAD + D + AC_SCAN_LOW_ELEMENTS)), sizeof(float));
    void *tile = aligned_alloc(64, (size_t) D * AC_SCAN_GROUP * sizeof(float));
    ac_scan_query queries[AC_SCAN_ROWS];
    ac_topk_index x = { 0 };

    assert_int_equal(ac_topk_index_init_kernel(&x, p->c, p->n, D, 0, kernel), AC_OK);
    for (int r = 0; r < p->nq; r++)
        ac_scan_query_init(&queries[r], kernel, p->q + r * D, integers + r * room, x.centre,
                           x.centre_norm, D);
    for (int64_t g = 0; g < p->n / AC_SCAN_GROUP; g++) {
        float out[AC_SCAN_ROWS * AC_SCAN_GROUP];
        int32_t coarse_out[AC_SCAN_ROWS * AC_SCAN_GROUP];
        const void *group = kernel->scan == AC_SCAN_FP32
                                ? (const void *) (p->c + g * AC_SCAN_GROUP * D)
                                : x.packed + g * ac_scan_group_bytes(kernel->scan, D);
        kernel->panel(panel, queries, (int) p->nq, D);
        if (kernel->expand)
            kernel->expand(tile, group, D, AC_SCAN_GROUP);
        kernel->tile(out, kernel->expand ? tile : group, panel, x.sums + g * AC_SCAN_GROUP, D,
                     (int) p->nq);
        if (coarse) {
            coarse->panel(panel, queries, (int) p->nq, D);
            coarse->expand(tile, group, D);
            coarse->tile(coarse_out, tile, panel, D, (int) p->nq);
        }
        for (int64_t j = 0; j < p->nq * AC_SCAN_GROUP; j++) {
            const int64_t r = j / AC_SCAN_GROUP, at = g * AC_SCAN_GROUP + j % AC_SCAN_GROUP;
            const ac_scan_query *q = &queries[r];
            double scanned = (double) out[j];
            if (kernel->refine) {
                const ac_scan_rounded *f = &q->fine;
                int32_t upper, sum;
                memcpy(&upper, &out[j], sizeof upper);
                sum = kernel->refine(upper, x.low + at * x.low_bytes,
                                     panel + r * ac_scan_panel_width(kernel, D), D);
                assert_within(
                    p, "int6, upper bits", r, at,
                    q->base + (double) ((float) upper * x.scales[at] * (0.5f * f->scale)),
                    (double) f->spread * (double) x.coarse_errors[at] +
                        (double) f->slack * (double) x.coarse_norms[at] + q->constant);
                scanned = (double) ((float) sum * x.scales[at] * f->scale);
            } else if (kernel->query_max) {
                int32_t integer;
                memcpy(&integer, &out[j], sizeof integer);
                scanned = (double) ((float) integer * x.scales[at] * q->fine.scale);
            }
            assert_within(p, kernel->name, r, at, q->base + scanned,
                          (double) q->fine.spread * (double) x.errors[at] +
                              (double) q->fine.slack * (double) x.norms[at] + q->constant);
            if (!coarse)
                continue;
            scanned = (double) ((float) (4 * coarse_out[j] - 255 * q->coarse_sum) *
                                x.scales[at] * (0.5f * q->coarse.scale));
            assert_within(p, "coarse", r, at, q->base + scanned,
                          (double) q->coarse.spread * (double) x.coarse_errors[at] +
                              (double) q->coarse.slack * (double) x.coarse_norms[at] +
                              q->constant);
        }
    }
    ac_topk_index_free(&x);
    free(integers);
    free(panel);
    free(tile);
}

/* The promise of scan.h itself, number by number: no score lies outside its interval. */
static void
bounds_hold(void **state)
{
    int count;
    const ac_scan_kernel *const *kernels = ac_scan_kernels(&count);

    (void) state;
    for (int what = 0; what < KINDS; what++) {
        problem p;
        problem_init(&p, (kind) what, 256, 96, AC_SCAN_ROWS, 1);
        for (int i = 0; i < count; i++)
            if (ac_cpu_has(kernels[i]->instructions))
                check_bounds(&p, kernels[i]);
        problem_free(&p);
    }
}

/* Searches for the best of n entries and their mirror images (so that the centre is 0), of
 * which x [n, D] are given. */
static int64_t
best_of_mirrored(const ac_scan_kernel *kernel, float *x, int64_t n, int64_t D, const float *q)
{
    ac_topk_index index = { 0 };
    int64_t id = -1, expected = -2;
    float score, expected_score;

    for (int64_t i = 0; i < n * D; i++)
        x[n * D + i] = -x[i];
    assert_int_equal(ac_topk_ref(x, 2 * n, D, 0, q, 1, 1, &expected, &expected_score), AC_OK);
    assert_int_equal(ac_topk_index_init_kernel(&index, x, 2 * n, D, 0, kernel), AC_OK);
    assert_int_equal(ac_topk_search(&index, q, 1, 1, &id, &score, NULL), AC_OK);
    ac_topk_index_free(&index);
    if (id != expected)
        fail_msg("%s: entry %lld, the definition says %lld", kernel->name, (long long) id,
                 (long long) expected);
    return id;
}

/*
 * The worst case of each term of the bound, where half of it would lose the best entry. Room
 * for many ordinary entries before the two that matter, so that they meet a threshold. entry's
 * error: all that sets the best entry apart was lost in rounding it, and the query points along
 * it; query's error: the same with the parts exchanged.
 */
static void
the_worst_case_is_found(void **state)
{
    enum { D = 64, ENTRIES = 600 };
    int count;
    const ac_scan_kernel *const *kernels = ac_scan_kernels(&count);
    float *x = calloc(2 * ENTRIES * D, sizeof *x), q[D];

    (void) state;
    ac_compute_init(1);
    for (int i = 0; i < count; i++) {
        const float unit = 1.0f / 127,
                    query_unit = 1.0f / (float) ac_scan_query_max(kernels[i], D);
        if ((kernels[i]->scan != AC_SCAN_INT8 && kernels[i]->scan != AC_SCAN_INT6) ||
            !ac_cpu_has(kernels[i]->instructions))
            continue;
        for (int64_t d = 0; d < D;
             d++) { /* entries: multiples of a unit; the query: signs, which are exact */
            const int sign = draw_from(31, d, 0, 1) ? 1 : -1,
                      g = (int) draw_from(30, d, 1, 60) * sign;
            q[d] = d ? (float) sign : 0;
            for (int64_t j = 0; j < ENTRIES; j++)
                x[j * D + d] = d ? (float) (g - (j + d) % 2 * sign) * unit : 1;
            x[(ENTRIES - 2) * D + d] =
                d ? (float) (g + (d < 28) * sign) * unit : 1; /* 27 units up, to the integer */
            x[(ENTRIES - 1) * D + d] =
                d ? ((float) g + 0.49f * (float) sign) * unit : 1; /* 63 times 0.49, all lost */
        }
        assert_int_equal(best_of_mirrored(kernels[i], x, ENTRIES, D, q), ENTRIES - 1);

        memset(x, 0, ENTRIES * D * sizeof *x);
        for (int64_t d = 0; d < D; d++) {
            const float sign = draw_from(31, d, 0, 1) ? 1 : -1;
            q[d] = d == 0   ? 1
                   : d == 1 ? rintf(0.86f * 62 * 0.49f * 127) * query_unit
                            : 0.49f * query_unit * sign;
            x[(ENTRIES - 1) * D + d] = d == 0 ? 1 : d == 1 ? 0 : sign;
        }
        for (int64_t j = 0; j < ENTRIES - 1; j++)
            x[j * D] = 1;
        x[(ENTRIES - 2) * D + 1] =
            unit; /* 0.86 of what the last entry gains by what the query lost */
        if (q[1] <= 1)
            assert_int_equal(best_of_mirrored(kernels[i], x, ENTRIES, D, q), ENTRIES - 1);
    }
    free(x);
}

/* With the sets that leave AMX out, so that the kernels behind it meet every kind too. */
static void
every_kernel_set_gives_the_same(void **state)
{
    int count;
    const ac_kernel_set *sets = ac_kernel_sets(&count);

    (void) state;
    for (int i = 0; i < count; i++) {
        if (!ac_cpu_has(sets[i].instructions))
            continue;
        assert_int_equal(ac_kernels_use(sets[i].name), AC_OK);
        for (int what = 0; what < KINDS; what++)
            check((kind) what, 400 + 16 * what, 64, 40, 10);
    }
    assert_int_equal(ac_kernels_use(NULL), AC_OK);
}

/* Single precision's interval holds the score, is no wider than it says, and is open. */
static void
narrow_bounds_hold(void **state)
{
    static const int64_t widths[] = { 1, 7, 31, 32, 33, 512, 1000 };
    int count;
    const ac_kernel_set *sets = ac_kernel_sets(&count);

    (void) state;
    for (int i = 0; i < count; i++) {
        if (!ac_cpu_has(sets[i].instructions))
            continue;
        assert_int_equal(ac_kernels_use(sets[i].name), AC_OK);
        for (int what = 0; what < KINDS; what++) {
            for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
                const int64_t D = widths[w];
                problem p;
                problem_init(&p, (kind) what, 60, D, 20, 1);
                for (int64_t at = 0; at < 60 * 20; at++) {
                    const float *q = p.q + at % 20 * D, *c = p.c + at / 20 * D;
                    const double score = (double) ac_exact_score(q, c, D);
                    double lower = 0, upper = 0;
                    if (!ac_narrow(&lower, &upper, q, c, c, D)) {
                        assert_true(what == TINY_AND_HUGE);
                        continue;
                    }
                    assert_true(lower < upper && lower <= score && score <= upper);
                    if (what == UNIT)
                        assert_true(upper - lower <
                                    1e-6 + 2.1 * 0x1p-24 * (double) (D + 8) * 4096);
                }
                problem_free(&p);
            }
        }
    }
    assert_int_equal(ac_kernels_use(NULL), AC_OK);
}

/* The scan is worth its name: on random unit vectors few scores are computed. */
static void
few_scores_are_computed(void **state)
{
    problem p;
    ac_topk_index index = { 0 };
    int64_t scored = 0;

    (void) state;
    ac_compute_init(1);
    problem_init(&p, UNIT, 20000, 128, 7, 10);
    assert_int_equal(ac_topk_index_init(&index, p.c, p.n, p.D, 100, AC_SCAN_INT8, 0), AC_OK);
    assert_int_equal(ac_topk_search(&index, p.q, p.nq, p.k, p.ids, p.scores, &scored), AC_OK);
    compare_first(&p, index.kernel, 1, p.nq);
    assert_true(scored >= p.k * p.nq / 2);
    assert_true(scored < p.nq * 40); /* of 20,000; hardly more than 10 */
    ac_topk_index_free(&index);
    problem_free(&p);
}

static void
chooses_a_scan_by_itself(void **state)
{
    problem p;
    ac_topk_index index = { 0 };
    ac_scan scan = AC_SCAN_AUTO;

    (void) state;
    problem_init(&p, CROWDED, 5000, 48, 10, 10);
    assert_int_equal(ac_topk_index_init(&index, p.c, p.n, p.D, 100, AC_SCAN_AUTO, 10), AC_OK);
    assert_int_equal(ac_topk_search(&index, p.q, p.nq, p.k, p.ids, p.scores, NULL), AC_OK);
    compare_first(&p, index.kernel, 2, p.nq);
    print_message("chosen here: %s\n", ac_topk_index_scan(&index));
    ac_topk_index_free(&index);
    problem_free(&p);
    assert_true(ac_scan_from_name("bf16", &scan) && scan == AC_SCAN_BF16);
    assert_true(ac_scan_from_name("int6", &scan) && scan == AC_SCAN_INT6);
    assert_false(ac_scan_from_name("int4", &scan));
    assert_int_equal(
        ac_topk_index_init(&index, NULL, 0, AC_TOPK_MAX_DIMENSION + 1, 0, AC_SCAN_FP32, 0),
        AC_E_LIMIT);
}

static void
finds_what_is_not_finite(void **state)
{
    float x[6] = { 0, 1, 2, NAN, 4, 5 };
    int64_t row = -1;

    (void) state;
    assert_false(ac_embeddings_check(x, 3, 2, &row));
    assert_int_equal(row, 1);
    x[3] = 3;
    assert_true(ac_embeddings_check(x, 3, 2, &row));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_give_the_same_integers),
        cmocka_unit_test(six_bits_give_the_same_integers),
        cmocka_unit_test(coarse_integers_are_exact),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(the_worst_case_is_found),
        cmocka_unit_test(equals_the_definition_on_every_kind),
        cmocka_unit_test(equals_the_definition_at_every_size),
        cmocka_unit_test(k_may_be_all_or_more),
        cmocka_unit_test(ties_without_end),
        cmocka_unit_test(every_kernel_set_gives_the_same),
        cmocka_unit_test(narrow_bounds_hold),
        cmocka_unit_test(few_scores_are_computed),
        cmocka_unit_test(chooses_a_scan_by_itself),
        cmocka_unit_test(finds_what_is_not_finite),
    };

    if (getenv("AC_SEED"))
        seed = strtoull(getenv("AC_SEED"), NULL, 10);
    print_message("seed %llu (AC_SEED sets another)\n", (unsigned long long) seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

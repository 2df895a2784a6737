/* One process, taking turns: a search of made vectors, and reading as many bytes as it reads.
 *
 *   bench_scan ENTRIES WIDTH QUERIES CROWDED ROUNDS [SCAN [KERNELS]]
 *
 * The bytes read are the index's own: its packed entries and what stands beside them. Prints
 * the least and the median of both, in ms of wall and of processor time, and their ratios. The
 * search is ac_topk_search alone: no text is embedded, nothing printed. */
#include <antarctic.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/made_vectors.h"

enum { K = 10, MOST_ROUNDS = 10000, GROUP = 16, BLOCK = 1 << 18 };

/* Every 8th byte is added up, so that each line is read and nothing else counts. */
static uint64_t
read_bytes(const void *p, int64_t bytes)
{
    const uint64_t *x = p;
    uint64_t total = 0;

#pragma omp parallel for schedule(dynamic, 1) reduction(+ : total)
    for (int64_t at = 0; at < bytes / 8; at += BLOCK / 8) {
        const int64_t end = at + BLOCK / 8 < bytes / 8 ? at + BLOCK / 8 : bytes / 8;
        uint64_t sums[8] = { 0 };
        for (int64_t i = at; i + 64 <= end; i += 64)
            for (int64_t j = 0; j < 64; j += 8)
                for (int64_t l = 0; l < 8; l++)
                    sums[l] += x[i + j + l];
        for (int l = 0; l < 8; l++)
            total += sums[l];
    }
    return total;
}

static uint64_t
read_index(const ac_topk_index *x)
{
    const int64_t padded = (x->n + GROUP - 1) / GROUP * GROUP;

    /* of int6 the lower bits of a few entries are read in addition */
    return read_bytes(x->packed, (int64_t) x->packed_bytes) +
           read_bytes(x->scales, padded * 4) +
           read_bytes(x->low ? x->coarse_errors : x->errors, padded * 4) +
           read_bytes(x->low ? x->coarse_norms : x->norms, padded * 4) +
           (x->low ? 0 : read_bytes(x->sums, padded * 4));
}

static int
compare(const void *left, const void *right)
{
    const double a = *(const double *) left, b = *(const double *) right;

    return a < b ? -1 : a > b;
}

typedef struct series {
    double wall[MOST_ROUNDS], cpu[MOST_ROUNDS];
} series;

static void
sort_series(series *s, int64_t rounds)
{
    qsort(s->wall, (size_t) rounds, sizeof *s->wall, compare);
    qsort(s->cpu, (size_t) rounds, sizeof *s->cpu, compare);
}

int
main(int argc, char **argv)
{
    static series searches, readings;
    const int64_t n = argc > 1 ? atoll(argv[1]) : 0, D = argc > 2 ? atoll(argv[2]) : 0,
                  nq = argc > 3 ? atoll(argv[3]) : 0, rounds = argc > 5 ? atoll(argv[5]) : 0;
    const bool crowded = argc > 4 && atoi(argv[4]);
    ac_topk_index index = { 0 };
    float *x = NULL, *q = NULL, *scores = NULL;
    int64_t *ids = NULL, scored = 0;
    uint64_t sink = 0;
    ac_scan scan = AC_SCAN_INT8;
    double built;
    ac_status st = AC_OK;

    if (n < 1 || D < 1 || nq < 1 || rounds < 1 || rounds > MOST_ROUNDS ||
        (argc > 6 && !ac_scan_from_name(argv[6], &scan))) {
        fprintf(stderr, "bench_scan ENTRIES WIDTH QUERIES CROWDED ROUNDS [SCAN [KERNELS]]\n");
        return 1;
    }
    AC_TRY(ac_kernels_use(argc > 7 ? argv[7] : NULL));
    AC_TRY(ac_alloc_aligned(&x, n * D, sizeof *x));
    AC_TRY(ac_alloc_aligned(&q, nq * D, sizeof *q));
    AC_TRY(ac_alloc(&ids, nq * K, sizeof *ids));
    AC_TRY(ac_alloc(&scores, nq * K, sizeof *scores));
    make(x, 0, n, D, crowded, 1);
    make(q, 0, nq, D, crowded, 99);
    built = now(CLOCK_MONOTONIC);
    AC_TRY(ac_topk_index_init(&index, x, n, D, 0, scan, nq));
    built = now(CLOCK_MONOTONIC) - built;
    for (int64_t i = -1; i < rounds; i++) { /* the first is not counted */
        const int64_t at = i < 0 ? 0 : i;
        double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
        AC_TRY(ac_topk_search(&index, q, nq, K, ids, scores, &scored));
        searches.wall[at] = 1e3 * (now(CLOCK_MONOTONIC) - wall);
        searches.cpu[at] = 1e3 * (now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
        if (nq > 1)
            continue;
        wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
        sink += read_index(&index);
        readings.wall[at] = 1e3 * (now(CLOCK_MONOTONIC) - wall);
        readings.cpu[at] = 1e3 * (now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    }
    sort_series(&searches, rounds);
    sort_series(&readings, rounds);
    printf("%s, %s, %lld x %lld, %lld queries, %d threads: index built in %.2f s, %.1f exact "
           "scores per query\n",
           ac_topk_index_scan(&index), crowded ? "crowded" : "random", (long long) n,
           (long long) D, (long long) nq, omp_get_max_threads(), built,
           (double) scored / (double) nq);
    printf("search: least %.2f ms, median %.2f; CPU least %.2f, median %.2f\n",
           searches.wall[0], searches.wall[rounds / 2], searches.cpu[0],
           searches.cpu[rounds / 2]);
    if (nq == 1)
        printf("reading: least %.2f ms, median %.2f; CPU least %.2f, median %.2f\n"
               "search over reading: %.2f (least), %.2f (median), CPU %.2f, %.2f  [%x]\n",
               readings.wall[0], readings.wall[rounds / 2], readings.cpu[0],
               readings.cpu[rounds / 2], searches.wall[0] / readings.wall[0],
               searches.wall[rounds / 2] / readings.wall[rounds / 2],
               searches.cpu[0] / readings.cpu[0],
               searches.cpu[rounds / 2] / readings.cpu[rounds / 2], (unsigned) (sink & 15));
out:
    if (st != AC_OK)
        fprintf(stderr, "bench_scan: %s\n", ac_error_message());
    ac_topk_index_free(&index);
    free(x);
    free(q);
    free(ids);
    free(scores);
    return st == AC_OK ? 0 : 2;
}

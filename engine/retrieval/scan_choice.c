/* The choice of a scan: each is tried on a part of the entries. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/memory.h"
#include "engine/retrieval/scan.h"
#include "engine/retrieval/topk.h"

enum {
    CHOICE_ENTRIES = 32768, /* entries searched to choose a scan */
    CHOICE_QUERIES = 96,
    CHOICE_LEAST = 4096, /* with fewer entries nothing is worth packing */
    CHOICE_K = 10
};

static double
cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

/* The least of three searches of a part of the entries, by other entries of it. Processor time,
 * all threads': the clock on the wall would ask what else this machine does. */
static ac_status
time_scan(double *seconds, const ac_topk_index *part, const float *queries, int64_t nq)
{
    int64_t ids[CHOICE_QUERIES * CHOICE_K];
    float scores[CHOICE_QUERIES * CHOICE_K];
    ac_status st = AC_OK;

    *seconds = INFINITY;
    for (int i = 0; i < 3 && st == AC_OK; i++) {
        const double start = cpu_seconds();
        double took;
        st = ac_topk_search(part, queries, nq, CHOICE_K, ids, scores, NULL);
        took = cpu_seconds() - start;
        *seconds = took < *seconds ? took : *seconds;
    }
    return st;
}

static ac_status
choose_scan(const ac_scan_kernel **best, const float *embeddings, int64_t n, int64_t D,
            int64_t batch)
{
    const int64_t entries = n < CHOICE_ENTRIES ? n : CHOICE_ENTRIES,
                  nq = batch > 0 && batch < CHOICE_QUERIES ? batch : CHOICE_QUERIES;
    float *queries = NULL;
    double least = INFINITY;
    ac_status st = AC_OK;

    *best = ac_scan_kernel_best(AC_SCAN_FP32);
    if (n < CHOICE_LEAST)
        return AC_OK;
    AC_TRY(ac_alloc_aligned(&queries, nq * D, sizeof *queries));
    for (int64_t i = 0; i < nq; i++)
        memcpy(queries + i * D, embeddings + i * n / nq * D, (size_t) D * sizeof *queries);
    for (int scan = AC_SCAN_INT8; scan <= AC_SCAN_FP32; scan++) {
        const ac_scan_kernel *kernel = ac_scan_kernel_best((ac_scan) scan);
        ac_topk_index part = { 0 };
        double seconds = INFINITY;
        st = ac_topk_index_init_kernel(&part, embeddings, entries, D, 0, kernel);
        if (st == AC_OK)
            st = time_scan(&seconds, &part, queries, nq);
        ac_topk_index_free(&part);
        AC_TRY(st);
        if (seconds < 0.9 * least) { /* the smaller one, unless the other is clearly faster */
            least = seconds;
            *best = kernel;
        }
    }
out:
    free(queries);
    return st;
}

ac_scan
ac_topk_scan_of_few(void)
{
    return ac_scan_kernel_best(AC_SCAN_INT6)->instructions ? AC_SCAN_INT6 : AC_SCAN_INT8;
}

ac_status
ac_topk_index_init(ac_topk_index *self, const float *embeddings, int64_t n, int64_t D,
                   int64_t first, ac_scan scan, int64_t batch)
{
    const ac_scan_kernel *kernel = scan == AC_SCAN_AUTO ? NULL : ac_scan_kernel_best(scan);
    ac_status st = AC_OK;

    *self = (ac_topk_index){ 0 };
    if (!kernel)
        st = choose_scan(&kernel, embeddings, n, D, batch);
    if (st == AC_OK)
        st = ac_topk_index_init_kernel(self, embeddings, n, D, first, kernel);
    return st;
}

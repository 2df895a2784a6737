/* One rank with all entries, the same rank with its part alone, then all ranks with a part
 * each, in turns; each with the threads of OMP_NUM_THREADS. The merging of the ranks' lists is
 * in it. All against the part alone: what a part costs more than its share. The part alone
 * against all at once: what the machine loses when its cores work together, whatever the
 * program does.
 *
 *   mpirun -n 2 bench_ranks ENTRIES WIDTH QUERIES CROWDED ROUNDS
 *
 * While one rank searches the others sleep. Prints the least and the median of both in ms, and
 * how many times as fast the ranks are; and the same of processor time, of one rank and of the
 * slowest of several, without the merging: what a machine with other work can tell. */
#include <mpi.h>
#include <omp.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/made_vectors.h"
#include "engine/base/memory.h"
#include "engine/comm/topk_merge.h"
#include "engine/retrieval/topk.h"

enum { K = 10, MOST_ROUNDS = 1000 };

typedef struct bench {
    ac_comm comm;
    int64_t n, D, nq;
    float *x, *q, *scores, *merged_scores;
    int64_t *ids, *merged_ids;
    ac_topk_index whole, part; /* whole: of rank 0 */
} bench;

/* All ranks meet here; who waits does not use the CPU. */
static void
meet(const bench *b)
{
    MPI_Request request;
    int done = 0;

    AC_MPI(MPI_Ibarrier(b->comm.mpi, &request));
    while (!done) {
        AC_MPI(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
        if (!done)
            usleep(200);
    }
}

/* cpu: ms of processor time for the search, of the slowest rank. */
static ac_status
search(bench *b, const ac_topk_index *index, bool merge, double *cpu)
{
    const double start = now(CLOCK_PROCESS_CPUTIME_ID);
    ac_status st = ac_topk_search(index, b->q, b->nq, K, b->ids, b->scores, NULL);

    *cpu = 1e3 * (now(CLOCK_PROCESS_CPUTIME_ID) - start);
    if (st == AC_OK && merge)
        st = ac_topk_merge_all(&b->comm, b->nq, K, b->ids, b->scores, b->merged_ids,
                               b->merged_scores);
    return st;
}

static int
compare(const void *left, const void *right)
{
    const double a = *(const double *) left, b = *(const double *) right;

    return a < b ? -1 : a > b;
}

static ac_status
prepare(bench *b, bool crowded)
{
    const int64_t first = b->n * b->comm.rank / b->comm.size,
                  count = b->n * (b->comm.rank + 1) / b->comm.size - first,
                  held = b->comm.rank == 0 ? b->n : count;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc_aligned(&b->x, held * b->D, sizeof *b->x));
    AC_TRY(ac_alloc_aligned(&b->q, b->nq * b->D, sizeof *b->q));
    AC_TRY(ac_alloc(&b->ids, b->nq * K, sizeof *b->ids));
    AC_TRY(ac_alloc(&b->scores, b->nq * K, sizeof *b->scores));
    AC_TRY(ac_alloc(&b->merged_ids, b->nq * K, sizeof *b->ids));
    AC_TRY(ac_alloc(&b->merged_scores, b->nq * K, sizeof *b->scores));
    make(b->x, first, held, b->D, crowded, 1);
    make(b->q, 0, b->nq, b->D, crowded, 99);
    AC_TRY(ac_topk_index_init(&b->part, b->x, count, b->D, first, AC_SCAN_INT8, b->nq));
    if (b->comm.rank == 0)
        AC_TRY(ac_topk_index_init(&b->whole, b->x, b->n, b->D, 0, AC_SCAN_INT8, b->nq));
out:
    return st;
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

static void
print(const bench *b, const series *one, const series *alone, const series *all, int64_t rounds)
{
    const int64_t half = rounds / 2;

    printf("%s, %lld x %lld, %lld queries, %d threads per rank\n",
           ac_topk_index_scan(&b->whole), (long long) b->n, (long long) b->D, (long long) b->nq,
           omp_get_max_threads());
    printf("one rank: least %.2f ms, median %.2f; CPU least %.2f, median %.2f\n", one->wall[0],
           one->wall[half], one->cpu[0], one->cpu[half]);
    printf("its part alone: least %.2f ms, median %.2f; CPU least %.2f, median %.2f\n",
           alone->wall[0], alone->wall[half], alone->cpu[0], alone->cpu[half]);
    printf("%d ranks: least %.2f ms, median %.2f; CPU of the slowest least %.2f, median %.2f\n",
           b->comm.size, all->wall[0], all->wall[half], all->cpu[0], all->cpu[half]);
    printf("times as fast: %.2f (least), %.2f (median); CPU %.2f, %.2f\n",
           one->wall[0] / all->wall[0], one->wall[half] / all->wall[half],
           one->cpu[0] / all->cpu[0], one->cpu[half] / all->cpu[half]);
    printf("of these, the part alone against all entries: %.2f; CPU %.2f; and the machine, a "
           "part by each rank at once against one alone: %.2f of it; CPU %.2f (medians)\n",
           one->wall[half] / alone->wall[half], one->cpu[half] / alone->cpu[half],
           alone->wall[half] / all->wall[half], alone->cpu[half] / all->cpu[half]);
}

/* Rank 0 searches, while the others sleep. */
static ac_status
search_alone(bench *b, const ac_topk_index *index, series *s, int64_t at)
{
    double start;
    ac_status st = AC_OK;

    meet(b);
    start = now(CLOCK_MONOTONIC);
    if (b->comm.rank == 0)
        AC_TRY(search(b, index, false, &s->cpu[at]));
    s->wall[at] = 1e3 * (now(CLOCK_MONOTONIC) - start);
out:
    return st;
}

static ac_status
measure(bench *b, int64_t rounds)
{
    static series one, alone, all;
    ac_status st = AC_OK;

    for (int64_t i = -1; i < rounds; i++) { /* the first is not counted */
        const int64_t at = i < 0 ? 0 : i;
        double start, cpu = 0;
        AC_TRY(search_alone(b, &b->whole, &one, at));
        AC_TRY(search_alone(b, &b->part, &alone, at));
        meet(b);
        MPI_Barrier(b->comm.mpi);
        start = now(CLOCK_MONOTONIC);
        AC_TRY(search(b, &b->part, true, &cpu));
        all.wall[at] = 1e3 * (now(CLOCK_MONOTONIC) - start);
        AC_MPI(MPI_Allreduce(&cpu, &all.cpu[at], 1, MPI_DOUBLE, MPI_MAX, b->comm.mpi));
    }
    sort_series(&one, rounds);
    sort_series(&alone, rounds);
    sort_series(&all, rounds);
    if (b->comm.rank == 0)
        print(b, &one, &alone, &all, rounds);
out:
    return st;
}

int
main(int argc, char **argv)
{
    const int64_t rounds = argc > 5 ? atoll(argv[5]) : 0;
    bench b = { 0 };
    ac_status st = AC_OK;

    MPI_Init(&argc, &argv);
    ac_comm_init(&b.comm, MPI_COMM_WORLD);
    if (argc != 6 || rounds < 1 || rounds > MOST_ROUNDS) {
        fprintf(stderr, "bench_ranks ENTRIES WIDTH QUERIES CROWDED ROUNDS\n");
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    b.n = atoll(argv[1]);
    b.D = atoll(argv[2]);
    b.nq = atoll(argv[3]);
    st = prepare(&b, atoi(argv[4]) != 0);
    if (st == AC_OK)
        st = measure(&b, rounds);
    if (st != AC_OK) {
        fprintf(stderr, "bench_ranks: %s\n", ac_error_message());
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    ac_topk_index_free(&b.part);
    ac_topk_index_free(&b.whole);
    free(b.x);
    free(b.q);
    free(b.ids);
    free(b.scores);
    free(b.merged_ids);
    free(b.merged_scores);
    ac_comm_free(&b.comm);
    MPI_Finalize();
    return 0;
}

/* How bench/rows.py lets several programs take turns: each prints a line of facts when its
 * models are loaded, and then does one round of its work for each line on stdin, and prints
 * what that took. By hand: `yes | head -n 3 | build/release/bench/ac_bench …`. */
#include <stdio.h>
#include <time.h>

static double
now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

/* A round that has begun. CPU seconds are of all threads: on a busy machine the steadier
 * measure. */
typedef struct bench_round {
    double start, cpu;
} bench_round;

/* Waits for a line on stdin. False at its end. */
static bool
round_begin(bench_round *self)
{
    int c = getchar();

    while (c != '\n' && c != EOF)
        c = getchar();
    *self = (bench_round){ now(CLOCK_MONOTONIC), now(CLOCK_PROCESS_CPUTIME_ID) };
    return c != EOF;
}

/* `count` things were done since round_begin. */
static void
round_end(const bench_round *self, int64_t count)
{
    printf("{\"count\": %lld, \"seconds\": %.4f, \"cpu_seconds\": %.4f}\n", (long long) count,
           now(CLOCK_MONOTONIC) - self->start, now(CLOCK_PROCESS_CPUTIME_ID) - self->cpu);
    fflush(stdout);
}

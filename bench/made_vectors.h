/* Vectors that bench/scan.c and bench/ranks.c search, and their clock. */
#ifndef AC_BENCH_MADE_VECTORS_H
#define AC_BENCH_MADE_VECTORS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

enum { HEAPS = 2000 };

static inline double
now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

/* splitmix64, and from it a number that is about normal. */
static inline uint64_t
next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static inline float
normal(uint64_t *state)
{
    uint64_t bits = next(state);
    int sum = 0;

    for (int i = 0; i < 8; i++, bits >>= 8)
        sum += (int) (bits & 255);
    return ((float) sum - 1020.0f) / 209.0f;
}

/* As a model's embeddings lie: around one direction, in heaps of very different sizes, some
 * numbers large; or, where not crowded, random. Rows [first, first + n), each of which depends
 * on its number alone. */
static inline void
make(float *x, int64_t first, int64_t n, int64_t D, bool crowded, uint64_t seed)
{
    float *scale = malloc((size_t) D * sizeof *scale);
    uint64_t s = 5;

    for (int64_t d = 0; d < D; d++)
        scale[d] = next(&s) % 50 == 0 && crowded ? 4 : 1;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        uint64_t own = seed * 1000003 + (uint64_t) (first + i) * 7919, common = 1, heap;
        double norm = 0;
        heap = 100 + (uint64_t) exp((double) (next(&own) % 1000000) * 1e-6 * log(HEAPS));
        heap *= 1000000007;
        for (int64_t d = 0; d < D; d++) {
            float v = normal(&own);
            if (crowded)
                v = scale[d] * (normal(&common) + 0.7f * normal(&heap) + 0.5f * v);
            x[i * D + d] = v;
            norm += (double) v * (double) v;
        }
        for (int64_t d = 0; d < D; d++)
            x[i * D + d] = (float) ((double) x[i * D + d] / sqrt(norm));
    }
    free(scale);
}

#endif

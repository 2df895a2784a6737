#include "engine/models/kv_cache.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels/kernel_set.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/vector.h"

ac_status
ac_kv_cache_init(ac_kv_cache *self, int64_t layers, int64_t slots, int64_t positions,
                 int64_t width)
{
    ac_status st = AC_OK;

    *self = (ac_kv_cache){
        .layers = layers, .slots = slots, .positions = positions, .width = width
    };
    AC_TRY(ac_alloc_aligned(&self->keys, layers * slots * positions * width, sizeof(float)));
    AC_TRY(ac_alloc_aligned(&self->values, layers * slots * positions * width, sizeof(float)));
    AC_TRY(ac_alloc(&self->ancestry, slots * positions, sizeof *self->ancestry));
out:
    if (st != AC_OK)
        ac_kv_cache_free(self);
    return st;
}

void
ac_kv_cache_free(ac_kv_cache *self)
{
    free(self->keys);
    free(self->values);
    free(self->ancestry);
    *self = (ac_kv_cache){ 0 };
}

void
ac_kv_cache_enter(ac_kv_cache *self, const ac_decoder_row *rows, int64_t R)
{
    for (int64_t r = 0; r < R; r++) {
        AC_CHECK(rows[r].slot < self->slots && rows[r].position < self->positions);
        self->ancestry[rows[r].slot * self->positions + rows[r].position] = rows[r].slot;
    }
}

void
ac_kv_cache_store(ac_kv_cache *self, int64_t layer, const float *keys, const float *values,
                  int64_t stride, const ac_decoder_row *rows, int64_t R)
{
    const int64_t width = self->width, base = layer * self->slots * self->positions;

    for (int64_t r = 0; r < R; r++) {
        const int64_t at = (base + rows[r].slot * self->positions + rows[r].position) * width;
        memcpy(self->keys + at, keys + r * stride, (size_t) width * sizeof(float));
        memcpy(self->values + at, values + r * stride, (size_t) width * sizeof(float));
    }
}

enum { TOGETHER = 3 }; /* heads of one key head whose scores are in memory together */

static size_t
row_scratch_bytes(int64_t positions)
{
    return ac_scratch_room(TOGETHER * (size_t) positions * sizeof(float));
}

size_t
ac_kv_cache_attend_scratch_bytes(int64_t positions)
{
    return (size_t) omp_get_max_threads() * row_scratch_bytes(positions);
}

/* One row, all heads: y [H D] from q [H D] over keys first … n - 1. keys and values are those
 * of the layer; weights [TOGETHER, positions] is scratch. */
static void
attend_row(const ac_kv_cache *self, const ac_kv_attention *a, float *y, const float *q,
           const float *keys, const float *values, const int32_t *ancestry, int64_t n,
           float *weights)
{
    const ac_vector *v = ac_kernels()->vector;
    const int64_t P = self->positions, width = self->width, D = a->D,
                  shared = a->H / (width / D),
                  first = a->window > 0 && n > a->window ? n - a->window : 0, T = n - first;

    for (int64_t h = 0; h < a->H;) {
        const int64_t left = shared - h % shared, G = left < TOGETHER ? left : TOGETHER,
                      at = first * width + h / shared * D;
        const ac_slot_rows k = { keys + at, ancestry + first, P * width, width },
                           x = { values + at, ancestry + first, P * width, width };
        v->scores(weights, T, q + h * D, G, &k, T, D, a->scale);
        for (int64_t g = 0; g < G; g++)
            ac_softmax(weights + g * T, T);
        v->weighted(y + h * D, weights, T, G, &x, T, D);
        h += G;
    }
}

void
ac_kv_cache_attend(const ac_kv_cache *self, int64_t layer, float *y, const float *q,
                   int64_t stride, const ac_kv_attention *attention, const ac_decoder_row *rows,
                   int64_t R, ac_scratch *scratch)
{
    const size_t mark = ac_scratch_mark(scratch), each = row_scratch_bytes(self->positions);
    const int64_t base = layer * self->slots * self->positions * self->width,
                  C = attention->H * attention->D;
    char *weights = ac_scratch_take(scratch, ac_kv_cache_attend_scratch_bytes(self->positions));

#pragma omp parallel for schedule(dynamic, 4) if (R * C > 8192)
    for (int64_t r = 0; r < R; r++)
        attend_row(self, attention, y + r * C, q + r * stride, self->keys + base,
                   self->values + base, self->ancestry + rows[r].slot * self->positions,
                   rows[r].position + 1,
                   (float *) (void *) (weights + each * (size_t) omp_get_thread_num()));
    ac_scratch_release(scratch, mark);
}

void
ac_kv_cache_fork(ac_kv_cache *self, int64_t to, int64_t from, int64_t positions)
{
    AC_CHECK(to < self->slots && from < self->slots && positions <= self->positions);
    if (to != from)
        memcpy(self->ancestry + to * self->positions, self->ancestry + from * self->positions,
               (size_t) positions * sizeof *self->ancestry);
}

void
ac_kv_cache_reorder(ac_kv_cache *self, int64_t first, const int32_t *parents, int64_t n,
                    int64_t positions, int32_t *scratch)
{
    const size_t bytes = (size_t) positions * sizeof *scratch;

    for (int64_t i = 0; i < n; i++)
        memcpy(scratch + i * positions, self->ancestry + (first + parents[i]) * self->positions,
               bytes);
    for (int64_t i = 0; i < n; i++)
        memcpy(self->ancestry + (first + i) * self->positions, scratch + i * positions, bytes);
}

#include "engine/kernels/int8_attention.h"

#include <math.h>

#include "engine/kernels/attention_heads.h"
#include "engine/kernels/int8.h"
#include "engine/kernels/kernel_set.h"
#include "engine/kernels/vector.h"

enum { ROWS = 32, PANEL = AC_INT8_PANEL }; /* queries at a time: their scores stay cached */

bool
ac_int8_attention_has(int64_t longest, int64_t D)
{
    return D % PANEL == 0 && D <= AC_INT8_MOST_HEAD && longest <= AC_INT8_MOST_IN;
}

/* What a thread needs for one head. */
typedef struct workspace {
    void *keys, *values; /* packed */
    ac_int8_rows q, shares;
    float *means, *scores, *mask;  /* [D]; [ROWS, columns]; [columns]: 0, -inf after T */
    int64_t T, D, columns, filled; /* filled: T to whole panels */
} workspace;

static size_t
rows_bytes(int64_t K)
{
    return ac_scratch_room(ROWS * ac_int8_row_bytes(K)) +
           ac_scratch_room(ROWS * sizeof(float)) + ac_scratch_room(ROWS * sizeof(int32_t));
}

static ac_int8_rows
take_rows(ac_scratch *scratch, int64_t K, int each)
{
    return (ac_int8_rows){
        .q = ac_scratch_take(scratch, ROWS * ac_int8_row_bytes(K)),
        .steps = ac_scratch_take(scratch, ROWS * sizeof(float)),
        .zeros = ac_scratch_take(scratch, ROWS * sizeof(int32_t)),
        .bytes = ac_int8_row_bytes(K) / sizeof(int16_t) * (size_t) each,
    };
}

static size_t
head_bytes(int64_t T, int64_t D)
{
    const int64_t columns = ac_int8_columns(T);

    return ac_scratch_room(ac_int8_packed_bytes(T, D)) +
           ac_scratch_room(ac_int8_packed_bytes(D, T)) + rows_bytes(D) + rows_bytes(T) +
           ac_scratch_room((size_t) D * sizeof(float)) +
           ac_scratch_room((size_t) (ROWS * columns) * sizeof(float)) +
           ac_scratch_room((size_t) columns * sizeof(float));
}

static workspace
take_workspace(char *space, int64_t T, int64_t D, int each)
{
    const int64_t columns = ac_int8_columns(T);
    ac_scratch mine = { (unsigned char *) space, head_bytes(T, D), 0 };
    workspace self = {
        .keys = ac_scratch_take(&mine, ac_int8_packed_bytes(T, D)),
        .values = ac_scratch_take(&mine, ac_int8_packed_bytes(D, T)),
        .q = take_rows(&mine, D, each),
        .shares = take_rows(&mine, T, each),
        .means = ac_scratch_take(&mine, (size_t) D * sizeof(float)),
        .scores = ac_scratch_take(&mine, (size_t) (ROWS * columns) * sizeof(float)),
        .mask = ac_scratch_take(&mine, (size_t) columns * sizeof(float)),
        .T = T,
        .D = D,
        .columns = columns,
        .filled = (T + PANEL - 1) / PANEL * PANEL,
    };

    for (int64_t t = 0; t < columns; t++)
        self.mask[t] = t < T ? 0 : -INFINITY;
    return self;
}

/* R scores rows -> weights, rounded; positions after T have the score -inf, so the weight 0. */
static void
weigh(const workspace *self, int64_t R)
{
    const ac_vector *v = ac_kernels()->vector;

    for (int64_t r = 0; r < R; r++) {
        float *x = self->scores + r * self->columns;
        const float sum = v->exp(x, x, v->largest(x, self->filled), self->filled);
        ac_kernels()->int8->round_shares(
            (char *) self->shares.q + (size_t) r * self->shares.bytes, x, self->filled);
        self->shares.steps[r] = 1 / (255 * sum);
        self->shares.zeros[r] = 0;
    }
}

static void
prefetch_rows(const float *x, int64_t stride, int64_t rows, int64_t D)
{
    enum { LINE = 64 / sizeof *x };

    for (int64_t r = 0; r < rows; r++)
        for (int64_t d = 0; d < D; d += LINE)
            __builtin_prefetch(x + r * stride + d, 0, 2);
}

static void
attend(const ac_attention_head *head)
{
    const ac_int8 *kernels = ac_kernels()->int8;
    const int64_t T = head->T, D = head->D, C = head->C;
    const float *qkv = head->qkv;
    const workspace self = take_workspace(head->space, T, D, kernels->each);
    const ac_int8_matrix keys = ac_int8_view(self.keys, T, D, 0),
                         values = ac_int8_view(self.values, D, T, 0);

    prefetch_rows(qkv, 3 * C, T < ROWS ? T : ROWS, D);
    kernels->pack_keys(self.keys, qkv + C, 3 * C, T, D, 1 / sqrtf((float) D));
    kernels->pack_values(self.values, self.means, qkv + 2 * C, 3 * C, T, D);
    for (int64_t r = 0; r < T; r += ROWS) {
        const int64_t R = T - r < ROWS ? T - r : ROWS;
        const ac_int8_result scores = { .y = self.scores,
                                        .bias = self.mask,
                                        .stride = self.columns,
                                        .rows = R,
                                        .columns = self.columns },
                             result = { .y = head->y + r * C,
                                        .bias = self.means,
                                        .stride = C,
                                        .rows = R,
                                        .columns = D };
        if (r + R < T)
            prefetch_rows(qkv + (r + R) * 3 * C, 3 * C, T - r - R < ROWS ? T - r - R : ROWS, D);
        kernels->quantize(&self.q, qkv + r * 3 * C, 3 * C, R, D);
        kernels->multiply(&scores, &self.q, &keys);
        weigh(&self, R);
        kernels->multiply(&result, &self.shares, &values);
    }
}

static const ac_attention_kernel int8 = { head_bytes, attend };

size_t
ac_int8_self_attention_scratch_bytes(int64_t longest, int64_t D)
{
    return ac_attention_heads_scratch_bytes(&int8, longest, D);
}

void
ac_int8_self_attention(float *y, const float *qkv, const int64_t *offsets, int64_t B, int64_t H,
                       int64_t D, ac_scratch *scratch)
{
    ac_attention_heads(&int8, y, qkv, offsets, B, H, D, false, scratch);
}

/* Attention for training: both passes of one head of one text are one thread's work. */
#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/training/backward.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/simd.h"

/* One head of one text. */
typedef struct head {
    const float *q, *k, *v;
    int64_t Tq, Tk;
    uint64_t stream;
    int64_t row; /* of the first query among the rows of the text's dropout: head × Tq */
} head;

static head
head_of(const ac_attention *a, int64_t b, int64_t h)
{
    const int64_t first = a->q_offsets[b], keys = a->kv_offsets[b],
                  Tq = a->q_offsets[b + 1] - first;

    return (head){
        .q = a->q + first * a->q_row + h * a->D,
        .k = a->k + keys * a->kv_row + h * a->D,
        .v = a->v + keys * a->kv_row + h * a->D,
        .Tq = Tq,
        .Tk = a->kv_offsets[b + 1] - keys,
        .stream = a->streams ? a->streams[b] : 0,
        .row = h * Tq,
    };
}

/* weights [Tq, Tk] = softmax(q k^T / sqrt(D)), zero where a query does not see. */
static void
make_weights(const ac_attention *a, const head *h, float *weights)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int) h->Tq, (int) h->Tk, (int) a->D,
                1.0f / sqrtf((float) a->D), h->q, (int) a->q_row, h->k, (int) a->kv_row, 0.0f,
                weights, (int) h->Tk);
    for (int64_t t = 0; t < h->Tq; t++) {
        const int64_t seen = a->causal && t + 1 < h->Tk ? t + 1 : h->Tk;
        ac_softmax(weights + t * h->Tk, seen);
        memset(weights + t * h->Tk + seen, 0, (size_t) (h->Tk - seen) * sizeof(float));
    }
}

static void
drop_rows(const ac_attention *a, const head *h, float *x)
{
    for (int64_t t = 0; ac_dropout_is_on(&a->dropout) && t < h->Tq; t++)
        ac_dropout_row(&a->dropout, x + t * h->Tk, h->Tk, h->stream, a->place, h->row + t);
}

static void
forward_head(const ac_attention *a, const head *h, float *y, float *weights)
{
    make_weights(a, h, weights);
    drop_rows(a, h, weights);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int) h->Tq, (int) a->D, (int) h->Tk,
                1.0f, weights, (int) h->Tk, h->v, (int) a->kv_row, 0.0f, y,
                (int) (a->H * a->D));
}

/* One row: d of the weights -> d of the scores: w (d - w . d) scale. */
AC_CLONES static void
softmax_backward(float *d, const float *w, int64_t n, float scale)
{
    float along = 0;

#pragma omp simd reduction(+ : along)
    for (int64_t i = 0; i < n; i++)
        along += w[i] * d[i];
    for (int64_t i = 0; i < n; i++)
        d[i] = w[i] * (d[i] - along) * scale;
}

/* weights, work [Tq, Tk] are scratch. Rows of dy are H D apart. */
static void
backward_head(const ac_attention *a, const head *h, float *dq, float *dk, float *dv,
              const float *dy, float *weights, float *work)
{
    const int Tq = (int) h->Tq, Tk = (int) h->Tk, D = (int) a->D, y_row = (int) (a->H * a->D),
              q_row = (int) a->q_row;
    const int kv_row = (int) a->kv_row;
    const float *dropped = weights;

    make_weights(a, h, weights);
    if (ac_dropout_is_on(&a->dropout)) {
        memcpy(work, weights, (size_t) (Tq * (int64_t) Tk) * sizeof(float));
        drop_rows(a, h, work);
        dropped = work;
    }
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, Tk, D, Tq, 1.0f, dropped, Tk, dy,
                y_row, 0.0f, dv, kv_row);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, Tq, Tk, D, 1.0f, dy, y_row, h->v,
                kv_row, 0.0f, work, Tk);
    drop_rows(a, h, work);
    for (int64_t t = 0; t < Tq; t++)
        softmax_backward(work + t * Tk, weights + t * Tk, Tk, 1.0f / sqrtf((float) D));
    if (dq)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, Tq, D, Tk, 1.0f, work, Tk, h->k,
                    kv_row, 0.0f, dq, q_row);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, Tk, D, Tq, 1.0f, work, Tk, h->q, q_row,
                0.0f, dk, kv_row);
}

static size_t
weights_bytes(int64_t longest_q, int64_t longest_kv)
{
    return ac_scratch_room((size_t) (longest_q * longest_kv) * sizeof(float));
}

size_t
ac_attention_scratch_bytes(int64_t longest_q, int64_t longest_kv)
{
    return (size_t) omp_get_max_threads() * 2 * weights_bytes(longest_q, longest_kv);
}

static int64_t
longest(const int64_t *offsets, int64_t B)
{
    int64_t most = 0;

    for (int64_t b = 0; b < B; b++)
        most = offsets[b + 1] - offsets[b] > most ? offsets[b + 1] - offsets[b] : most;
    return most;
}

void
ac_attention_forward(const ac_attention *self, float *y, ac_scratch *scratch)
{
    const size_t mark = ac_scratch_mark(scratch),
                 each = weights_bytes(longest(self->q_offsets, self->B),
                                      longest(self->kv_offsets, self->B));
    char *weights = ac_scratch_take(scratch, each * (size_t) omp_get_max_threads());

#pragma omp parallel for collapse(2) schedule(dynamic, 1)
    for (int64_t b = 0; b < self->B; b++) {
        for (int64_t h = 0; h < self->H; h++) {
            const head one = head_of(self, b, h);
            forward_head(self, &one, y + (self->q_offsets[b] * self->H + h) * self->D,
                         (float *) (void *) (weights + each * (size_t) omp_get_thread_num()));
        }
    }
    ac_scratch_release(scratch, mark);
}

void
ac_attention_backward(const ac_attention *self, float *dq, float *dk, float *dv,
                      const float *dy, ac_scratch *scratch)
{
    const size_t mark = ac_scratch_mark(scratch),
                 each = weights_bytes(longest(self->q_offsets, self->B),
                                      longest(self->kv_offsets, self->B));
    char *weights = ac_scratch_take(scratch, 2 * each * (size_t) omp_get_max_threads());

#pragma omp parallel for collapse(2) schedule(dynamic, 1)
    for (int64_t b = 0; b < self->B; b++) {
        for (int64_t h = 0; h < self->H; h++) {
            const head one = head_of(self, b, h);
            const int64_t queries = self->q_offsets[b],
                          keys = self->kv_offsets[b] * self->kv_row + h * self->D;
            char *mine = weights + 2 * each * (size_t) omp_get_thread_num();
            backward_head(self, &one, dq ? dq + queries * self->q_row + h * self->D : NULL,
                          dk + keys, dv + keys, dy + (queries * self->H + h) * self->D,
                          (float *) (void *) mine, (float *) (void *) (mine + each));
        }
    }
    ac_scratch_release(scratch, mark);
}

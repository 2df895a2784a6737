/* Attention for training: both passes of one head of one text are one thread's work. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/training/backward.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/kernel_set.h"
#include "engine/kernels/product.h"
#include "engine/kernels/vector.h"

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

/* Of one thread. */
typedef struct workspace {
    float *weights, *work; /* [Tq, Tk] */
    void *product;
} workspace;

static size_t
weights_bytes(int64_t longest_q, int64_t longest_kv)
{
    return ac_scratch_room((size_t) (longest_q * longest_kv) * sizeof(float));
}

static size_t
workspace_bytes(int64_t longest_q, int64_t longest_kv)
{
    return 2 * weights_bytes(longest_q, longest_kv) + ac_product_scratch_bytes();
}

size_t
ac_attention_scratch_bytes(int64_t longest_q, int64_t longest_kv)
{
    return (size_t) omp_get_max_threads() * workspace_bytes(longest_q, longest_kv);
}

/* This thread's part of what lies at `all`. */
static workspace
workspace_of(char *all, int64_t longest_q, int64_t longest_kv)
{
    const size_t each = weights_bytes(longest_q, longest_kv);
    char *mine = all + workspace_bytes(longest_q, longest_kv) * (size_t) omp_get_thread_num();

    return (workspace){ (float *) (void *) mine, (float *) (void *) (mine + each),
                        mine + 2 * each };
}

static ac_matrix
plain(const float *x, int64_t row)
{
    return (ac_matrix){ x, row, 1 };
}

static ac_matrix
transposed(const float *x, int64_t row)
{
    return (ac_matrix){ x, 1, row };
}

/* weights [Tq, Tk] = softmax(q k^T / sqrt(D)), zero where a query does not see. */
static void
make_weights(const ac_attention *a, const head *h, const workspace *r)
{
    const ac_vector *v = ac_kernels()->vector;

    ac_product_multiply(r->weights, h->Tk, plain(h->q, a->q_row), transposed(h->k, a->kv_row),
                        h->Tq, h->Tk, a->D, false, r->product);
    v->scale(r->weights, 1.0f / sqrtf((float) a->D), h->Tq * h->Tk);
    for (int64_t t = 0; t < h->Tq; t++) {
        const int64_t seen = a->causal && t + 1 < h->Tk ? t + 1 : h->Tk;
        float *row = r->weights + t * h->Tk;
        ac_softmax(row, seen);
        memset(row + seen, 0, (size_t) (h->Tk - seen) * sizeof(float));
    }
}

static void
drop_rows(const ac_attention *a, const head *h, float *x)
{
    for (int64_t t = 0; ac_dropout_is_on(&a->dropout) && t < h->Tq; t++)
        ac_dropout_row(&a->dropout, x + t * h->Tk, h->Tk, h->stream, a->place, h->row + t);
}

static void
forward_head(const ac_attention *a, const head *h, float *y, const workspace *r)
{
    make_weights(a, h, r);
    drop_rows(a, h, r->weights);
    ac_product_multiply(y, a->H * a->D, plain(r->weights, h->Tk), plain(h->v, a->kv_row), h->Tq,
                        a->D, h->Tk, false, r->product);
}

/* Rows of dy are H D apart. */
static void
backward_head(const ac_attention *a, const head *h, float *dq, float *dk, float *dv,
              const float *dy, const workspace *r)
{
    const ac_vector *v = ac_kernels()->vector;
    const ac_matrix gradient = plain(dy, a->H * a->D);
    const int64_t Tq = h->Tq, Tk = h->Tk, D = a->D;
    const float *dropped = r->weights;

    make_weights(a, h, r);
    if (ac_dropout_is_on(&a->dropout)) {
        memcpy(r->work, r->weights, (size_t) (Tq * Tk) * sizeof(float));
        drop_rows(a, h, r->work);
        dropped = r->work;
    }
    ac_product_multiply(dv, a->kv_row, transposed(dropped, Tk), gradient, Tk, D, Tq, false,
                        r->product);
    ac_product_multiply(r->work, Tk, gradient, transposed(h->v, a->kv_row), Tq, Tk, D, false,
                        r->product);
    drop_rows(a, h, r->work);
    for (int64_t t = 0; t < Tq; t++)
        v->softmax_backward(r->work + t * Tk, r->weights + t * Tk, Tk, 1.0f / sqrtf((float) D));
    if (dq)
        ac_product_multiply(dq, a->q_row, plain(r->work, Tk), plain(h->k, a->kv_row), Tq, D, Tk,
                            false, r->product);
    ac_product_multiply(dk, a->kv_row, transposed(r->work, Tk), plain(h->q, a->q_row), Tk, D,
                        Tq, false, r->product);
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
    const size_t mark = ac_scratch_mark(scratch);
    const int64_t q = longest(self->q_offsets, self->B),
                  kv = longest(self->kv_offsets, self->B);
    char *all = ac_scratch_take(scratch, ac_attention_scratch_bytes(q, kv));

#pragma omp parallel for collapse(2) schedule(dynamic, 1)
    for (int64_t b = 0; b < self->B; b++) {
        for (int64_t h = 0; h < self->H; h++) {
            const head one = head_of(self, b, h);
            const workspace mine = workspace_of(all, q, kv);
            forward_head(self, &one, y + (self->q_offsets[b] * self->H + h) * self->D, &mine);
        }
    }
    ac_scratch_release(scratch, mark);
}

void
ac_attention_backward(const ac_attention *self, float *dq, float *dk, float *dv,
                      const float *dy, ac_scratch *scratch)
{
    const size_t mark = ac_scratch_mark(scratch);
    const int64_t q = longest(self->q_offsets, self->B),
                  kv = longest(self->kv_offsets, self->B);
    char *all = ac_scratch_take(scratch, ac_attention_scratch_bytes(q, kv));

#pragma omp parallel for collapse(2) schedule(dynamic, 1)
    for (int64_t b = 0; b < self->B; b++) {
        for (int64_t h = 0; h < self->H; h++) {
            const head one = head_of(self, b, h);
            const workspace mine = workspace_of(all, q, kv);
            const int64_t queries = self->q_offsets[b],
                          keys = self->kv_offsets[b] * self->kv_row + h * self->D;
            backward_head(self, &one, dq ? dq + queries * self->q_row + h * self->D : NULL,
                          dk + keys, dv + keys, dy + (queries * self->H + h) * self->D, &mine);
        }
    }
    ac_scratch_release(scratch, mark);
}

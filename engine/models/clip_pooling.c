#include "engine/models/clip_pooling.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/kernels/kernels.h"

#define HEAD "vision_model.head."

size_t
ac_clip_pooling_packed_bytes(const ac_clip_tower_config *c, const ac_compute *k)
{
    const int64_t C = c->hidden_size, F = c->intermediate_size;

    return 3 * ac_pack_floats_bytes(C) + 2 * ac_linear_packed_bytes(k, C, C) +
           ac_linear_packed_bytes(k, 2 * C, C) + ac_linear_packed_bytes(k, F, C) +
           ac_linear_packed_bytes(k, C, F);
}

/* Rows [first, first + n) of a stacked tensor. */
static ac_tensor
rows_of(const ac_tensor *t, int64_t first, int64_t n)
{
    ac_tensor part = *t;
    const int64_t each = ac_tensor_count(t) / t->shape[0];

    part.shape[0] = n;
    part.data = (const char *) t->data + (size_t) (first * each) * ac_dtype_bytes(t->dtype);
    return part;
}

ac_status
ac_clip_pooling_init(ac_clip_pooling *self, ac_pack *pack, const ac_clip_tower_config *c)
{
    const int64_t C = c->hidden_size, F = c->intermediate_size;
    const ac_tensor *weight, *bias;
    ac_status st = AC_OK;

    AC_TRY(ac_pack_floats(pack, &self->probe, 3, (int64_t[]){ 1, 1, C }, HEAD "probe"));
    AC_TRY(ac_pack_floats(pack, &self->norm_weight, 1, &C, HEAD "layernorm.weight"));
    AC_TRY(ac_pack_floats(pack, &self->norm_bias, 1, &C, HEAD "layernorm.bias"));
    AC_TRY(ac_pack_tensor(pack, &weight, 2, (int64_t[]){ 3 * C, C },
                          HEAD "attention.in_proj_weight"));
    AC_TRY(ac_pack_tensor(pack, &bias, 1, (int64_t[]){ 3 * C }, HEAD "attention.in_proj_bias"));
    {
        const ac_tensor q = rows_of(weight, 0, C), q_bias = rows_of(bias, 0, C),
                        kv = rows_of(weight, C, 2 * C), kv_bias = rows_of(bias, C, 2 * C);
        const ac_tensor *w = &q, *b = &q_bias;
        AC_TRY(ac_pack_linear(pack, &self->query, &w, &b, 1));
        w = &kv;
        b = &kv_bias;
        AC_TRY(ac_pack_linear(pack, &self->keys_values, &w, &b, 1));
    }
    AC_TRY(ac_pack_linear_named(pack, &self->out, C, C, true, HEAD "attention.out_proj"));
    AC_TRY(ac_pack_linear_named(pack, &self->fc1, F, C, true, HEAD "mlp.fc1"));
    AC_TRY(ac_pack_linear_named(pack, &self->fc2, C, F, true, HEAD "mlp.fc2"));
out:
    return st;
}

void
ac_clip_pooling_free(ac_clip_pooling *self)
{
    ac_linear_free(&self->query);
    ac_linear_free(&self->keys_values);
    ac_linear_free(&self->out);
    ac_linear_free(&self->fc1);
    ac_linear_free(&self->fc2);
}

static size_t
floats(int64_t n)
{
    return ac_scratch_room((size_t) n * sizeof(float));
}

static float *
take(ac_scratch *scratch, int64_t n)
{
    return ac_scratch_take(scratch, (size_t) n * sizeof(float));
}

size_t
ac_clip_pooling_scratch_bytes(const ac_clip_pooling *self, const ac_clip_tower_config *c,
                              int64_t B, int64_t N)
{
    const int64_t C = c->hidden_size, H = c->num_attention_heads;
    const ac_linear *all[] = { &self->query, &self->out, &self->fc1, &self->fc2 };
    size_t linear = ac_linear_scratch_bytes(&self->keys_values, B * N);

    for (int i = 0; i < 4; i++) {
        const size_t n = ac_linear_scratch_bytes(all[i], B);
        linear = n > linear ? n : linear;
    }
    return floats(C) + floats(B * N * 2 * C) + 3 * floats(B * C) +
           floats(B * c->intermediate_size) + floats(B * H * N) + linear;
}

/* One image, one head. keys_values [N, 2 C]; weights [N] is memory. */
static void
attend(float *y, const float *query, const float *keys_values, int64_t N, int64_t C, int64_t D,
       int64_t head, float *weights)
{
    const float scale = 1.0f / sqrtf((float) D);
    const float *k = keys_values + head * D, *v = k + C;

    for (int64_t t = 0; t < N; t++)
        weights[t] = scale * ac_dot(query + head * D, k + t * 2 * C, D);
    ac_softmax(weights, N);
    memset(y + head * D, 0, (size_t) D * sizeof *y);
    for (int64_t t = 0; t < N; t++)
        ac_axpy(y + head * D, weights[t], v + t * 2 * C, D);
}

void
ac_clip_pooling_forward(const ac_clip_pooling *self, const ac_clip_tower_config *c, float *y,
                        const float *x, int64_t B, int64_t N, ac_scratch *scratch)
{
    const int64_t C = c->hidden_size, H = c->num_attention_heads;
    const size_t mark = ac_scratch_mark(scratch);
    float *query = take(scratch, C), *keys_values = take(scratch, B * N * 2 * C),
          *attended = take(scratch, B * C), *residual = take(scratch, B * C),
          *normed = take(scratch, B * C), *wide = take(scratch, B * c->intermediate_size),
          *weights = take(scratch, B * H * N);

    ac_linear_forward(&self->query, query, self->probe, 1, AC_ACTIVATION_NONE, NULL, scratch);
    ac_linear_forward(&self->keys_values, keys_values, x, B * N, AC_ACTIVATION_NONE, NULL,
                      scratch);
#pragma omp parallel for
    for (int64_t i = 0; i < B * H; i++)
        attend(attended + i / H * C, query, keys_values + i / H * N * 2 * C, N, C, C / H, i % H,
               weights + i * N);
    ac_linear_forward(&self->out, residual, attended, B, AC_ACTIVATION_NONE, NULL, scratch);
    ac_layernorm(normed, residual, self->norm_weight, self->norm_bias, B, C, c->layer_norm_eps);
    ac_linear_forward(&self->fc1, wide, normed, B, c->hidden_act, NULL, scratch);
    ac_linear_forward(&self->fc2, y, wide, B, AC_ACTIVATION_NONE, residual, scratch);
    ac_scratch_release(scratch, mark);
}

#include "engine/kernels/attention_heads.h"

#include <omp.h>

size_t
ac_attention_heads_scratch_bytes(const ac_attention_kernel *kernel, int64_t longest, int64_t D)
{
    return (size_t) omp_get_max_threads() * kernel->head_bytes(longest, D);
}

void
ac_attention_heads(const ac_attention_kernel *kernel, float *y, const float *qkv,
                   const int64_t *offsets, int64_t B, int64_t H, int64_t D, bool causal,
                   ac_scratch *scratch)
{
    const size_t mark = ac_scratch_mark(scratch);
    const int64_t C = H * D;
    int64_t longest = 0;
    size_t each;
    char *space;

    for (int64_t b = 0; b < B; b++)
        longest = offsets[b + 1] - offsets[b] > longest ? offsets[b + 1] - offsets[b] : longest;
    each = kernel->head_bytes(longest, D);
    space = ac_scratch_take(scratch, each * (size_t) omp_get_max_threads());
#pragma omp parallel for collapse(2) schedule(dynamic, 1) if (offsets[B] * C > 65536)
    for (int64_t b = 0; b < B; b++) {
        for (int64_t h = 0; h < H; h++) {
            const int64_t first = offsets[b];
            const ac_attention_head head = {
                .y = y + first * C + h * D,
                .qkv = qkv + first * 3 * C + h * D,
                .T = offsets[b + 1] - first,
                .D = D,
                .C = C,
                .causal = causal,
                .space = space + each * (size_t) omp_get_thread_num(),
            };
            kernel->attend(&head);
        }
    }
    ac_scratch_release(scratch, mark);
}

/** The loop of self-attention over texts and heads. Private to engine/kernels. */
#ifndef AC_KERNELS_ATTENTION_HEADS_H
#define AC_KERNELS_ATTENTION_HEADS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/memory.h"

/** One head of one text, which is one thread's work. */
typedef struct ac_attention_head {
    float *y; /* [T, D], rows C apart */
    const float
        *qkv; /* queries [T, D], rows 3 C apart; keys and values are C and 2 C further */
    int64_t T, D, C;
    bool causal;
    char *space; /* memory of this thread: head_bytes(T, D) */
} ac_attention_head;

/** How a head is computed, and the memory that it takes. Cannot fail. */
typedef struct ac_attention_kernel {
    size_t (*head_bytes)(int64_t T, int64_t D);
    void (*attend)(const ac_attention_head *head);
} ac_attention_kernel;

/** All heads of all texts, on OpenMP's threads. Shapes: as ac_self_attention (kernels.h).
 * Local. Cannot fail. */
void ac_attention_heads(const ac_attention_kernel *kernel, float *y, const float *qkv,
                        const int64_t *offsets, int64_t B, int64_t H, int64_t D, bool causal,
                        ac_scratch *scratch);
/** For texts of at most `longest` tokens. */
size_t ac_attention_heads_scratch_bytes(const ac_attention_kernel *kernel, int64_t longest,
                                        int64_t D);

#endif

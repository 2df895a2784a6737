/**
 * Causal language models: GPT-2, GPT-Neo, GPT-J, and the Llama family (Llama, Qwen2, Qwen3).
 * Formulas: transformers' modeling_gpt2, _gpt_neo, _gptj, _llama, _qwen2, _qwen3. Golden:
 * tests/golden, topics gpt, llama.
 */
#ifndef AC_MODELS_CAUSAL_H
#define AC_MODELS_CAUSAL_H

#include <stdbool.h>

#include "engine/base/memory.h"
#include "engine/base/tensor.h"
#include "engine/kernels/activation.h"
#include "engine/linear/compute.h"
#include "engine/models/decoder.h"

typedef enum ac_causal_type {
    AC_CAUSAL_GPT2 = 0,
    AC_CAUSAL_GPT_NEO,
    AC_CAUSAL_GPTJ,
    AC_CAUSAL_LLAMA,
    AC_CAUSAL_QWEN2,
    AC_CAUSAL_QWEN3
} ac_causal_type;

/** config.json's model_type, by ac_causal_type; NULL at the end. */
extern const char *const ac_causal_type_names[];

/** Rotary positions: pairs of a head's numbers are rotated by position × frequency. */
typedef struct ac_rotary {
    int64_t dimensions; /* rotated numbers of a head, the first ones; 0: no rotation */
    bool neighbours;    /* pairs (0, 1), (2, 3) …; else (i, i + dimensions / 2) */
    double theta;
    bool llama3; /* rope_type llama3, with: */
    double factor, low_freq_factor, high_freq_factor;
    int64_t original_max_position_embeddings;
} ac_rotary;

enum { AC_CAUSAL_MOST_LOCAL = 512 };

typedef struct ac_causal_config {
    ac_causal_type type;
    int64_t vocab_size, max_position_embeddings, hidden_size, layers;
    int64_t heads, key_heads, head_size; /* query heads; heads of keys and values; numbers */
    int64_t intermediate_size;
    ac_activation activation;
    float norm_eps;
    bool qkv_bias, out_bias, mlp_bias, head_bias;
    bool untied;         /* the head is a matrix of its own */
    bool unscaled;       /* scores are not divided by √head_size */
    bool scale_by_layer; /* scores of layer l are divided by l + 1 */
    ac_rotary rotary;
    int64_t window; /* local attention: positions that a token of a local layer sees */
    bool local[AC_CAUSAL_MOST_LOCAL]; /* which layers are local; all false where window is 0 */
    int32_t bos_token_id, eos_token_id; /* -1: none; the first, where there are several */
} ac_causal_config;

typedef struct ac_causal {
    ac_causal_config config;
    ac_tap tap; /* "layer0" …: a block's output */
    struct ac_causal_net *net;
} ac_causal;

/**
 * Are all tensors there, of the right shapes? AC_E_FORMAT names the first that is not. Before
 * memory is reserved by what a config says.
 * @param[out] packed_bytes  what ac_causal_init packs: with native in fp32, weights stay as the
 *                           tensors store them (ac_linear_init_stored)
 */
AC_MUST_CHECK ac_status ac_causal_check(const ac_causal_config *config,
                                        const ac_tensors *tensors, const ac_compute *compute,
                                        size_t *packed_bytes);

/**
 * @param[in] tensors  Hugging Face's names, with "transformer." or "model." in front or
 * without, or GGUF's; "rope_freqs.weight" [rotary.dimensions / 2], where there is one, divides
 *                     the frequencies. They outlive the model, which reads embeddings there.
 * @param[in] packed   as many bytes as ac_causal_check says, 64-byte aligned
 * @param[in] fill     true: every weight is read, and one that is not finite is AC_E_FORMAT
 */
AC_MUST_CHECK ac_status ac_causal_init(ac_causal *self, const ac_causal_config *config,
                                       const ac_tensors *tensors, const ac_compute *compute,
                                       void *packed, bool fill);
void ac_causal_free(ac_causal *self);

/** As generation sees it. The model outlives the decoder. */
ac_decoder ac_causal_as_decoder(const ac_causal *self);

#endif

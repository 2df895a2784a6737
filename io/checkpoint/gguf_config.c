#include "io/checkpoint/gguf_config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/checkpoint/json_reader.h" /* the sizes that a config may ask for */

enum { KEY_BYTES = 100 };

/* The keys of one architecture: "llama.block_count" from "block_count". */
typedef struct keys {
    const ac_gguf *file;
    const char *architecture;
} keys;

static void
full_key(const keys *k, char out[KEY_BYTES], const char *key)
{
    snprintf(out, KEY_BYTES, "%s.%s", k->architecture, key);
}

/* fallback 0: the key must be there. */
static ac_status
size_of(const keys *k, const char *key, int64_t fallback, int64_t most, int64_t *out)
{
    char full[KEY_BYTES];

    full_key(k, full, key);
    return ac_gguf_whole(k->file, full, fallback, 1, most, out);
}

static ac_status
refuse(const keys *k, const char *key, const char *what)
{
    return ac_error_set(AC_E_FORMAT, "%s: %s.%s %s", k->file->path, k->architecture, key, what);
}

/* A key whose value, other than 0, asks for what is not supported. */
static ac_status
refuse_where_said(const keys *k, const char *key, int64_t harmless, const char *what)
{
    char full[KEY_BYTES];
    int64_t value;
    ac_status st;

    full_key(k, full, key);
    st = ac_gguf_whole(k->file, full, 0, 0, INT64_MAX, &value);
    return st != AC_OK || value == 0 || value >= harmless ? st : refuse(k, key, what);
}

static ac_status
read_sizes(const keys *k, ac_causal_config *c)
{
    const ac_tensor *tokens = ac_tensors_find(&k->file->tensors, "token_embd.weight");
    int64_t value_size;
    ac_status st = AC_OK;

    AC_TRY(size_of(k, "block_count", 0, AC_MOST_LAYERS, &c->layers));
    AC_TRY(size_of(k, "context_length", 0, 1 << 28, &c->max_position_embeddings));
    AC_TRY(size_of(k, "embedding_length", 0, AC_MOST_WIDTH, &c->hidden_size));
    AC_TRY(size_of(k, "feed_forward_length", 0, AC_MOST_WIDTH, &c->intermediate_size));
    AC_TRY(size_of(k, "attention.head_count", 0, AC_MOST_WIDTH, &c->heads));
    AC_TRY(size_of(k, "attention.head_count_kv", c->heads, AC_MOST_WIDTH, &c->key_heads));
    AC_TRY(size_of(k, "attention.key_length", c->hidden_size / c->heads, AC_MOST_WIDTH,
                   &c->head_size));
    AC_TRY(size_of(k, "attention.value_length", c->head_size, AC_MOST_WIDTH, &value_size));
    AC_TRY(
        size_of(k, "vocab_size", tokens ? tokens->shape[0] : 1, AC_MOST_ROWS, &c->vocab_size));
    if (c->heads * c->head_size > AC_MOST_WIDTH) {
        st = refuse(k, "attention.key_length", "is not a size that makes sense here");
        goto out;
    }
    if (c->heads % c->key_heads)
        AC_FAIL(AC_E_FORMAT, "%s: %s.attention.head_count is not a multiple of head_count_kv",
                k->file->path, k->architecture);
    if (c->head_size * c->heads != c->hidden_size) {
        char full[KEY_BYTES];
        full_key(k, full, "attention.key_length");
        if (!ac_gguf_find(k->file, full))
            st = refuse(k, "attention.head_count", "does not divide embedding_length");
    }
    if (st == AC_OK && value_size != c->head_size)
        st = refuse(k, "attention.value_length", "is not key_length, which is not supported");
out:
    return st;
}

/* Positions divided by a factor: so a file without a type of scaling asks for it. */
static ac_status
refuse_factor(const keys *k, const char *key, bool has_type)
{
    char full[KEY_BYTES];
    double factor;
    ac_status st;

    full_key(k, full, key);
    st = ac_gguf_real(k->file, full, 1, &factor);
    return st != AC_OK || has_type || factor == 1 || factor == 0
               ? st
               : refuse(k, key, "asks for what this program does not do");
}

static ac_status
read_rotary(const keys *k, ac_causal_config *c)
{
    ac_rotary *r = &c->rotary;
    char full[KEY_BYTES], *scaling = NULL;
    bool is_none, has_type;
    ac_status st = AC_OK;

    AC_TRY(size_of(k, "rope.dimension_count", c->head_size, AC_MOST_WIDTH, &r->dimensions));
    if (r->dimensions > c->head_size || r->dimensions % 2) {
        st = refuse(k, "rope.dimension_count", "is not an even number up to the head's size");
        goto out;
    }
    full_key(k, full, "rope.freq_base");
    AC_TRY(ac_gguf_real(k->file, full, 10000, &r->theta));
    if (!(r->theta > 0)) {
        st = refuse(k, "rope.freq_base", "is not above 0");
        goto out;
    }
    full_key(k, full, "rope.scaling.type");
    AC_TRY(ac_gguf_text(k->file, full, &scaling));
    is_none = !scaling || strcmp(scaling, "none") == 0;
    has_type = scaling != NULL;
    free(scaling);
    if (!is_none) {
        st = refuse(k, "rope.scaling.type", "asks for what this program does not support");
        goto out;
    }
    AC_TRY(refuse_factor(k, "rope.scaling.factor", has_type));
    AC_TRY(refuse_factor(k, "rope.scale_linear", has_type)); /* the name of before */
    r->neighbours = c->type == AC_CAUSAL_LLAMA; /* its q and k rows are stored so */
out:
    return st;
}

static bool
has(const keys *k, const char *name)
{
    return ac_tensors_find(&k->file->tensors, name) != NULL;
}

static ac_status
read_rest(const keys *k, ac_causal_config *c)
{
    char full[KEY_BYTES];
    double eps;
    int64_t id;
    ac_status st = AC_OK;

    full_key(k, full, "attention.layer_norm_rms_epsilon");
    AC_TRY(ac_gguf_real(k->file, full, NAN, &eps));
    if (!(eps >= 0 && eps < 1)) {
        st = refuse(k, "attention.layer_norm_rms_epsilon", "is not a number from 0 to 1");
        goto out;
    }
    c->norm_eps = (float) eps;
    AC_TRY(refuse_where_said(
        k, "expert_count", INT64_MAX,
        "asks for a mixture of experts, which this program does not support"));
    AC_TRY(refuse_where_said(k, "attention.sliding_window", c->max_position_embeddings,
                             "asks for sliding windows, which this program does not support"));
    c->activation = AC_ACTIVATION_SILU;
    c->qkv_bias = has(k, "blk.0.attn_q.bias");
    c->out_bias = has(k, "blk.0.attn_output.bias");
    c->mlp_bias = has(k, "blk.0.ffn_down.bias");
    c->untied = has(k, "output.weight");
    AC_TRY(
        ac_gguf_whole(k->file, "tokenizer.ggml.bos_token_id", -1, -1, c->vocab_size - 1, &id));
    c->bos_token_id = (int32_t) id;
    AC_TRY(
        ac_gguf_whole(k->file, "tokenizer.ggml.eos_token_id", -1, -1, c->vocab_size - 1, &id));
    c->eos_token_id = (int32_t) id;
out:
    return st;
}

static bool
is_among(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(name, *list) == 0)
            return true;
    return false;
}

/* Does the network read this tensor, or change nothing by it? */
static bool
is_read(const ac_causal_config *c, const char *name)
{
    static const char *const whole[] = { "token_embd.weight", "output_norm.weight",
                                         "output.weight", "rope_freqs.weight", NULL },
                             *const weights[] = { "attn_norm.weight",
                                                  "attn_q.weight",
                                                  "attn_k.weight",
                                                  "attn_v.weight",
                                                  "attn_output.weight",
                                                  "ffn_norm.weight",
                                                  "ffn_gate.weight",
                                                  "ffn_up.weight",
                                                  "ffn_down.weight",
                                                  "attn_rot_embd.weight",
                                                  NULL },
                             *const norms[] = { "attn_q_norm.weight", "attn_k_norm.weight",
                                                NULL },
                             *const qkv[] = { "attn_q.bias", "attn_k.bias", "attn_v.bias",
                                              NULL },
                             *const out[] = { "attn_output.bias", NULL },
                             *const mlp[] = { "ffn_gate.bias", "ffn_up.bias", "ffn_down.bias",
                                              NULL };
    char *rest;

    if (strncmp(name, "blk.", 4) != 0)
        return is_among(name, whole);
    if (strtoll(name + 4, &rest, 10) >= c->layers)
        return true; /* a block past those that there are */
    rest += *rest == '.';
    return is_among(rest, weights) || (c->type == AC_CAUSAL_QWEN3 && is_among(rest, norms)) ||
           (c->qkv_bias && is_among(rest, qkv)) || (c->out_bias && is_among(rest, out)) ||
           (c->mlp_bias && is_among(rest, mlp));
}

/* A bias or a norm that is not read would change what the model says. */
static ac_status
refuse_unread(const ac_gguf *file, const ac_causal_config *c)
{
    for (int64_t i = 0; i < file->tensors.count; i++)
        if (!is_read(c, file->items[i].name))
            return ac_error_set(AC_E_FORMAT,
                                "%s: tensor \"%s\" is none that this program reads of a model "
                                "of this kind (%s)",
                                file->path, file->items[i].name, ac_causal_type_names[c->type]);
    return AC_OK;
}

/* One of several files that together are a model. */
static ac_status
refuse_part(const ac_gguf *file)
{
    int64_t parts;
    const ac_status st = ac_gguf_whole(file, "split.count", 1, 0, INT64_MAX, &parts);

    return st != AC_OK || parts < 2
               ? st
               : ac_error_set(AC_E_FORMAT,
                              "%s: is one of %lld files of a model (split.count); this program "
                              "reads models of one file: llama-gguf-split --merge makes one",
                              file->path, (long long) parts);
}

static ac_status
find_architecture(const ac_gguf *file, char **name, ac_causal_type *type)
{
    ac_status st = ac_gguf_text(file, "general.architecture", name);

    if (st != AC_OK)
        return st;
    if (!*name)
        return ac_error_set(AC_E_FORMAT, "%s: has no key \"general.architecture\"", file->path);
    for (int i = AC_CAUSAL_LLAMA; i <= AC_CAUSAL_QWEN3; i++)
        if (strcmp(*name, ac_causal_type_names[i]) == 0) {
            *type = (ac_causal_type) i;
            return AC_OK;
        }
    return ac_error_set(AC_E_FORMAT,
                        "%s: general.architecture is \"%s\"; of GGUF this program reads llama, "
                        "qwen2 and qwen3",
                        file->path, *name);
}

ac_status
ac_gguf_config_load(ac_causal_config *c, const ac_gguf *file)
{
    char *architecture = NULL;
    keys k = { .file = file };
    ac_status st = AC_OK;

    *c = (ac_causal_config){ 0 };
    AC_TRY(refuse_part(file));
    AC_TRY(find_architecture(file, &architecture, &c->type));
    k.architecture = architecture;
    AC_TRY(ac_gguf_check_formats(file));
    AC_TRY(read_sizes(&k, c));
    AC_TRY(read_rotary(&k, c));
    AC_TRY(read_rest(&k, c));
    st = refuse_unread(file, c);
out:
    free(architecture);
    return st;
}

ac_status
ac_gguf_generation_load(ac_generation_config *out, const ac_gguf *file)
{
    static const char *const ends[] = { "tokenizer.ggml.eos_token_id",
                                        "tokenizer.ggml.eot_token_id" };
    int64_t bos;
    ac_status st = AC_OK;

    ac_generation_config_free(out);
    AC_TRY(ac_gguf_whole(file, "tokenizer.ggml.bos_token_id", -1, -1, INT32_MAX, &bos));
    ac_generation_config_defaults(out, (int32_t) bos, -1);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        int64_t id;
        AC_TRY(ac_gguf_whole(file, ends[i], -1, -1, INT32_MAX, &id));
        if (id >= 0 && !ac_generation_config_ends(out, (int32_t) id))
            out->eos_token_ids[out->eos_count++] = (int32_t) id;
    }
out:
    return st;
}

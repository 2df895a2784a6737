/* Causal models: the families' tensors, and making the layers. */
#include "engine/models/causal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/linear/pack.h"
#include "engine/models/causal_layers.h"

const char *const ac_causal_type_names[] = { "gpt2",  "gpt_neo", "gptj", "llama",
                                             "qwen2", "qwen3",   NULL };

/* A family's names, behind the prefix of all and "h.3." or "layers.3.". */
typedef struct names {
    const char *prefix, *stack, *tokens, *positions, *norm, *head;
    const char *attention_norm, *query, *key, *value, *out; /* key NULL: query is all three */
    const char *query_norm, *key_norm;
    const char *mlp_norm, *gate, *up, *down;
    bool transposed; /* matrices are [in, out] */
} names;

static const names gpt2 = { .prefix = "transformer.",
                            .stack = "h",
                            .tokens = "wte",
                            .positions = "wpe",
                            .norm = "ln_f",
                            .head = "lm_head",
                            .attention_norm = "ln_1",
                            .query = "attn.c_attn",
                            .out = "attn.c_proj",
                            .mlp_norm = "ln_2",
                            .up = "mlp.c_fc",
                            .down = "mlp.c_proj",
                            .transposed = true };
static const names gpt_neo = { .prefix = "transformer.",
                               .stack = "h",
                               .tokens = "wte",
                               .positions = "wpe",
                               .norm = "ln_f",
                               .head = "lm_head",
                               .attention_norm = "ln_1",
                               .query = "attn.attention.q_proj",
                               .key = "attn.attention.k_proj",
                               .value = "attn.attention.v_proj",
                               .out = "attn.attention.out_proj",
                               .mlp_norm = "ln_2",
                               .up = "mlp.c_fc",
                               .down = "mlp.c_proj" };
static const names gptj = { .prefix = "transformer.",
                            .stack = "h",
                            .tokens = "wte",
                            .norm = "ln_f",
                            .head = "lm_head",
                            .attention_norm = "ln_1",
                            .query = "attn.q_proj",
                            .key = "attn.k_proj",
                            .value = "attn.v_proj",
                            .out = "attn.out_proj",
                            .up = "mlp.fc_in",
                            .down = "mlp.fc_out" };
static const names llama = { .prefix = "model.",
                             .stack = "layers",
                             .tokens = "embed_tokens",
                             .norm = "norm",
                             .head = "lm_head",
                             .attention_norm = "input_layernorm",
                             .query = "self_attn.q_proj",
                             .key = "self_attn.k_proj",
                             .value = "self_attn.v_proj",
                             .out = "self_attn.o_proj",
                             .query_norm = "self_attn.q_norm",
                             .key_norm = "self_attn.k_norm",
                             .mlp_norm = "post_attention_layernorm",
                             .gate = "mlp.gate_proj",
                             .up = "mlp.up_proj",
                             .down = "mlp.down_proj" };
static const names gguf = { .prefix = "",
                            .stack = "blk",
                            .tokens = "token_embd",
                            .norm = "output_norm",
                            .head = "output",
                            .attention_norm = "attn_norm",
                            .query = "attn_q",
                            .key = "attn_k",
                            .value = "attn_v",
                            .out = "attn_output",
                            .query_norm = "attn_q_norm",
                            .key_norm = "attn_k_norm",
                            .mlp_norm = "ffn_norm",
                            .gate = "ffn_gate",
                            .up = "ffn_up",
                            .down = "ffn_down" };

static const names *
names_of(ac_causal_type type, const ac_tensors *tensors)
{
    if (ac_tensors_find(tensors, "token_embd.weight"))
        return &gguf;
    switch (type) {
    case AC_CAUSAL_GPT2: return &gpt2;
    case AC_CAUSAL_GPT_NEO: return &gpt_neo;
    case AC_CAUSAL_GPTJ: return &gptj;
    case AC_CAUSAL_LLAMA:
    case AC_CAUSAL_QWEN2:
    case AC_CAUSAL_QWEN3: break;
    }
    return &llama;
}

/* ---- reading ---- */

/* What a model is made with. */
typedef struct maker {
    const ac_causal_config *config;
    const names *names;
    ac_pack pack;
} maker;

/* A NaN or an infinity among the weights would end in stories that look like stories. */
static ac_status
check_finite(const maker *m, const ac_tensor *t)
{
    enum { CHUNK = 4096 };
    const int64_t count = ac_tensor_count(t), columns = t->shape[t->rank - 1],
                  rows = count / (columns > 0 ? columns : 1);
    bool good = true;

    if (!m->pack.fill)
        return AC_OK;
#pragma omp parallel for schedule(static) reduction(&& : good)
    for (int64_t r = 0; r < rows; r++) {
        float x[CHUNK], sum = 0;
        for (int64_t i = 0; i < columns; i += CHUNK) {
            const int64_t n = columns - i < CHUNK ? columns - i : CHUNK;
            ac_tensor_read(t, x, r * columns + i, n);
            for (int64_t k = 0; k < n; k++)
                sum += x[k] * 0;
        }
        good = good && sum == 0;
    }
    return good ? AC_OK
                : ac_error_set(AC_E_FORMAT,
                               "%s: tensor \"%s\" has a value that is not a finite number",
                               m->pack.tensors->source, t->name);
}

/* The matrix STEM.weight as [rows, columns]. */
static ac_status
find_matrix(maker *m, ac_tensor *out, int64_t rows, int64_t columns, const char *stem)
{
    const bool turned = m->names->transposed;
    const int64_t shape[2] = { turned ? columns : rows, turned ? rows : columns };
    const ac_tensor *t;
    ac_status st = ac_pack_tensor(&m->pack, &t, 2, shape, "%s.weight", stem);

    if (st == AC_OK)
        st = check_finite(m, t);
    if (st == AC_OK)
        *out = turned ? ac_tensor_transposed(t) : *t;
    return st;
}

static ac_status
find_vector(maker *m, const ac_tensor **out, int64_t n, const char *stem, const char *what)
{
    ac_status st = ac_pack_tensor(&m->pack, out, 1, &n, "%s.%s", stem, what);

    return st == AC_OK ? check_finite(m, *out) : st;
}

/* A linear layer of `parts` matrices of the layer l, stacked. rows [parts]. */
static ac_status
make_linear(maker *m, ac_linear *out, int64_t l, const char *const *stems, const int64_t *rows,
            int parts, int64_t columns, bool has_bias)
{
    ac_tensor weights[3];
    const ac_tensor *weight[3], *bias[3] = { NULL };
    ac_status st = AC_OK;

    for (int p = 0; p < parts; p++) {
        char stem[128];
        snprintf(stem, sizeof stem, "%s.%d.%s", m->names->stack, (int) l, stems[p]);
        AC_TRY(find_matrix(m, &weights[p], rows[p], columns, stem));
        weight[p] = &weights[p];
        if (has_bias)
            AC_TRY(find_vector(m, &bias[p], rows[p], stem, "bias"));
    }
    st = ac_pack_linear(&m->pack, out, weight, has_bias ? bias : NULL, parts);
out:
    return st;
}

static ac_status
make_norm(maker *m, ac_causal_norm *out, int64_t n, const char *stem)
{
    const ac_tensor *t;
    ac_status st = AC_OK;

    AC_TRY(find_vector(m, &t, n, stem, "weight"));
    AC_TRY(ac_pack_floats(&m->pack, &out->weight, 1, &n, "%s.weight", stem));
    if (!ac_causal_is_llama(m->config)) {
        AC_TRY(find_vector(m, &t, n, stem, "bias"));
        st = ac_pack_floats(&m->pack, &out->bias, 1, &n, "%s.bias", stem);
    }
out:
    return st;
}

static ac_status
make_layer_norm(maker *m, ac_causal_norm *out, int64_t l, int64_t n, const char *name)
{
    char stem[128];

    if (!name)
        return AC_OK;
    snprintf(stem, sizeof stem, "%s.%d.%s", m->names->stack, (int) l, name);
    return make_norm(m, out, n, stem);
}

static ac_status
make_layer(maker *m, ac_causal_layer *k, int64_t l)
{
    const ac_causal_config *c = m->config;
    const names *n = m->names;
    const int64_t C = c->hidden_size, A = c->heads * c->head_size,
                  B = c->key_heads * c->head_size, F = c->intermediate_size;
    const char *const qkv[] = { n->query, n->key, n->value }, *const up[] = { n->gate, n->up };
    ac_status st = AC_OK;

    if (n->key)
        AC_TRY(make_linear(m, &k->qkv, l, qkv, (int64_t[]){ A, B, B }, 3, C, c->qkv_bias));
    else
        AC_TRY(make_linear(m, &k->qkv, l, qkv, (int64_t[]){ A + 2 * B }, 1, C, c->qkv_bias));
    AC_TRY(make_linear(m, &k->out, l, &n->out, &C, 1, A, c->out_bias));
    if (n->gate)
        AC_TRY(make_linear(m, &k->up, l, up, (int64_t[]){ F, F }, 2, C, c->mlp_bias));
    else
        AC_TRY(make_linear(m, &k->up, l, &n->up, &F, 1, C, c->mlp_bias));
    AC_TRY(make_linear(m, &k->down, l, &n->down, &C, 1, F, c->mlp_bias));
    AC_TRY(make_layer_norm(m, &k->attention_norm, l, C, n->attention_norm));
    AC_TRY(make_layer_norm(m, &k->mlp_norm, l, C, n->mlp_norm));
    if (c->type == AC_CAUSAL_QWEN3) {
        AC_TRY(make_layer_norm(m, &k->query_norm, l, c->head_size, n->query_norm));
        st = make_layer_norm(m, &k->key_norm, l, c->head_size, n->key_norm);
    }
out:
    return st;
}

/* The head's own matrix; NULL: the file has none. */
static const ac_tensor *
find_head(const maker *m)
{
    char name[128];

    snprintf(name, sizeof name, "%s.weight", m->names->head);
    return ac_tensors_find(m->pack.tensors, name);
}

static bool
have_same_values(const ac_tensor *a, const ac_tensor *b)
{
    enum { CHUNK = 4096 };
    const int64_t count = ac_tensor_count(a);
    float x[CHUNK], y[CHUNK];

    if (a->dtype == b->dtype && a->data == b->data)
        return true;
    for (int64_t i = 0; i < count; i += CHUNK) {
        const int64_t n = count - i < CHUNK ? count - i : CHUNK;
        ac_tensor_read(a, x, i, n);
        ac_tensor_read(b, y, i, n);
        if (memcmp(x, y, (size_t) n * sizeof *x) != 0)
            return false;
    }
    return true;
}

/* Is the head a matrix of its own? The config says so; and where it does not, a file that has
 * both matrices with different values, as transformers 5 reads it. */
static bool
is_untied(const maker *m, const ac_tensor *tokens)
{
    const ac_tensor *head = find_head(m);

    return m->config->untied ||
           (head && head->dtype <= AC_BF16 && head->rank == 2 &&
            head->shape[0] == tokens->shape[0] && head->shape[1] == tokens->shape[1] &&
            !have_same_values(head, tokens));
}

static ac_status
make_head(maker *m, struct ac_causal_net *net)
{
    const ac_causal_config *c = m->config;
    const char *prefix = m->pack.prefix;
    const ac_tensor *weight = &net->tokens, *bias = NULL;
    ac_status st = AC_OK;

    if (is_untied(m, &net->tokens)) {
        m->pack.prefix = "";
        AC_TRY(ac_pack_tensor(&m->pack, &weight, 2,
                              (int64_t[]){ c->vocab_size, c->hidden_size }, "%s.weight",
                              m->names->head));
        AC_TRY(check_finite(m, weight));
    }
    if (c->head_bias) {
        m->pack.prefix = "";
        AC_TRY(find_vector(m, &bias, c->vocab_size, m->names->head, "bias"));
    }
    st = ac_pack_linear(&m->pack, &net->head, &weight, bias ? &bias : NULL, 1);
out:
    m->pack.prefix = prefix;
    return st;
}

void
ac_causal_frequencies(const ac_rotary *r, const float *divisors, float *out)
{
    const double turns = 2 * acos(-1.0);

    for (int64_t i = 0; i < r->dimensions / 2; i++) {
        float f = (float) (1 / pow(r->theta, (double) (2 * i) / (double) r->dimensions));
        if (r->llama3) {
            const double t = (double) r->original_max_position_embeddings * (double) f / turns,
                         b = (t - r->low_freq_factor) /
                             (r->high_freq_factor - r->low_freq_factor),
                         share = b < 0   ? 0
                                 : b > 1 ? 1
                                         : b;
            f = (float) (share * (double) f + (1 - share) * (double) f / r->factor);
        }
        out[i] = divisors ? f / divisors[i] : f;
    }
}

static ac_status
make_rotary(maker *m, struct ac_causal_net *net)
{
    const ac_rotary *r = &m->config->rotary;
    const int64_t n = r->dimensions / 2;
    const ac_tensor *t;
    const float *divisors = NULL;
    ac_status st = AC_OK;

    if (!r->dimensions)
        return AC_OK;
    AC_TRY(ac_alloc(&net->frequencies, n, sizeof *net->frequencies));
    if (ac_tensors_find(m->pack.tensors, "rope_freqs.weight")) {
        const char *prefix = m->pack.prefix;
        char *next = m->pack.next;
        m->pack.prefix = "";
        st = find_vector(m, &t, n, "rope_freqs", "weight");
        if (st == AC_OK)
            st = ac_pack_floats(&m->pack, &divisors, 1, &n, "rope_freqs.weight");
        m->pack.prefix = prefix;
        m->pack.next = next;
        if (st != AC_OK)
            goto out;
        for (int64_t i = 0; m->pack.fill && i < n; i++)
            if (!(divisors[i] > 0))
                AC_FAIL(AC_E_FORMAT,
                        "%s: tensor \"rope_freqs.weight\" has a value that is not "
                        "above 0",
                        m->pack.tensors->source);
    }
    m->pack.next += ac_pack_floats_bytes(n);
    ac_causal_frequencies(r, divisors, net->frequencies);
out:
    return st;
}

/* "transformer." or "model." in front of all names, or nothing. */
static const char *
find_prefix(const ac_tensors *tensors, const names *n)
{
    const char *const stems[] = { n->tokens, n->norm };
    char name[128];

    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s%s.weight", n->prefix, stems[i]);
        if (ac_tensors_find(tensors, name))
            return n->prefix;
    }
    return "";
}

/* The embedding; where it is the head's matrix too, a file may have it under that name alone.
 */
static ac_status
find_tokens(const maker *m, const ac_tensor **out)
{
    const ac_causal_config *c = m->config;
    const int64_t shape[2] = { c->vocab_size, c->hidden_size };
    ac_pack head = m->pack;
    char name[128];

    snprintf(name, sizeof name, "%s%s.weight", m->pack.prefix, m->names->tokens);
    if (c->untied || ac_tensors_find(m->pack.tensors, name) || !find_head(m))
        return ac_pack_tensor(&m->pack, out, 2, shape, "%s.weight", m->names->tokens);
    head.prefix = "";
    return ac_pack_tensor(&head, out, 2, shape, "%s.weight", m->names->head);
}

static ac_status
make_embeddings(maker *m, struct ac_causal_net *net)
{
    const ac_causal_config *c = m->config;
    const names *n = m->names;
    const int64_t positions[2] = { c->max_position_embeddings, c->hidden_size };
    const ac_tensor *t;
    ac_status st = AC_OK;

    AC_TRY(find_tokens(m, &t));
    AC_TRY(check_finite(m, t));
    net->tokens = *t;
    if (ac_causal_has_positions(c)) {
        AC_TRY(ac_pack_tensor(&m->pack, &t, 2, positions, "%s.weight", n->positions));
        AC_TRY(check_finite(m, t));
        net->positions = *t;
    }
out:
    return st;
}

/* *used: bytes of `packed`, those that would be written without `fill` too. */
static ac_status
make(ac_causal *self, const ac_causal_config *config, const ac_tensors *tensors,
     const ac_compute *compute, void *packed, bool fill, size_t *used)
{
    maker m = { .config = config,
                .names = names_of(config->type, tensors),
                .pack = { .tensors = tensors,
                          .compute = compute,
                          .next = packed,
                          .fill = fill,
                          .stored = true } };
    ac_status st = AC_OK;

    *self = (ac_causal){ .config = *config };
    m.pack.prefix = find_prefix(tensors, m.names);
    AC_TRY(ac_alloc(&self->net, 1, sizeof *self->net));
    AC_TRY(make_embeddings(&m, self->net));
    AC_TRY(ac_alloc(&self->net->layers, config->layers, sizeof *self->net->layers));
    for (int64_t l = 0; l < config->layers; l++)
        AC_TRY(make_layer(&m, &self->net->layers[l], l));
    AC_TRY(make_norm(&m, &self->net->norm, config->hidden_size, m.names->norm));
    AC_TRY(make_head(&m, self->net));
    AC_TRY(make_rotary(&m, self->net));
    *used = (size_t) (m.pack.next - (char *) packed);
out:
    if (st != AC_OK)
        ac_causal_free(self);
    return st;
}

ac_status
ac_causal_init(ac_causal *self, const ac_causal_config *config, const ac_tensors *tensors,
               const ac_compute *compute, void *packed, bool fill)
{
    size_t used;

    return make(self, config, tensors, compute, packed, fill, &used);
}

ac_status
ac_causal_check(const ac_causal_config *config, const ac_tensors *tensors,
                const ac_compute *compute, size_t *packed_bytes)
{
    _Alignas(64) static char nothing[64]; /* no weight is packed: nothing is written there */
    ac_causal model;
    ac_status st = make(&model, config, tensors, compute, nothing, false, packed_bytes);

    ac_causal_free(&model);
    return st;
}

void
ac_causal_free(ac_causal *self)
{
    struct ac_causal_net *net = self->net;

    for (int64_t l = 0; net && net->layers && l < self->config.layers; l++) {
        ac_causal_layer *k = &net->layers[l];
        ac_linear_free(&k->qkv);
        ac_linear_free(&k->out);
        ac_linear_free(&k->up);
        ac_linear_free(&k->down);
    }
    if (net) {
        ac_linear_free(&net->head);
        free(net->layers);
        free(net->frequencies);
    }
    free(net);
    *self = (ac_causal){ 0 };
}

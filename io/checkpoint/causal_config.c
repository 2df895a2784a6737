#include "io/checkpoint/causal_config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/checkpoint/json_reader.h"
#include "io/file/path.h"

static const char *
type_of(const json_t *root)
{
    return json_string_value(json_object_get(root, "model_type"));
}

bool
ac_causal_config_is(const char *folder)
{
    static const char *const others[] = { "bart", "clip", "siglip", NULL };
    char *path = NULL;
    json_t *root = NULL;
    bool is = false;

    if (ac_path_format(&path, "%s/config.json", folder) == AC_OK &&
        ac_json_reader_load(&root, path) == AC_OK) {
        is = type_of(root) != NULL;
        for (int i = 0; is && others[i]; i++)
            is = strcmp(type_of(root), others[i]) != 0;
    }
    json_decref(root);
    free(path);
    return is;
}

/* ---- values ---- */

static int64_t
width(ac_json_reader *r, const char *key, int64_t fallback)
{
    return ac_json_reader_whole(r, key, fallback, 1, AC_MOST_WIDTH);
}

/* A token's id or the first of a list; -1: none, or one that the model cannot say: GPT-2's
 * 50256 is what transformers writes of a smaller vocabulary too. */
static int32_t
token(ac_json_reader *r, const char *key, int64_t fallback, int64_t vocab_size)
{
    const json_t *j = json_object_get(r->object, key);
    json_int_t id = fallback;

    if (json_is_array(j) && json_array_size(j) > 0)
        j = json_array_get(j, 0);
    if (json_is_null(j))
        return -1;
    if (j) {
        id = json_integer_value(j);
        if (!json_is_integer(j) || id < -1)
            ac_json_reader_refuse(r, key, "is not a token's id");
    }
    return id < vocab_size ? (int32_t) id : -1;
}

static float
epsilon(ac_json_reader *r, const char *key, double fallback)
{
    const double x = ac_json_reader_real(r, key, fallback);

    if (!(x >= 0 && x < 1))
        ac_json_reader_refuse(r, key, "is not a number from 0 to 1");
    return (float) x;
}

static void
refuse_where_true(ac_json_reader *r, const char *key, const char *what)
{
    if (json_is_true(json_object_get(r->object, key)))
        ac_json_reader_refuse(r, key, what);
}

static void
refuse_where_said(ac_json_reader *r, const char *key, const char *what)
{
    const json_t *j = json_object_get(r->object, key);

    if (j && !json_is_null(j) && !(json_is_integer(j) && json_integer_value(j) == 0))
        ac_json_reader_refuse(r, key, what);
}

static void
read_tokens(ac_json_reader *r, ac_causal_config *c, int64_t bos, int64_t eos)
{
    c->bos_token_id = token(r, "bos_token_id", bos, c->vocab_size);
    c->eos_token_id = token(r, "eos_token_id", eos, c->vocab_size);
}

static void
read_heads(ac_json_reader *r, ac_causal_config *c, const char *width_key)
{
    if (c->hidden_size % c->heads)
        ac_json_reader_refuse(r, width_key, "is not a multiple of the number of heads");
    c->key_heads = c->heads;
    c->head_size = c->hidden_size / c->heads;
}

/* ---- the GPTs ---- */

static void
read_gpt(ac_json_reader *r, ac_causal_config *c, const int64_t fallbacks[5])
{
    c->vocab_size = ac_json_reader_whole(r, "vocab_size", fallbacks[0], 1, AC_MOST_ROWS);
    c->max_position_embeddings = width(r, "n_positions", fallbacks[1]);
    c->hidden_size = width(r, "n_embd", fallbacks[2]);
    c->layers = ac_json_reader_whole(r, "n_layer", fallbacks[3], 1, AC_MOST_LAYERS);
    c->heads = width(r, "n_head", fallbacks[4]);
    c->intermediate_size = width(r, "n_inner", 4 * c->hidden_size);
    c->activation = ac_json_reader_activation(r, "activation_function", "gelu_new");
    c->norm_eps = epsilon(r, "layer_norm_epsilon", 1e-5);
    c->mlp_bias = true;
    read_heads(r, c, "n_embd");
}

static void
read_gpt2(ac_json_reader *r, ac_causal_config *c)
{
    read_gpt(r, c, (int64_t[]){ 50257, 1024, 768, 12, 12 });
    c->qkv_bias = c->out_bias = true;
    c->unscaled = !ac_json_reader_boolean(r, "scale_attn_weights", true);
    c->scale_by_layer = ac_json_reader_boolean(r, "scale_attn_by_inverse_layer_idx", false);
    c->untied = !ac_json_reader_boolean(r, "tie_word_embeddings", true);
    refuse_where_true(r, "add_cross_attention", "is true, which this program does not support");
    read_tokens(r, c, 50256, 50256);
}

static void
read_gptj(ac_json_reader *r, ac_causal_config *c)
{
    read_gpt(r, c, (int64_t[]){ 50400, 2048, 4096, 28, 16 });
    c->head_bias = true;
    c->untied = !ac_json_reader_boolean(r, "tie_word_embeddings", false);
    c->rotary.theta = 10000;
    c->rotary.neighbours = true;
    if (json_is_null(json_object_get(r->object, "rotary_dim")))
        ac_json_reader_refuse(r, "rotary_dim", "is null, which this program does not support");
    c->rotary.dimensions = width(r, "rotary_dim", 64);
    if (c->rotary.dimensions > c->head_size || c->rotary.dimensions % 2)
        ac_json_reader_refuse(r, "rotary_dim", "is not an even number up to n_embd / n_head");
    read_tokens(r, c, 50256, 50256);
}

static void
push_kind(ac_json_reader *r, ac_causal_config *c, const char *key, const json_t *kind,
          int64_t *layers)
{
    const char *name = json_string_value(kind);
    const bool is_local = name && strcmp(name, "local") == 0;

    if (!name || (!is_local && strcmp(name, "global") != 0))
        ac_json_reader_refuse(r, key, "names a kind of attention other than global and local");
    else if (*layers < c->layers)
        c->local[*layers] = is_local;
    (*layers)++;
}

/* attention_types [[["global", "local"], 12]], which says what attention_layers lists. */
static void
read_kinds(ac_json_reader *r, ac_causal_config *c)
{
    const json_t *types = json_object_get(r->object, "attention_types"),
                 *list = json_object_get(r->object, "attention_layers"), *entry, *kind;
    const char *key = types && !json_is_null(types) ? "attention_types" : "attention_layers";
    int64_t layers = 0;
    size_t i, k;

    if (!types && !list) {
        for (; layers < c->layers; layers++)
            c->local[layers] = layers % 2;
        return;
    }
    if (strcmp(key, "attention_types") == 0)
        json_array_foreach(types, i, entry)
        {
            const json_t *kinds = json_array_get(entry, 0), *times = json_array_get(entry, 1);
            for (json_int_t n = 0; json_array_size(kinds) > 0 && layers <= c->layers &&
                                   n < json_integer_value(times);
                 n++)
                json_array_foreach(kinds, k, kind) push_kind(r, c, key, kind, &layers);
        }
    else
        json_array_foreach(list, i, kind) push_kind(r, c, key, kind, &layers);
    if (layers != c->layers)
        ac_json_reader_refuse(r, key, "does not name as many layers as num_layers says");
}

static void
read_gpt_neo(ac_json_reader *r, ac_causal_config *c)
{
    c->vocab_size = ac_json_reader_whole(r, "vocab_size", 50257, 1, AC_MOST_ROWS);
    c->max_position_embeddings = width(r, "max_position_embeddings", 2048);
    c->hidden_size = width(r, "hidden_size", 2048);
    c->layers = ac_json_reader_whole(r, "num_layers", 24, 1, AC_CAUSAL_MOST_LOCAL);
    c->heads = width(r, "num_heads", 16);
    c->intermediate_size = width(r, "intermediate_size", 4 * c->hidden_size);
    c->activation = ac_json_reader_activation(r, "activation_function", "gelu_new");
    c->norm_eps = epsilon(r, "layer_norm_epsilon", 1e-5);
    c->out_bias = c->mlp_bias = c->unscaled = true;
    c->untied = !ac_json_reader_boolean(r, "tie_word_embeddings", true);
    c->window = width(r, "window_size", 256);
    read_heads(r, c, "hidden_size");
    read_kinds(r, c);
    read_tokens(r, c, 50256, 50256);
}

/* ---- Llama, Qwen2, Qwen3 ---- */

/* A kind of rotation that is not supported: another type, a type that is no text, a factor
 * without a type, or parameters for each kind of layer. */
static void
refuse_rotations(ac_json_reader *s)
{
    const char *key = json_object_get(s->object, "rope_type") ? "rope_type" : "type", *name;
    const json_t *type = json_object_get(s->object, key),
                 *factor = json_object_get(s->object, "factor");
    const char *text = json_string_value(type);
    json_t *value;

    if (text ? strcmp(text, "default") != 0 && strcmp(text, "llama3") != 0
             : (type && !json_is_null(type)) || (factor && json_number_value(factor) != 1))
        ac_json_reader_refuse(s, key,
                              "asks for what this program does not support (it has default and "
                              "llama3)");
    json_object_foreach((json_t *) (uintptr_t) s->object, name,
                        value) if (json_is_object(value))
        ac_json_reader_refuse(s, name,
                              "is for one kind of layer, which this program does not "
                              "do");
}

static void
read_llama3(ac_json_reader *r, ac_json_reader *s, ac_causal_config *c)
{
    static const char length[] = "original_max_position_embeddings";
    ac_rotary *o = &c->rotary;

    o->factor = ac_json_reader_real(s, "factor", 0);
    o->low_freq_factor = ac_json_reader_real(s, "low_freq_factor", NAN);
    o->high_freq_factor = ac_json_reader_real(s, "high_freq_factor", NAN);
    o->original_max_position_embeddings =
        json_object_get(r->object, length)
            ? width(r, length, c->max_position_embeddings)
            : ac_json_reader_whole(s, length, c->max_position_embeddings, 1, 1 << 28);
    if (!(o->factor > 0))
        ac_json_reader_refuse(s, "factor", "is not a number above 0");
    if (!isfinite(o->low_freq_factor))
        ac_json_reader_refuse(s, "low_freq_factor", "is not a number");
    if (!(o->high_freq_factor > o->low_freq_factor))
        ac_json_reader_refuse(s, "high_freq_factor", "is not above low_freq_factor");
}

/* rope_theta and rope_scaling (transformers 4), which comes first where both are there; or
 * rope_parameters (5). */
static void
read_rotary(ac_json_reader *r, ac_causal_config *c)
{
    const json_t *scaling = json_object_get(r->object, "rope_scaling");
    const bool scaled = scaling && !json_is_null(scaling) && json_object_size(scaling) > 0;
    ac_json_reader s = { .object =
                             scaled ? scaling : json_object_get(r->object, "rope_parameters"),
                         .path = r->path,
                         .section = scaled ? "rope_scaling" : "rope_parameters" };
    const bool inside = json_object_get(s.object, "rope_theta") != NULL;
    const json_t *type = json_object_get(s.object, "rope_type");
    ac_rotary *o = &c->rotary;

    if (scaling && !json_is_null(scaling) && !json_is_object(scaling))
        ac_json_reader_refuse(r, "rope_scaling", "is not an object");
    if (s.object && !json_is_null(s.object) && !json_is_object(s.object))
        ac_json_reader_refuse(r, s.section, "is not an object");
    o->dimensions = c->head_size;
    o->theta = ac_json_reader_real(inside ? &s : r, "rope_theta", 10000);
    if (c->head_size % 2)
        ac_json_reader_refuse(r, "head_dim", "is odd, so pairs of it cannot be rotated");
    if (!(o->theta > 0 && isfinite(o->theta)))
        ac_json_reader_refuse(inside ? &s : r, "rope_theta", "is not a number above 0");
    refuse_rotations(&s);
    if (ac_json_reader_real(&s, "partial_rotary_factor", 1) != 1)
        ac_json_reader_refuse(&s, "partial_rotary_factor", "is not 1: not supported");
    if (ac_json_reader_real(r, "partial_rotary_factor", 1) != 1)
        ac_json_reader_refuse(r, "partial_rotary_factor", "is not 1: not supported");
    type = type ? type : json_object_get(s.object, "type");
    o->llama3 = json_is_string(type) && strcmp(json_string_value(type), "llama3") == 0;
    if (o->llama3)
        read_llama3(r, &s, c);
    if (r->status == AC_OK)
        r->status = s.status;
}

/* Which layers see a window alone: those that layer_types names, or without it those from
 * max_window_layers on. A window as wide as the context changes nothing. */
static void
read_windows(ac_json_reader *r, ac_causal_config *c)
{
    const json_t *types = json_object_get(r->object, "layer_types"),
                 *given = json_object_get(r->object, "sliding_window");
    const bool listed = json_is_array(types),
               used = c->type != AC_CAUSAL_LLAMA &&
                      ac_json_reader_boolean(r, "use_sliding_window", false) &&
                      !(given && json_is_null(given));
    int64_t window = 0, from = 0;

    if (json_is_integer(given) && json_integer_value(given) >= c->max_position_embeddings)
        return;
    if (used) {
        window = width(r, "sliding_window", 4096);
        from = ac_json_reader_whole(r, "max_window_layers", 28, 0, AC_MOST_LAYERS);
    }
    if (listed && (int64_t) json_array_size(types) != c->layers)
        ac_json_reader_refuse(r, "layer_types",
                              "does not name as many layers as num_hidden_layers says");
    for (int64_t l = 0; l < c->layers && r->status == AC_OK; l++) {
        const char *type = listed ? json_string_value(json_array_get(types, (size_t) l)) : NULL;
        const bool is_local =
            listed ? type && strcmp(type, "sliding_attention") == 0 : used && l >= from;
        if (listed && !is_local && (!type || strcmp(type, "full_attention") != 0))
            ac_json_reader_refuse(r, "layer_types",
                                  "names a kind of attention other than full_attention and "
                                  "sliding_attention");
        else if (is_local && !used)
            ac_json_reader_refuse(r, "layer_types",
                                  "has layers that are not full_attention, without a window "
                                  "that this model uses");
        else if (is_local && l >= AC_CAUSAL_MOST_LOCAL)
            ac_json_reader_refuse(r, "sliding_window", "is used by too many layers");
        else if (is_local)
            c->local[l] = true;
        c->window = is_local ? window : c->window;
    }
}

static void
read_llama(ac_json_reader *r, ac_causal_config *c)
{
    const bool llama = c->type == AC_CAUSAL_LLAMA, qwen3 = c->type == AC_CAUSAL_QWEN3;

    c->vocab_size =
        ac_json_reader_whole(r, "vocab_size", llama ? 32000 : 151936, 1, AC_MOST_ROWS);
    c->max_position_embeddings =
        ac_json_reader_whole(r, "max_position_embeddings", llama ? 2048 : 32768, 1, 1 << 28);
    c->hidden_size = width(r, "hidden_size", 4096);
    c->layers = ac_json_reader_whole(r, "num_hidden_layers", 32, 1, AC_MOST_LAYERS);
    c->heads = width(r, "num_attention_heads", 32);
    c->key_heads =
        width(r, "num_key_value_heads",
              llama || json_object_get(r->object, "num_key_value_heads") ? c->heads : 32);
    c->head_size = width(r, "head_dim", qwen3 ? 128 : c->hidden_size / c->heads);
    c->intermediate_size = width(r, "intermediate_size", llama ? 11008 : 22016);
    c->activation = ac_json_reader_activation(r, "hidden_act", "silu");
    c->norm_eps = epsilon(r, "rms_norm_eps", 1e-6);
    c->out_bias = c->type != AC_CAUSAL_QWEN2 && ac_json_reader_boolean(r, "attention_bias", 0);
    c->qkv_bias = c->type == AC_CAUSAL_QWEN2 || c->out_bias;
    c->mlp_bias = llama && ac_json_reader_boolean(r, "mlp_bias", false);
    c->untied = !ac_json_reader_boolean(r, "tie_word_embeddings", false);
    if (c->heads * c->head_size > AC_MOST_WIDTH)
        ac_json_reader_refuse(r, "head_dim", "is not a size that makes sense here");
    if (c->heads % c->key_heads)
        ac_json_reader_refuse(r, "num_attention_heads",
                              "is not a multiple of num_key_value_heads");
    refuse_where_said(r, "num_local_experts", "asks for a mixture of experts: not supported");
    refuse_where_said(r, "num_experts", "asks for a mixture of experts: not supported");
    read_windows(r, c);
    read_rotary(r, c);
    read_tokens(r, c, llama ? 1 : -1, llama ? 2 : -1);
}

/* ---- all ---- */

static ac_status
find_type(ac_causal_type *out, const json_t *root, const char *path)
{
    const char *type = type_of(root);

    for (int i = 0; type && ac_causal_type_names[i]; i++)
        if (strcmp(type, ac_causal_type_names[i]) == 0) {
            *out = (ac_causal_type) i;
            return AC_OK;
        }
    return ac_error_set(AC_E_FORMAT,
                        "%s: model_type is \"%s\", but this program has gpt2, gpt_neo, gptj, "
                        "llama, qwen2 and qwen3",
                        path, type ? type : "missing");
}

ac_status
ac_causal_config_load(ac_causal_config *c, const char *folder)
{
    char *path = NULL;
    json_t *root = NULL;
    ac_json_reader r = { .section = "" };
    ac_status st = AC_OK;

    *c = (ac_causal_config){ 0 };
    AC_TRY(ac_path_format(&path, "%s/config.json", folder));
    AC_TRY(ac_json_reader_load(&root, path));
    AC_TRY(find_type(&c->type, root, path));
    r.path = path;
    r.object = root;
    refuse_where_said(&r, "quantization_config",
                      "asks for quantized weights, which this program reads from GGUF alone");
    switch (c->type) {
    case AC_CAUSAL_GPT2: read_gpt2(&r, c); break;
    case AC_CAUSAL_GPT_NEO: read_gpt_neo(&r, c); break;
    case AC_CAUSAL_GPTJ: read_gptj(&r, c); break;
    case AC_CAUSAL_LLAMA:
    case AC_CAUSAL_QWEN2:
    case AC_CAUSAL_QWEN3: read_llama(&r, c); break;
    }
    st = r.status;
out:
    json_decref(root);
    free(path);
    return st;
}

void
ac_causal_config_describe(const ac_causal_config *c, ac_buffer *out)
{
    const ac_rotary *r = &c->rotary;

    ac_buffer_printf(out,
                     "%s vocabulary %lld context %lld width %lld layers %lld heads %lld %lld "
                     "of %lld hidden %lld act %d eps %.9g\n",
                     ac_causal_type_names[c->type], (long long) c->vocab_size,
                     (long long) c->max_position_embeddings, (long long) c->hidden_size,
                     (long long) c->layers, (long long) c->heads, (long long) c->key_heads,
                     (long long) c->head_size, (long long) c->intermediate_size,
                     (int) c->activation, (double) c->norm_eps);
    ac_buffer_printf(out, "biases %d %d %d %d untied %d unscaled %d by layer %d window %lld:",
                     c->qkv_bias, c->out_bias, c->mlp_bias, c->head_bias, c->untied,
                     c->unscaled, c->scale_by_layer, (long long) c->window);
    for (int64_t l = 0; c->window && l < c->layers && l < AC_CAUSAL_MOST_LOCAL; l++)
        ac_buffer_push_char(out, c->local[l] ? 'l' : 'g');
    ac_buffer_printf(out, "\nrotary %lld %d %.17g llama3 %d %.17g %.17g %.17g %lld\n",
                     (long long) r->dimensions, r->neighbours, r->theta, r->llama3, r->factor,
                     r->low_freq_factor, r->high_freq_factor,
                     (long long) r->original_max_position_embeddings);
    ac_buffer_printf(out, "start %d end %d\n", c->bos_token_id, c->eos_token_id);
}

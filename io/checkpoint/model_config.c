#include "io/checkpoint/model_config.h"
#include "io/file/path.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file/publish.h"

/* A JSON object being read: errors stick, so that many keys are read before one check. */
typedef struct reader {
    const json_t *object;
    const char *path, *section;
    ac_status status;
} reader;

static void
refuse(reader *r, const char *key, const char *what)
{
    if (r->status == AC_OK)
        r->status = ac_error_set(AC_E_FORMAT, "%s: %s%s%s %s", r->path, r->section,
                                 *r->section ? "." : "", key, what);
}

/* What sizes a config may ask for: far above any model, and so small that no product of them
 * overflows. */
enum { MOST_WIDTH = 1 << 20, MOST_LAYERS = 10000, MOST_ROWS = 1 << 27, MOST_SIDE = 1 << 15 };

static int64_t
whole(reader *r, const char *key, int64_t fallback, int64_t least, int64_t most)
{
    const json_t *j = json_object_get(r->object, key);

    if (!j || json_is_null(j)) {
        if (fallback < least)
            refuse(r, key, "is missing");
        return fallback;
    }
    if (!json_is_integer(j) || json_integer_value(j) < least || json_integer_value(j) > most) {
        refuse(r, key, "is not a number that makes sense here");
        return least;
    }
    return json_integer_value(j);
}

/* A token's id, which must be one of the vocabulary's: it is a place in tables. */
static int32_t
token(reader *r, const char *key, int64_t fallback, int64_t vocab_size)
{
    const int64_t id = whole(r, key, fallback, 0, INT32_MAX);

    if (id >= vocab_size)
        refuse(r, key, "is not below vocab_size");
    return (int32_t) id;
}

static double
real(reader *r, const char *key, double fallback)
{
    const json_t *j = json_object_get(r->object, key);

    if (!j || json_is_null(j))
        return fallback;
    if (!json_is_number(j))
        refuse(r, key, "is not a number");
    return json_number_value(j);
}

/* Of dropout: what is kept is divided by 1 - p. */
static float
probability(reader *r, const char *key, double fallback)
{
    const double p = real(r, key, fallback);

    if (!(p >= 0 && p <= 0.99))
        refuse(r, key, "is not a probability from 0 to 0.99");
    return (float) p;
}

static bool
boolean(reader *r, const char *key, bool fallback)
{
    const json_t *j = json_object_get(r->object, key);

    if (!j || json_is_null(j))
        return fallback;
    if (!json_is_boolean(j))
        refuse(r, key, "is neither true nor false");
    return json_is_true(j);
}

static ac_activation
activation(reader *r, const char *key, const char *fallback)
{
    static const struct {
        const char *name;
        ac_activation value;
    } all[] = {
        { "gelu", AC_ACTIVATION_GELU },
        { "quick_gelu", AC_ACTIVATION_QUICK_GELU },
        { "relu", AC_ACTIVATION_RELU },
        { "gelu_new", AC_ACTIVATION_GELU_NEW },
    };
    const char *name = json_string_value(json_object_get(r->object, key));

    name = name ? name : fallback;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(name, all[i].name) == 0)
            return all[i].value;
    refuse(r, key,
           "names an activation this program does not have (gelu, quick_gelu, relu, gelu_new)");
    return AC_ACTIVATION_GELU;
}

static ac_status
load(json_t **out, const char *path, const char *model_type)
{
    json_error_t error;
    const char *type;

    if (access(path, R_OK) != 0)
        return ac_error_set(ac_io_failure(errno), "%s: the model's config cannot be read: %s",
                            path, strerror(errno));
    *out = json_load_file(path, 0, &error);
    if (!*out)
        return ac_error_set(AC_E_FORMAT, "%s:%d: %s", path, error.line, error.text);
    type = json_string_value(json_object_get(*out, "model_type"));
    if (!model_type || (type && strcmp(type, model_type) == 0))
        return AC_OK;
    ac_error_set(AC_E_FORMAT, "%s: model_type is \"%s\", but \"%s\" is needed here", path,
                 type ? type : "missing", model_type);
    json_decref(*out);
    *out = NULL;
    return AC_E_FORMAT;
}

static void
read_tower(reader *r, ac_clip_tower_config *t, const json_t *root, const char *section,
           int64_t width, int64_t layers, int64_t heads, int64_t ffn)
{
    r->object = json_object_get(root, section);
    r->section = section;
    t->hidden_size = whole(r, "hidden_size", width, 1, MOST_WIDTH);
    t->num_hidden_layers = whole(r, "num_hidden_layers", layers, 1, MOST_LAYERS);
    t->num_attention_heads = whole(r, "num_attention_heads", heads, 1, MOST_WIDTH);
    t->intermediate_size = whole(r, "intermediate_size", ffn, 1, MOST_WIDTH);
    t->hidden_act = activation(r, "hidden_act", "quick_gelu");
    t->layer_norm_eps = (float) real(r, "layer_norm_eps", 1e-5);
    if (t->hidden_size % t->num_attention_heads)
        refuse(r, "hidden_size", "is not a multiple of num_attention_heads");
}

ac_status
ac_clip_config_load(ac_clip_config *c, const char *folder, const char *config_path)
{
    char *path = NULL;
    json_t *root = NULL;
    reader r = { 0 };
    ac_status st = AC_OK;

    *c = (ac_clip_config){ 0 };
    AC_TRY(ac_path_format(&path, "%s%s", config_path ? config_path : folder,
                          config_path ? "" : "/config.json"));
    AC_TRY(load(&root, path, "clip"));
    r.path = path;
    read_tower(&r, &c->vision, root, "vision_config", 768, 12, 12, 3072);
    c->image_size = whole(&r, "image_size", 224, 1, MOST_SIDE);
    c->patch_size = whole(&r, "patch_size", 32, 1, MOST_SIDE);
    if (c->image_size % c->patch_size)
        refuse(&r, "image_size", "is not a multiple of patch_size");
    read_tower(&r, &c->text, root, "text_config", 512, 12, 8, 2048);
    c->max_position_embeddings = whole(&r, "max_position_embeddings", 77, 3, MOST_WIDTH);
    c->vocab_size = whole(&r, "vocab_size", 49408, 1, MOST_ROWS);
    c->bos_token_id = (int32_t) whole(&r, "bos_token_id", 49406, 0, INT32_MAX);
    c->eos_token_id = (int32_t) whole(&r, "eos_token_id", 49407, 0, INT32_MAX);
    r.object = root;
    r.section = "";
    c->projection_dim = whole(&r, "projection_dim", 512, 1, MOST_WIDTH);
    st = r.status;
out:
    json_decref(root);
    free(path);
    return st;
}

ac_status
ac_bart_config_load(ac_bart_config *c, const char *folder)
{
    char *path = NULL;
    json_t *root = NULL;
    reader r = { .section = "" };
    ac_status st = AC_OK;

    *c = (ac_bart_config){ 0 };
    AC_TRY(ac_path_format(&path, "%s/config.json", folder));
    AC_TRY(load(&root, path, "bart"));
    r.path = path;
    r.object = root;
    c->d_model = whole(&r, "d_model", 1024, 1, MOST_WIDTH);
    c->vocab_size = whole(&r, "vocab_size", 50265, 1, MOST_ROWS);
    c->max_position_embeddings = whole(&r, "max_position_embeddings", 1024, 2, MOST_WIDTH);
    c->encoder_layers = whole(&r, "encoder_layers", 12, 1, MOST_LAYERS);
    c->encoder_attention_heads = whole(&r, "encoder_attention_heads", 16, 1, MOST_WIDTH);
    c->encoder_ffn_dim = whole(&r, "encoder_ffn_dim", 4096, 1, MOST_WIDTH);
    c->decoder_layers = whole(&r, "decoder_layers", 12, 1, MOST_LAYERS);
    c->decoder_attention_heads = whole(&r, "decoder_attention_heads", 16, 1, MOST_WIDTH);
    c->decoder_ffn_dim = whole(&r, "decoder_ffn_dim", 4096, 1, MOST_WIDTH);
    c->activation_function = activation(&r, "activation_function", "gelu");
    c->scale_embedding = boolean(&r, "scale_embedding", false);
    c->layer_norm_eps = 1e-5f;
    c->dropout = probability(&r, "dropout", 0.1);
    c->attention_dropout = probability(&r, "attention_dropout", 0);
    c->activation_dropout = probability(&r, "activation_dropout", 0);
    c->bos_token_id = token(&r, "bos_token_id", 0, c->vocab_size);
    c->pad_token_id = token(&r, "pad_token_id", 1, c->vocab_size);
    c->eos_token_id = token(&r, "eos_token_id", 2, c->vocab_size);
    c->decoder_start_token_id =
        token(&r, "decoder_start_token_id", c->eos_token_id, c->vocab_size);
    if (!boolean(&r, "tie_word_embeddings", true))
        refuse(&r, "tie_word_embeddings",
               "is false: this program reads BART with one table for input and output words "
               "alone");
    if (c->d_model % c->encoder_attention_heads || c->d_model % c->decoder_attention_heads)
        refuse(&r, "d_model", "is not a multiple of the numbers of heads");
    st = r.status;
out:
    json_decref(root);
    free(path);
    return st;
}

/* null says "none", where for other keys it says "the default". */
static int32_t
forced_token(reader *r, const char *key, int32_t before)
{
    return json_is_null(json_object_get(r->object, key))
               ? -1
               : (int32_t) whole(r, key, before, -1, INT32_MAX);
}

/* Keys that are there replace what is there. */
static void
read_generation(reader *r, ac_generation_config *c)
{
    const json_t *early = json_object_get(r->object, "early_stopping");

    c->num_beams = whole(r, "num_beams", c->num_beams, 1, INT32_MAX);
    c->num_return_sequences =
        whole(r, "num_return_sequences", c->num_return_sequences, 1, INT32_MAX);
    c->max_length = whole(r, "max_length", c->max_length, 1, INT32_MAX);
    c->min_length = whole(r, "min_length", c->min_length, 0, INT32_MAX);
    c->no_repeat_ngram_size =
        whole(r, "no_repeat_ngram_size", c->no_repeat_ngram_size, 0, INT32_MAX);
    c->top_k = whole(r, "top_k", c->top_k, 0, INT32_MAX);
    c->do_sample = boolean(r, "do_sample", c->do_sample);
    c->temperature = real(r, "temperature", c->temperature);
    c->top_p = real(r, "top_p", c->top_p);
    c->length_penalty = real(r, "length_penalty", c->length_penalty);
    if (json_is_boolean(early))
        c->early_stopping = json_is_true(early) ? AC_EARLY_TRUE : AC_EARLY_FALSE;
    else if (json_is_string(early) && strcmp(json_string_value(early), "never") == 0)
        c->early_stopping = AC_EARLY_NEVER;
    c->eos_token_id = (int32_t) whole(r, "eos_token_id", c->eos_token_id, 0, INT32_MAX);
    c->forced_bos_token_id = forced_token(r, "forced_bos_token_id", c->forced_bos_token_id);
    c->forced_eos_token_id = forced_token(r, "forced_eos_token_id", c->forced_eos_token_id);
    c->decoder_start_token_id =
        (int32_t) whole(r, "decoder_start_token_id", c->decoder_start_token_id, 0, INT32_MAX);
}

ac_status
ac_generation_config_load(ac_generation_config *c, const char *folder,
                          const ac_bart_config *model)
{
    static const char *const names[] = { "config.json", "generation_config.json" };
    ac_status st = AC_OK;

    ac_generation_config_defaults(c, model->decoder_start_token_id, model->eos_token_id);
    for (int i = 0; i < 2 && st == AC_OK; i++) {
        char *path = NULL;
        json_t *root = NULL;
        reader r = { .section = "" };
        if (ac_path_format(&path, "%s/%s", folder, names[i]) != AC_OK)
            return AC_E_NOMEM;
        if (access(path, F_OK) == 0 && (st = load(&root, path, NULL)) == AC_OK) {
            r.path = path;
            r.object = root;
            read_generation(&r, c);
            st = r.status;
        }
        json_decref(root);
        free(path);
    }
    return st;
}

/* ---- describing ---- */

static void
describe_tower(const ac_clip_tower_config *t, ac_buffer *out)
{
    ac_buffer_printf(out, "width %lld layers %lld heads %lld hidden %lld act %d eps %.9g\n",
                     (long long) t->hidden_size, (long long) t->num_hidden_layers,
                     (long long) t->num_attention_heads, (long long) t->intermediate_size,
                     (int) t->hidden_act, (double) t->layer_norm_eps);
}

void
ac_clip_config_describe(const ac_clip_config *c, ac_buffer *out)
{
    describe_tower(&c->vision, out);
    describe_tower(&c->text, out);
    ac_buffer_printf(
        out,
        "image %lld patch %lld context %lld vocabulary %lld start %d end %d projection %lld\n",
        (long long) c->image_size, (long long) c->patch_size,
        (long long) c->max_position_embeddings, (long long) c->vocab_size, c->bos_token_id,
        c->eos_token_id, (long long) c->projection_dim);
}

void
ac_bart_config_describe(const ac_bart_config *c, ac_buffer *out)
{
    ac_buffer_printf(out,
                     "width %lld vocabulary %lld context %lld encoder %lld %lld %lld decoder "
                     "%lld %lld %lld act %d scaled %d eps %.9g\n",
                     (long long) c->d_model, (long long) c->vocab_size,
                     (long long) c->max_position_embeddings, (long long) c->encoder_layers,
                     (long long) c->encoder_attention_heads, (long long) c->encoder_ffn_dim,
                     (long long) c->decoder_layers, (long long) c->decoder_attention_heads,
                     (long long) c->decoder_ffn_dim, (int) c->activation_function,
                     c->scale_embedding, (double) c->layer_norm_eps);
    ac_buffer_printf(out, "dropout %.9g %.9g %.9g start %d pad %d end %d decoder start %d\n",
                     (double) c->dropout, (double) c->attention_dropout,
                     (double) c->activation_dropout, c->bos_token_id, c->pad_token_id,
                     c->eos_token_id, c->decoder_start_token_id);
}

void
ac_generation_config_describe(const ac_generation_config *c, ac_buffer *out)
{
    ac_buffer_printf(out,
                     "beams %lld returned %lld length %lld to %lld no repeat %lld sampled %d "
                     "temperature %.17g top k %lld top p %.17g\n",
                     (long long) c->num_beams, (long long) c->num_return_sequences,
                     (long long) c->min_length, (long long) c->max_length,
                     (long long) c->no_repeat_ngram_size, c->do_sample, c->temperature,
                     (long long) c->top_k, c->top_p);
    ac_buffer_printf(
        out, "penalty %.17g early %d search %d forced %d %d start %d end %d seed %llu\n",
        c->length_penalty, (int) c->early_stopping, (int) c->beam_search,
        c->forced_bos_token_id, c->forced_eos_token_id, c->decoder_start_token_id,
        c->eos_token_id, (unsigned long long) c->seed);
}

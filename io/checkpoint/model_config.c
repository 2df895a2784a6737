#include "io/checkpoint/model_config.h"
#include "io/file/path.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/checkpoint/json_reader.h"
#include "io/checkpoint/open_clip.h"

/* A token's id, which must be one of the vocabulary's: it is a place in tables. */
static int32_t
token(ac_json_reader *r, const char *key, int64_t fallback, int64_t vocab_size)
{
    const int64_t id = ac_json_reader_whole(r, key, fallback, 0, INT32_MAX);

    if (id >= vocab_size)
        ac_json_reader_refuse(r, key, "is not below vocab_size");
    return (int32_t) id;
}

/* Of dropout: what is kept is divided by 1 - p. */
static float
probability(ac_json_reader *r, const char *key, double fallback)
{
    const double p = ac_json_reader_real(r, key, fallback);

    if (!(p >= 0 && p <= 0.99))
        ac_json_reader_refuse(r, key, "is not a probability from 0 to 0.99");
    return (float) p;
}

static ac_status
check_type(json_t *root, const char *path, const char *model_type)
{
    const char *type = json_string_value(json_object_get(root, "model_type"));

    if (type && strcmp(type, model_type) == 0)
        return AC_OK;
    return ac_error_set(AC_E_FORMAT, "%s: model_type is \"%s\", but \"%s\" is needed here",
                        path, type ? type : "missing", model_type);
}

/* Files of 2021 have text_config_dict and vision_config_dict, beside the sections of today or
 * alone. They count, as in transformers, and what they lack is the default, whatever the other
 * section says. */
static void
open_section(ac_json_reader *r, const json_t *root, const char *section, const char *old)
{
    const json_t *older = json_object_get(root, old);
    const bool counts = older && !json_is_null(older);

    r->section = counts ? old : section;
    r->object = json_object_get(root, r->section);
    if (r->object && !json_is_null(r->object) && !json_is_object(r->object))
        ac_json_reader_refuse(r, "", "is not an object");
}

static void
read_tower(ac_json_reader *r, ac_clip_tower_config *t, int64_t width, int64_t layers,
           int64_t heads, int64_t ffn)
{
    t->hidden_size = ac_json_reader_whole(r, "hidden_size", width, 1, AC_MOST_WIDTH);
    t->num_hidden_layers =
        ac_json_reader_whole(r, "num_hidden_layers", layers, 1, AC_MOST_LAYERS);
    t->num_attention_heads =
        ac_json_reader_whole(r, "num_attention_heads", heads, 1, AC_MOST_WIDTH);
    t->intermediate_size = ac_json_reader_whole(r, "intermediate_size", ffn, 1, AC_MOST_WIDTH);
    t->hidden_act = ac_json_reader_activation(r, "hidden_act", "quick_gelu");
    t->layer_norm_eps = (float) ac_json_reader_real(r, "layer_norm_eps", 1e-5);
    if (t->hidden_size % t->num_attention_heads)
        ac_json_reader_refuse(r, "hidden_size", "is not a multiple of num_attention_heads");
}

static ac_status
read_clip(ac_clip_config *c, const json_t *root, const char *path)
{
    ac_json_reader r = { .path = path };

    *c = (ac_clip_config){ 0 };
    open_section(&r, root, "vision_config", "vision_config_dict");
    read_tower(&r, &c->vision, 768, 12, 12, 3072);
    c->image_size = ac_json_reader_side(&r, "image_size", 224, AC_MOST_SIDE);
    c->patch_size = ac_json_reader_side(&r, "patch_size", 32, AC_MOST_SIDE);
    if (c->image_size % c->patch_size)
        ac_json_reader_refuse(&r, "image_size", "is not a multiple of patch_size");
    open_section(&r, root, "text_config", "text_config_dict");
    read_tower(&r, &c->text, 512, 12, 8, 2048);
    c->max_position_embeddings =
        ac_json_reader_whole(&r, "max_position_embeddings", 77, 3, AC_MOST_WIDTH);
    c->vocab_size = ac_json_reader_whole(&r, "vocab_size", 49408, 1, AC_MOST_ROWS);
    c->bos_token_id = (int32_t) ac_json_reader_whole(&r, "bos_token_id", 49406, 0, INT32_MAX);
    c->eos_token_id = (int32_t) ac_json_reader_whole(&r, "eos_token_id", 49407, 0, INT32_MAX);
    r.object = root;
    r.section = "";
    c->projection_dim = ac_json_reader_whole(&r, "projection_dim", 512, 1, AC_MOST_WIDTH);
    return r.status;
}

/* OpenCLIP's config where there is no config.json, or config.json's path. */
static ac_status
find_config(char **out, const char *folder)
{
    char *other = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(out, "%s/config.json", folder));
    AC_TRY(ac_path_format(&other, "%s/" AC_OPEN_CLIP_CONFIG, folder));
    if (access(*out, F_OK) != 0 && access(other, F_OK) == 0) {
        free(*out);
        *out = other;
        other = NULL;
    }
out:
    free(other);
    return st;
}

ac_status
ac_clip_config_load(ac_clip_config *c, const char *folder, const char *config_path)
{
    ac_preprocess_recipe unused;
    char *path = NULL;
    json_t *root = NULL;
    ac_status st = AC_OK;

    *c = (ac_clip_config){ 0 };
    AC_TRY(config_path ? ac_path_format(&path, "%s", config_path) : find_config(&path, folder));
    AC_TRY(ac_json_reader_load(&root, path));
    if (ac_open_clip_config_is(root)) {
        st = ac_open_clip_config_read(c, &unused, root, path);
        goto out;
    }
    AC_TRY(check_type(root, path, "clip"));
    st = read_clip(c, root, path);
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
    ac_json_reader r = { .section = "" };
    ac_status st = AC_OK;

    *c = (ac_bart_config){ 0 };
    AC_TRY(ac_path_format(&path, "%s/config.json", folder));
    AC_TRY(ac_json_reader_load(&root, path));
    AC_TRY(check_type(root, path, "bart"));
    r.path = path;
    r.object = root;
    c->d_model = ac_json_reader_whole(&r, "d_model", 1024, 1, AC_MOST_WIDTH);
    c->vocab_size = ac_json_reader_whole(&r, "vocab_size", 50265, 1, AC_MOST_ROWS);
    c->max_position_embeddings =
        ac_json_reader_whole(&r, "max_position_embeddings", 1024, 2, AC_MOST_WIDTH);
    c->encoder_layers = ac_json_reader_whole(&r, "encoder_layers", 12, 1, AC_MOST_LAYERS);
    c->encoder_attention_heads =
        ac_json_reader_whole(&r, "encoder_attention_heads", 16, 1, AC_MOST_WIDTH);
    c->encoder_ffn_dim = ac_json_reader_whole(&r, "encoder_ffn_dim", 4096, 1, AC_MOST_WIDTH);
    c->decoder_layers = ac_json_reader_whole(&r, "decoder_layers", 12, 1, AC_MOST_LAYERS);
    c->decoder_attention_heads =
        ac_json_reader_whole(&r, "decoder_attention_heads", 16, 1, AC_MOST_WIDTH);
    c->decoder_ffn_dim = ac_json_reader_whole(&r, "decoder_ffn_dim", 4096, 1, AC_MOST_WIDTH);
    c->activation_function = ac_json_reader_activation(&r, "activation_function", "gelu");
    c->scale_embedding = ac_json_reader_boolean(&r, "scale_embedding", false);
    c->layer_norm_eps = 1e-5f;
    c->dropout = probability(&r, "dropout", 0.1);
    c->attention_dropout = probability(&r, "attention_dropout", 0);
    c->activation_dropout = probability(&r, "activation_dropout", 0);
    c->bos_token_id = token(&r, "bos_token_id", 0, c->vocab_size);
    c->pad_token_id = token(&r, "pad_token_id", 1, c->vocab_size);
    c->eos_token_id = token(&r, "eos_token_id", 2, c->vocab_size);
    c->decoder_start_token_id =
        token(&r, "decoder_start_token_id", c->eos_token_id, c->vocab_size);
    if (!ac_json_reader_boolean(&r, "tie_word_embeddings", true))
        ac_json_reader_refuse(
            &r, "tie_word_embeddings",
            "is false: this program reads BART with one table for input and output words "
            "alone");
    if (c->d_model % c->encoder_attention_heads || c->d_model % c->decoder_attention_heads)
        ac_json_reader_refuse(&r, "d_model", "is not a multiple of the numbers of heads");
    st = r.status;
out:
    json_decref(root);
    free(path);
    return st;
}

/* null says "none", where for other keys it says "the default". */
static int32_t
forced_token(ac_json_reader *r, const char *key, int32_t before)
{
    return json_is_null(json_object_get(r->object, key))
               ? -1
               : (int32_t) ac_json_reader_whole(r, key, before, -1, INT32_MAX);
}

/* Keys that are there replace what is there. */
static void
read_generation(ac_json_reader *r, ac_generation_config *c)
{
    const json_t *early = json_object_get(r->object, "early_stopping");

    c->num_beams = ac_json_reader_whole(r, "num_beams", c->num_beams, 1, INT32_MAX);
    c->num_return_sequences =
        ac_json_reader_whole(r, "num_return_sequences", c->num_return_sequences, 1, INT32_MAX);
    c->max_length = ac_json_reader_whole(r, "max_length", c->max_length, 1, INT32_MAX);
    c->min_length = ac_json_reader_whole(r, "min_length", c->min_length, 0, INT32_MAX);
    c->no_repeat_ngram_size =
        ac_json_reader_whole(r, "no_repeat_ngram_size", c->no_repeat_ngram_size, 0, INT32_MAX);
    c->top_k = ac_json_reader_whole(r, "top_k", c->top_k, 0, INT32_MAX);
    c->do_sample = ac_json_reader_boolean(r, "do_sample", c->do_sample);
    c->temperature = ac_json_reader_real(r, "temperature", c->temperature);
    c->top_p = ac_json_reader_real(r, "top_p", c->top_p);
    c->length_penalty = ac_json_reader_real(r, "length_penalty", c->length_penalty);
    if (json_is_boolean(early))
        c->early_stopping = json_is_true(early) ? AC_EARLY_TRUE : AC_EARLY_FALSE;
    else if (json_is_string(early) && strcmp(json_string_value(early), "never") == 0)
        c->early_stopping = AC_EARLY_NEVER;
    c->eos_token_id =
        (int32_t) ac_json_reader_whole(r, "eos_token_id", c->eos_token_id, 0, INT32_MAX);
    c->forced_bos_token_id = forced_token(r, "forced_bos_token_id", c->forced_bos_token_id);
    c->forced_eos_token_id = forced_token(r, "forced_eos_token_id", c->forced_eos_token_id);
    c->decoder_start_token_id = (int32_t) ac_json_reader_whole(
        r, "decoder_start_token_id", c->decoder_start_token_id, 0, INT32_MAX);
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
        ac_json_reader r = { .section = "" };
        if (ac_path_format(&path, "%s/%s", folder, names[i]) != AC_OK)
            return AC_E_NOMEM;
        if (access(path, F_OK) == 0 && (st = ac_json_reader_load(&root, path)) == AC_OK) {
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

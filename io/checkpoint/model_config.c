#include "io/checkpoint/model_config.h"
#include "io/file/file_look.h"
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
           int64_t heads, int64_t ffn, bool siglip)
{
    t->hidden_size = ac_json_reader_whole(r, "hidden_size", width, 1, AC_MOST_WIDTH);
    t->num_hidden_layers =
        ac_json_reader_whole(r, "num_hidden_layers", layers, 1, AC_MOST_LAYERS);
    t->num_attention_heads =
        ac_json_reader_whole(r, "num_attention_heads", heads, 1, AC_MOST_WIDTH);
    t->intermediate_size = ac_json_reader_whole(r, "intermediate_size", ffn, 1, AC_MOST_WIDTH);
    t->hidden_act =
        ac_json_reader_activation(r, "hidden_act", siglip ? "gelu_pytorch_tanh" : "quick_gelu");
    t->layer_norm_eps = (float) ac_json_reader_real(r, "layer_norm_eps", siglip ? 1e-6 : 1e-5);
    if (t->hidden_size % t->num_attention_heads)
        ac_json_reader_refuse(r, "hidden_size", "is not a multiple of num_attention_heads");
}

static ac_status
read_clip(ac_clip_config *c, const json_t *root, const char *path)
{
    ac_json_reader r = { .path = path };

    *c = (ac_clip_config){ 0 };
    open_section(&r, root, "vision_config", "vision_config_dict");
    read_tower(&r, &c->vision, 768, 12, 12, 3072, false);
    c->image_size = ac_json_reader_side(&r, "image_size", 224, AC_MOST_SIDE);
    c->patch_size = ac_json_reader_side(&r, "patch_size", 32, AC_MOST_SIDE);
    if (c->image_size % c->patch_size)
        ac_json_reader_refuse(&r, "image_size", "is not a multiple of patch_size");
    open_section(&r, root, "text_config", "text_config_dict");
    read_tower(&r, &c->text, 512, 12, 8, 2048, false);
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

/* SigLIP's towers have defaults of their own. The ids of start and end in its config are CLIP's
 * and mean nothing; the end is the padding. */
static ac_status
read_siglip(ac_clip_config *c, const json_t *root, const char *path)
{
    ac_json_reader r = { .path = path };

    *c = (ac_clip_config){ .siglip = true };
    open_section(&r, root, "vision_config", "vision_config_dict");
    read_tower(&r, &c->vision, 768, 12, 12, 3072, true);
    c->image_size = ac_json_reader_side(&r, "image_size", 224, AC_MOST_SIDE);
    c->patch_size = ac_json_reader_side(&r, "patch_size", 16, AC_MOST_SIDE);
    if (c->image_size % c->patch_size)
        ac_json_reader_refuse(&r, "image_size", "is not a multiple of patch_size");
    if (!ac_json_reader_boolean(&r, "vision_use_head", true))
        ac_json_reader_refuse(&r, "vision_use_head", "is false, which is not supported");
    open_section(&r, root, "text_config", "text_config_dict");
    read_tower(&r, &c->text, 768, 12, 12, 3072, true);
    c->max_position_embeddings =
        ac_json_reader_whole(&r, "max_position_embeddings", 64, 2, AC_MOST_WIDTH);
    c->vocab_size = ac_json_reader_whole(&r, "vocab_size", 32000, 1, AC_MOST_ROWS);
    c->pad_token_id = token(&r, "pad_token_id", 1, c->vocab_size);
    c->bos_token_id = -1;
    c->eos_token_id = c->pad_token_id;
    c->projection_dim =
        ac_json_reader_whole(&r, "projection_size", c->text.hidden_size, 1, AC_MOST_WIDTH);
    if (c->projection_dim != c->vision.hidden_size)
        ac_json_reader_refuse(&r, "projection_size", "is not vision_config.hidden_size");
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
    if (!ac_file_is_there(*out) && ac_file_is_there(other)) {
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
    if (check_type(root, path, "siglip") == AC_OK) {
        st = read_siglip(c, root, path);
        goto out;
    }
    AC_TRY(check_type(root, path, "clip"));
    st = read_clip(c, root, path);
out:
    json_decref(root);
    free(path);
    return st;
}

/* A list is replaced by its first value. */
static void
first_of_list(ac_json_reader *r, const char *key)
{
    json_t *object = (json_t *) (uintptr_t) r->object, *list = json_object_get(object, key);

    if (json_array_size(list) > 0 && json_object_set(object, key, json_array_get(list, 0)) != 0)
        ac_json_reader_refuse(r, key, "cannot be read: out of memory");
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
    first_of_list(&r, "eos_token_id"); /* the tokenizer's; generation has all of them */
    c->eos_token_id = token(&r, "eos_token_id", 2, c->vocab_size);
    c->decoder_start_token_id =
        token(&r, "decoder_start_token_id", c->eos_token_id, c->vocab_size);
    c->untied = !ac_json_reader_boolean(&r, "tie_word_embeddings", true);
    if (c->d_model % c->encoder_attention_heads || c->d_model % c->decoder_attention_heads)
        ac_json_reader_refuse(&r, "d_model", "is not a multiple of the numbers of heads");
    st = r.status;
out:
    json_decref(root);
    free(path);
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
    if (c->siglip)
        ac_buffer_printf(out, "siglip padded with %d\n", c->pad_token_id);
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
    if (c->untied)
        ac_buffer_push_text(out, "untied\n");
}

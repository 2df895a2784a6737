#include "io/checkpoint/open_clip.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/checkpoint/json_reader.h"

/* What a key may hold. */
typedef enum allowed {
    ANY, /* read elsewhere, or without effect on embeddings */
    OFF, /* false, null, "", 0, {}: another value changes the network to one that is not
            supported */
} allowed;

typedef struct key {
    const char *name;
    allowed allowed;
} key;

static const key model_keys[] = {
    { "embed_dim", ANY },       { "vision_cfg", ANY },  { "text_cfg", ANY },
    { "quick_gelu", ANY },      { "custom_text", ANY }, { "init_logit_scale", ANY },
    { "init_logit_bias", ANY }, { "output_dict", ANY }, { "nonscalar_logit_scale", ANY },
    { "multimodal_cfg", OFF },
};

/* Of both towers. */
static const key tower_keys[] = {
    { "layers", ANY },        { "width", ANY },
    { "mlp_ratio", ANY },     { "pool_type", ANY },
    { "act_kwargs", ANY },    { "norm_kwargs", ANY },
    { "output_tokens", ANY }, { "final_ln_after_pool", ANY }, /* one position is pooled */
    { "block_type", ANY },    { "ls_init_value", OFF },
    { "qk_norm", OFF },       { "scaled_cosine_attn", OFF },
    { "scale_heads", OFF },   { "scale_attn_inner", OFF },
    { "scale_attn", OFF },    { "scale_fc", OFF },
};

static const key vision_keys[] = {
    { "head_width", ANY },
    { "patch_size", ANY },
    { "image_size", ANY },
    { "patch_dropout", ANY }, /* of training */
    { "attentional_pool", OFF },
    { "attn_pooler_queries", ANY }, /* without attentional_pool nothing */
    { "attn_pooler_heads", ANY },
    { "no_ln_pre", OFF },
    { "pos_embed_type", ANY },
    { "timm_model_name", OFF },
    { "timm_model_pretrained", ANY }, /* without timm_model_name nothing */
    { "timm_pool", ANY },
    { "timm_proj", ANY },
    { "timm_proj_bias", ANY },
    { "timm_drop", ANY },
    { "timm_drop_path", ANY },
};

static const key text_keys[] = {
    { "context_length", ANY },
    { "vocab_size", ANY },
    { "heads", ANY },
    { "pad_id", ANY },
    { "eos_id", ANY },
    { "embed_cls", OFF },
    { "no_causal_mask", OFF },
    { "proj_bias", OFF },
    { "proj_type", ANY },
    { "hf_tokenizer_name", OFF },
    { "tokenizer_mode", OFF },
    { "tokenizer_kwargs", OFF },
    { "hf_model_name", OFF },
    { "hf_model_pretrained", ANY }, /* without hf_model_name nothing */
    { "hf_proj_type", ANY },
    { "hf_pooler_type", ANY },
};

static const key *
find_key(const key *keys, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static bool
is_off(const json_t *j)
{
    return json_is_null(j) || json_is_false(j) ||
           (json_is_number(j) && json_number_value(j) == 0) ||
           (json_is_string(j) && json_string_length(j) == 0) ||
           (json_is_object(j) && json_object_size(j) == 0);
}

/* Every key of the object must be of one of two tables. */
static void
check_keys(ac_json_reader *r, const key *a, size_t a_count, const key *b, size_t b_count)
{
    void *at = json_object_iter((json_t *) (uintptr_t) r->object);

    if (!json_is_object(r->object))
        ac_json_reader_refuse(r, "", "is missing, or not an object");
    for (; at; at = json_object_iter_next((json_t *) (uintptr_t) r->object, at)) {
        const char *name = json_object_iter_key(at);
        const key *k = find_key(a, a_count, name);
        k = k ? k : find_key(b, b_count, name);
        if (!k)
            ac_json_reader_refuse(r, name, "is a key that is not known");
        else if (k->allowed == OFF && !is_off(json_object_iter_value(at)))
            ac_json_reader_refuse(r, name, "asks for a kind of model that is not supported");
    }
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A text that may be missing or one of the values that change nothing. */
static void
need_text(ac_json_reader *r, const char *name, const char *value, const char *other)
{
    const json_t *j = json_object_get(r->object, name);
    const char *text = json_string_value(j);

    if (j && !(text && (strcmp(text, value) == 0 || (other && strcmp(text, other) == 0))))
        ac_json_reader_refuse(r, name, "asks for a kind of model that is not supported");
}

/* The tower's activation and its norms' epsilon. */
static void
read_functions(ac_json_reader *r, ac_clip_tower_config *t, bool quick_gelu)
{
    const json_t *act = json_object_get(r->object, "act_kwargs"),
                 *norm = json_object_get(r->object, "norm_kwargs"),
                 *eps = json_object_get(norm, "eps"),
                 *approximate = json_object_get(act, "approximate");
    const char *form = json_string_value(approximate);

    t->hidden_act = quick_gelu ? AC_ACTIVATION_QUICK_GELU : AC_ACTIVATION_GELU;
    t->layer_norm_eps = 1e-5f;
    if (act && !is_off(act)) {
        if (!form || json_object_size(act) != 1 || quick_gelu ||
            (strcmp(form, "tanh") != 0 && strcmp(form, "none") != 0))
            ac_json_reader_refuse(r, "act_kwargs",
                                  "asks for more than gelu's approximate form");
        else if (strcmp(form, "tanh") == 0)
            t->hidden_act = AC_ACTIVATION_GELU_NEW;
    }
    if (norm && !is_off(norm)) {
        if (!json_is_number(eps) || json_object_size(norm) != 1)
            ac_json_reader_refuse(r, "norm_kwargs", "asks for more than eps");
        t->layer_norm_eps = (float) json_number_value(eps);
    }
    if (!is_off(json_object_get(r->object, "block_type")))
        need_text(r, "block_type", "default", NULL);
}

static void
read_tower(ac_json_reader *r, ac_clip_tower_config *t, int64_t width, bool quick_gelu)
{
    const double ratio = ac_json_reader_real(r, "mlp_ratio", 4.0);

    if (json_is_array(json_object_get(r->object, "layers")))
        ac_json_reader_refuse(r, "layers",
                              "is a list, so this is a ResNet CLIP; only those with "
                              "a vision transformer are supported");
    t->hidden_size = ac_json_reader_whole(r, "width", width, 1, AC_MOST_WIDTH);
    t->num_hidden_layers = ac_json_reader_whole(r, "layers", 12, 1, AC_MOST_LAYERS);
    if (!(ratio * (double) t->hidden_size >= 1 &&
          ratio * (double) t->hidden_size <= AC_MOST_WIDTH)) {
        ac_json_reader_refuse(r, "mlp_ratio", "is not a number that makes sense here");
        return;
    }
    t->intermediate_size = (int64_t) ((double) t->hidden_size * ratio);
    read_functions(r, t, quick_gelu);
}

static void
read_vision(ac_json_reader *r, ac_clip_config *c, bool quick_gelu)
{
    ac_clip_tower_config *t = &c->vision;
    int64_t head_width;

    check_keys(r, tower_keys, COUNT(tower_keys), vision_keys, COUNT(vision_keys));
    read_tower(r, t, 768, quick_gelu);
    head_width = ac_json_reader_whole(r, "head_width", 64, 1, AC_MOST_WIDTH);
    t->num_attention_heads = t->hidden_size / head_width;
    if (t->num_attention_heads < 1 || t->hidden_size % t->num_attention_heads) {
        ac_json_reader_refuse(r, "width", "is not a multiple of head_width");
        t->num_attention_heads = 1;
    }
    c->image_size = ac_json_reader_side(r, "image_size", 224, AC_MOST_SIDE);
    c->patch_size = ac_json_reader_side(r, "patch_size", 16, AC_MOST_SIDE);
    if (c->image_size % c->patch_size)
        ac_json_reader_refuse(r, "image_size", "is not a multiple of patch_size");
    need_text(r, "pool_type", "tok", NULL);
    need_text(r, "pos_embed_type", "learnable", "sin_cos_2d"); /* the table is in the weights */
}

static void
read_text(ac_json_reader *r, ac_clip_config *c, bool quick_gelu)
{
    const char *pool = json_string_value(json_object_get(r->object, "pool_type"));

    check_keys(r, tower_keys, COUNT(tower_keys), text_keys, COUNT(text_keys));
    read_tower(r, &c->text, 512, quick_gelu);
    c->text.num_attention_heads = ac_json_reader_whole(r, "heads", 8, 1, AC_MOST_WIDTH);
    if (c->text.hidden_size % c->text.num_attention_heads)
        ac_json_reader_refuse(r, "heads", "does not divide the width");
    c->max_position_embeddings =
        ac_json_reader_whole(r, "context_length", 77, 3, AC_MOST_WIDTH);
    c->vocab_size = ac_json_reader_whole(r, "vocab_size", 49408, 2, AC_MOST_ROWS);
    c->bos_token_id = (int32_t) c->vocab_size - 2;
    c->eos_token_id = (int32_t) c->vocab_size - 1;
    c->pools_highest_id = true;
    need_text(r, "pool_type", "argmax", "eos");
    need_text(r, "proj_type", "linear", NULL);
    if (pool && strcmp(pool, "eos") == 0) {
        c->pools_highest_id = false;
        c->eos_token_id = (int32_t) ac_json_reader_whole(r, "eos_id", 2, 0, c->vocab_size - 1);
        if (c->eos_token_id == 2) /* in a ac_clip_config this is a mark of old configs */
            ac_json_reader_refuse(r, "eos_id", "is 2, which is not supported");
    }
}

/* A number, three of them, or nothing. */
static void
read_colour(ac_json_reader *r, const char *name, float out[3])
{
    const json_t *j = json_object_get(r->object, name);

    if (!j || json_is_null(j) || (json_is_array(j) && json_array_size(j) == 0) ||
        (json_is_number(j) && json_number_value(j) == 0)) /* as OpenCLIP: the default */
        return;
    for (size_t c = 0; c < 3; c++) {
        const json_t *one = json_is_array(j) ? json_array_get(j, c) : j;
        if (!json_is_number(one) || (json_is_array(j) && json_array_size(j) != 3))
            ac_json_reader_refuse(r, name, "is neither a number nor a list of three");
        out[c] = (float) json_number_value(one);
        if (!isfinite(out[c]) || (out[c] == 0 && strcmp(name, "std") == 0))
            ac_json_reader_refuse(r, name, "holds a number that makes no sense here");
    }
}

/* One of a list of words; null and missing: the first. -1: none of them. */
static int
choice(ac_json_reader *r, const char *name, const char *const *words, int count)
{
    const json_t *j = json_object_get(r->object, name);
    const char *text = json_string_value(j);

    if (!j || json_is_null(j))
        return 0;
    for (int i = 0; text && i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    ac_json_reader_refuse(r, name, "is a word that is not known");
    return 0;
}

/* `size` does not count: the model's image_size does. Unknown keys are passed over, as OpenCLIP
 * does. */
static void
read_preprocess(ac_json_reader *r, ac_preprocess_recipe *out)
{
    static const char *const filters[] = { "bicubic", "bilinear", "random" },
                             *const modes[] = { "shortest", "longest", "squash" },
                             *const colours[] = { "RGB" };
    static const ac_resize_rule rules[] = { AC_RESIZE_SHORTEST, AC_RESIZE_LONGEST,
                                            AC_RESIZE_EXACT };

    if (r->object && !json_is_null(r->object) && !json_is_object(r->object))
        ac_json_reader_refuse(r, "", "is not an object");
    read_colour(r, "mean", out->mean);
    read_colour(r, "std", out->std);
    if (choice(r, "interpolation", filters, 3) == 1) /* random is of training: bicubic */
        out->resample = AC_RESAMPLE_BILINEAR;
    out->resize = rules[choice(r, "resize_mode", modes, 3)];
    choice(r, "mode", colours, 1);
    out->fill = (int) ac_json_reader_whole(r, "fill_color", 0, 0, 255);
}

bool
ac_open_clip_config_is(const json_t *root)
{
    return json_object_get(root, "model_cfg") || json_object_get(root, "preprocess_cfg") ||
           (json_object_get(root, "vision_cfg") && json_object_get(root, "text_cfg"));
}

ac_status
ac_open_clip_config_read(ac_clip_config *c, ac_preprocess_recipe *recipe, const json_t *root,
                         const char *path)
{
    const json_t *model = json_object_get(root, "model_cfg");
    ac_json_reader r = { .object = root, .path = path, .section = "" };
    bool quick_gelu;

    *c = (ac_clip_config){ 0 };
    if (!model && json_object_get(root, "preprocess_cfg"))
        return ac_error_set(AC_E_FORMAT,
                            "%s: model_cfg is missing: OpenCLIP's config says there what the "
                            "model is (its heads and its activation cannot be guessed)",
                            path);
    r.object = model ? model : root;
    r.section = "model_cfg";
    check_keys(&r, model_keys, COUNT(model_keys), NULL, 0);
    c->projection_dim = ac_json_reader_whole(&r, "embed_dim", 0, 1, AC_MOST_WIDTH);
    quick_gelu = ac_json_reader_boolean(&r, "quick_gelu", false);
    model = r.object;
    r.object = json_object_get(model, "vision_cfg");
    r.section = "model_cfg.vision_cfg";
    read_vision(&r, c, quick_gelu);
    r.object = json_object_get(model, "text_cfg");
    r.section = "model_cfg.text_cfg";
    read_text(&r, c, quick_gelu);
    *recipe = ac_preprocess_openai(c->image_size);
    r.object = json_object_get(root, "preprocess_cfg");
    r.section = "preprocess_cfg";
    read_preprocess(&r, recipe);
    return r.status;
}

/* ---- do the weights fit ---- */

static ac_status
check_layers(const ac_tensors *mapped, const char *tower, int64_t layers, const char *section,
             const char *path)
{
    char name[96];

    for (int64_t at = layers - 1; at <= layers; at++) {
        snprintf(name, sizeof name, "%s.encoder.layers.%lld.layer_norm1.weight", tower,
                 (long long) at);
        if ((ac_tensors_find(mapped, name) != NULL) != (at < layers))
            return ac_error_set(
                AC_E_FORMAT,
                "%s: model_cfg.%s.layers is %lld, but %s has %s layers: are this "
                "config and these weights of the same model?",
                path, section, (long long) layers, mapped->source,
                at < layers ? "fewer" : "more");
    }
    return AC_OK;
}

ac_status
ac_open_clip_check(const ac_clip_config *c, const ac_tensors *mapped, const char *path)
{
    const int64_t side = c->image_size / c->patch_size;
    const struct {
        const char *key, *tensor, *original; /* Hugging Face's name and the file's own */
        int dimension;
        int64_t value;
    } facts[] = {
        { "vision_cfg.width", "vision_model.post_layernorm.weight", "visual.ln_post.weight", 0,
          c->vision.hidden_size },
        { "vision_cfg.mlp_ratio", "vision_model.encoder.layers.0.mlp.fc1.weight",
          "visual.transformer.resblocks.0.mlp.c_fc.weight", 0, c->vision.intermediate_size },
        { "vision_cfg.patch_size", "vision_model.embeddings.patch_embedding.weight",
          "visual.conv1.weight", 3, c->patch_size },
        { "vision_cfg.image_size", "vision_model.embeddings.position_embedding.weight",
          "visual.positional_embedding", 0, 1 + side * side },
        { "text_cfg.width", "text_model.final_layer_norm.weight", "ln_final.weight", 0,
          c->text.hidden_size },
        { "text_cfg.mlp_ratio", "text_model.encoder.layers.0.mlp.fc1.weight",
          "transformer.resblocks.0.mlp.c_fc.weight", 0, c->text.intermediate_size },
        { "text_cfg.context_length", "text_model.embeddings.position_embedding.weight",
          "positional_embedding", 0, c->max_position_embeddings },
        { "text_cfg.vocab_size", "text_model.embeddings.token_embedding.weight",
          "token_embedding.weight", 0, c->vocab_size },
        { "embed_dim", "text_projection.weight", "text_projection", 0, c->projection_dim },
    };
    ac_status st = AC_OK;

    for (size_t i = 0; i < COUNT(facts); i++) {
        const ac_tensor *t = ac_tensors_find(mapped, facts[i].tensor);
        if (!t)
            return ac_error_set(AC_E_FORMAT,
                                "%s: has no tensor \"%s\", which %s describes: is the file "
                                "complete?",
                                mapped->source, facts[i].original, path);
        if (t->rank <= facts[i].dimension || t->shape[facts[i].dimension] != facts[i].value)
            return ac_error_set(
                AC_E_FORMAT,
                "%s: model_cfg.%s means %lld in \"%s\", but there %s has %lld: are this config "
                "and these weights of the same model?",
                path, facts[i].key, (long long) facts[i].value, facts[i].original,
                mapped->source,
                t->rank > facts[i].dimension ? (long long) t->shape[facts[i].dimension] : 0LL);
    }
    AC_TRY(
        check_layers(mapped, "vision_model", c->vision.num_hidden_layers, "vision_cfg", path));
    st = check_layers(mapped, "text_model", c->text.num_hidden_layers, "text_cfg", path);
out:
    return st;
}

#include "io/checkpoint/openai_clip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

enum { NAME_BYTES = 256, HEAD_SIZE = 64 };

/* What becomes of a tensor. */
typedef enum action { RENAME, TRANSPOSE, DROP } action;

/* A whole name, or, with a dot at its end, the start of one. */
typedef struct rule {
    const char *from, *to;
    action action;
} rule;

static const rule names[] = {
    { "visual.class_embedding", "vision_model.embeddings.class_embedding", RENAME },
    { "visual.positional_embedding", "vision_model.embeddings.position_embedding.weight",
      RENAME },
    { "visual.conv1.", "vision_model.embeddings.patch_embedding.", RENAME },
    { "visual.ln_pre.", "vision_model.pre_layrnorm.", RENAME },
    { "visual.ln_post.", "vision_model.post_layernorm.", RENAME },
    { "visual.proj", "visual_projection.weight", TRANSPOSE },
    { "visual.transformer.resblocks.", "vision_model.encoder.layers.", RENAME },
    { "token_embedding.", "text_model.embeddings.token_embedding.", RENAME },
    { "positional_embedding", "text_model.embeddings.position_embedding.weight", RENAME },
    { "transformer.resblocks.", "text_model.encoder.layers.", RENAME },
    { "ln_final.", "text_model.final_layer_norm.", RENAME },
    { "text_projection", "text_projection.weight", TRANSPOSE },
    { "logit_scale", "logit_scale", RENAME },
    { "logit_bias", NULL, DROP }, /* of OpenCLIP: not part of the embeddings */
    { "input_resolution", NULL, DROP },
    { "context_length", NULL, DROP },
    { "vocab_size", NULL, DROP },
    { "attn_mask", NULL, DROP },
};

/* Within a layer, after its number. */
static const rule layer_names[] = {
    { "attn.out_proj.", "self_attn.out_proj.", RENAME },
    { "ln_1.", "layer_norm1.", RENAME },
    { "ln_2.", "layer_norm2.", RENAME },
    { "mlp.c_fc.", "mlp.fc1.", RENAME },
    { "mlp.c_proj.", "mlp.fc2.", RENAME },
};

/* A tensor by a name in two parts. */
static bool
has(const ac_tensors *tensors, const char *prefix, const char *name)
{
    char text[NAME_BYTES];

    snprintf(text, sizeof text, "%s%s", prefix, name);
    return ac_tensors_find(tensors, text) != NULL;
}

const char *
ac_openai_clip_prefix(const ac_tensors *tensors)
{
    static const char *const all[] = { "", "state_dict.", "state_dict.module.", "module." };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (has(tensors, all[i], "visual.conv1.weight") &&
            (has(tensors, all[i], "positional_embedding") ||
             has(tensors, all[i], "text.positional_embedding")))
            return all[i];
    return NULL;
}

bool
ac_openai_clip_is_own(const ac_tensors *tensors)
{
    return ac_tensors_find(tensors, "input_resolution") &&
           ac_tensors_find(tensors, "context_length") && ac_tensors_find(tensors, "vocab_size");
}

static const rule *
find_rule(const rule *rules, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        const size_t n = strlen(rules[i].from);
        const bool start = rules[i].from[n - 1] == '.';
        if (start ? strncmp(name, rules[i].from, n) == 0 : strcmp(name, rules[i].from) == 0)
            return &rules[i];
    }
    return NULL;
}

static ac_status
unknown_name(const ac_tensors *from, const char *name)
{
    return ac_error_set(AC_E_FORMAT,
                        "%s: tensor \"%s\" is none that OpenAI's CLIP has: another model?",
                        from->source, name);
}

static ac_status
add(ac_openai_clip *self, const ac_tensor *tensor, const char *name)
{
    char *copy = NULL;
    ac_status st = ac_duplicate(&copy, name, strlen(name));

    if (st != AC_OK)
        return st;
    self->items[self->count] = *tensor;
    self->items[self->count++].name = copy;
    return AC_OK;
}

static ac_status
add_transposed(ac_openai_clip *self, const ac_tensors *from, const ac_tensor *tensor,
               const char *name)
{
    const size_t item = ac_dtype_bytes(tensor->dtype);
    ac_tensor t = *tensor;
    unsigned char *y;
    ac_status st;

    if (t.rank != 2 || self->copy_count == 2)
        return ac_error_set(AC_E_FORMAT, "%s: tensor \"%s\" is not a matrix", from->source,
                            t.name);
    if ((st = ac_alloc_aligned(&y, ac_tensor_count(&t), item)) != AC_OK)
        return st;
    self->copies[self->copy_count++] = y;
    for (int64_t i = 0; i < t.shape[0]; i++)
        for (int64_t j = 0; j < t.shape[1]; j++)
            memcpy(y + (size_t) (j * t.shape[0] + i) * item,
                   (const unsigned char *) t.data + (size_t) (i * t.shape[1] + j) * item, item);
    t.shape[0] = tensor->shape[1];
    t.shape[1] = tensor->shape[0];
    t.data = y;
    return add(self, &t, name);
}

/* attn.in_proj_weight [3 C, C] or in_proj_bias [3 C]: the rows of q, k and v one below the
 * other. */
static ac_status
add_thirds(ac_openai_clip *self, const ac_tensors *from, const ac_tensor *tensor,
           const char *layer, const char *what)
{
    static const char *const parts[] = { "q_proj", "k_proj", "v_proj" };
    ac_tensor t = *tensor;
    char name[NAME_BYTES];
    size_t bytes;
    ac_status st = AC_OK;

    if (t.rank < 1 || t.shape[0] % 3)
        return ac_error_set(AC_E_FORMAT, "%s: tensor \"%s\" cannot be split into three",
                            from->source, t.name);
    t.shape[0] /= 3;
    bytes = (size_t) ac_tensor_count(&t) * ac_dtype_bytes(t.dtype);
    for (int p = 0; p < 3; p++) {
        snprintf(name, sizeof name, "%s.self_attn.%s.%s", layer, parts[p], what);
        t.data = (const unsigned char *) tensor->data + (size_t) p * bytes;
        AC_TRY(add(self, &t, name));
    }
out:
    return st;
}

/* name: without what stands before it in this file. */
static ac_status
add_layer(ac_openai_clip *self, const ac_tensors *from, const ac_tensor *t, const char *name,
          const rule *tower)
{
    const char *number = name + strlen(tower->from),
               *dot = number + strspn(number, "0123456789");
    char layer[NAME_BYTES], mapped[2 * NAME_BYTES];
    const rule *r;

    if (dot == number || *dot != '.' || dot - number > 6)
        return unknown_name(from, t->name);
    snprintf(layer, sizeof layer, "%s%.*s", tower->to, (int) (dot - number), number);
    if (strcmp(dot, ".attn.in_proj_weight") == 0)
        return add_thirds(self, from, t, layer, "weight");
    if (strcmp(dot, ".attn.in_proj_bias") == 0)
        return add_thirds(self, from, t, layer, "bias");
    if (!(r = find_rule(layer_names, sizeof layer_names / sizeof *layer_names, dot + 1)))
        return unknown_name(from, t->name);
    snprintf(mapped, sizeof mapped, "%s.%s%s", layer, r->to, dot + 1 + strlen(r->from));
    return add(self, t, mapped);
}

static ac_status
map_one(ac_openai_clip *self, const ac_tensors *from, const ac_tensor *t, const char *name)
{
    const rule *r;
    char mapped[NAME_BYTES];

    if (strncmp(name, "text.", 5) == 0)
        name += 5;
    r = find_rule(names, sizeof names / sizeof *names, name);
    if (!r || strlen(name) > NAME_BYTES / 2)
        return unknown_name(from, t->name);
    if (r->action == DROP)
        return AC_OK;
    if (strstr(r->from, "resblocks."))
        return add_layer(self, from, t, name, r);
    snprintf(mapped, sizeof mapped, "%s%s", r->to, name + strlen(r->from));
    return r->action == TRANSPOSE ? add_transposed(self, from, t, mapped)
                                  : add(self, t, mapped);
}

ac_status
ac_openai_clip_map(ac_openai_clip *self, const ac_tensors *from, const char *prefix)
{
    const size_t n = strlen(prefix);
    ac_status st = AC_OK;

    *self = (ac_openai_clip){ 0 };
    if (has(from, prefix, "visual.layer1.0.conv1.weight"))
        return ac_error_set(AC_E_FORMAT,
                            "%s: a ResNet CLIP; only those with a vision transformer "
                            "(ViT-B/32, ViT-B/16, ViT-L/14 …) are supported",
                            from->source);
    AC_TRY(ac_alloc(&self->items, 3 * from->count, sizeof *self->items));
    for (int64_t i = 0; i < from->count; i++)
        if (strncmp(from->items[i].name, prefix, n) == 0)
            AC_TRY(map_one(self, from, &from->items[i], from->items[i].name + n));
out:
    if (st != AC_OK)
        ac_openai_clip_free(self);
    return st;
}

void
ac_openai_clip_free(ac_openai_clip *self)
{
    for (int64_t i = 0; i < self->count; i++)
        free((void *) (uintptr_t) self->items[i].name);
    for (int i = 0; i < self->copy_count; i++)
        free(self->copies[i]);
    free(self->items);
    *self = (ac_openai_clip){ 0 };
}

/* ---- config ---- */

/* A dimension of a tensor of this rank. */
static ac_status
dimension(const ac_tensors *mapped, const char *name, int rank, int d, int64_t *out)
{
    const ac_tensor *t = ac_tensors_find(mapped, name);

    if (!t)
        return ac_error_set(
            AC_E_FORMAT,
            "%s: has no tensor \"%s\" (under Hugging Face's names): is the file complete?",
            mapped->source, name);
    if (t->rank != rank || t->shape[d] < 1)
        return ac_error_set(
            AC_E_FORMAT,
            "%s: tensor \"%s\" (under Hugging Face's names) has an unexpected shape",
            mapped->source, name);
    *out = t->shape[d];
    return AC_OK;
}

static ac_status
tower_config(ac_clip_tower_config *c, const ac_tensors *mapped, const char *tower,
             const char *norm)
{
    char name[NAME_BYTES];
    ac_status st = AC_OK;

    snprintf(name, sizeof name, "%s.%s.weight", tower, norm);
    AC_TRY(dimension(mapped, name, 1, 0, &c->hidden_size));
    snprintf(name, sizeof name, "%s.encoder.layers.0.mlp.fc1.weight", tower);
    AC_TRY(dimension(mapped, name, 2, 0, &c->intermediate_size));
    for (c->num_hidden_layers = 0;; c->num_hidden_layers++) {
        snprintf(name, sizeof name, "%s.encoder.layers.%lld.layer_norm1.weight", tower,
                 (long long) c->num_hidden_layers);
        if (!ac_tensors_find(mapped, name))
            break;
    }
    if (c->hidden_size % HEAD_SIZE)
        AC_FAIL(AC_E_FORMAT,
                "%s: the %s is %lld wide, no multiple of %d, so its number of heads does not "
                "follow from the weights: name a config.json "
                "as clip.model_config (--model-config)",
                mapped->source, tower, (long long) c->hidden_size, HEAD_SIZE);
    c->num_attention_heads = c->hidden_size / HEAD_SIZE;
    c->hidden_act = AC_ACTIVATION_QUICK_GELU;
    c->layer_norm_eps = 1e-5f;
out:
    return st;
}

ac_status
ac_openai_clip_config(ac_clip_config *c, const ac_tensors *mapped)
{
    ac_status st = AC_OK;
    int64_t positions = 0, grid = 1;

    *c = (ac_clip_config){ 0 };
    AC_TRY(tower_config(&c->vision, mapped, "vision_model", "post_layernorm"));
    AC_TRY(tower_config(&c->text, mapped, "text_model", "final_layer_norm"));
    AC_TRY(dimension(mapped, "vision_model.embeddings.patch_embedding.weight", 4, 3,
                     &c->patch_size));
    AC_TRY(dimension(mapped, "vision_model.embeddings.position_embedding.weight", 2, 0,
                     &positions));
    while (grid * grid < positions - 1)
        grid++;
    if (grid * grid != positions - 1)
        AC_FAIL(AC_E_FORMAT, "%s: %lld positions are not a square of patches and one",
                mapped->source, (long long) positions);
    c->image_size = grid * c->patch_size;
    AC_TRY(dimension(mapped, "text_model.embeddings.position_embedding.weight", 2, 0,
                     &c->max_position_embeddings));
    AC_TRY(dimension(mapped, "text_model.embeddings.token_embedding.weight", 2, 0,
                     &c->vocab_size));
    AC_TRY(dimension(mapped, "text_projection.weight", 2, 0, &c->projection_dim));
    if (c->vocab_size < 2 || c->vocab_size > INT32_MAX)
        AC_FAIL(AC_E_FORMAT, "%s: a vocabulary of %lld", mapped->source,
                (long long) c->vocab_size);
    c->bos_token_id = (int32_t) c->vocab_size - 2;
    c->eos_token_id = (int32_t) c->vocab_size - 1;
out:
    return st;
}

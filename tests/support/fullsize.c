#include "tests/support/fullsize.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first rule both of whose words are in the name counts. divided: scale is gain * sqrt(3 /
 * fan_in). */
typedef struct rule {
    const char *word, *also;
    double mean, scale;
    int divided;
} rule;

static const rule clip_rules[] = {
    { "norm", "weight", 1, 0.4, 0 },
    { "norm", "bias", 0, 0.3, 0 },
    { ".bias", "", 0, 0.15, 0 },
    { "class_embedding", "", 0, 0.8, 0 },
    { "embedding.weight", "patch", 0, 1, 1 },
    { "embedding", "", 0, 0.8, 0 },
    { "q_proj", "", 0, 1.5, 1 },
    { "k_proj", "", 0, 1.5, 1 },
    { "out_proj", "", 0, 0.8, 1 },
    { "fc2", "", 0, 0.8, 1 },
    { "", "", 0, 1, 1 },
};

static const rule bart_rules[] = {
    { "layernorm_embedding", "weight", 1, 0.4, 0 },
    { "norm", "weight", 1, 0.4, 0 },
    { "layernorm_embedding", "bias", 0, 0.2, 0 },
    { "norm", "bias", 0, 0.2, 0 },
    { "final_logits_bias", "", 0, 0.5, 0 },
    { ".bias", "", 0, 0.1, 0 },
    { "shared", "", 0, 0.25, 0 },
    { "embed_positions", "", 0, 0.25, 0 },
    { "q_proj", "", 0, 1.6, 1 },
    { "k_proj", "", 0, 1.6, 1 },
    { "encoder_attn.out_proj", "", 0, 0.3, 1 },
    { "decoder", "out_proj", 0, 0.25, 1 },
    { "fc2", "", 0, 1, 1 },
    { "", "", 0, 1, 1 },
};

static uint64_t
hash(const char *salt, const char *name)
{
    uint64_t h = 14695981039346656037u;

    for (const char *c = salt; *c; c++)
        h = (h ^ (unsigned char) *c) * 1099511628211u;
    for (const char *c = name; *c; c++)
        h = (h ^ (unsigned char) *c) * 1099511628211u;
    return h;
}

static double
unit(uint64_t h, int64_t i)
{
    uint64_t z = h + ((uint64_t) i + 1) * 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z = z ^ (z >> 31);
    return (double) ((int64_t) (z >> 40) - 8388608) / 8388608.0;
}

double
fullsize_unit(const char *salt, const char *name, int64_t i)
{
    return unit(hash(salt, name), i);
}

static void
push(fullsize_model *self, const char *salt, const rule *rules, int rank, const int64_t *shape,
     const char *name)
{
    ac_tensor *t;
    float *x, mean, scale;
    uint64_t h = hash(salt, name);
    int64_t n, fan_in = 1;

    if (self->set.count == self->capacity) {
        self->capacity = 2 * self->capacity + 64;
        self->items = realloc(self->items, (size_t) self->capacity * sizeof *self->items);
    }
    t = &self->items[self->set.count++];
    *t = (ac_tensor){ .name = strdup(name), .dtype = AC_F32, .rank = rank };
    memcpy(t->shape, shape, (size_t) rank * sizeof *shape);
    for (int d = 1; d < rank; d++)
        fan_in *= shape[d];
    while (!strstr(name, rules->word) || !strstr(name, rules->also))
        rules++;
    mean = (float) rules->mean;
    scale =
        (float) (rules->divided ? rules->scale * sqrt(3.0 / (double) fan_in) : rules->scale);
    n = ac_tensor_count(t);
    x = malloc((size_t) n * sizeof *x);
#pragma omp parallel for
    for (int64_t i = 0; i < n; i++)
        x[i] = (float) ((double) mean + (double) scale * unit(h, i));
    t->data = x;
}

static void
push_matrix(fullsize_model *self, const char *salt, const rule *rules, int64_t rows,
            int64_t columns, const char *stem, const char *end)
{
    char name[160];

    snprintf(name, sizeof name, "%s%s", stem, end);
    push(self, salt, rules, columns ? 2 : 1, (int64_t[]){ rows, columns }, name);
}

/* A weight [rows, columns] and a bias [rows]; columns 0: a norm. */
static void
push_pair(fullsize_model *self, const char *salt, const rule *rules, int64_t rows,
          int64_t columns, const char *stem, const char *part)
{
    char name[128];

    snprintf(name, sizeof name, "%s%s", stem, part);
    push_matrix(self, salt, rules, rows, columns, name, ".weight");
    push_matrix(self, salt, rules, rows, 0, name, ".bias");
}

static void
push_attention(fullsize_model *self, const char *salt, const rule *rules, int64_t C,
               const char *stem, const char *attention)
{
    static const char *const parts[] = { ".k_proj", ".v_proj", ".q_proj", ".out_proj" };
    char name[128];

    snprintf(name, sizeof name, "%s%s", stem, attention);
    for (int i = 0; i < 4; i++)
        push_pair(self, salt, rules, C, C, name, parts[i]);
}

static int
compare(const void *a, const void *b)
{
    return strcmp(((const ac_tensor *) a)->name, ((const ac_tensor *) b)->name);
}

static void
finish(fullsize_model *self, const char *source)
{
    qsort(self->items, (size_t) self->set.count, sizeof *self->items, compare);
    self->set.items = self->items;
    self->set.source = source;
}

static float *
numbers(const fullsize_model *self, const char *name)
{
    return (float *) (uintptr_t) ac_tensors_find(&self->set, name)->data;
}

void
fullsize_make_clip(fullsize_model *self, const char *salt)
{
    static const struct {
        const char *name;
        int64_t width;
    } towers[] = { { "text_model", 512 }, { "vision_model", 768 } };
    const rule *r = clip_rules;

    *self = (fullsize_model){ 0 };
    for (int t = 0; t < 2; t++) {
        const int64_t C = towers[t].width;
        for (int l = 0; l < 12; l++) {
            char stem[64];
            snprintf(stem, sizeof stem, "%s.encoder.layers.%d", towers[t].name, l);
            push_attention(self, salt, r, C, stem, ".self_attn");
            push_pair(self, salt, r, C, 0, stem, ".layer_norm1");
            push_pair(self, salt, r, C, 0, stem, ".layer_norm2");
            push_pair(self, salt, r, 4 * C, C, stem, ".mlp.fc1");
            push_pair(self, salt, r, C, 4 * C, stem, ".mlp.fc2");
        }
    }
    push_matrix(self, salt, r, 49408, 512, "text_model.embeddings.token_embedding", ".weight");
    push_matrix(self, salt, r, 77, 512, "text_model.embeddings.position_embedding", ".weight");
    push_matrix(self, salt, r, 768, 0, "vision_model.embeddings.class_embedding", "");
    push(self, salt, r, 4, (int64_t[]){ 768, 3, 16, 16 },
         "vision_model.embeddings.patch_embedding.weight");
    push_matrix(self, salt, r, 197, 768, "vision_model.embeddings.position_embedding",
                ".weight");
    push_matrix(self, salt, r, 512, 768, "visual_projection", ".weight");
    push_matrix(self, salt, r, 512, 512, "text_projection", ".weight");
    push_pair(self, salt, r, 512, 0, "text_model", ".final_layer_norm");
    push_pair(self, salt, r, 768, 0, "vision_model", ".pre_layrnorm");
    push_pair(self, salt, r, 768, 0, "vision_model", ".post_layernorm");
    push(self, salt, r, 0, NULL, "logit_scale");
    finish(self, "CLIP ViT-B/16 by formula");
    *numbers(self, "logit_scale") = 4.6052f;
}

void
fullsize_make_bart(fullsize_model *self, const char *salt)
{
    const rule *r = bart_rules;
    float *x;

    *self = (fullsize_model){ 0 };
    for (int side = 0; side < 2; side++) {
        char stem[64];
        for (int l = 0; l < 12; l++) {
            snprintf(stem, sizeof stem, "model.%s.layers.%d", side ? "decoder" : "encoder", l);
            push_attention(self, salt, r, 1024, stem, ".self_attn");
            push_pair(self, salt, r, 1024, 0, stem, ".self_attn_layer_norm");
            push_pair(self, salt, r, 1024, 0, stem, ".final_layer_norm");
            push_pair(self, salt, r, 4096, 1024, stem, ".fc1");
            push_pair(self, salt, r, 1024, 4096, stem, ".fc2");
            if (side) {
                push_attention(self, salt, r, 1024, stem, ".encoder_attn");
                push_pair(self, salt, r, 1024, 0, stem, ".encoder_attn_layer_norm");
            }
        }
        snprintf(stem, sizeof stem, "model.%s", side ? "decoder" : "encoder");
        push_matrix(self, salt, r, 1026, 1024, stem, ".embed_positions.weight");
        push_pair(self, salt, r, 1024, 0, stem, ".layernorm_embedding");
    }
    push_matrix(self, salt, r, 50265, 1024, "model.shared", ".weight");
    push_matrix(self, salt, r, 1, 50265, "final_logits_bias", "");
    finish(self, "BART-large by formula");
    x = numbers(self, "model.decoder.layers.11.final_layer_norm.weight");
    for (int i = 1; i < 1024; i += 2)
        x[i] = -x[i];
    x = numbers(self, "final_logits_bias");
    x[2] += 15;
    x[0] -= 8;
    x[1] -= 8;
    x[3] -= 8;
    x[50264] -= 8;
    x = numbers(self, "model.shared.weight");
    for (int i = 2 * 1024; i < 3 * 1024; i++)
        x[i] *= 0.5f;
}

void
fullsize_free(fullsize_model *self)
{
    for (int64_t i = 0; i < self->set.count; i++) {
        free((void *) (uintptr_t) self->items[i].name);
        free((void *) (uintptr_t) self->items[i].data);
    }
    free(self->items);
    *self = (fullsize_model){ 0 };
}

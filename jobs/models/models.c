#include "jobs/models/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "engine/image/preprocess.h"
#include "io/checkpoint/model_config.h"
#include "io/checkpoint/tokenizer_files.h"

enum { IMAGE_BATCH = 16, TEXT_BATCH = 256 };

/* One fingerprint of several. */
static void
join_fingerprints(char out[33], const char *a, const char *b)
{
    XXH128_hash_t h;
    char both[80];
    int n = snprintf(both, sizeof both, "%s %s", a, b);

    h = XXH3_128bits(both, (size_t) n);
    snprintf(out, 33, "%016llx%016llx", (unsigned long long) h.high64,
             (unsigned long long) h.low64);
}

/* What the model's files say about its shape and use joins its fingerprint, which `text` is
 * freed with. */
static ac_status
join_description(char fingerprint[33], ac_buffer *text)
{
    const ac_status st = text->status;

    if (st == AC_OK) {
        const XXH128_hash_t h = XXH3_128bits(text->data, text->size);
        char own[33];
        snprintf(own, sizeof own, "%016llx%016llx", (unsigned long long) h.high64,
                 (unsigned long long) h.low64);
        join_fingerprints(fingerprint, fingerprint, own);
    }
    ac_buffer_free(text);
    return st;
}

/* A vocabulary of another model gives wrong captions without any error: what can be compared
 * is. */
static ac_status
check_vocabulary(const ac_tokenizer *t, const char *from, int64_t vocab_size, int32_t end)
{
    if (ac_tokenizer_size(t) > vocab_size)
        return ac_error_set(AC_E_FORMAT,
                            "%s: the vocabulary has %lld entries, but the model's token "
                            "embedding only %lld: another model's vocabulary?",
                            from, (long long) ac_tokenizer_size(t), (long long) vocab_size);
    if (t->end != end)
        return ac_error_set(AC_E_FORMAT,
                            "%s: the vocabulary's end token is %d, but the model's config says "
                            "%d: another model's vocabulary?",
                            from, t->end, end);
    return AC_OK;
}

/* ---- CLIP ---- */

static ac_status
open_clip_tokenizer(ac_clip_model *self, const ac_clip_options *o, const ac_clip_config *config,
                    char fingerprint[33])
{
    ac_status st = ac_tokenizer_open(&self->tokenizer, o->model, o->vocabulary,
                                     AC_TOKENIZER_CLIP, fingerprint);

    if (st != AC_OK) {
        fingerprint[0] = '\0';
        return o->need_tokenizer || st == AC_E_NOMEM ? st : AC_OK;
    }
    self->has_tokenizer = true;
    return check_vocabulary(
        &self->tokenizer, o->vocabulary ? o->vocabulary : o->model, config->vocab_size,
        config->eos_token_id == 2
            ? self->tokenizer.end
            : config->eos_token_id); /* 2: old configs, which are wrong about it */
}

/* From clip.model_config, the model's folder, or, of OpenAI's files, the weights. */
static ac_status
load_clip_config(ac_clip_config *config, const ac_clip_options *o, const ac_weights *weights)
{
    if (!o->model_config && weights->is_openai)
        return ac_openai_clip_config(config, &weights->tensors);
    if (!o->model_config && !weights->is_folder)
        return ac_error_set(
            AC_E_ARG,
            "%s: the names in this file are not OpenAI's, so it has no config of its own: name "
            "the model's folder, or a config.json as clip.model_config (--model-config)",
            o->model);
    return ac_clip_config_load(config, o->model, o->model_config);
}

/* All but the packed weights. */
static ac_status
read_clip(ac_clip_model *self, ac_clip_config *config, const ac_clip_options *o)
{
    ac_status st = AC_OK;
    char weights[33] = "", vocabulary[33] = "";
    ac_buffer description = { 0 };

    AC_TRY(ac_duplicate(&self->path, o->model, strlen(o->model)));
    AC_TRY(ac_weights_open(&self->weights, o->model));
    AC_TRY(load_clip_config(config, o, &self->weights));
    if (o->need_tokenizer || (o->towers & AC_CLIP_TEXT))
        AC_TRY(open_clip_tokenizer(self, o, config, vocabulary));
    AC_TRY(ac_weights_fingerprint(&self->weights, weights));
    join_fingerprints(self->fingerprint, weights, vocabulary);
    ac_clip_config_describe(config, &description);
    st = join_description(self->fingerprint, &description);
out:
    return st;
}

static ac_status
make_clip(ac_clip_model *self, const ac_clip_config *config, const ac_clip_options *o)
{
    ac_status st = ac_clip_init(&self->net, config, &self->weights.tensors, &o->compute,
                                o->towers, self->packed.bytes, self->packed.fills);

    if (st == AC_OK && (o->towers & AC_CLIP_TEXT))
        st = ac_clip_model_text_fingerprint(self, self->text_fingerprint);
    return st;
}

ac_status
ac_clip_model_open(ac_clip_model *self, const ac_clip_options *o)
{
    ac_status st = AC_OK;
    ac_clip_config config;

    *self = (ac_clip_model){ 0 };
    AC_TRY(read_clip(self, &config, o));
    AC_TRY(
        ac_shared_init(&self->packed, ac_clip_packed_bytes(&config, &o->compute, o->towers)));
    st = make_clip(self, &config, o);
out:
    if (st != AC_OK)
        ac_clip_model_free(self);
    return st;
}

ac_status
ac_clip_model_open_all(ac_clip_model *self, const ac_comm *comm, const ac_clip_options *o)
{
    ac_status st;
    ac_clip_config config = { 0 };

    *self = (ac_clip_model){ 0 };
    st = read_clip(self, &config, o);
    AC_TRY(ac_shared_init_all(
        &self->packed, comm,
        st == AC_OK ? ac_clip_packed_bytes(&config, &o->compute, o->towers) : 0, st));
    AC_TRY(ac_agree_all(comm, self->packed.fills ? make_clip(self, &config, o) : AC_OK));
    AC_TRY(ac_agree_all(
        comm, self->packed.fills
                  ? AC_OK
                  : make_clip(self, &config, o))); /* attach to what is filled by now */
out:
    if (st != AC_OK)
        ac_clip_model_free(self);
    return st;
}

void
ac_clip_model_free(ac_clip_model *self)
{
    ac_clip_free(&self->net);
    if (self->has_tokenizer)
        ac_tokenizer_free(&self->tokenizer);
    ac_weights_close(&self->weights);
    ac_scratch_free(&self->scratch);
    ac_encoding_free(&self->encoding);
    ac_shared_free(&self->packed);
    free(self->path);
    free(self->ids);
    free(self->pixels);
    *self = (ac_clip_model){ 0 };
}

/* Tokenize text i into self->ids at `used`. */
static ac_status
push_ids(ac_clip_model *self, const ac_texts *texts, int64_t i, const char *prefix,
         int64_t used, int64_t *cut)
{
    ac_status st = AC_OK;
    const ac_encoding *e = &self->encoding;
    const char *text = ac_texts_at(texts, i);
    size_t n = ac_texts_size(texts, i);
    ac_buffer joined = { 0 };

    if (prefix[0]) {
        ac_buffer_push_text(&joined, prefix);
        AC_TRY(ac_buffer_push(&joined, text, n));
        text = joined.data;
        n = joined.size;
    }
    AC_TRY(ac_tokenizer_encode(&self->tokenizer, text, n,
                               self->net.config.max_position_embeddings, true,
                               &self->encoding));
    *cut += e->length > e->count;
    AC_TRY(ac_grow(&self->ids, &self->ids_capacity, used + e->count, sizeof *self->ids));
    memcpy(self->ids + used, e->ids, (size_t) e->count * sizeof *e->ids);
out:
    ac_buffer_free(&joined);
    return st;
}

ac_status
ac_clip_model_embed_texts(ac_clip_model *self, float *y, const ac_texts *texts, int64_t first,
                          int64_t n, const char *prefix, int64_t *cut)
{
    ac_status st = AC_OK;
    int64_t offsets[TEXT_BATCH + 1] = { 0 };
    const int64_t D = self->net.config.projection_dim;

    AC_CHECK(self->has_tokenizer);
    for (int64_t i = 0; i < n; i += TEXT_BATCH) {
        int64_t B = n - i < TEXT_BATCH ? n - i : TEXT_BATCH;
        for (int64_t b = 0; b < B; b++) {
            AC_TRY(push_ids(self, texts, first + i + b, prefix, offsets[b], cut));
            offsets[b + 1] = offsets[b] + self->encoding.count;
        }
        AC_TRY(ac_clip_model_embed_ids(self, y + i * D, self->ids, offsets, B));
    }
out:
    return st;
}

ac_status
ac_clip_model_embed_ids(ac_clip_model *self, float *y, const int32_t *ids,
                        const int64_t *offsets, int64_t B)
{
    ac_status st = ac_scratch_reserve(&self->scratch,
                                      ac_clip_texts_scratch_bytes(&self->net, B, offsets[B]));

    if (st == AC_OK)
        ac_clip_embed_texts(&self->net, y, ids, offsets, B, &self->scratch);
    return st;
}

ac_status
ac_clip_model_embed_images(ac_clip_model *self, float *y, const uint8_t *rgb, int64_t n)
{
    ac_status st = AC_OK;
    const int64_t S = self->net.config.image_size, D = self->net.config.projection_dim,
                  each = 3 * S * S;

    if (!self->pixels)
        AC_TRY(ac_alloc_aligned(&self->pixels, IMAGE_BATCH * each, sizeof(float)));
    AC_TRY(ac_scratch_reserve(&self->scratch,
                              ac_clip_images_scratch_bytes(&self->net, IMAGE_BATCH)));
    for (int64_t i = 0; i < n; i += IMAGE_BATCH) {
        int64_t B = n - i < IMAGE_BATCH ? n - i : IMAGE_BATCH;
#pragma omp parallel for
        for (int64_t b = 0; b < B; b++)
            ac_image_normalise(self->pixels + b * each, rgb + (i + b) * each, S);
        ac_clip_embed_images(&self->net, y + i * D, self->pixels, B, &self->scratch);
    }
out:
    return st;
}

/* ---- BART ---- */

/* All but the packed weights. */
static ac_status
read_bart(ac_bart_model *self, ac_bart_config *config, const char *model,
          const char *layer_norms, bool need_tokenizer)
{
    ac_status st = AC_OK;
    char weights[33] = "", vocabulary[33] = "", trained[33] = "";
    ac_buffer description = { 0 };

    AC_TRY(ac_duplicate(&self->path, model, strlen(model)));
    AC_TRY(ac_bart_config_load(config, model));
    AC_TRY(ac_weights_open(&self->weights, model));
    if (layer_norms)
        AC_TRY(ac_weights_open(&self->layer_norms, layer_norms));
    st = ac_tokenizer_open(&self->tokenizer, model, NULL, AC_TOKENIZER_BART, vocabulary);
    self->has_tokenizer = st == AC_OK;
    if (st != AC_OK && need_tokenizer)
        goto out;
    if (self->has_tokenizer)
        AC_TRY(check_vocabulary(&self->tokenizer, model, config->vocab_size,
                                config->eos_token_id));
    AC_TRY(ac_weights_fingerprint(&self->weights, weights));
    if (layer_norms)
        AC_TRY(ac_weights_fingerprint(&self->layer_norms, trained));
    join_fingerprints(self->fingerprint, weights, trained);
    join_fingerprints(self->fingerprint, self->fingerprint, vocabulary);
    ac_bart_config_describe(config, &description);
    st = join_description(self->fingerprint, &description);
out:
    return st;
}

ac_status
ac_bart_model_set_generation(ac_bart_model *self, const ac_generation_config *generation)
{
    ac_buffer description = { 0 };
    const ac_decoder decoder = ac_bart_as_decoder(&self->net);
    const ac_status st = ac_generation_config_check(generation, &decoder);

    if (st != AC_OK)
        return st;
    self->generation = *generation;
    ac_generation_config_describe(generation, &description);
    return join_description(self->fingerprint, &description);
}

static ac_status
make_bart(ac_bart_model *self, const ac_bart_config *config, const ac_compute *compute)
{
    return ac_bart_init(&self->net, config, &self->weights.tensors,
                        self->layer_norms.tensors.count ? &self->layer_norms.tensors : NULL,
                        compute, self->packed.bytes, self->packed.fills);
}

ac_status
ac_bart_model_open(ac_bart_model *self, const char *model, const char *layer_norms,
                   const ac_compute *compute, bool need_tokenizer)
{
    ac_status st = AC_OK;
    ac_bart_config config;

    *self = (ac_bart_model){ 0 };
    AC_TRY(read_bart(self, &config, model, layer_norms, need_tokenizer));
    AC_TRY(ac_shared_init(&self->packed, ac_bart_packed_bytes(&config, compute)));
    st = make_bart(self, &config, compute);
out:
    if (st != AC_OK)
        ac_bart_model_free(self);
    return st;
}

ac_status
ac_bart_model_open_all(ac_bart_model *self, const ac_comm *comm, const char *model,
                       const char *layer_norms, const ac_compute *compute, bool need_tokenizer)
{
    ac_status st;
    ac_bart_config config = { 0 };

    *self = (ac_bart_model){ 0 };
    st = read_bart(self, &config, model, layer_norms, need_tokenizer);
    AC_TRY(ac_shared_init_all(&self->packed, comm,
                              st == AC_OK ? ac_bart_packed_bytes(&config, compute) : 0, st));
    AC_TRY(ac_agree_all(comm, self->packed.fills ? make_bart(self, &config, compute) : AC_OK));
    AC_TRY(ac_agree_all(
        comm, self->packed.fills
                  ? AC_OK
                  : make_bart(self, &config, compute))); /* attach to what is filled by now */
out:
    if (st != AC_OK)
        ac_bart_model_free(self);
    return st;
}

void
ac_bart_model_free(ac_bart_model *self)
{
    ac_bart_free(&self->net);
    if (self->has_tokenizer)
        ac_tokenizer_free(&self->tokenizer);
    ac_weights_close(&self->weights);
    ac_weights_close(&self->layer_norms);
    ac_encoding_free(&self->encoding);
    ac_generator_free(&self->generator);
    ac_shared_free(&self->packed);
    free(self->path);
    *self = (ac_bart_model){ 0 };
}

ac_status
ac_bart_model_generate(ac_bart_model *self, const int32_t *ids, const int64_t *offsets,
                       const uint64_t *streams, int64_t B, ac_generated *out)
{
    const ac_decoder decoder = ac_bart_as_decoder(&self->net);
    const ac_generation_input input = {
        .ids = ids, .offsets = offsets, .streams = streams, .count = B
    };

    return ac_generate(&self->generator, &decoder, &self->generation, &input, out);
}

#include "jobs/models/clip_model.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/image/preprocess.h"
#include "io/checkpoint/model_config.h"
#include "io/checkpoint/tokenizer_files.h"
#include "io/image/decode.h"
#include "jobs/models/clip_fingerprint.h"

/* With int8 the numbers between the layers are read more than the weights: those of FEW images
 * mostly stay in a core's L2 cache. */
enum { IMAGE_BATCH = 16, FEW_IMAGES = 4, TEXT_BATCH = 256 };

static ac_status
open_tokenizer(ac_clip_model *self, const ac_clip_options *o, char fingerprint[33])
{
    const ac_clip_config *config = &self->net.config;
    ac_status st = ac_tokenizer_open(&self->tokenizer, o->model, o->vocabulary,
                                     config->siglip ? AC_TOKENIZER_SIGLIP : AC_TOKENIZER_CLIP,
                                     fingerprint);

    if (st != AC_OK) {
        fingerprint[0] = '\0';
        if (st == AC_E_FORMAT && !o->need_tokenizer) /* it is there, and damaged or refused */
            ac_log(AC_LOG_WARNING, "no texts, only ids: %s", ac_error_message());
        return o->need_tokenizer || st == AC_E_NOMEM ? st : AC_OK;
    }
    self->has_tokenizer = true;
    return ac_model_check_vocabulary(
        &self->tokenizer, o->vocabulary ? o->vocabulary : o->model, config->vocab_size,
        config->eos_token_id == 2
            ? self->tokenizer.end
            : config->eos_token_id); /* 2: old configs, which are wrong about it */
}

/* Of weights, vocabulary, and how the model is used. */
static ac_status
join_fingerprint(const ac_clip_model *self, char out[33], const char *weights,
                 const char *vocabulary)
{
    ac_buffer description = { 0 };

    ac_model_join_fingerprints(out, weights, vocabulary);
    ac_clip_config_describe(&self->net.config, &description);
    ac_preprocess_describe(&self->recipe, &description);
    return ac_model_join_description(out, &description);
}

ac_status
ac_clip_model_read(ac_clip_model *self, const ac_clip_options *o)
{
    ac_status st = AC_OK;
    char weights[33] = "", vocabulary[33] = "";

    *self = (ac_clip_model){ .compute = o->compute, .towers = o->towers };
    AC_TRY(ac_duplicate(&self->path, o->model, strlen(o->model)));
    AC_TRY(ac_clip_files_open(&self->files, o->model, o->model_config));
    self->net.config = self->files.config;
    self->recipe = self->files.recipe;
    if (o->need_tokenizer || (o->towers & AC_CLIP_TEXT))
        AC_TRY(open_tokenizer(self, o, vocabulary));
    AC_TRY(ac_weights_fingerprint(&self->files.weights, weights));
    AC_TRY(join_fingerprint(self, self->fingerprint, weights, vocabulary));
    st = join_fingerprint(self, self->image_fingerprint, weights, "");
out:
    return st;
}

size_t
ac_clip_model_packed_bytes(const ac_clip_model *self)
{
    return ac_clip_packed_bytes(&self->net.config, &self->compute, self->towers);
}

ac_status
ac_clip_model_pack(ac_clip_model *self)
{
    const ac_clip_config config = self->net.config;
    ac_status st =
        ac_clip_init(&self->net, &config, &self->files.weights.tensors, &self->compute,
                     self->towers, self->packed.bytes, self->packed.fills);

    if (st == AC_OK && (self->towers & AC_CLIP_TEXT))
        st = ac_clip_fingerprint_text(self->text_fingerprint, &config,
                                      &self->files.weights.tensors,
                                      self->has_tokenizer ? &self->tokenizer : NULL);
    return st;
}

ac_status
ac_clip_model_open(ac_clip_model *self, const ac_clip_options *o)
{
    ac_status st = AC_OK;

    AC_TRY(ac_clip_model_read(self, o));
    AC_TRY(ac_packed_init(&self->packed, ac_clip_model_packed_bytes(self)));
    st = ac_clip_model_pack(self);
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
    ac_clip_files_close(&self->files);
    ac_scratch_free(&self->scratch);
    ac_encoding_free(&self->encoding);
    ac_packed_free(&self->packed);
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

/* How n images are computed: `together` by each of `teams`, IMAGE_BATCH at most in all. A team
 * is one thread, or all threads where it is the only one. */
static int64_t
images_together(const ac_clip_model *self, int64_t n, int *teams)
{
    const int threads = omp_get_max_threads();

    *teams = 1;
    if (self->compute.precision != AC_PRECISION_INT8 || threads * FEW_IMAGES > IMAGE_BATCH)
        return IMAGE_BATCH;
    if (n >= threads)
        *teams = threads;
    return n < *teams * FEW_IMAGES ? (n + *teams - 1) / *teams : FEW_IMAGES;
}

ac_status
ac_clip_model_embed_images(ac_clip_model *self, float *y, const uint8_t *rgb, int64_t n)
{
    ac_status st = AC_OK;
    const int64_t S = self->net.config.image_size, D = self->net.config.projection_dim,
                  each = 3 * S * S;
    int teams;
    const int64_t together = images_together(self, n, &teams);
    const size_t bytes = ac_scratch_room(ac_clip_images_scratch_bytes(&self->net, together));

    if (!self->pixels)
        AC_TRY(ac_alloc_aligned(&self->pixels, IMAGE_BATCH * each, sizeof(float)));
    AC_TRY(ac_scratch_reserve(&self->scratch, (size_t) teams * bytes));
#pragma omp parallel for schedule(dynamic, 1) num_threads(teams) if (teams > 1)
    for (int64_t i = 0; i < n; i += together) {
        const int team = omp_get_thread_num();
        const int64_t B = n - i < together ? n - i : together;
        float *pixels = self->pixels + team * together * each;
        ac_scratch scratch = { self->scratch.base + (size_t) team * bytes, bytes, 0 };
#pragma omp parallel for
        for (int64_t b = 0; b < B; b++)
            ac_image_normalise(pixels + b * each, rgb + (i + b) * each, &self->recipe);
        ac_clip_embed_images(&self->net, y + i * D, pixels, B, &scratch);
    }
out:
    return st;
}

ac_status
ac_clip_model_embed_file(ac_clip_model *self, float *y, const char *path, int64_t max_pixels)
{
    const int64_t S = self->net.config.image_size;
    ac_item_status status = { 0 };
    ac_image image = { 0 };
    ac_resizer resizer = { 0 };
    uint8_t *rgb = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_image_read_file_for(&image, path, &self->recipe, max_pixels, &status));
    if (status.reason != AC_GOOD)
        AC_FAIL(AC_E_FORMAT, "%s: %s: %s", path, ac_reject_reason_name(status.reason),
                status.detail);
    AC_TRY(ac_alloc(&rgb, S * S, 3));
    AC_TRY(ac_image_preprocess(rgb, &image, &self->recipe, &resizer));
    st = ac_clip_model_embed_images(self, y, rgb, 1);
out:
    ac_image_free(&image);
    ac_resizer_free(&resizer);
    free(rgb);
    return st;
}

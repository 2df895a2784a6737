/* AC_TEST_LABELS: long
 * The real shapes: CLIP ViT-B/16 and BART-large with weights by formula, made here, or read
 * from $AC_FULLSIZE/clip-vit-b16 and $AC_FULLSIZE/bart-large. Tolerances of
 * golden/fullsize/README.md: ten times the noise of fp32 against fp64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/kernels/activation.h"
#include "engine/generation/generate.h"
#include "engine/models/bart.h"
#include "engine/models/clip.h"
#include "io/checkpoint/safetensors.h"
#include "io/checkpoint/weights.h"
#include "tests/support/fullsize.h"
#include "tests/support/golden.h"
#include "tests/support/model.h"

/* Weights by formula or from a folder. */
typedef struct source {
    fullsize_model made;
    ac_weights read;
    const ac_tensors *tensors;
    json_t *expected;
    ac_weights values; /* the expected tensors */
    const char *salt;
} source;

static bool
source_open(source *self, const char *what, void (*make)(fullsize_model *, const char *))
{
    const char *folder = getenv("AC_FULLSIZE");
    char name[128], *path, *values;

    *self = (source){ 0 };
    snprintf(name, sizeof name, "fullsize/%s.json", what);
    path = golden_path(name);
    snprintf(name, sizeof name, "fullsize/%s_expected.safetensors", what);
    values = golden_path(name);
    if (!path || !values) {
        free(path);
        free(values);
        return false;
    }
    self->expected = test_read_json(path);
    self->salt = json_string_value(json_object_get(self->expected, "salt"));
    assert_int_equal(ac_weights_open(&self->values, values), AC_OK);
    if (folder) {
        snprintf(name, sizeof name, "%s/%s", folder, what);
        assert_int_equal(ac_weights_open(&self->read, name), AC_OK);
        self->tensors = &self->read.tensors;
    } else {
        make(&self->made, self->salt ? self->salt : "");
        self->tensors = &self->made.set;
    }
    free(path);
    free(values);
    return true;
}

static void
source_close(source *self)
{
    fullsize_free(&self->made);
    if (!self->made.items && getenv("AC_FULLSIZE"))
        ac_weights_close(&self->read);
    ac_weights_close(&self->values);
    json_decref(self->expected);
}

/* The sample values of "weights", to the bit. */
static void
check_weights(const source *s)
{
    const json_t *sample, *index;
    size_t i, k;

    json_array_foreach(json_object_get(s->expected, "weights"), i, sample)
    {
        const char *name = json_string_value(json_object_get(sample, "tensor"));
        const float *x = test_floats(s->tensors, name);
        json_array_foreach(json_object_get(sample, "index"), k, index)
        {
            const double value =
                json_number_value(json_array_get(json_object_get(sample, "value"), k));
            if ((double) x[json_integer_value(index)] != value)
                fail_msg("%s[%lld] is %.9g, expected %.9g", name,
                         (long long) json_integer_value(index),
                         (double) x[json_integer_value(index)], value);
        }
    }
}

/* A list of ids [*n], on the heap. */
static int32_t *
read_ids(const json_t *list, int64_t *n)
{
    int32_t *ids = calloc(json_array_size(list) + 1, sizeof *ids);

    assert_non_null(ids);
    *n = (int64_t) json_array_size(list);
    for (int64_t i = 0; i < *n; i++)
        ids[i] = (int32_t) json_integer_value(json_array_get(list, (size_t) i));
    return ids;
}

/* Lists of ids, one after the other; list b begins at offsets[b]. */
typedef struct id_lists {
    int32_t *ids;
    int64_t *offsets, B;
} id_lists;

static id_lists
read_lists(const json_t *lists)
{
    id_lists l = { .B = (int64_t) json_array_size(lists) };

    l.offsets = calloc((size_t) l.B + 1, sizeof *l.offsets);
    assert_true(l.B > 0 && l.offsets);
    for (int64_t b = 0; b < l.B; b++) {
        int64_t n;
        int32_t *one = read_ids(json_array_get(lists, (size_t) b), &n);
        l.offsets[b + 1] = l.offsets[b] + n;
        l.ids = realloc(l.ids, (size_t) (l.offsets[b + 1] + 1) * sizeof *l.ids);
        memcpy(l.ids + l.offsets[b], one, (size_t) n * sizeof *one);
        free(one);
    }
    return l;
}

static void
free_lists(id_lists *l)
{
    free(l->ids);
    free(l->offsets);
}

static void
draw_images(float *pixels, const source *s)
{
    static const float mean[3] = { 0.48145466f, 0.4578275f, 0.40821073f },
                       deviation[3] = { 0.26862954f, 0.26130258f, 0.27577711f };
    enum { S = 224 };

    for (int image = 0; image < 2; image++) {
        int64_t sum = 0;
        for (int64_t c = 0; c < 3; c++)
            for (int64_t y = 0; y < S; y++)
                for (int64_t x = 0; x < S; x++) {
                    const int64_t at = (c * S + y) * S + x;
                    const int byte =
                        image ? (int) ((x * (c + 1) + y * (3 - c)) % 256)
                              : (int) floor(
                                    (fullsize_unit(s->salt ? s->salt : "", "image0", at) + 1) *
                                    128);
                    pixels[image * 3 * S * S + at] =
                        ((float) byte / 255 - mean[c]) / deviation[c];
                    sum += byte;
                }
        assert_int_equal(sum,
                         json_integer_value(json_array_get(
                             json_object_get(s->expected, "image_bytes_sum"), (size_t) image)));
    }
}

static const ac_clip_config clip_config = {
    .vision = { 768, 12, 12, 3072, AC_ACTIVATION_QUICK_GELU, 1e-5f },
    .text = { 512, 12, 8, 2048, AC_ACTIVATION_QUICK_GELU, 1e-5f },
    .image_size = 224,
    .patch_size = 16,
    .max_position_embeddings = 77,
    .vocab_size = 49408,
    .bos_token_id = 49406,
    .eos_token_id = 49407,
    .projection_dim = 512,
};

static void
check_clip(const source *s, const ac_compute *compute)
{
    enum { IMAGES = 2, D = 512 };
    id_lists texts = read_lists(json_object_get(s->expected, "texts"));
    float *pixels = malloc(IMAGES * 3 * 224 * 224 * sizeof *pixels), images[IMAGES * D];
    float *text = malloc((size_t) (texts.B * D) * sizeof *text);
    ac_scratch scratch = { 0 };
    ac_clip clip;
    void *packed;
    size_t bytes;

    assert_int_equal(ac_alloc_aligned(&packed,
                                      (int64_t) ac_clip_packed_bytes(
                                          &clip_config, compute, AC_CLIP_VISION | AC_CLIP_TEXT),
                                      1),
                     AC_OK);
    assert_int_equal(ac_clip_init(&clip, &clip_config, s->tensors, compute,
                                  AC_CLIP_VISION | AC_CLIP_TEXT, packed, true),
                     AC_OK);
    draw_images(pixels, s);
    bytes = ac_clip_images_scratch_bytes(&clip, IMAGES);
    if (ac_clip_texts_scratch_bytes(&clip, texts.B, texts.offsets[texts.B]) > bytes)
        bytes = ac_clip_texts_scratch_bytes(&clip, texts.B, texts.offsets[texts.B]);
    assert_int_equal(ac_scratch_reserve(&scratch, bytes), AC_OK);
    ac_clip_embed_images(&clip, images, pixels, IMAGES, &scratch);
    ac_clip_embed_texts(&clip, text, texts.ids, texts.offsets, texts.B, &scratch);
    print_message(
        "largest differences: images %.2g, texts %.2g\n",
        test_max_difference(images, test_floats(&s->values.tensors, "image_embeds"),
                            IMAGES * D),
        test_max_difference(text, test_floats(&s->values.tensors, "text_embeds"), texts.B * D));
    test_assert_close("image_embeds", images, test_floats(&s->values.tensors, "image_embeds"),
                      IMAGES * D, 2e-5);
    test_assert_close("text_embeds", text, test_floats(&s->values.tensors, "text_embeds"),
                      texts.B * D, 2e-5);
    ac_clip_free(&clip);
    ac_scratch_free(&scratch);
    free(packed);
    free(pixels);
    free(text);
    free_lists(&texts);
}

static void
clip_vit_b16(void **state)
{
    ac_compute backends[TEST_BACKENDS];
    const int n = test_backends(backends);
    source s;

    (void) state;
    if (!source_open(&s, "clip-vit-b16", fullsize_make_clip))
        skip();
    check_weights(&s);
    for (int i = 0; i < n; i++) {
        print_message("%s: ", ac_compute_describe(&backends[i]));
        check_clip(&s, &backends[i]);
    }
    source_close(&s);
}

/* ---- BART-large ---- */

enum { V = 50265, C = 1024 };

static const ac_bart_config bart_config = {
    .d_model = C,
    .vocab_size = V,
    .max_position_embeddings = 1024,
    .encoder_layers = 12,
    .encoder_attention_heads = 16,
    .encoder_ffn_dim = 4096,
    .decoder_layers = 12,
    .decoder_attention_heads = 16,
    .decoder_ffn_dim = 4096,
    .activation_function = AC_ACTIVATION_GELU,
    .layer_norm_eps = 1e-5f,
    .bos_token_id = 0,
    .pad_token_id = 1,
    .eos_token_id = 2,
    .decoder_start_token_id = 2,
};

/* Logits [n, V] of tokens [n] read in one step. */
static void
decode(ac_decoder_state *state, const int32_t *tokens, int64_t n, float *logits,
       ac_scratch *scratch)
{
    ac_decoder_row *rows = calloc((size_t) n, sizeof *rows);

    assert_non_null(rows);
    for (int64_t t = 0; t < n; t++)
        rows[t] = (ac_decoder_row){ tokens[t], 0, 0, (int32_t) t, true };
    ac_decoder_step(state, logits, rows, n, scratch);
    free(rows);
}

/* The text's first token, and its caption, whose tokens are read together. */
static void
check_logits(const ac_bart *bart, const source *s, const json_t *row, const int32_t *ids,
             int64_t n)
{
    const json_t *best = json_object_get(row, "first_token_top_ids"),
                 *losses = json_object_get(row, "caption_losses");
    int64_t length;
    int32_t *caption = read_ids(json_object_get(s->expected, "caption"), &length);
    const int64_t offsets[2] = { 0, n };
    const ac_decoder decoder = ac_bart_as_decoder(bart);
    const ac_decoder_capacity capacity = {
        .slots = 1, .positions = length, .rows = length, .inputs = 1, .input_tokens = n
    };
    float *logits = malloc((size_t) (length * V) * sizeof *logits);
    ac_decoder_state state = { 0 };
    ac_scratch scratch = { 0 };

    assert_int_equal(ac_decoder_state_reserve(&state, &decoder, &capacity), AC_OK);
    assert_int_equal(ac_scratch_reserve(&scratch, ac_decoder_scratch_bytes(&state)), AC_OK);
    ac_decoder_read_inputs(&state, &(ac_decoder_inputs){ ids, offsets, 1 }, &scratch);
    decode(&state, &bart_config.decoder_start_token_id, 1, logits, &scratch);
    for (size_t i = 0; i < json_array_size(best); i++) {
        const double expected = json_number_value(
            json_array_get(json_object_get(row, "first_token_top_logits"), i));
        const double y = (double) logits[json_integer_value(json_array_get(best, i))];
        if (!(fabs(y - expected) <= 2e-4))
            fail_msg("logit %zu of the first token: %.9g, expected %.9g", i, y, expected);
    }
    assert_true(fabs((double) ac_log_sum_exp(logits, V) -
                     json_number_value(json_object_get(row, "first_token_logsumexp"))) <= 2e-4);
    decode(&state, caption, length - 1, logits, &scratch);
    for (int64_t t = 0; t + 1 < length; t++) {
        const double loss = -(double) ac_log_softmax_at(logits + t * V, V, caption[t + 1]),
                     expected = json_number_value(json_array_get(losses, (size_t) t));
        if (!(fabs(loss - expected) <= 2e-4))
            fail_msg("loss of the caption's token %lld: %.9g, expected %.9g", (long long) t,
                     loss, expected);
    }
    ac_decoder_state_free(&state);
    ac_scratch_free(&scratch);
    free(logits);
    free(caption);
}

static ac_generation_config
settings_of(const json_t *settings)
{
    ac_generation_config c;

    ac_generation_config_defaults(&c, bart_config.decoder_start_token_id,
                                  bart_config.eos_token_id);
    c.num_beams = c.num_return_sequences =
        json_integer_value(json_object_get(settings, "num_beams"));
    c.length_penalty = json_number_value(json_object_get(settings, "length_penalty"));
    c.no_repeat_ngram_size =
        json_integer_value(json_object_get(settings, "no_repeat_ngram_size"));
    c.min_length = json_integer_value(json_object_get(settings, "min_length"));
    c.max_length = json_integer_value(json_object_get(settings, "max_length"));
    c.early_stopping = json_is_true(json_object_get(settings, "early_stopping"))
                           ? AC_EARLY_TRUE
                           : AC_EARLY_FALSE;
    c.forced_bos_token_id =
        (int32_t) json_integer_value(json_object_get(settings, "forced_bos_token_id"));
    c.forced_eos_token_id =
        (int32_t) json_integer_value(json_object_get(settings, "forced_eos_token_id"));
    return c;
}

static void
same_ids(const ac_candidate c, const json_t *expected, const char *what)
{
    int64_t n;
    int32_t *ids = read_ids(expected, &n);

    if (c.count != n || memcmp(c.ids, ids, (size_t) n * sizeof *ids) != 0)
        fail_msg("%s: another sequence (%lld tokens, expected %lld)", what, (long long) c.count,
                 (long long) n);
    free(ids);
}

/* All sources together, as captions are made. */
static void
check_searches(const ac_bart *bart, const source *s, const int32_t *ids, const int64_t *offsets,
               int64_t B)
{
    const json_t *cases = json_object_get(s->expected, "cases"), *row;
    uint64_t *streams = calloc((size_t) B, sizeof *streams);
    ac_generation_config c = settings_of(json_object_get(json_array_get(cases, 0), "settings"));
    const ac_decoder decoder = ac_bart_as_decoder(bart);
    const ac_generation_input input = {
        .ids = ids, .offsets = offsets, .streams = streams, .count = B
    };
    ac_generator generator = { 0 };
    ac_generated out = { 0 };
    size_t i;

    assert_int_equal(ac_generate(&generator, &decoder, &c, &input, &out), AC_OK);
    json_array_foreach(cases, i, row)
    {
        for (int64_t k = 0; k < c.num_beams; k++) {
            const ac_candidate found = ac_generated_at(&out, (int64_t) i, k);
            const double expected =
                json_number_value(json_array_get(json_object_get(row, "scores"), (size_t) k));
            same_ids(found, json_array_get(json_object_get(row, "sequences"), (size_t) k),
                     "beams");
            if (!(fabs(found.score - expected) <= 2e-4))
                fail_msg("source %zu, beam %lld: score %.9g, expected %.9g", i, (long long) k,
                         found.score, expected);
        }
    }
    c.num_beams = c.num_return_sequences = 1;
    c.forced_eos_token_id = -1;
    assert_int_equal(ac_generate(&generator, &decoder, &c, &input, &out), AC_OK);
    json_array_foreach(cases, i, row) same_ids(ac_generated_at(&out, (int64_t) i, 0),
                                               json_object_get(row, "greedy"), "greedy");
    ac_generator_free(&generator);
    ac_generated_free(&out);
    free(streams);
}

static void
check_bart(const source *s, const ac_compute *compute)
{
    id_lists sources = read_lists(json_object_get(s->expected, "sources"));
    const int64_t *offsets = sources.offsets, B = sources.B;
    const json_t *row;
    ac_scratch scratch = { 0 };
    float *encoded;
    ac_bart bart;
    void *packed;
    size_t i;

    assert_int_equal(
        ac_alloc_aligned(&packed, (int64_t) ac_bart_packed_bytes(&bart_config, compute), 1),
        AC_OK);
    assert_int_equal(ac_bart_init(&bart, &bart_config, s->tensors, NULL, compute, packed, true),
                     AC_OK);
    encoded = malloc((size_t) (offsets[B] * C) * sizeof *encoded);
    assert_int_equal(
        ac_scratch_reserve(&scratch, ac_bart_encode_scratch_bytes(&bart, B, offsets[B])),
        AC_OK);
    ac_bart_encode(&bart, encoded, sources.ids, offsets, B, &scratch);
    json_array_foreach(json_object_get(s->expected, "cases"), i, row)
    {
        char name[64];
        snprintf(name, sizeof name, "encoder_last_first_row.%zu", i);
        test_assert_close(name, encoded + offsets[i] * C, test_floats(&s->values.tensors, name),
                          C, 2e-4);
        snprintf(name, sizeof name, "encoder_last_final_row.%zu", i);
        test_assert_close(name, encoded + (offsets[i + 1] - 1) * C,
                          test_floats(&s->values.tensors, name), C, 2e-4);
        check_logits(&bart, s, row, sources.ids + offsets[i], offsets[i + 1] - offsets[i]);
    }
    check_searches(&bart, s, sources.ids, offsets, B);
    ac_bart_free(&bart);
    ac_scratch_free(&scratch);
    free(encoded);
    free(packed);
    free_lists(&sources);
}

static void
bart_large(void **state)
{
    ac_compute backends[TEST_BACKENDS];
    const int n = test_backends(backends);
    source s;

    (void) state;
    if (!source_open(&s, "bart-large", fullsize_make_bart))
        skip();
    check_weights(&s);
    for (int i = 0; i < n; i++) {
        check_bart(&s, &backends[i]);
        print_message("%s: sequences equal, logits, losses and scores within 2e-4\n",
                      ac_compute_describe(&backends[i]));
    }
    source_close(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(clip_vit_b16),
                                        cmocka_unit_test(bart_large) };

    ac_compute_init((int) sysconf(_SC_NPROCESSORS_ONLN));
    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}

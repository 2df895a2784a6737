/* AC_TEST_LABELS: formats */
/* CLIP's folders as people have them: pre-processing from the model's files, old configs,
 * OpenCLIP's layouts. Embeddings against transformers and open_clip, cosine >= 0.99999
 * (golden/clip_variants/README.md); what nothing right can come of is refused, and the message
 * names file and key. Pre-processing alone (recipes.jsonl): equal to the bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/image/preprocess.h"
#include "io/checkpoint/clip_preprocess.h"
#include "io/checkpoint/open_clip.h"
#include "io/checkpoint/safetensors.h"
#include "io/checkpoint/tokenizer_files.h"
#include "io/image/decode.h"
#include "jobs/models/clip_model.h"
#include "tests/support/golden.h"
#include "tests/support/model.h"

enum { MAX_PIXELS = 1000000 };

/* What a refusal of a case must name; a case that is expected to be right is not in here. Cases
 * with "either" that are in here are refused, the others are right. */
static const struct {
    const char *name, *words;
} refused[] = {
    { "null_mean", "preprocessor_config.json: image_mean" },
    { "null_resample", "preprocessor_config.json: resample" },
    { "no_crop_size", "preprocessor_config.json: crop_size is missing" },
    { "no_center_crop_not_square", "preprocessor_config.json: do_center_crop" },
    { "crop_other_than_model", "preprocessor_config.json: crop_size" },
    { "openclip_file_alone", "open_clip_model.safetensors: .*open_clip_config.json" },
    { "openclip_checkpoint_alone", "epoch_3.pt: .*open_clip_config.json" },
    { "openclip_clipa", "open_clip_config.json: model_cfg.vision_cfg.no_ln_pre" },
    { "openclip_vision_pool_avg", "open_clip_config.json: model_cfg.vision_cfg.pool_type" },
    { "openclip_text_no_causal_mask",
      "open_clip_config.json: model_cfg.text_cfg.no_causal_mask" },
    { "openclip_text_pool_first", "open_clip_config.json: model_cfg.text_cfg.pool_type" },
    { "openclip_text_pool_last", "open_clip_config.json: model_cfg.text_cfg.pool_type" },
    { "openclip_final_ln_after_pool", "open_clip_config.json: model_cfg.vision_cfg.pool_type" },
    { "openclip_layer_scale", "open_clip_config.json: model_cfg.vision_cfg.ls_init_value" },
    { "openclip_no_model_cfg", "open_clip_config.json: model_cfg" },
    { "openclip_timm", "open_clip_config.json: model_cfg.vision_cfg.timm_model_name" },
    { "openclip_width_does_not_fit", "open_clip_config.json: model_cfg.vision_cfg.width" },
};

static const char *
words_of(const char *name)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (strcmp(refused[i].name, name) == 0)
            return refused[i].words;
    return NULL;
}

/* Both halves of "file.*key" in this order. */
static bool
says(const char *message, const char *words)
{
    const char *gap = strstr(words, ".*");
    char first[128];
    const char *at;

    if (!gap)
        return strstr(message, words) != NULL;
    snprintf(first, sizeof first, "%.*s", (int) (gap - words), words);
    at = strstr(message, first);
    return at && strstr(at, gap + 2);
}

static const char *
text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    assert_non_null(text);
    return text;
}

/* Links to a layer's files, over those that are there. */
static void
lay(const char *folder, const char *layer)
{
    char relative[128], *from;
    const struct dirent *e;
    DIR *d;

    snprintf(relative, sizeof relative, "clip_variants/%s", layer);
    from = golden_path(relative);
    if (!from)
        skip();
    d = opendir(from);
    assert_non_null(d);
    while ((e = readdir(d))) {
        char to[512], source[4096];
        if (e->d_name[0] == '.')
            continue;
        snprintf(to, sizeof to, "%s/%s", folder, e->d_name);
        snprintf(source, sizeof source, "%s/%s", from, e->d_name);
        unlink(to);
        assert_int_equal(symlink(source, to), 0);
    }
    closedir(d);
    free(from);
}

static void
empty(const char *folder)
{
    const struct dirent *e;
    DIR *d = opendir(folder);
    char path[512];

    while (d && (e = readdir(d)))
        if (e->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            unlink(path);
        }
    if (d)
        closedir(d);
    mkdir(folder, 0777);
}

/* The case's folder, assembled. */
static void
assemble(const char *folder, const json_t *c)
{
    const json_t *item;
    size_t i;
    char path[512];

    empty(folder);
    json_array_foreach(json_object_get(c, "layers"), i, item)
        lay(folder, json_string_value(item));
    json_array_foreach(json_object_get(c, "without"), i, item)
    {
        snprintf(path, sizeof path, "%s/%s", folder, json_string_value(item));
        assert_int_equal(unlink(path), 0);
    }
}

static void
compare(const char *name, const char *what, const float *found, const ac_tensor *expected)
{
    const int64_t D = expected->shape[1];
    float *e = malloc((size_t) ac_tensor_count(expected) * sizeof *e);

    assert_non_null(e);
    ac_tensor_read(expected, e, 0, ac_tensor_count(expected));
    for (int64_t i = 0; i < expected->shape[0]; i++) {
        double sum = 0;
        for (int64_t k = 0; k < D; k++)
            sum += (double) found[i * D + k] * (double) e[i * D + k];
        if (!(sum >= 0.99999))
            fail_msg("%s: %s %lld: cosine %.7f", name, what, (long long) i, sum);
    }
    free(e);
}

static void
check_images(ac_clip_model *clip, const char *name, const json_t *pictures,
             const ac_tensor *expected)
{
    const int64_t D = clip->net.config.projection_dim;
    float *y = calloc((size_t) (expected->shape[0] * D), sizeof *y);
    const json_t *picture;
    size_t i;

    assert_int_equal(expected->shape[1], D);
    assert_int_equal(expected->shape[0], json_array_size(pictures));
    json_array_foreach(pictures, i, picture)
    {
        char relative[128], *path;
        snprintf(relative, sizeof relative, "clip_variants/%s", json_string_value(picture));
        path = golden_path(relative);
        assert_non_null(path);
        if (ac_clip_model_embed_file(clip, y + (int64_t) i * D, path, MAX_PIXELS) != AC_OK)
            fail_msg("%s: %s", name, ac_error_message());
        free(path);
    }
    compare(name, "image", y, expected);
    free(y);
}

static void
check_texts(ac_clip_model *clip, const char *name, const json_t *inputs, bool by_text,
            const ac_tensor *expected)
{
    const int64_t D = clip->net.config.projection_dim, n = expected->shape[0];
    float *y = calloc((size_t) (n * D), sizeof *y);
    const json_t *one, *id;
    ac_texts texts = { 0 };
    int64_t cut = 0;
    size_t i, k;

    assert_int_equal(n, json_array_size(inputs));
    json_array_foreach(inputs, i, one)
    {
        int32_t ids[128];
        int64_t offsets[2] = { 0, 0 };
        if (by_text) {
            assert_int_equal(
                ac_texts_push(&texts, json_string_value(one), json_string_length(one)), AC_OK);
            continue;
        }
        json_array_foreach(one, k, id) ids[offsets[1]++] = (int32_t) json_integer_value(id);
        assert_int_equal(ac_clip_model_embed_ids(clip, y + (int64_t) i * D, ids, offsets, 1),
                         AC_OK);
    }
    if (by_text)
        assert_int_equal(ac_clip_model_embed_texts(clip, y, &texts, 0, n, "", &cut), AC_OK);
    compare(name, "text", y, expected);
    ac_texts_free(&texts);
    free(y);
}

static void
check_case(const json_t *root, const json_t *c, const ac_tensors *expected)
{
    static const char folder[] = "clip_variants.tmp";
    const char *name = text_at(c, "name"), *model = text_at(c, "model"),
               *words = words_of(name);
    const bool by_text = json_object_get(c, "by") != NULL;
    ac_clip_options o = { .towers = AC_CLIP_VISION | AC_CLIP_TEXT, .need_tokenizer = by_text };
    ac_clip_model clip = { 0 };
    char path[512];
    ac_status st;

    assemble(folder, c);
    snprintf(path, sizeof path, "%s%s%s", folder, strcmp(model, ".") == 0 ? "" : "/",
             strcmp(model, ".") == 0 ? "" : model);
    o.model = path;
    st = ac_clip_model_open(&clip, &o);
    if (words) {
        if (st == AC_OK)
            fail_msg("%s: taken, but it cannot be right", name);
        if (!says(ac_error_message(), words) || !strstr(ac_error_message(), folder))
            fail_msg("%s: \"%s\" does not say \"%s\"", name, ac_error_message(), words);
        return;
    }
    assert_string_not_equal(text_at(c, "expect"), "refuse");
    if (st != AC_OK)
        fail_msg("%s: %s", name, ac_error_message());
    if (json_object_get(c, "images"))
        check_images(&clip, name, json_object_get(root, "pictures"),
                     test_tensor(expected, text_at(c, "images")));
    if (json_object_get(c, "texts"))
        check_texts(&clip, name, json_object_get(root, by_text ? "texts" : "ids"), by_text,
                    test_tensor(expected, text_at(c, "texts")));
    ac_clip_model_free(&clip);
}

static void
every_case(void **state)
{
    char *path = golden_path("clip_variants/expected.json"),
         *tensors = golden_path("clip_variants/expected.safetensors");
    ac_safetensors expected;
    const json_t *c;
    json_t *root;
    size_t i;

    (void) state;
    if (!path || !tensors)
        skip();
    root = test_read_json(path);
    assert_int_equal(ac_safetensors_open(&expected, tensors), AC_OK);
    assert_true(json_array_size(json_object_get(root, "cases")) > 70);
    json_array_foreach(json_object_get(root, "cases"), i, c)
        check_case(root, c, &expected.tensors);
    ac_safetensors_close(&expected);
    json_decref(root);
    free(path);
    free(tensors);
}

/* ---- SigLIP ---- */

static void
siglip_towers(void **state)
{
    char *folder = golden_path("clip_variants/siglip"),
         *pictures = golden_path("clip_variants/expected.json");
    char path[4096];
    ac_clip_options o = { .model = folder, .towers = AC_CLIP_VISION | AC_CLIP_TEXT };
    ac_clip_model clip = { 0 };
    ac_safetensors expected;
    json_t *root, *cases;

    (void) state;
    if (!folder || !pictures)
        skip();
    if (ac_clip_model_open(&clip, &o) != AC_OK)
        fail_msg("%s", ac_error_message());
    snprintf(path, sizeof path, "%s/expected.safetensors", folder);
    assert_int_equal(ac_safetensors_open(&expected, path), AC_OK);
    snprintf(path, sizeof path, "%s/expected.json", folder);
    root = test_read_json(path);
    cases = test_read_json(pictures);
    check_images(&clip, "siglip", json_object_get(cases, "pictures"),
                 test_tensor(&expected.tensors, "images"));
    check_texts(&clip, "siglip", json_object_get(root, "ids"), false,
                test_tensor(&expected.tensors, "texts"));
    check_texts(&clip, "siglip", json_object_get(root, "texts"), true,
                test_tensor(&expected.tensors, "texts"));
    ac_clip_model_free(&clip);
    ac_safetensors_close(&expected);
    json_decref(root);
    json_decref(cases);
    free(folder);
    free(pictures);
}

static void
check_tokens(const ac_tokenizer *t, const json_t *row, size_t number)
{
    const json_t *text = json_object_get(row, "text"), *ids = json_object_get(row, "ids");
    ac_encoding e = { 0 };

    assert_int_equal(
        ac_tokenizer_encode(t, json_string_value(text), json_string_length(text), 0, true, &e),
        AC_OK);
    if (e.count != (int64_t) json_array_size(ids))
        fail_msg("line %zu: %lld ids, expected %zu", number + 1, (long long) e.count,
                 json_array_size(ids));
    for (int64_t i = 0; i < e.count; i++)
        if (e.ids[i] != json_integer_value(json_array_get(ids, (size_t) i)))
            fail_msg("line %zu: id %lld is %d", number + 1, (long long) i, e.ids[i]);
    ac_encoding_free(&e);
}

static void
siglip_tokens(void **state)
{
    char *folder = golden_path("clip_variants/siglip"),
         *path = golden_path("clip_variants/siglip/tokens.jsonl");
    char fingerprint[33];
    ac_tokenizer t = { 0 };
    json_t *rows;
    const json_t *row;
    size_t i;

    (void) state;
    if (!folder || !path)
        skip();
    if (ac_tokenizer_open(&t, folder, NULL, AC_TOKENIZER_ANY, fingerprint) != AC_OK)
        fail_msg("%s", ac_error_message());
    assert_int_equal(t.kind, AC_TOKENIZER_SIGLIP);
    rows = test_read_jsonl(path);
    assert_true(json_array_size(rows) >= 500);
    json_array_foreach(rows, i, row) check_tokens(&t, row, i);
    json_decref(rows);
    ac_tokenizer_free(&t);
    free(folder);
    free(path);
}

/* SigLIP's model as a Unigram tokenizer.json: the same pieces give the same ids. */
static json_t *
unigram_file(const ac_unigram *u)
{
    json_t *vocabulary = json_array(), *added = json_array();

    for (int64_t i = 0; i < u->pieces.count; i++) {
        const char *text = ac_texts_at(&u->pieces, i);
        const size_t n = ac_texts_size(&u->pieces, i);
        json_array_append_new(vocabulary, json_pack("[s%, f]", text, n, (double) u->scores[i]));
        if (u->kinds[i] != AC_PIECE_NORMAL)
            json_array_append_new(added, json_pack("{s:I, s:s%, s:b}", "id", (json_int_t) i,
                                                   "content", text, n, "special", 1));
    }
    return json_pack("{s:s, s:o, s:{s:s, s:[{s:s}]}, s:{s:s, s:i, s:o, s:b}}", "version", "1.0",
                     "added_tokens", added, "normalizer", "type", "Sequence", "normalizers",
                     "type", "Lowercase", "model", "type", "Unigram", "unk_id", u->unknown,
                     "vocab", vocabulary, "byte_fallback", 0);
}

/* The table of normalisation as it lies in spiece.model, in base64. */
static json_t *
charsmap_step(const ac_unigram *u)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint32_t size = (uint32_t) (u->trie_units * 4);
    ac_buffer raw = { 0 }, text = { 0 };
    json_t *step;

    for (int i = 0; i < 4; i++)
        ac_buffer_push_char(&raw, (char) (size >> (8 * i) & 0xff));
    ac_buffer_push(&raw, u->trie, size);
    assert_int_equal(ac_buffer_push(&raw, u->replacements, (size_t) u->replacement_bytes),
                     AC_OK);
    for (size_t i = 0; i < raw.size; i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < raw.size ? (unsigned char) raw.data[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            ac_buffer_push_char(&text,
                                i + k > raw.size ? '=' : digits[bits >> (18 - 6 * k) & 63]);
    }
    step = json_pack("{s:s, s:s%}", "type", "Precompiled", "precompiled_charsmap", text.data,
                     text.size);
    ac_buffer_free(&raw);
    ac_buffer_free(&text);
    return step;
}

static void
siglip_tokenizer_json(void **state)
{
    char *folder = golden_path("clip_variants/siglip"),
         *path = golden_path("clip_variants/siglip/tokens.jsonl");
    static const char file[] = "siglip_tokenizer.json";
    char fingerprint[33];
    ac_tokenizer t = { 0 };
    json_t *rows, *root;
    const json_t *row;
    size_t i;

    (void) state;
    if (!folder || !path)
        skip();
    if (ac_tokenizer_open(&t, folder, NULL, AC_TOKENIZER_SIGLIP, fingerprint) != AC_OK)
        fail_msg("%s", ac_error_message());
    root = unigram_file(&t.unigram);
    assert_non_null(root);
    if (t.unigram.trie)
        json_array_append_new(
            json_object_get(json_object_get(root, "normalizer"), "normalizers"),
            charsmap_step(&t.unigram));
    assert_int_equal(json_dump_file(root, file, 0), 0);
    ac_tokenizer_free(&t);
    if (ac_tokenizer_open(&t, folder, file, AC_TOKENIZER_SIGLIP, fingerprint) != AC_OK)
        fail_msg("%s", ac_error_message());
    rows = test_read_jsonl(path);
    assert_true(json_array_size(rows) >= 500);
    json_array_foreach(rows, i, row) check_tokens(&t, row, i);
    ac_tokenizer_free(&t);
    assert_int_equal(ac_tokenizer_open(&t, folder, file, AC_TOKENIZER_GPT2, fingerprint),
                     AC_E_FORMAT); /* for SigLIP alone */
    json_decref(rows);
    json_decref(root);
    free(folder);
    free(path);
}

/* ---- pre-processing alone, to the bit ---- */

static void
read_recipe(ac_preprocess_recipe *recipe, const json_t *row)
{
    static const char folder[] = "clip_variants.tmp";
    const json_t *config = json_object_get(row, "config");
    const int64_t S = json_integer_value(json_object_get(row, "size"));
    ac_clip_config unused;
    char path[512];

    if (strcmp(text_at(row, "kind"), "open_clip") == 0) {
        if (ac_open_clip_config_read(&unused, recipe, config, "recipes.jsonl") != AC_OK)
            fail_msg("%s", ac_error_message());
        return;
    }
    empty(folder);
    snprintf(path, sizeof path, "%s/preprocessor_config.json", folder);
    assert_int_equal(json_dump_file(config, path, 0), 0);
    if (ac_clip_preprocess_load(recipe, folder, S, false) != AC_OK)
        fail_msg("%s", ac_error_message());
}

static void
check_recipe(const json_t *row, size_t number)
{
    ac_preprocess_recipe recipe;
    ac_resizer resizer = { 0 };
    ac_image image = { 0 };
    ac_item_status status = { 0 };
    char relative[128], hex[65], *path;
    uint8_t *rgb;
    float *y;
    size_t n;

    read_recipe(&recipe, row);
    snprintf(relative, sizeof relative, "preprocess/images/%s", text_at(row, "image"));
    path = golden_path(relative);
    if (!path)
        skip();
    assert_int_equal(ac_image_read_file(&image, path, MAX_PIXELS, &status), AC_OK);
    assert_int_equal(status.reason, AC_GOOD);
    n = (size_t) (3 * recipe.size * recipe.size);
    rgb = malloc(n);
    y = malloc(n * sizeof *y);
    assert_non_null(rgb);
    assert_non_null(y);
    assert_int_equal(ac_image_preprocess(rgb, &image, &recipe, &resizer), AC_OK);
    ac_image_normalise(y, rgb, &recipe);
    test_sha256(hex, y, n * sizeof *y);
    if (strcmp(hex, text_at(row, "sha256")) != 0) {
        char *config = json_dumps(json_object_get(row, "config"), JSON_COMPACT);
        fail_msg("line %zu: %s of %s: other numbers than %s gives", number + 1, config,
                 text_at(row, "image"), text_at(row, "kind"));
    }
    ac_image_free(&image);
    ac_resizer_free(&resizer);
    free(rgb);
    free(y);
    free(path);
}

static void
recipes(void **state)
{
    char *path = golden_path("clip_variants/recipes.jsonl");
    json_t *rows;
    const json_t *row;
    size_t i;

    (void) state;
    if (!path)
        skip();
    rows = test_read_jsonl(path);
    assert_true(json_array_size(rows) > 200);
    json_array_foreach(rows, i, row) check_recipe(row, i);
    json_decref(rows);
    free(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case),    cmocka_unit_test(siglip_towers),
        cmocka_unit_test(siglip_tokens), cmocka_unit_test(siglip_tokenizer_json),
        cmocka_unit_test(recipes),
    };

    ac_compute_init(2);
    return golden_result(cmocka_run_group_tests(tests, NULL, NULL));
}

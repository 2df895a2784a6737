/* Files of text: JSON, JSON lines, YAML, vocabularies, plain text. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/text.h"
#include "engine/text/unicode.h"
#include "io/file/json_value.h"
#include "io/source/coco.h"
#include "io/config/config.h"
#include "io/file/text_file.h"
#include "io/checkpoint/tokenizer_openai.h"
#include "jobs/cli/tools/inspect.h"

/* ---- lines ---- */

/* Every line of a text; the last may lack its newline. */
static ac_status
split_lines(const ac_buffer *text, ac_texts *lines)
{
    ac_status st = AC_OK;

    for (size_t at = 0; at < text->size;) {
        const char *line = text->data + at, *end = memchr(line, '\n', text->size - at);
        const size_t n = end ? (size_t) (end - line) : text->size - at;
        AC_TRY(ac_texts_push(lines, line, n > 0 && line[n - 1] == '\r' ? n - 1 : n));
        at += n + 1;
    }
out:
    return st;
}

static ac_status
inspect_plain(json_t *out, const ac_buffer *text, const ac_texts *lines, const char *path)
{
    int64_t empty = 0;

    if (text->size && ac_utf8_check(text->data, text->size) != AC_OK)
        return ac_error_set(AC_E_FORMAT, "%s: neither a format of this program nor UTF-8 text",
                            path);
    for (int64_t i = 0; i < lines->count; i++)
        empty += ac_texts_size(lines, i) == 0;
    ac_inspect_put_text(out, "kind",
                        text->size >= 8 && memcmp(text->data, "#version", 8) == 0
                            ? "merges of a tokenizer"
                            : "text");
    ac_inspect_put(out, "bytes", json_integer((json_int_t) text->size));
    ac_inspect_put(out, "lines", json_integer(lines->count));
    ac_inspect_put(out, "empty_lines", json_integer(empty));
    ac_inspect_put(out, "sample", ac_inspect_texts(lines, AC_INSPECT_SAMPLE));
    return AC_OK;
}

static ac_status
inspect_jsonl(json_t *out, const ac_texts *lines, const char *path)
{
    json_t *keys = json_array();
    int64_t records = 0;
    ac_status st = AC_OK;

    ac_inspect_put_text(out, "kind", "JSON lines");
    for (int64_t i = 0; i < lines->count; i++) {
        json_error_t error;
        json_t *j;
        const char *key;
        json_t *value;

        if (ac_texts_size(lines, i) == 0)
            continue;
        if (!(j = ac_json_parse(ac_texts_at(lines, i), ac_texts_size(lines, i),
                                JSON_ALLOW_NUL | JSON_DECODE_ANY, &error)))
            AC_FAIL(AC_E_FORMAT, "%s:%lld: %s", path, (long long) i + 1, error.text);
        if (records++ == 0)
            json_object_foreach(j, key, value)
                json_array_append_new(keys, ac_inspect_string(key, strlen(key)));
        json_decref(j);
    }
    ac_inspect_put(out, "records", json_integer(records));
    ac_inspect_put(out, "keys", json_incref(keys));
    ac_inspect_put(out, "sample", ac_inspect_texts(lines, AC_INSPECT_SAMPLE));
out:
    json_decref(keys);
    return st;
}

/* ---- JSON ---- */

/* The members of an object that are one number or text; of others how many items they have. */
static json_t *
outline(const json_t *object)
{
    json_t *list = json_array();
    const char *key;
    json_t *value;

    json_object_foreach((json_t *) (uintptr_t) object, key, value)
    {
        json_t *one = json_object();
        ac_inspect_put(one, "name", ac_inspect_string(key, strlen(key)));
        if (json_is_object(value) || json_is_array(value))
            ac_inspect_put(
                one, "items",
                json_integer((json_int_t) (json_is_object(value) ? json_object_size(value)
                                                                 : json_array_size(value))));
        else if (json_is_string(value))
            ac_inspect_put(
                one, "is",
                ac_inspect_string(json_string_value(value), json_string_length(value)));
        else
            ac_inspect_put(one, "is", json_incref(value));
        json_array_append_new(list, one);
    }
    return list;
}

/* The first captions, of images in their order. */
static ac_status
sample_captions(const ac_coco *c, ac_texts *sample)
{
    ac_status st = AC_OK;

    for (int64_t i = 0; i < c->count; i++) {
        const ac_coco_image *image = ac_coco_image_at(c, i);
        for (int k = 0; k < image->caption_count; k++) {
            size_t n;
            const char *text = ac_spilled_texts_at(&c->captions, image->captions[k], &n);
            if (sample->count == AC_INSPECT_SAMPLE)
                return AC_OK;
            AC_TRY(ac_texts_push(sample, text, n));
        }
    }
out:
    return st;
}

static ac_status
inspect_coco(json_t *out, const char *path)
{
    ac_coco c;
    ac_texts sample = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_coco_read(&c, path));
    AC_TRY(sample_captions(&c, &sample));
    ac_inspect_put_text(out, "kind", "COCO captions");
    ac_inspect_put(out, "images", json_integer(c.count));
    ac_inspect_put(out, "captions", json_integer(c.captions.count));
    if (c.unlisted)
        ac_inspect_put(out, "unlisted_captions", json_integer(c.unlisted));
    ac_inspect_put(out, "sample", ac_inspect_texts(&sample, AC_INSPECT_SAMPLE));
out:
    ac_coco_free(&c);
    ac_texts_free(&sample);
    return st;
}

static bool
is_vocabulary(const json_t *root)
{
    const void *first = json_object_iter((json_t *) (uintptr_t) root);

    return json_object_size(root) > 256 &&
           json_is_integer(json_object_iter_value((void *) (uintptr_t) first));
}

static ac_status
inspect_json(json_t *out, const ac_buffer *text, const char *path)
{
    json_error_t error;
    json_t *root = ac_json_parse(text->data ? text->data : "", text->size,
                                 JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
    const char *type;
    ac_status st = AC_OK;

    if (!root)
        return ac_error_set(AC_E_FORMAT, "%s:%d: %s", path, error.line, error.text);
    type = json_string_value(json_object_get(root, "model_type"));
    if (json_object_get(root, "images") && json_object_get(root, "annotations")) {
        st = inspect_coco(out, path);
    } else if (json_is_array(root)) {
        ac_inspect_put_text(out, "kind",
                            json_object_get(json_array_get(root, 0), "image_id")
                                ? "COCO results"
                                : "JSON list");
        ac_inspect_put(out, "items", json_integer((json_int_t) json_array_size(root)));
    } else if (json_object_get(json_object_get(root, "model"), "vocab")) {
        ac_inspect_put_text(out, "kind", "tokenizer");
        st = ac_inspect_put_tokenizer(out, path, path);
    } else if (is_vocabulary(root)) {
        ac_inspect_put_text(out, "kind", "vocabulary of a tokenizer");
        ac_inspect_put(out, "entries", json_integer((json_int_t) json_object_size(root)));
    } else {
        ac_inspect_put_text(out, "kind",
                            type || json_object_get(root, "model_cfg") ? "config of a model"
                            : json_object_get(root, "weight_map") ? "index of a model's weights"
                            : json_object_get(root, "cache")      ? "manifest of a cache"
                            : json_object_get(root, "input_fingerprint") ? "manifest of a run"
                                                                         : "JSON");
        ac_inspect_put(out, "members", outline(root));
    }
    json_decref(root);
    return st;
}

/* ---- the rest ---- */

/* A job's config, and where it differs from the defaults. */
static ac_status
inspect_yaml(json_t *out, const char *path)
{
    ac_config config = { 0 }, defaults = { 0 };
    ac_buffer now = { 0 }, before = { 0 }, difference = { 0 };
    json_t *set = json_array();
    ac_status st = AC_OK;

    ac_inspect_put_text(out, "kind", "config of a job");
    AC_TRY(ac_config_init(&config));
    AC_TRY(ac_config_init(&defaults));
    AC_TRY(ac_config_read(&config, path));
    AC_TRY(ac_config_print(&defaults, NULL, &before));
    AC_TRY(ac_config_print(&config, NULL, &now));
    AC_TRY(ac_config_difference(before.data, now.data, &difference));
    for (char *p = difference.data; p && *p;) {
        char *end = strstr(p, "; ");
        json_array_append_new(set, ac_inspect_string(p, end ? (size_t) (end - p) : strlen(p)));
        p = end ? end + 2 : NULL;
    }
    ac_inspect_put(out, "changed", json_incref(set));
out:
    json_decref(set);
    ac_config_free(&config);
    ac_config_free(&defaults);
    ac_buffer_free(&now);
    ac_buffer_free(&before);
    ac_buffer_free(&difference);
    return st;
}

static ac_status
inspect_openai_vocabulary(json_t *out, const char *path)
{
    ac_texts tokens = { 0 };
    ac_buffer merges = { 0 };
    const ac_status st = ac_tokenizer_openai_read(path, &tokens, &merges);

    if (st == AC_OK) {
        ac_inspect_put_text(out, "kind", "vocabulary of OpenAI's CLIP");
        ac_inspect_put(out, "entries", json_integer(tokens.count));
    }
    ac_texts_free(&tokens);
    ac_buffer_free(&merges);
    return st;
}

ac_status
ac_inspect_text(json_t *out, const char *path)
{
    ac_buffer text = { 0 };
    ac_texts lines = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_text_file_read(path, &text));
    AC_TRY(split_lines(&text, &lines));
    if (text.size == 0) {
        ac_inspect_put_text(out, "kind", "empty file");
        goto out;
    }
    if ((text.size >= 2 && memcmp(text.data, "\x1f\x8b", 2) == 0) ||
        ac_text_ends_with(path, "bpe_simple_vocab_16e6.txt"))
        st = inspect_openai_vocabulary(out, path);
    else if (ac_text_ends_with(path, ".jsonl"))
        st = inspect_jsonl(out, &lines, path);
    else if (ac_text_ends_with(path, ".json"))
        st = inspect_json(out, &text, path);
    else if (ac_text_ends_with(path, ".yaml") || ac_text_ends_with(path, ".yml"))
        st = inspect_yaml(out, path);
    else
        st = inspect_plain(out, &text, &lines, path);
out:
    ac_buffer_free(&text);
    ac_texts_free(&lines);
    return st;
}

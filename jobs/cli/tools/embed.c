/* embed: images or texts -> CLIP's unit vectors, as .npy. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/retrieval/index.h"
#include "io/checkpoint/npy.h"
#include "io/checkpoint/tokenizer_openai.h"
#include "jobs/models/clip_model.h"
#include "jobs/cli/tools/images.h"
#include "jobs/cli/tools/tools.h"

static const ac_option options[] = {
    { "model", 0, "DIR", "a CLIP model: Hugging Face's or OpenCLIP's folder, or OpenAI's .pt" },
    { "model-config", 0, "F",
      "a config.json or open_clip_config.json that is not in the model's folder" },
    { "vocabulary", 0, "DIR|F",
      "read the tokenizer's files from here: a folder, a tokenizer.json, or "
      "OpenAI's " AC_OPENAI_VOCABULARY },
    { "out", 0, "X.npy",
      "fp32 [N, D], unit length; a zero row where an image or text cannot be used" },
    { "images", 0, NULL, "the arguments after the options are images" },
    { "texts", 0, NULL, "{\"text\": …} or {\"ids\": […]} lines on stdin" },
    AC_TOOL_COMPUTE_OPTIONS,
    { NULL, 0, NULL, NULL },
};

static ac_status
embed_images(ac_clip_model *clip, const char *const *files, int64_t n, const char *out_path)
{
    const int64_t S = clip->net.config.image_size, D = clip->net.config.projection_dim;
    ac_item_status *statuses = NULL;
    uint8_t *rgb = NULL;
    float *y = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&rgb, n * S * S, 3));
    AC_TRY(ac_alloc(&statuses, n, sizeof *statuses));
    AC_TRY(ac_alloc(&y, n * D, sizeof *y));
    AC_TRY(ac_images_read(rgb, statuses, files, n, &clip->recipe, AC_MAX_PIXELS));
    AC_TRY(ac_clip_model_embed_images(clip, y, rgb, n));
    for (int64_t i = 0, at; i < n; i++) {
        if (statuses[i].reason == AC_GOOD && !ac_embeddings_check(y + i * D, 1, D, &at))
            AC_TRY(ac_item_status_set(&statuses[i], AC_REJECT_NOT_FINITE,
                                      "its CLIP embedding has a NaN or an infinity"));
        if (statuses[i].reason != AC_GOOD)
            memset(y + i * D, 0, (size_t) D * sizeof *y);
    }
    AC_TRY(ac_npy_save(out_path, AC_F32, 2, (int64_t[]){ n, D }, y));
    st = ac_images_report(statuses, files, n);
out:
    free(rgb);
    free(statuses);
    free(y);
    return st;
}

/* The ids of one record, cut to the context; false: answered with an error. */
static bool
read_ids(ac_clip_model *clip, ac_json_lines *lines, int32_t **ids, int64_t *capacity,
         int64_t *n)
{
    const json_t *text = json_object_get(lines->record, "text"),
                 *list = json_object_get(lines->record, "ids");
    const ac_clip_config *c = &clip->net.config;
    const char *message;

    if (json_is_string(text) && clip->has_tokenizer) {
        if (ac_tokenizer_encode(&clip->tokenizer, json_string_value(text),
                                json_string_length(text), c->max_position_embeddings, true,
                                &clip->encoding) != AC_OK ||
            ac_grow(ids, capacity, clip->encoding.count, sizeof **ids) != AC_OK)
            return ac_json_lines_refuse(lines, ac_error_message()), false;
        *n = clip->encoding.count;
        memcpy(*ids, clip->encoding.ids, (size_t) *n * sizeof **ids);
        return true;
    }
    if (!list)
        return ac_json_lines_refuse(
                   lines,
                   ac_json_no_text(lines->record,
                                   "the model has no tokenizer beside it (tokenizer.json, or "
                                   "vocab.json and merges.txt; OpenAI's .pt: "
                                   "bpe_simple_vocab_16e6.txt.gz): "
                                   "give --vocabulary, or \"ids\"")),
               false;
    if (!ac_json_ids(list, c->vocab_size, ids, capacity, n, &message))
        return ac_json_lines_refuse(lines, message), false;
    if (*n < 1 || *n > c->max_position_embeddings)
        return ac_json_lines_refuse(lines,
                                    "\"ids\" is empty or longer than the model's context"),
               false;
    return true;
}

static ac_status
embed_texts(ac_clip_model *clip, const char *out_path)
{
    const int64_t D = clip->net.config.projection_dim;
    ac_json_lines lines = { 0 };
    int32_t *ids = NULL;
    int64_t ids_capacity = 0, n, rows = 0, capacity = 0, at;
    float *y = NULL;
    ac_status st = AC_OK, end;

    while (st == AC_OK && ac_json_lines_next(&lines)) {
        int64_t offsets[2] = { 0, 0 };
        bool good = read_ids(clip, &lines, &ids, &ids_capacity, &n);
        AC_TRY(ac_grow(&y, &capacity, (rows + 1) * D, sizeof *y));
        memset(y + rows * D, 0, (size_t) D * sizeof *y);
        offsets[1] = n;
        if (good)
            st = ac_clip_model_embed_ids(clip, y + rows * D, ids, offsets, 1);
        if (st == AC_OK && good && !ac_embeddings_check(y + rows * D, 1, D, &at)) {
            ac_json_lines_refuse(&lines, "its CLIP embedding has a NaN or an infinity");
            memset(y + rows * D, 0, (size_t) D * sizeof *y);
        }
        rows++;
    }
    AC_TRY(st);
    st = ac_npy_save(out_path, AC_F32, 2, (int64_t[]){ rows, D }, y);
out:
    end = ac_json_lines_end(&lines);
    free(ids);
    free(y);
    return st == AC_OK ? end : st;
}

ac_status
ac_tool_embed(int argc, char **argv)
{
    ac_arguments a = { 0 };
    ac_clip_model clip = { 0 };
    ac_clip_options o = { 0 };
    const char *out_path;
    bool images;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(
            stdout, "embed --model DIR --out X.npy [--images FILE… | --texts < lines.jsonl]",
            "CLIP embeddings of images or texts.", options);
        goto out;
    }
    images = ac_arguments_has(&a, "images");
    if (images == ac_arguments_has(&a, "texts"))
        AC_FAIL(AC_E_ARG, "give either --images FILE… or --texts");
    if (images && a.word_count == 0)
        AC_FAIL(AC_E_ARG, "no image given: name one file or more");
    AC_TRY(ac_arguments_need(&a, "model", &o.model));
    AC_TRY(ac_arguments_need(&a, "out", &out_path));
    AC_TRY(ac_tool_compute(&a, &o.compute));
    o.model_config = ac_arguments_get(&a, "model-config");
    o.vocabulary = ac_arguments_get(&a, "vocabulary");
    o.towers = images ? AC_CLIP_VISION : AC_CLIP_TEXT;
    AC_TRY(ac_clip_model_open(&clip, &o));
    st = images ? embed_images(&clip, a.words, a.word_count, out_path)
                : embed_texts(&clip, out_path);
out:
    ac_clip_model_free(&clip);
    ac_arguments_free(&a);
    return st;
}

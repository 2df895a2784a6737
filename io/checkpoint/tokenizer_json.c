#include "io/checkpoint/tokenizer_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/checkpoint/tokenizer_files.h"
#include "io/checkpoint/tokenizer_json_parts.h"
#include "io/checkpoint/tokenizer_json_unigram.h"
#include "io/file/json_value.h"

enum { MOST_IDS = 10000000 };

#define CLIP_START "<|startoftext|>"
#define CLIP_END "<|endoftext|>"

/* ---- the model ---- */

ac_status
ac_tokenizer_json_order(ac_texts *out, json_t *vocabulary, const char *what)
{
    ac_status st = AC_OK;
    const char **by_id = NULL;
    int64_t size = 0;

    for (void *i = json_object_iter(vocabulary); i; i = json_object_iter_next(vocabulary, i)) {
        const json_t *id = json_object_iter_value(i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) > MOST_IDS)
            return ac_error_set(AC_E_FORMAT, "%s: \"%s\" has no id that makes sense", what,
                                json_object_iter_key(i));
        size = json_integer_value(id) >= size ? json_integer_value(id) + 1 : size;
    }
    AC_TRY(ac_alloc(&by_id, size, sizeof *by_id));
    for (void *i = json_object_iter(vocabulary); i; i = json_object_iter_next(vocabulary, i)) {
        const char **place = &by_id[json_integer_value(json_object_iter_value(i))];
        if (*place)
            AC_FAIL(AC_E_FORMAT, "%s: \"%s\" and \"%s\" have the same id", what, *place,
                    json_object_iter_key(i));
        *place = json_object_iter_key(i);
    }
    for (int64_t i = 0; i < size; i++)
        AC_TRY(ac_texts_push(out, by_id[i] ? by_id[i] : "", by_id[i] ? strlen(by_id[i]) : 0));
out:
    free(by_id);
    return st;
}

/* A merge as ["a", "b"] or as "a b". */
static ac_status
read_merge(const ac_json_node *model, const json_t *merge, size_t number, bool pairs,
           ac_texts *out)
{
    const json_t *left = json_array_get(merge, 0), *right = json_array_get(merge, 1);
    const char *text = json_string_value(merge), *space = text ? strchr(text, ' ') : NULL;
    ac_status st = AC_OK;

    if (pairs ? json_array_size(merge) != 2 || !json_is_string(left) || !json_is_string(right)
              : !space || strchr(space + 1, ' '))
        return ac_json_node_refuse(
            model, "merges", "has an item (number %zu, counted from 0) that is not %s", number,
            pairs ? "a pair as the first one" : "two symbols with a space between");
    AC_TRY(ac_texts_push(out, pairs ? json_string_value(left) : text,
                         pairs ? json_string_length(left) : (size_t) (space - text)));
    st = ac_texts_push(out, pairs ? json_string_value(right) : space + 1,
                       pairs ? json_string_length(right) : strlen(space + 1));
out:
    return st;
}

/* Before it is a tokenizer. */
typedef struct parts {
    ac_json_node root, model;
    ac_texts tokens, merges; /* merges: left and right of each */
    int64_t entries;         /* of the model's vocabulary */
    ac_text_pipeline pipeline;
    int64_t size;       /* all ids are below this */
    int64_t last_added; /* greatest id of an added token so far; -1: none */
} parts;

static ac_status
read_vocabulary(parts *self)
{
    json_t *vocabulary = json_object_get(self->model.object, "vocab"),
           *merges = json_object_get(self->model.object, "merges"), *merge;
    char what[1024];
    size_t i;
    ac_status st = AC_OK;

    if (!json_is_object(vocabulary))
        return ac_json_node_refuse(&self->model, "vocab", "is %s",
                                   vocabulary ? "not an object" : "missing");
    if (!json_is_array(merges))
        return ac_json_node_refuse(&self->model, "merges", "is %s",
                                   merges ? "not a list" : "missing");
    snprintf(what, sizeof what, "%.900s: model.vocab", self->root.path);
    AC_TRY(ac_tokenizer_json_order(&self->tokens, vocabulary, what));
    self->entries = (int64_t) json_object_size(vocabulary);
    self->size = self->tokens.count;
    json_array_foreach(merges, i, merge) AC_TRY(read_merge(
        &self->model, merge, i, json_is_array(json_array_get(merges, 0)), &self->merges));
out:
    return st;
}

static ac_status
read_rules(parts *self)
{
    ac_bpe_rules *rules = &self->pipeline.rules;
    const ac_json_node *model = &self->model;
    const json_t *dropout = json_object_get(model->object, "dropout"),
                 *suffix = json_object_get(model->object, "end_of_word_suffix"),
                 *prefix = json_object_get(model->object, "continuing_subword_prefix"),
                 *unknown = json_object_get(model->object, "unk_token");
    ac_status st = AC_OK;

    rules->unknown = -1;
    AC_TRY(ac_json_node_known_keys(
        model, "type dropout unk_token continuing_subword_prefix end_of_word_suffix fuse_unk "
               "byte_fallback ignore_merges vocab merges"));
    if (dropout && !json_is_null(dropout) &&
        (!json_is_number(dropout) || json_number_value(dropout) > 0 ||
         json_number_value(dropout) < 0))
        return ac_json_node_refuse_value(model, "dropout");
    if (prefix && !json_is_null(prefix) &&
        (!json_is_string(prefix) || json_string_length(prefix)))
        return ac_json_node_refuse_value(model, "continuing_subword_prefix");
    if (suffix && !json_is_null(suffix) && !json_is_string(suffix))
        return ac_json_node_refuse_value(model, "end_of_word_suffix");
    if (json_string_length(suffix)) {
        rules->suffix_bytes = json_string_length(suffix);
        AC_TRY(ac_duplicate(&rules->suffix, json_string_value(suffix), rules->suffix_bytes));
    }
    AC_TRY(ac_json_node_boolean_or(model, "fuse_unk", false, &rules->fuse_unknown));
    AC_TRY(ac_json_node_boolean_or(model, "byte_fallback", false, &rules->byte_fallback));
    AC_TRY(ac_json_node_boolean_or(model, "ignore_merges", false, &rules->whole_words));
    if (unknown && !json_is_null(unknown)) {
        const json_t *id =
            json_object_get(json_object_get(model->object, "vocab"),
                            json_is_string(unknown) ? json_string_value(unknown) : "");
        if (!json_is_integer(id))
            return ac_json_node_refuse(model, "unk_token", "is no entry of model.vocab");
        rules->unknown = (int32_t) json_integer_value(id);
    }
out:
    return st;
}

/* The model's type, or what its keys make it where it does not say. */
static ac_status
read_type(parts *self, const char **out)
{
    ac_status st = AC_OK;

    AC_TRY(ac_json_node_child(&self->model, &self->root, "model", -1));
    *out = "BPE";
    if (json_object_get(self->model.object, "type"))
        return ac_json_node_text(&self->model, "type", out);
    if (!json_object_get(self->model.object, "merges"))
        return ac_json_node_refuse(&self->model, "type", "is missing, and so is merges");
out:
    return st;
}

/* ---- added tokens ---- */

/* The id of an added token: the vocabulary's own, else the next that is free. */
static int64_t
expected_id(const parts *self, const json_t *own)
{
    if (own)
        return json_integer_value(own);
    return self->last_added >= self->entries ? self->last_added + 1 : self->entries;
}

static ac_status
check_added_id(parts *self, const ac_json_node *node, const char *text, int32_t *out)
{
    const json_t *own = json_object_get(json_object_get(self->model.object, "vocab"), text),
                 *value = json_object_get(node->object, "id");
    const int64_t expected = expected_id(self, own), id = json_integer_value(value);

    if (!json_is_integer(value) || id < 0 || id > MOST_IDS)
        return ac_json_node_refuse(node, "id", "is no id");
    if (id != expected)
        return ac_json_node_refuse(
            node, "id", "is %lld, where \"%.60s\" has %lld: %s", (long long) id, text,
            (long long) expected,
            own ? "that is its id in model.vocab"
                : "a token that model.vocab does not have gets the next id that is free");
    if (!own && id < self->tokens.count && ac_texts_size(&self->tokens, id))
        return ac_json_node_refuse(
            node, "id", "is %lld, which is another token's in model.vocab", (long long) id);
    *out = (int32_t) id;
    if (id > self->last_added)
        self->last_added = id;
    if (id >= self->size)
        self->size = id + 1;
    return AC_OK;
}

static ac_status
read_added_token(parts *self, size_t number)
{
    ac_added_token token = { 0 };
    ac_json_node node;
    const char *text;
    ac_status st = AC_OK;

    AC_TRY(ac_json_node_child(&node, &self->root, "added_tokens", (int64_t) number));
    AC_TRY(ac_json_node_known_keys(&node,
                                   "id content single_word lstrip rstrip normalized special"));
    AC_TRY(ac_json_node_text(&node, "content", &text));
    AC_TRY(ac_json_node_boolean(&node, "single_word", &token.single_word));
    AC_TRY(ac_json_node_boolean(&node, "lstrip", &token.left));
    AC_TRY(ac_json_node_boolean(&node, "rstrip", &token.right));
    AC_TRY(ac_json_node_boolean(&node, "normalized", &token.normalized));
    AC_TRY(ac_json_node_boolean(&node, "special", &token.special));
    if (!*text)
        return ac_json_node_refuse(&node, "content", "is empty");
    AC_TRY(check_added_id(self, &node, text, &token.id));
    st = ac_added_tokens_push(&self->pipeline.added, text, strlen(text), &token);
out:
    return st;
}

static ac_status
read_added_tokens(parts *self)
{
    const json_t *list = json_object_get(self->root.object, "added_tokens");
    ac_status st = AC_OK;

    self->last_added = -1;
    if (ac_json_node_absent(&self->root, "added_tokens"))
        return AC_OK;
    if (!json_is_array(list))
        return ac_json_node_refuse(&self->root, "added_tokens", "is not a list");
    for (size_t i = 0; i < json_array_size(list); i++)
        AC_TRY(read_added_token(self, i));
out:
    return st;
}

/* The id of a token, added or of the model; -1: none. */
static int32_t
find_token(const parts *self, const char *text)
{
    const json_t *own = json_object_get(json_object_get(self->model.object, "vocab"), text);

    for (int64_t i = 0; i < self->pipeline.added.count; i++)
        if (ac_texts_is(&self->pipeline.added.texts, i, text, strlen(text)))
            return self->pipeline.added.items[i].id;
    return own ? (int32_t) json_integer_value(own) : -1;
}

/* ---- CLIP, whose cleaning and words are OpenAI's ---- */

/* What OpenAI's way leaves no place for is refused. */
static ac_status
check_clip(const parts *self)
{
    const ac_text_pipeline *p = &self->pipeline;
    const int32_t start = find_token(self, CLIP_START), end = find_token(self, CLIP_END);
    const char *unknown = json_string_value(json_object_get(self->model.object, "unk_token"));

    if (start < 0 || end < 0)
        return ac_json_node_refuse(&self->root, "model.vocab",
                                   "has no \"" CLIP_START "\" or no \"" CLIP_END
                                   "\": another kind of model's?");
    if (p->rules.suffix_bytes != 4 || memcmp(p->rules.suffix, "</w>", 4) != 0)
        return ac_json_node_refuse_value(&self->model, "end_of_word_suffix");
    if (p->rules.byte_fallback)
        return ac_json_node_refuse_value(&self->model, "byte_fallback");
    if (p->rules.whole_words)
        return ac_json_node_refuse_value(&self->model, "ignore_merges");
    if (p->rules.fuse_unknown)
        return ac_json_node_refuse_value(&self->model, "fuse_unk");
    if (unknown && strcmp(unknown, CLIP_END) != 0)
        return ac_json_node_refuse_value(&self->model, "unk_token");
    if (p->before.count != 1 || p->before.ids[0] != start || p->after.count != 1 ||
        p->after.ids[0] != end)
        return ac_json_node_refuse(&self->root, "post_processor",
                                   "does not put " CLIP_START " in front and " CLIP_END
                                   " behind, as CLIP's does");
    return AC_OK;
}

/* All tokens by id, added ones too. */
static ac_status
join_tokens(const parts *self, ac_texts *out)
{
    const ac_added_tokens *added = &self->pipeline.added;
    int64_t *index = NULL; /* of an id's added token, counted from 1; 0: none */
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&index, self->size, sizeof *index));
    for (int64_t i = 0; i < added->count; i++)
        index[added->items[i].id] = i + 1;
    for (int64_t id = 0; id < self->size; id++)
        if (index[id])
            AC_TRY(ac_texts_push(out, ac_texts_at(&added->texts, index[id] - 1),
                                 ac_texts_size(&added->texts, index[id] - 1)));
        else if (id < self->tokens.count)
            AC_TRY(ac_texts_push(out, ac_texts_at(&self->tokens, id),
                                 ac_texts_size(&self->tokens, id)));
        else
            AC_TRY(ac_texts_push(out, "", 0));
out:
    free(index);
    return st;
}

/* Added tokens but for start and end, which CLIP's pattern finds. */
static ac_status
other_added_tokens(const parts *self, ac_added_tokens *out)
{
    const ac_added_tokens *added = &self->pipeline.added;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < added->count; i++) {
        const char *text = ac_texts_at(&added->texts, i);
        const size_t n = ac_texts_size(&added->texts, i);
        if (!ac_texts_is(&added->texts, i, CLIP_START, strlen(CLIP_START)) &&
            !ac_texts_is(&added->texts, i, CLIP_END, strlen(CLIP_END)))
            AC_TRY(ac_added_tokens_push(out, text, n, &added->items[i]));
    }
out:
    return st;
}

static ac_status
make_clip(parts *self, ac_tokenizer *out)
{
    ac_texts tokens = { 0 };
    ac_added_tokens added = { 0 };
    ac_status st = AC_OK;

    AC_TRY(check_clip(self));
    AC_TRY(join_tokens(self, &tokens));
    AC_TRY(other_added_tokens(self, &added));
    st = ac_tokenizer_init_clip_take(out, &tokens, &self->merges, &added);
out:
    ac_texts_free(&tokens);
    ac_added_tokens_free(&added);
    return st;
}

/* ---- the whole ---- */

/* What the file is where nobody says: CLIP's words end with "</w>", BART has a token to be
 * filled in, GPT-2 splits by its pattern alone. */
static int
kind_of(const parts *self)
{
    const ac_text_pipeline *p = &self->pipeline;

    if (p->rules.suffix && find_token(self, CLIP_START) >= 0)
        return AC_TOKENIZER_CLIP;
    if (find_token(self, "<mask>") >= 0 && find_token(self, "<s>") >= 0)
        return AC_TOKENIZER_BART;
    return p->normalizers.count == 0 && p->pre_tokenizers.count == 1 &&
                   p->pre_tokenizers.items[0].kind == AC_STEP_BYTE_LEVEL &&
                   ac_pattern_exists(&p->pre_tokenizers.items[0].pattern)
               ? AC_TOKENIZER_GPT2
               : AC_TOKENIZER_LLAMA;
}

static ac_status
read_steps(parts *self)
{
    ac_text_pipeline *p = &self->pipeline;
    ac_status st = AC_OK;

    AC_TRY(ac_tokenizer_json_normalizers(&self->root, &p->normalizers));
    AC_TRY(ac_tokenizer_json_pre_tokenizers(&self->root, &p->pre_tokenizers));
    AC_TRY(ac_tokenizer_json_decoders(&self->root, &p->decoders));
    for (int64_t i = 0; i < p->pre_tokenizers.count; i++)
        if (p->pre_tokenizers.items[i].kind == AC_STEP_METASPACE &&
            p->pre_tokenizers.items[i].prepend == AC_PREPEND_FIRST &&
            (i > 0 || ac_text_steps_have(&p->normalizers, AC_STEP_STRIP) ||
             ac_text_steps_have(&p->normalizers, AC_STEP_REPLACE)))
            return ac_json_node_refuse(&self->root, "pre_tokenizer",
                                       "has a Metaspace with prepend_scheme \"first\" behind a "
                                       "step that takes text away or splits it, which is not "
                                       "supported");
    st = ac_tokenizer_json_post_processor(&self->root, self->size, &p->before, &p->after);
out:
    return st;
}

static ac_status
make_bpe(parts *self, int kind, ac_tokenizer *out)
{
    ac_bpe bpe = { 0 };
    ac_status st = AC_OK;

    AC_TRY(read_rules(self));
    AC_TRY(read_vocabulary(self));
    AC_TRY(read_added_tokens(self));
    AC_TRY(read_steps(self));
    if (kind == AC_TOKENIZER_ANY)
        kind = kind_of(self);
    if (kind == AC_TOKENIZER_SIGLIP)
        return ac_json_node_refuse(
            &self->model, "type",
            "is \"BPE\": of SigLIP's tokenizers only Unigram is supported "
            "(SigLIP 2's is not)");
    if (kind == AC_TOKENIZER_CLIP) {
        st = make_clip(self, out);
    } else {
        AC_TRY(ac_bpe_init_pairs(&bpe, &self->tokens, &self->merges, false));
        st = ac_tokenizer_init_pipeline_take(out, (ac_tokenizer_kind) kind, &bpe,
                                             &self->pipeline);
    }
out:
    return st;
}

static ac_status
make(parts *self, int kind, ac_tokenizer *out)
{
    const char *type;
    ac_status st = AC_OK;

    if (!json_is_object(self->root.object))
        return ac_error_set(AC_E_FORMAT, "%s: not an object", self->root.path);
    AC_TRY(ac_json_node_known_keys(&self->root,
                                   "version truncation padding added_tokens normalizer "
                                   "pre_tokenizer post_processor decoder model"));
    if (json_object_get(self->root.object, "version")) {
        AC_TRY(ac_json_node_text(&self->root, "version", &type));
        if (strcmp(type, "1.0") != 0)
            return ac_json_node_refuse_value(&self->root, "version");
    }
    AC_TRY(read_type(self, &type));
    if (strcmp(type, "BPE") == 0)
        return make_bpe(self, kind, out);
    if (strcmp(type, "Unigram") == 0 && kind == AC_TOKENIZER_SIGLIP)
        return ac_tokenizer_json_unigram(&self->root, &self->model, out);
    st = ac_json_node_refuse(&self->model, "type",
                             "is \"%.60s\": BPE is supported, and Unigram for SigLIP alone",
                             type);
out:
    return st;
}

ac_status
ac_tokenizer_json_read(ac_tokenizer *self, const char *bytes, size_t n, const char *path,
                       int kind)
{
    parts p = { 0 };
    json_error_t error;
    json_t *root = ac_json_parse(bytes, n, JSON_REJECT_DUPLICATES, &error);
    ac_status st;

    *self = (ac_tokenizer){ 0 };
    p.root = (ac_json_node){ .object = root, .path = path };
    if (!root)
        return ac_error_set(AC_E_FORMAT, "%s:%d: %s: not JSON, or damaged: get the file again",
                            path, error.line, error.text);
    st = make(&p, kind, self);
    if (st != AC_OK && strncmp(ac_error_message(), path, strlen(path)) != 0)
        ac_error_prefix(st, "%s", path);
    ac_texts_free(&p.tokens);
    ac_texts_free(&p.merges);
    ac_text_pipeline_free(&p.pipeline);
    json_decref(root);
    return st;
}

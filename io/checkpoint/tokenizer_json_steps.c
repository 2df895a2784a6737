/* The steps of a tokenizer.json: normalizer, pre_tokenizer, decoder, post_processor. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/checkpoint/tokenizer_json_parts.h"

enum { DEEPEST = 8 };

/* ---- keys that several steps have ---- */

static ac_status
set_text(ac_text_step *step, const char *text)
{
    step->text_bytes = strlen(text);
    return ac_duplicate(&step->text, text, step->text_bytes);
}

/* pattern: {"Regex": …} or {"String": …}. */
static ac_status
read_pattern(const ac_json_node *node, ac_text_step *step)
{
    ac_json_node pattern;
    const char *text, *key;
    ac_status st = AC_OK;

    AC_TRY(ac_json_node_child(&pattern, node, "pattern", -1));
    AC_TRY(ac_json_node_known_keys(&pattern, "Regex String"));
    key = json_object_get(pattern.object, "String") ? "String" : "Regex";
    if (json_object_size(pattern.object) != 1)
        AC_FAIL(AC_E_FORMAT, "%s: %s is not one Regex or String", node->path, pattern.where);
    AC_TRY(ac_json_node_text(&pattern, key, &text));
    st = *key == 'S' ? ac_pattern_init_literal(&step->pattern, text, strlen(text))
                     : ac_pattern_init_regex(&step->pattern, text, strlen(text));
    if (st != AC_OK)
        ac_error_prefix(st, "%s: %s.%s", node->path, pattern.where, key);
out:
    return st;
}

static ac_status
read_behavior(const ac_json_node *node, ac_text_step *step)
{
    static const char *const names[] = { "Removed", "Isolated", "MergedWithPrevious",
                                         "MergedWithNext", "Contiguous" };
    const char *name = json_string_value(json_object_get(node->object, "behavior"));

    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            step->behavior = (ac_split_behavior) i;
            return AC_OK;
        }
    return ac_json_node_refuse_value(node, "behavior");
}

static ac_status
read_metaspace(const ac_json_node *node, ac_text_step *step)
{
    static const char *const schemes[] = { "always", "first", "never" };
    const char *replacement, *scheme = "always";
    bool legacy;
    size_t i = 0;
    ac_status st = AC_OK;

    step->kind = AC_STEP_METASPACE;
    AC_TRY(ac_json_node_known_keys(
        node, "type replacement prepend_scheme split add_prefix_space str_rep"));
    AC_TRY(ac_json_node_text(node, "replacement", &replacement));
    if (!*replacement)
        AC_FAIL(AC_E_FORMAT, "%s: %s.replacement is empty", node->path, node->where);
    AC_TRY(set_text(step, replacement));
    AC_TRY(ac_json_node_boolean_or(node, "split", true, &step->second));
    if (!ac_json_node_absent(node, "prepend_scheme"))
        AC_TRY(ac_json_node_text(node, "prepend_scheme", &scheme));
    while (i < 3 && strcmp(scheme, schemes[i]) != 0)
        i++;
    AC_TRY(ac_json_node_boolean_or(node, "add_prefix_space", true, &legacy));
    if (i == 3 || (!legacy && i != AC_PREPEND_NEVER))
        return ac_json_node_refuse_value(node, i == 3 ? "prepend_scheme" : "add_prefix_space");
    step->prepend = (ac_prepend_scheme) i;
out:
    return st;
}

static ac_status
read_replace(const ac_json_node *node, ac_text_step *step)
{
    const char *content;
    ac_status st = AC_OK;

    step->kind = AC_STEP_REPLACE;
    AC_TRY(ac_json_node_known_keys(node, "type pattern content"));
    AC_TRY(ac_json_node_text(node, "content", &content));
    AC_TRY(set_text(step, content));
    st = read_pattern(node, step);
out:
    return st;
}

/* ---- one step of each list ---- */

static ac_status
read_normalizer(const ac_json_node *node, const char *type, ac_text_step *step)
{
    static const struct {
        const char *type;
        ac_text_step_kind kind;
    } plain[] = { { "NFC", AC_STEP_NFC },
                  { "NFD", AC_STEP_NFD },
                  { "NFKC", AC_STEP_NFKC },
                  { "NFKD", AC_STEP_NFKD },
                  { "Lowercase", AC_STEP_LOWERCASE } };
    const char *text;
    ac_status st = AC_OK;

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(type, plain[i].type) == 0) {
            step->kind = plain[i].kind;
            return ac_json_node_known_keys(node, "type");
        }
    if (strcmp(type, "Replace") == 0)
        return read_replace(node, step);
    if (strcmp(type, "Strip") == 0) {
        step->kind = AC_STEP_STRIP;
        AC_TRY(ac_json_node_known_keys(node, "type strip_left strip_right"));
        AC_TRY(ac_json_node_boolean(node, "strip_left", &step->first));
        return ac_json_node_boolean(node, "strip_right", &step->second);
    }
    if (strcmp(type, "Prepend") == 0) {
        step->kind = AC_STEP_PREPEND;
        AC_TRY(ac_json_node_known_keys(node, "type prepend"));
        AC_TRY(ac_json_node_text(node, "prepend", &text));
        return set_text(step, text);
    }
    st = ac_json_node_refuse_value(node, "type");
out:
    return st;
}

static ac_status
read_byte_level(const ac_json_node *node, ac_text_step *step)
{
    bool words;
    ac_status st = AC_OK;

    step->kind = AC_STEP_BYTE_LEVEL;
    AC_TRY(ac_json_node_known_keys(node, "type add_prefix_space trim_offsets use_regex"));
    AC_TRY(ac_json_node_boolean(node, "add_prefix_space", &step->first));
    AC_TRY(ac_json_node_boolean_or(node, "use_regex", true, &words));
    if (words)
        st = ac_pattern_init_regex(&step->pattern, AC_PATTERN_GPT2, strlen(AC_PATTERN_GPT2));
out:
    return st;
}

/* The type Whitespace: runs of letters and the like, and runs of others. */
static ac_status
read_white_space(const ac_json_node *node, ac_text_step *step)
{
    static const char words[] = "[" AC_PATTERN_WORD "]+|[^" AC_PATTERN_WORD "\\s]+";

    step->kind = AC_STEP_SPLIT;
    step->behavior = AC_SPLIT_REMOVED;
    step->invert = true;
    return ac_json_node_known_keys(node, "type") != AC_OK
               ? AC_E_FORMAT
               : ac_pattern_init_regex(&step->pattern, words, strlen(words));
}

static ac_status
read_pre_tokenizer(const ac_json_node *node, const char *type, ac_text_step *step)
{
    bool alone;
    ac_status st = AC_OK;

    if (strcmp(type, "ByteLevel") == 0)
        return read_byte_level(node, step);
    if (strcmp(type, "Metaspace") == 0)
        return read_metaspace(node, step);
    if (strcmp(type, "Whitespace") == 0)
        return read_white_space(node, step);
    if (strcmp(type, "WhitespaceSplit") == 0) {
        step->kind = AC_STEP_WHITE_SPACE;
        step->behavior = AC_SPLIT_REMOVED;
        return ac_json_node_known_keys(node, "type");
    }
    if (strcmp(type, "Split") == 0) {
        step->kind = AC_STEP_SPLIT;
        AC_TRY(ac_json_node_known_keys(node, "type pattern behavior invert"));
        AC_TRY(ac_json_node_boolean(node, "invert", &step->invert));
        AC_TRY(read_behavior(node, step));
        return read_pattern(node, step);
    }
    if (strcmp(type, "Digits") == 0) {
        step->kind = AC_STEP_DIGITS;
        AC_TRY(ac_json_node_known_keys(node, "type individual_digits"));
        AC_TRY(ac_json_node_boolean(node, "individual_digits", &alone));
        step->behavior = alone ? AC_SPLIT_ISOLATED : AC_SPLIT_CONTIGUOUS;
        return AC_OK;
    }
    if (strcmp(type, "Punctuation") == 0) {
        step->kind = AC_STEP_PUNCTUATION;
        step->behavior = AC_SPLIT_ISOLATED;
        AC_TRY(ac_json_node_known_keys(node, "type behavior"));
        return json_object_get(node->object, "behavior") ? read_behavior(node, step) : AC_OK;
    }
    st = ac_json_node_refuse_value(node, "type");
out:
    return st;
}

/* How often a decoder's Strip takes away its character. */
static ac_status
read_count(const ac_json_node *node, const char *key, int64_t *out)
{
    const json_t *value = json_object_get(node->object, key);

    *out = json_integer_value(value);
    return !json_is_integer(value) || *out < 0 ? ac_json_node_refuse_value(node, key) : AC_OK;
}

static ac_status
read_decoder(const ac_json_node *node, const char *type, ac_text_step *step)
{
    const char *text;
    ac_status st = AC_OK;

    if (strcmp(type, "ByteLevel") == 0) {
        step->kind = AC_STEP_BYTE_LEVEL;
        return ac_json_node_known_keys(node, "type add_prefix_space trim_offsets use_regex");
    }
    if (strcmp(type, "Metaspace") == 0)
        return read_metaspace(node, step);
    if (strcmp(type, "Replace") == 0)
        return read_replace(node, step);
    if (strcmp(type, "Fuse") == 0 || strcmp(type, "ByteFallback") == 0) {
        step->kind = *type == 'F' ? AC_STEP_FUSE : AC_STEP_BYTE_FALLBACK;
        return ac_json_node_known_keys(node, "type");
    }
    if (strcmp(type, "Strip") == 0) {
        step->kind = AC_STEP_TRIM;
        AC_TRY(ac_json_node_known_keys(node, "type content start stop"));
        AC_TRY(read_count(node, "start", &step->count_left));
        AC_TRY(read_count(node, "stop", &step->count_right));
        AC_TRY(ac_json_node_text(node, "content", &text));
        if (!*text)
            return ac_json_node_refuse_value(node, "content");
        return set_text(step, text);
    }
    if (strcmp(type, "BPEDecoder") == 0) {
        step->kind = AC_STEP_WORD_SUFFIX;
        AC_TRY(ac_json_node_known_keys(node, "type suffix"));
        AC_TRY(ac_json_node_text(node, "suffix", &text));
        if (!*text)
            return ac_json_node_refuse_value(node, "suffix");
        return set_text(step, text);
    }
    st = ac_json_node_refuse_value(node, "type");
out:
    return st;
}

/* ---- the lists ---- */

typedef ac_status (*read_step)(const ac_json_node *node, const char *type, ac_text_step *step);

/* One step, or the steps of a Sequence, whose list stands under `list`. */
static ac_status
read_steps(const ac_json_node *node, const char *list, read_step read, int depth,
           ac_text_steps *out)
{
    ac_text_step step = { 0 };
    const char *type;
    const json_t *items = json_object_get(node->object, list);
    ac_status st = AC_OK;

    AC_TRY(ac_json_node_text(node, "type", &type));
    if (strcmp(type, "Sequence") != 0) {
        AC_TRY(read(node, type, &step));
        st = ac_text_steps_push_take(out, &step);
        goto out;
    }
    if (depth == DEEPEST)
        AC_FAIL(AC_E_FORMAT, "%s: %s lies too deep", node->path, node->where);
    if (!json_is_array(items))
        AC_FAIL(AC_E_FORMAT, "%s: %s.%s is not a list", node->path, node->where, list);
    for (size_t i = 0; i < json_array_size(items); i++) {
        ac_json_node item;
        AC_TRY(ac_json_node_child(&item, node, list, (int64_t) i));
        AC_TRY(read_steps(&item, list, read, depth + 1, out));
    }
out:
    ac_text_step_free(&step);
    return st;
}

static ac_status
read_root(const ac_json_node *root, const char *key, const char *list, read_step read,
          ac_text_steps *out)
{
    ac_json_node node;
    ac_status st = AC_OK;

    if (ac_json_node_absent(root, key))
        return AC_OK;
    AC_TRY(ac_json_node_child(&node, root, key, -1));
    st = read_steps(&node, list, read, 0, out);
out:
    return st;
}

ac_status
ac_tokenizer_json_normalizers(const ac_json_node *root, ac_text_steps *out)
{
    return read_root(root, "normalizer", "normalizers", read_normalizer, out);
}

ac_status
ac_tokenizer_json_pre_tokenizers(const ac_json_node *root, ac_text_steps *out)
{
    return read_root(root, "pre_tokenizer", "pretokenizers", read_pre_tokenizer, out);
}

ac_status
ac_tokenizer_json_decoders(const ac_json_node *root, ac_text_steps *out)
{
    return read_root(root, "decoder", "decoders", read_decoder, out);
}

/* The post_processor of a tokenizer.json: ids in front of a text's and behind them. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/checkpoint/tokenizer_json_parts.h"

enum { DEEPEST = 8 };

/* Around the ids of the steps before: in front goes before all, behind goes after all. */
typedef struct post {
    ac_piece_ids *before, *after;
    int64_t size;
} post;

static ac_status
insert(ac_piece_ids *list, int64_t at, int32_t id)
{
    const ac_status st =
        ac_grow(&list->ids, &list->capacity, list->count + 1, sizeof *list->ids);

    if (st != AC_OK)
        return st;
    memmove(list->ids + at + 1, list->ids + at,
            (size_t) (list->count - at) * sizeof *list->ids);
    list->ids[at] = id;
    list->count++;
    return AC_OK;
}

static ac_status
check_id(const post *self, const ac_json_node *node, const char *key, const json_t *id)
{
    if (!json_is_integer(id) || json_integer_value(id) < 0 ||
        json_integer_value(id) >= self->size)
        return ac_json_node_refuse(node, key, "has an id that no token has");
    return AC_OK;
}

/* BertProcessing and RobertaProcessing: cls in front, sep behind, each ["text", id]. */
static ac_status
read_pair(post *self, const ac_json_node *node, const char *key, bool front)
{
    const json_t *pair = json_object_get(node->object, key), *id = json_array_get(pair, 1);
    ac_status st = AC_OK;

    if (json_array_size(pair) != 2 || !json_is_string(json_array_get(pair, 0)))
        return ac_json_node_refuse(node, key, "is not a text and its id");
    AC_TRY(check_id(self, node, key, id));
    if (front)
        st = insert(self->before, 0, (int32_t) json_integer_value(id));
    else
        st = insert(self->after, self->after->count, (int32_t) json_integer_value(id));
out:
    return st;
}

/* The ids of one SpecialToken of a template. */
static ac_status
read_special(post *self, const ac_json_node *node, const ac_json_node *part, int64_t *front)
{
    ac_json_node special, tokens, token;
    const json_t *ids;
    const char *name;
    ac_status st = AC_OK;

    AC_TRY(ac_json_node_child(&special, part, "SpecialToken", -1));
    AC_TRY(ac_json_node_known_keys(&special, "id type_id"));
    AC_TRY(ac_json_node_text(&special, "id", &name));
    AC_TRY(ac_json_node_child(&tokens, node, "special_tokens", -1));
    if (!json_object_get(tokens.object, name))
        return ac_json_node_refuse(&special, "id",
                                   "is \"%.100s\", which special_tokens does not have", name);
    AC_TRY(ac_json_node_child(&token, &tokens, name, -1));
    AC_TRY(ac_json_node_known_keys(&token, "id ids tokens"));
    ids = json_object_get(token.object, "ids");
    if (!json_is_array(ids))
        return ac_json_node_refuse(&token, "ids", "is not a list");
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        AC_TRY(check_id(self, &token, "ids", id));
        if (*front >= 0)
            AC_TRY(insert(self->before, (*front)++, (int32_t) json_integer_value(id)));
        else
            AC_TRY(insert(self->after, self->after->count, (int32_t) json_integer_value(id)));
    }
out:
    return st;
}

static ac_status
read_template(post *self, const ac_json_node *node)
{
    const json_t *single = json_object_get(node->object, "single");
    int64_t front = 0; /* where the next id in front goes; -1: the text has come */
    ac_status st = AC_OK;

    AC_TRY(ac_json_node_known_keys(node, "type single pair special_tokens"));
    if (!json_is_array(single))
        return ac_json_node_refuse(node, "single", "is not a list");
    for (size_t i = 0; i < json_array_size(single); i++) {
        ac_json_node part, sequence;
        const char *name;
        AC_TRY(ac_json_node_child(&part, node, "single", (int64_t) i));
        AC_TRY(ac_json_node_known_keys(&part, "SpecialToken Sequence"));
        if (!json_object_get(part.object, "Sequence")) {
            AC_TRY(read_special(self, node, &part, &front));
            continue;
        }
        AC_TRY(ac_json_node_child(&sequence, &part, "Sequence", -1));
        AC_TRY(ac_json_node_text(&sequence, "id", &name));
        if (strcmp(name, "A") != 0 || front < 0)
            return ac_json_node_refuse(&part, "Sequence",
                                       "is not the one text, which is \"A\" and comes once");
        front = -1;
    }
    if (front >= 0)
        return ac_json_node_refuse(node, "single", "has no place for the text");
out:
    return st;
}

static ac_status
read_step(post *self, const ac_json_node *node, int depth)
{
    const json_t *items = json_object_get(node->object, "processors");
    const char *type;
    ac_status st = AC_OK;

    AC_TRY(ac_json_node_text(node, "type", &type));
    if (strcmp(type, "ByteLevel") == 0) /* places in the text alone */
        return ac_json_node_known_keys(node, "type add_prefix_space trim_offsets use_regex");
    if (strcmp(type, "TemplateProcessing") == 0)
        return read_template(self, node);
    if (strcmp(type, "RobertaProcessing") == 0 || strcmp(type, "BertProcessing") == 0) {
        AC_TRY(ac_json_node_known_keys(node, "type sep cls trim_offsets add_prefix_space"));
        AC_TRY(read_pair(self, node, "cls", true));
        return read_pair(self, node, "sep", false);
    }
    if (strcmp(type, "Sequence") != 0)
        return ac_json_node_refuse_value(node, "type");
    if (!json_is_array(items) || depth == DEEPEST)
        return ac_json_node_refuse(node, "processors",
                                   json_is_array(items) ? "lies too deep" : "is not a list");
    for (size_t i = 0; i < json_array_size(items); i++) {
        ac_json_node item;
        AC_TRY(ac_json_node_child(&item, node, "processors", (int64_t) i));
        AC_TRY(read_step(self, &item, depth + 1));
    }
out:
    return st;
}

ac_status
ac_tokenizer_json_post_processor(const ac_json_node *root, int64_t size, ac_piece_ids *before,
                                 ac_piece_ids *after)
{
    post self = { .before = before, .after = after, .size = size };
    ac_json_node node;
    ac_status st = AC_OK;

    if (ac_json_node_absent(root, "post_processor"))
        return AC_OK;
    AC_TRY(ac_json_node_child(&node, root, "post_processor", -1));
    st = read_step(&self, &node, 0);
out:
    return st;
}

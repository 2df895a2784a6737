#include "io/config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "engine/base/memory.h"
#include "io/config/config_values.h"
#include "io/file/base64.h"
#include "io/file/file_head.h"
#include "io/file/file_look.h"
#include "io/file/json_write.h"
#include "io/file/file_open.h"
#include "io/file/publish.h"

static int
edit_distance(const char *a, const char *b)
{
    int row[128], n = (int) strlen(b);

    for (int j = 0; j <= n && j < 128; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n && j < 128; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[n < 128 ? n : 127];
}

ac_status
ac_config_key_find(const ac_config_key **out, const char *name, const char *where)
{
    const ac_config_key *near = NULL;
    int least = 1000;

    for (size_t i = 0; i < ac_config_key_count; i++) {
        int d = edit_distance(name, ac_config_keys[i].name);
        if (d == 0) {
            *out = &ac_config_keys[i];
            return AC_OK;
        }
        if (d < least) {
            least = d;
            near = &ac_config_keys[i];
        }
    }
    return ac_error_set(AC_E_ARG, "%s: unknown key \"%s\"; the nearest known one is \"%s\"",
                        where, name, near->name);
}

ac_status
ac_config_init(ac_config *self)
{
    ac_status st = AC_OK;

    *self = (ac_config){ 0 };
    for (size_t i = 0; i < ac_config_key_count && st == AC_OK; i++) {
        bool quoted = ac_config_keys[i].fallback[0] == '"';
        st = ac_config_value_set(self, &ac_config_keys[i],
                                 quoted ? "" : ac_config_keys[i].fallback, quoted, "",
                                 "default");
    }
    return st;
}

void
ac_config_free(ac_config *self)
{
    for (size_t i = 0; i < ac_config_key_count; i++)
        ac_config_value_free(self, &ac_config_keys[i]);
    *self = (ac_config){ 0 };
}

/* Is this the full name of a key? (input.train is one, and a section too.) */
static bool
is_key(const char *name)
{
    for (size_t i = 0; i < ac_config_key_count; i++)
        if (strcmp(ac_config_keys[i].name, name) == 0)
            return true;
    return false;
}

/* Is it the name of a section, or of a key that others are below? */
static bool
is_section(const char *name)
{
    const size_t n = strlen(name);

    for (size_t i = 0; i < ac_config_key_count; i++)
        if (strncmp(ac_config_keys[i].name, name, n) == 0 && ac_config_keys[i].name[n] == '.')
            return true;
    return false;
}

/* Lists as keys have them are no deeper: [[[5, 6], -1.5]]. An alias may lead back to itself. */
enum { MOST_DEPTH = 4, MOST_LIST_BYTES = 16 << 20 };

/* A scalar or list of YAML as one line: "[[5, 6], [7]]". false: it is neither. */
static bool
push_flow(ac_buffer *out, yaml_document_t *document, yaml_node_t *node, int depth)
{
    if (node->type == YAML_SCALAR_NODE) {
        ac_buffer_push(out, node->data.scalar.value, node->data.scalar.length);
        return true;
    }
    if (node->type != YAML_SEQUENCE_NODE || depth == MOST_DEPTH || out->size > MOST_LIST_BYTES)
        return false;
    ac_buffer_push_char(out, '[');
    for (yaml_node_item_t *i = node->data.sequence.items.start;
         i < node->data.sequence.items.top; i++) {
        if (i > node->data.sequence.items.start)
            ac_buffer_push_text(out, ", ");
        if (!push_flow(out, document, yaml_document_get_node(document, *i), depth + 1))
            return false;
    }
    ac_buffer_push_char(out, ']');
    return true;
}

static ac_status
set_list(ac_config *self, const ac_config_key *k, yaml_document_t *document, yaml_node_t *node,
         const char *base, const char *where)
{
    ac_buffer text = { 0 };
    ac_status st = AC_OK;

    if (!push_flow(&text, document, node, 0))
        AC_FAIL(AC_E_ARG, "%s: %s: needs a value or a list of %s", where, k->name,
                k->type == KEY_PATHS ? "paths" : "numbers");
    AC_TRY(text.status);
    st = ac_config_value_set(self, k, text.data, false, base, where);
out:
    ac_buffer_free(&text);
    return st;
}

/* !!binary "L3TpAA==": a text that is not UTF-8, as ac_config_print writes it. */
static ac_status
set_binary(ac_config *self, const ac_config_key *k, const yaml_node_t *node, const char *base,
           const char *where)
{
    ac_buffer text = { 0 };
    bool good;
    ac_status st = AC_OK;

    AC_TRY(ac_base64_read(&text, (const char *) node->data.scalar.value,
                          node->data.scalar.length, &good));
    if (!good || (text.size && memchr(text.data, '\0', text.size)))
        AC_FAIL(AC_E_ARG, "%s: %s: this !!binary is no text in base64", where, k->name);
    st = ac_config_value_set(self, k, text.data ? text.data : "", true, base, where);
out:
    ac_buffer_free(&text);
    return st;
}

/* A list of texts, of a key that keeps them as lines. */
static ac_status
set_texts(ac_config *self, const ac_config_key *k, yaml_document_t *document, yaml_node_t *node,
          const char *where)
{
    ac_buffer text = { 0 };
    ac_status st = AC_OK;

    for (yaml_node_item_t *i = node->data.sequence.items.start;
         i < node->data.sequence.items.top; i++) {
        const yaml_node_t *item = yaml_document_get_node(document, *i);
        const char *value = (const char *) item->data.scalar.value;
        if (item->type != YAML_SCALAR_NODE || !*value || strchr(value, '\n'))
            AC_FAIL(AC_E_ARG,
                    "%s: %s: needs a list of texts, none of them empty or of several lines",
                    where, k->name);
        ac_buffer_printf(&text, "%s%s", text.size ? "\n" : "", value);
    }
    AC_TRY(text.status);
    st = ac_config_value_set(self, k, text.data ? text.data : "", true, "", where);
out:
    ac_buffer_free(&text);
    return st;
}

/* A list of texts, of a key that keeps them as JSON. */
static ac_status
set_optional_texts(ac_config *self, const ac_config_key *k, yaml_document_t *document,
                   yaml_node_t *node, const char *where)
{
    ac_buffer json = { 0 };
    ac_status st = AC_OK;

    ac_buffer_push_char(&json, '[');
    for (yaml_node_item_t *i = node->data.sequence.items.start;
         i < node->data.sequence.items.top; i++) {
        const yaml_node_t *item = yaml_document_get_node(document, *i);
        if (item->type != YAML_SCALAR_NODE)
            AC_FAIL(AC_E_ARG, "%s: %s: needs a text or a list of texts", where, k->name);
        ac_buffer_push_text(&json, json.size > 1 ? ", " : "");
        ac_json_string(&json, (const char *) item->data.scalar.value, item->data.scalar.length);
    }
    ac_buffer_push_char(&json, ']');
    AC_TRY(json.status);
    st = ac_config_list_set(self, k, json.data, where);
out:
    ac_buffer_free(&json);
    return st;
}

/* One of a list of paths, appended; good: it is one. */
static ac_status
push_path(ac_buffer *out, const yaml_node_t *item, bool *good)
{
    const char *value = (const char *) item->data.scalar.value;
    const size_t before = out->size;
    ac_status st = AC_OK;

    *good = item->type == YAML_SCALAR_NODE;
    if (*good && item->tag && strcmp((const char *) item->tag, "tag:yaml.org,2002:binary") == 0)
        st = ac_base64_read(out, value, item->data.scalar.length, good);
    else if (*good)
        st = ac_buffer_push(out, value, item->data.scalar.length);
    *good = *good && st == AC_OK && out->size > before &&
            !memchr(out->data + before, '\0', out->size - before) &&
            !memchr(out->data + before, AC_CONFIG_PATHS_BETWEEN, out->size - before);
    return st;
}

/* A list of paths, each from `base`. */
static ac_status
set_paths(ac_config *self, const ac_config_key *k, yaml_document_t *document, yaml_node_t *node,
          const char *base, const char *where)
{
    ac_buffer text = { 0 };
    ac_status st = AC_OK;
    bool good;

    for (yaml_node_item_t *i = node->data.sequence.items.start;
         i < node->data.sequence.items.top; i++) {
        if (text.size)
            ac_buffer_push_char(&text, AC_CONFIG_PATHS_BETWEEN);
        AC_TRY(push_path(&text, yaml_document_get_node(document, *i), &good));
        if (!good)
            AC_FAIL(AC_E_ARG, "%s: %s: needs a path or a list of paths, none of them empty",
                    where, k->name);
    }
    AC_TRY(text.status);
    if (!text.size)
        AC_FAIL(AC_E_ARG, "%s: %s: this list is empty", where, k->name);
    st = ac_config_value_set(self, k, text.data, true, base, where);
out:
    ac_buffer_free(&text);
    return st;
}

/* Where a config is from: `file` for messages, with the line, or "--set"; relative paths are
 * taken from base. */
typedef struct origin {
    const char *file, *base;
    bool has_lines;
    size_t *lines; /* [ac_config_key_count]: where in this file each key was given; 0: not yet.
                      NULL: it may be given again */
} origin;

static void
print_where(char where[4400], const origin *from, const yaml_node_t *node)
{
    if (from->has_lines)
        snprintf(where, 4400, "%s:%zu", from->file, node->start_mark.line + 1);
    else
        snprintf(where, 4400, "%s", from->file);
}

static ac_status read_node(ac_config *self, yaml_document_t *document, yaml_node_t *node,
                           const char *prefix, const origin *from);

/* YAML has each key once; of two values one would be passed over. */
static ac_status
note_line(const ac_config_key *k, const origin *from, const yaml_node_t *value,
          const char *where)
{
    size_t *line = &from->lines[k - ac_config_keys];

    if (*line)
        return ac_error_set(AC_E_ARG, "%s: %s is given a second time; the first is in line %zu",
                            where, k->name, *line);
    *line = value->start_mark.line + 1;
    return AC_OK;
}

/* What a key is set to: a value, a list, or a section's keys. */
static ac_status
read_value(ac_config *self, yaml_document_t *document, yaml_node_t *value, const char *name,
           const origin *from, const char *where)
{
    const ac_config_key *k = NULL;
    ac_status st;

    if (is_section(name) && !(value->type == YAML_SCALAR_NODE && is_key(name)))
        return read_node(self, document, value, name, from);
    st = ac_config_key_find(&k, name, where);
    if (st == AC_OK && from->lines)
        st = note_line(k, from, value, where);
    if (st != AC_OK)
        return st;
    if (value->type == YAML_SEQUENCE_NODE &&
        (k->type == KEY_PAIR || k->type == KEY_OPTIONAL_LIST || k->type == KEY_PATHS))
        return set_list(self, k, document, value, k->type == KEY_PATHS ? from->base : "",
                        where);
    if (value->type == YAML_SEQUENCE_NODE && k->type == KEY_PATH_LIST)
        return set_paths(self, k, document, value, from->base, where);
    if (value->type == YAML_SEQUENCE_NODE && k->type == KEY_TEXTS)
        return set_texts(self, k, document, value, where);
    if (value->type == YAML_SEQUENCE_NODE && k->type == KEY_OPTIONAL_TEXTS)
        return set_optional_texts(self, k, document, value, where);
    if (value->type != YAML_SCALAR_NODE)
        return ac_error_set(AC_E_ARG, "%s: %s: needs one value", where, name);
    if (strlen((const char *) value->data.scalar.value) != value->data.scalar.length)
        return ac_error_set(AC_E_ARG, "%s: %s: holds a zero byte", where, name);
    if (value->tag && strcmp((const char *) value->tag, "tag:yaml.org,2002:binary") == 0)
        return set_binary(self, k, value, from->base, where);
    return ac_config_value_set(self, k, (const char *) value->data.scalar.value,
                               value->data.scalar.style != YAML_PLAIN_SCALAR_STYLE, from->base,
                               where);
}

static ac_status
read_node(ac_config *self, yaml_document_t *document, yaml_node_t *node, const char *prefix,
          const origin *from)
{
    ac_status st = AC_OK;
    char full[256], where[4400];

    print_where(where, from, node);
    if (node->type != YAML_MAPPING_NODE && is_key(prefix))
        return ac_error_set(AC_E_ARG, "%s: %s: needs one value, or a mapping of keys below it",
                            where, prefix);
    if (node->type != YAML_MAPPING_NODE)
        return ac_error_set(AC_E_ARG, "%s: %s is a section: its keys go below it, indented",
                            where, *prefix ? prefix : "the config");
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start;
         p < node->data.mapping.pairs.top && st == AC_OK; p++) {
        yaml_node_t *name = yaml_document_get_node(document, p->key);
        print_where(where, from, name);
        if (name->type != YAML_SCALAR_NODE)
            return ac_error_set(AC_E_ARG, "%s: a key must be a word", where);
        snprintf(full, sizeof full, "%s%s%s", prefix, *prefix ? "." : "",
                 (const char *) name->data.scalar.value);
        st = read_value(self, document, yaml_document_get_node(document, p->value), full, from,
                        where);
    }
    return st;
}

ac_status
ac_config_read(ac_config *self, const char *path)
{
    ac_status st = AC_OK;
    yaml_parser_t parser;
    yaml_document_t document;
    yaml_node_t *root;
    const char *slash = strrchr(path, '/');
    char base[4096];
    origin from = { .file = path, .base = base, .has_lines = true };
    char why[AC_FILE_WHY];
    int file;
    FILE *f;

    if (ac_head_check_file(path) != AC_OK)
        return AC_E_ARG; /* its message stays */
    st = ac_file_open_why(&file, path, why);
    if (st != AC_OK) /* a config that is not there is a matter of the command line */
        return ac_error_set(st == AC_E_IO ? AC_E_ARG : st,
                            "%s: the config cannot be opened: %s", path, why);
    close(file);
    st = ac_file_open_stream(&f, path);
    if (st != AC_OK)
        return st == AC_E_FORMAT ? AC_E_ARG : st; /* its message stays */
    snprintf(base, sizeof base, "%.*s", slash ? (int) (slash - path + 1) : 0, path);
    if (!yaml_parser_initialize(&parser)) {
        fclose(f);
        return ac_error_set(AC_E_NOMEM, "out of memory for the config");
    }
    yaml_parser_set_input_file(&parser, f);
    if (!yaml_parser_load(&parser, &document)) {
        if (ferror(f))
            st = ac_error_set(errno == EISDIR ? AC_E_ARG : ac_io_failure(errno),
                              "%s: the config cannot be read: %s", path, strerror(errno));
        else if (parser.error == YAML_MEMORY_ERROR)
            st = ac_error_set(AC_E_NOMEM, "%s: out of memory for the config", path);
        else
            st = ac_error_set(AC_E_ARG, "%s:%zu: %s%s", path, parser.problem_mark.line + 1,
                              parser.problem ? parser.problem : "not YAML",
                              parser.problem && strstr(parser.problem, "cannot start any token")
                                  ? " (YAML is indented by spaces, not by tabs)"
                                  : "");
    } else {
        root = yaml_document_get_root_node(&document);
        st = ac_alloc(&from.lines, (int64_t) ac_config_key_count, sizeof *from.lines);
        if (root && st == AC_OK)
            st = read_node(self, &document, root, "", &from);
        free(from.lines);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    fclose(f);
    return st;
}

/* YAML in the memory of this process; *parsed: all of it is YAML, and has a node ("a" b is not:
 * YAML's text ends before the b). */
static ac_status
parse_text(yaml_document_t *document, const char *text, bool *parsed)
{
    yaml_parser_t parser;
    yaml_document_t rest;

    *parsed = false;
    if (!yaml_parser_initialize(&parser))
        return ac_error_set(AC_E_NOMEM, "out of memory for --set");
    yaml_parser_set_input_string(&parser, (const unsigned char *) text, strlen(text));
    if (yaml_parser_load(&parser, document)) {
        if (yaml_document_get_root_node(document) && yaml_parser_load(&parser, &rest)) {
            *parsed = yaml_document_get_root_node(&rest) == NULL;
            yaml_document_delete(&rest);
        }
        if (!*parsed)
            yaml_document_delete(document);
    }
    yaml_parser_delete(&parser);
    return AC_OK;
}

/* Texts and paths are taken as they stand, but for a text in quotation marks and a section in
 * braces: a file's name may hold what YAML would read as its own. */
static bool
stands_for_itself(const char *name, const yaml_node_t *node, const char *value)
{
    const ac_config_key *k = NULL;

    if (!is_key(name) || ac_config_key_find(&k, name, "") != AC_OK)
        return false;
    if (k->type == KEY_OPTIONAL_TEXTS && node->type == YAML_SEQUENCE_NODE)
        return node->data.sequence.style != YAML_FLOW_SEQUENCE_STYLE;
    if (!ac_config_key_is_text(k) && k->type != KEY_OPTIONAL_TEXTS)
        return false;
    if (k->type == KEY_PATH_LIST && node->type == YAML_SEQUENCE_NODE)
        return ac_file_is_there(value); /* a list, unless a file has that name */
    return node->type == YAML_SCALAR_NODE
               ? node->data.scalar.style != YAML_SINGLE_QUOTED_SCALAR_STYLE &&
                     node->data.scalar.style != YAML_DOUBLE_QUOTED_SCALAR_STYLE
               : !(node->type == YAML_MAPPING_NODE && is_section(name) &&
                   node->data.mapping.style == YAML_FLOW_MAPPING_STYLE);
}

ac_status
ac_config_set(ac_config *self, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    const origin from = { .file = "--set", .base = "" };
    char name[256];
    yaml_document_t document;
    yaml_node_t *node;
    const ac_config_key *k = NULL;
    bool parsed;
    ac_status st;

    if (!equals)
        return ac_error_set(AC_E_ARG, "--set %s: needs the form key.path=value", assignment);
    snprintf(name, sizeof name, "%.*s", (int) (equals - assignment), assignment);
    if (!is_section(name))
        AC_TRY(ac_config_key_find(&k, name, "--set"));
    AC_TRY(parse_text(&document, equals + 1, &parsed));
    if (parsed) {
        node = yaml_document_get_root_node(&document);
        parsed = !stands_for_itself(name, node, equals + 1);
        if (parsed)
            st = read_value(self, &document, node, name, &from, "--set");
        yaml_document_delete(&document);
    }
    if (!parsed) {
        AC_TRY(ac_config_key_find(&k, name, "--set"));
        st = ac_config_value_set(self, k, equals + 1, false, "", "--set");
    }
out:
    return st;
}

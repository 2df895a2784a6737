#include "io/config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "io/config/config_values.h"
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
        if (ac_config_key_is_text(&ac_config_keys[i]))
            free(*(char **) ac_config_place(self, &ac_config_keys[i]));
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

/* [a, b] of YAML, put together as set_value takes it. */
static ac_status
set_sequence(ac_config *self, const ac_config_key *k, yaml_document_t *document,
             yaml_node_t *node, const char *where)
{
    char text[128] = "";
    size_t used = 0;

    for (yaml_node_item_t *i = node->data.sequence.items.start;
         i < node->data.sequence.items.top && used < sizeof text; i++) {
        const yaml_node_t *item = yaml_document_get_node(document, *i);
        used += (size_t) snprintf(
            text + used, sizeof text - used, "%s%s", used ? ", " : "",
            item->type == YAML_SCALAR_NODE ? (const char *) item->data.scalar.value : "?");
    }
    return ac_config_value_set(self, k, text, false, "", where);
}

static ac_status
read_node(ac_config *self, yaml_document_t *document, yaml_node_t *node, const char *prefix,
          const char *path, const char *base)
{
    ac_status st = AC_OK;

    if (node->type != YAML_MAPPING_NODE)
        return ac_error_set(AC_E_ARG, "%s:%zu: %s is a section: its keys go below it, indented",
                            path, node->start_mark.line + 1, *prefix ? prefix : "the config");
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start;
         p < node->data.mapping.pairs.top && st == AC_OK; p++) {
        yaml_node_t *name = yaml_document_get_node(document, p->key),
                    *value = yaml_document_get_node(document, p->value);
        char full[256], where[4400];
        const ac_config_key *k = NULL;
        bool section = false;
        snprintf(where, sizeof where, "%s:%zu", path, name->start_mark.line + 1);
        if (name->type != YAML_SCALAR_NODE)
            return ac_error_set(AC_E_ARG, "%s: a key must be a word", where);
        snprintf(full, sizeof full, "%s%s%s", prefix, *prefix ? "." : "",
                 (const char *) name->data.scalar.value);
        for (size_t i = 0; i < ac_config_key_count; i++)
            section = section || (strncmp(ac_config_keys[i].name, full, strlen(full)) == 0 &&
                                  ac_config_keys[i].name[strlen(full)] == '.');
        if (section && !(value->type == YAML_SCALAR_NODE && is_key(full))) {
            st = read_node(self, document, value, full, path, base);
            continue;
        }
        st = ac_config_key_find(&k, full, where);
        if (st == AC_OK && k->type == KEY_PAIR && value->type == YAML_SEQUENCE_NODE) {
            st = set_sequence(self, k, document, value, where);
            continue;
        }
        if (st == AC_OK && value->type != YAML_SCALAR_NODE)
            st = ac_error_set(AC_E_ARG, "%s: %s: needs one value", where, full);
        if (st == AC_OK)
            st = ac_config_value_set(self, k, (const char *) value->data.scalar.value,
                                     value->data.scalar.style != YAML_PLAIN_SCALAR_STYLE, base,
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
    FILE *f = fopen(path, "rb");

    if (!f)
        return ac_error_set(AC_E_ARG, "%s: the config cannot be opened: %s", path,
                            strerror(errno));
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
            st = ac_error_set(AC_E_ARG, "%s:%zu: %s", path, parser.problem_mark.line + 1,
                              parser.problem ? parser.problem : "not YAML");
    } else {
        root = yaml_document_get_root_node(&document);
        if (root)
            st = read_node(self, &document, root, "", path, base);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    fclose(f);
    return st;
}

ac_status
ac_config_set(ac_config *self, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    char name[256];
    const ac_config_key *k = NULL;
    ac_status st;

    if (!equals)
        return ac_error_set(AC_E_ARG, "--set %s: needs the form key.path=value", assignment);
    snprintf(name, sizeof name, "%.*s", (int) (equals - assignment), assignment);
    st = ac_config_key_find(&k, name, "--set");
    return st == AC_OK ? ac_config_value_set(self, k, equals + 1, false, "", "--set") : st;
}

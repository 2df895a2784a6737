/* antarctic inspect PATH…: what a file or folder is, and what is in it. */
#include "jobs/cli/tools/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/text.h"
#include "io/file/file_look.h"
#include "io/file/json_value.h"
#include "jobs/cli/terminal.h"
#include "jobs/cli/tools/tools.h"

enum { MOST_ROWS = 24 }; /* of a list, for people */

static const ac_option options[] = {
    { "json", 0, NULL, "print one JSON object per path, with every tensor" },
    { "all", 0, NULL, "print text, but all lists in full" },
    { NULL, 0, NULL, NULL },
};

/* ---- printing for people ---- */

/* What others have called something, then blanks up to this many columns, one at least. */
static void
push_name(ac_buffer *b, const char *name, size_t columns)
{
    const size_t from = b->size;

    ac_text_push_visible(b, name, strlen(name));
    do {
        ac_buffer_push_char(b, ' ');
    } while (b->status == AC_OK && b->size - from <= columns);
}

/* A value on one line: numbers and texts as they are, lists in brackets, objects as "key value"
 * pairs. */
static void
print_inline(ac_buffer *b, const json_t *value)
{
    char *text;
    size_t i;
    const char *key;
    json_t *item;

    if (json_is_string(value)) {
        ac_text_push_visible(b, json_string_value(value), json_string_length(value));
    } else if (json_is_array(value)) {
        ac_buffer_push_char(b, '[');
        json_array_foreach((json_t *) (uintptr_t) value, i, item)
        {
            ac_buffer_push_text(b, i ? ", " : "");
            print_inline(b, item);
        }
        ac_buffer_push_char(b, ']');
    } else if (json_is_object(value)) {
        json_object_foreach((json_t *) (uintptr_t) value, key, item)
        {
            ac_buffer_push_text(b, b->size && b->data[b->size - 1] != ' ' ? "  " : "");
            push_name(b, key, 0);
            print_inline(b, item);
        }
    } else if ((text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)))) {
        ac_buffer_push_text(b, text);
        free(text);
    }
}

/* A list of objects or texts: one a line. */
static void
print_list(ac_buffer *b, const char *key, const json_t *list, bool all)
{
    const size_t n = json_array_size(list), shown = all || n <= MOST_ROWS ? n : MOST_ROWS;

    ac_buffer_push_text(b, "  ");
    push_name(b, key, 0);
    ac_buffer_printf(b, "(%zu)\n", n);
    for (size_t i = 0; i < shown; i++) {
        const json_t *item = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(item, "name"));
        ac_buffer line = { 0 };
        if (name) { /* what has a name begins with it */
            json_t *rest = json_copy((json_t *) (uintptr_t) item);
            json_object_del(rest, "name");
            push_name(&line, name, 56);
            for (void *at = json_object_iter(rest); at; at = json_object_iter_next(rest, at)) {
                const char *part = json_object_iter_key(at);
                if (strcmp(part, "dtype") != 0 && strcmp(part, "type") != 0 &&
                    strcmp(part, "shape") != 0)
                    push_name(&line, part, 0);
                print_inline(&line, json_object_iter_value(at));
                ac_buffer_push_text(&line, "  ");
            }
            json_decref(rest);
        } else {
            print_inline(&line, item);
        }
        while (line.size && line.data[line.size - 1] == ' ')
            line.data[--line.size] = '\0';
        ac_buffer_printf(b, "    %s\n", line.data ? line.data : "");
        ac_buffer_free(&line);
    }
    if (shown < n)
        ac_buffer_printf(b, "    … and %zu more (--all)\n", n - shown);
}

static void
print_object(const json_t *out, bool all)
{
    ac_buffer b = { 0 };
    const char *path = json_string_value(json_object_get(out, "path"));
    const char *kind = json_object_get(out, "kind")
                           ? json_string_value(json_object_get(out, "kind"))
                           : "cannot be used";
    const char *key;
    json_t *value;

    ac_text_push_visible(&b, path, strlen(path));
    ac_buffer_push_text(&b, ": ");
    ac_text_push_visible(&b, kind, strlen(kind));
    ac_buffer_push_char(&b, '\n');
    json_object_foreach((json_t *) (uintptr_t) out, key, value)
    {
        const json_t *first = json_array_get(value, 0);
        if (strcmp(key, "path") == 0 || strcmp(key, "kind") == 0)
            continue;
        if (json_is_object(first) || json_is_string(first)) {
            print_list(&b, key, value, all);
            continue;
        }
        ac_buffer_push_text(&b, "  ");
        push_name(&b, key, 18);
        print_inline(&b, value);
        ac_buffer_push_char(&b, '\n');
    }
    fputs(b.data ? b.data : "", stdout);
    ac_buffer_free(&b);
}

/* ---- the tool ---- */

static void
print_json(const json_t *out)
{
    char *text = json_dumps(out, JSON_COMPACT | JSON_REAL_PRECISION(9));

    ac_terminal_json(text ? text : "null", text ? strlen(text) : 4);
    ac_terminal_print("\n");
    free(text);
}

static ac_status
inspect(json_t *out, const char *path)
{
    struct stat info;

    if (ac_file_stat(path, &info) != 0)
        return ac_error_set(AC_E_IO, "%s: there is no such file or folder", path);
    return S_ISDIR(info.st_mode) ? ac_inspect_folder(out, path) : ac_inspect_file(out, path);
}

ac_status
ac_tool_inspect(int argc, char **argv)
{
    ac_arguments a = { 0 };
    ac_status st = AC_OK, worst = AC_OK;
    int problems = 0;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(stdout, "inspect PATH… [--json | --all]",
                        "Shows what a file or folder is, what is in it, and a sample. It knows "
                        "everything that this program reads or writes.",
                        options);
        goto out;
    }
    if (a.word_count == 0)
        AC_FAIL(AC_E_ARG, "inspect needs a path; inspect --help shows the usage");
    for (int i = 0; i < a.word_count; i++) {
        json_t *out = json_object();
        ac_inspect_put(out, "path", ac_json_text_value(a.words[i]));
        st = inspect(out, a.words[i]);
        if (st != AC_OK) { /* the others are still looked at */
            ac_inspect_put(out, "problem", ac_json_text_value(ac_error_message()));
            worst = worst == AC_OK || st < worst ? st : worst;
            problems++;
        }
        if (ac_arguments_has(&a, "json")) {
            print_json(out);
        } else {
            print_object(out, ac_arguments_has(&a, "all"));
        }
        json_decref(out);
    }
    st = AC_OK;
    if (problems)
        st = ac_error_set(worst, "%d of %d could not be used; the output says why", problems,
                          (int) a.word_count);
    if (fflush(stdout) != 0 && st == AC_OK)
        st = ac_error_set(AC_E_IO, "standard output cannot be written");
out:
    ac_arguments_free(&a);
    return st;
}

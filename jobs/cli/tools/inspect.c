/* antarctic inspect PATH…: what a file or folder is, and what is in it. */
#include "jobs/cli/tools/inspect.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "io/file/checksum.h"
#include "jobs/cli/tools/tools.h"

enum { MOST_ROWS = 24 }; /* of a list, for people */

static const ac_option options[] = {
    { "json", 0, NULL, "a JSON object a line for each path, with every tensor" },
    { "all", 0, NULL, "for people, but lists in full" },
    { NULL, 0, NULL, NULL },
};

/* ---- what the kinds use ---- */

void
ac_inspect_put(json_t *out, const char *key, json_t *value)
{
    json_object_set_new(out, key, value ? value : json_null());
}

json_t *
ac_inspect_string(const char *bytes, size_t n)
{
    char text[AC_INSPECT_TEXT + 4];
    json_t *j;

    if (n > AC_INSPECT_TEXT) {
        for (n = AC_INSPECT_TEXT; n > 0 && ((unsigned char) bytes[n] & 0xc0) == 0x80;)
            n--; /* not within a character */
        memcpy(text, bytes, n);
        memcpy(text + n, "…", 3);
        n += 3;
    } else {
        memcpy(text, bytes, n);
    }
    if ((j = json_stringn(text, n)))
        return j;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char) text[i] >= 0x80)
            text[i] = '?';
    return json_stringn(text, n);
}

void
ac_inspect_put_text(json_t *out, const char *key, const char *text)
{
    if (text && *text)
        ac_inspect_put(out, key, ac_inspect_string(text, strlen(text)));
}

json_t *
ac_inspect_shape(int rank, const int64_t *shape)
{
    json_t *list = json_array();

    for (int d = 0; d < rank; d++)
        json_array_append_new(list, json_integer(shape[d]));
    return list;
}

json_t *
ac_inspect_texts(const ac_texts *texts, int64_t n)
{
    json_t *list = json_array();

    for (int64_t i = 0; i < n && i < texts->count; i++)
        json_array_append_new(
            list, ac_inspect_string(ac_texts_at(texts, i), ac_texts_size(texts, i)));
    return list;
}

void
ac_inspect_put_tensors(json_t *out, const ac_tensors *tensors)
{
    json_t *list = json_array(), *types = json_object();
    int64_t numbers = 0;

    for (int64_t i = 0; i < tensors->count; i++) {
        const ac_tensor *t = &tensors->items[i];
        const char *type = ac_dtype_name(t->dtype);
        json_t *one = json_object();
        ac_inspect_put(one, "name", ac_inspect_string(t->name, strlen(t->name)));
        ac_inspect_put(one, "dtype", json_string(type));
        ac_inspect_put(one, "shape", ac_inspect_shape(t->rank, t->shape));
        json_array_append_new(list, one);
        json_object_set_new(types, type,
                            json_integer(json_integer_value(json_object_get(types, type)) + 1));
        numbers += ac_tensor_count(t);
    }
    ac_inspect_put(out, "numbers", json_integer(numbers));
    ac_inspect_put(out, "types", types);
    ac_inspect_put(out, "tensors", list);
}

ac_status
ac_inspect_put_checksum(json_t *out, const char *path)
{
    char hex[33];
    const ac_status st = ac_file_checksum(path, hex);

    if (st == AC_OK)
        ac_inspect_put_text(out, "checksum", hex);
    return st;
}

/* ---- printing for people ---- */

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
        ac_buffer_push(b, json_string_value(value), json_string_length(value));
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
            ac_buffer_printf(b, "%s%s ", b->size && b->data[b->size - 1] != ' ' ? "  " : "",
                             key);
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

    ac_buffer_printf(b, "  %s (%zu)\n", key, n);
    for (size_t i = 0; i < shown; i++) {
        const json_t *item = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(item, "name"));
        ac_buffer line = { 0 };
        if (name) { /* what has a name begins with it */
            json_t *rest = json_copy((json_t *) (uintptr_t) item);
            json_object_del(rest, "name");
            ac_buffer_printf(&line, "%-56s ", name);
            for (void *at = json_object_iter(rest); at; at = json_object_iter_next(rest, at)) {
                const char *part = json_object_iter_key(at);
                if (strcmp(part, "dtype") != 0 && strcmp(part, "type") != 0 &&
                    strcmp(part, "shape") != 0)
                    ac_buffer_printf(&line, "%s ", part);
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
    const char *key;
    json_t *value;

    ac_buffer_printf(&b, "%s: %s\n", json_string_value(json_object_get(out, "path")),
                     json_object_get(out, "kind")
                         ? json_string_value(json_object_get(out, "kind"))
                         : "not to be used");
    json_object_foreach((json_t *) (uintptr_t) out, key, value)
    {
        const json_t *first = json_array_get(value, 0);
        if (strcmp(key, "path") == 0 || strcmp(key, "kind") == 0)
            continue;
        if (json_is_object(first) || json_is_string(first)) {
            print_list(&b, key, value, all);
            continue;
        }
        ac_buffer_printf(&b, "  %-18s ", key);
        print_inline(&b, value);
        ac_buffer_push_char(&b, '\n');
    }
    fputs(b.data ? b.data : "", stdout);
    ac_buffer_free(&b);
}

/* ---- the tool ---- */

static ac_status
inspect(json_t *out, const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0)
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
                        "What a file or folder is, what is in it, and a sample: anything this "
                        "program reads or writes.",
                        options);
        goto out;
    }
    if (a.word_count == 0)
        AC_FAIL(AC_E_ARG, "inspect needs a path; inspect --help says how");
    for (int i = 0; i < a.word_count; i++) {
        json_t *out = json_object();
        ac_inspect_put(out, "path", ac_inspect_string(a.words[i], strlen(a.words[i])));
        st = inspect(out, a.words[i]);
        if (st != AC_OK) { /* the others are still looked at */
            ac_inspect_put(out, "problem", json_string(ac_error_message()));
            worst = worst == AC_OK || st < worst ? st : worst;
            problems++;
        }
        if (ac_arguments_has(&a, "json")) {
            json_dumpf(out, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
            putchar('\n');
        } else {
            print_object(out, ac_arguments_has(&a, "all"));
        }
        json_decref(out);
    }
    st = AC_OK;
    if (problems)
        st = ac_error_set(worst, "%d of %d could not be used; what is wrong stands with each",
                          problems, (int) a.word_count);
    if (fflush(stdout) != 0 && st == AC_OK)
        st = ac_error_set(AC_E_IO, "standard output cannot be written");
out:
    ac_arguments_free(&a);
    return st;
}

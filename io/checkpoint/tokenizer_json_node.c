/* Objects of a tokenizer.json and their keys; what is wrong is told with its place. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/checkpoint/tokenizer_json_parts.h"

ac_status
ac_json_node_refuse(const ac_json_node *self, const char *key, const char *what, ...)
{
    char text[400];
    va_list arguments;

    va_start(arguments, what);
    vsnprintf(text, sizeof text, what, arguments);
    va_end(arguments);
    return ac_error_set(AC_E_FORMAT, "%s: %s%s%s %s", self->path, self->where,
                        *self->where && *key ? "." : "", key, text);
}

ac_status
ac_json_node_refuse_value(const ac_json_node *self, const char *key)
{
    char *value = json_dumps(json_object_get(self->object, key),
                             JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    const ac_status st = ac_json_node_refuse(self, key, "is %.120s, which is not supported",
                                             value ? value : "missing");

    free(value);
    return st;
}

bool
ac_json_node_absent(const ac_json_node *self, const char *key)
{
    const json_t *value = json_object_get(self->object, key);

    return !value || json_is_null(value);
}

/* Is this word among words with blanks between? */
static bool
is_among(const char *names, const char *word)
{
    const size_t n = strlen(word);

    for (const char *at = names; n && (at = strstr(at, word)); at += n)
        if ((at == names || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

ac_status
ac_json_node_known_keys(const ac_json_node *self, const char *names)
{
    json_t *object = (json_t *) (uintptr_t) self->object; /* the iterator's type */

    for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i))
        if (!is_among(names, json_object_iter_key(i)))
            return ac_json_node_refuse(self, json_object_iter_key(i),
                                       "is a key that is not supported");
    return AC_OK;
}

ac_status
ac_json_node_child(ac_json_node *out, const ac_json_node *self, const char *key, int64_t index)
{
    const json_t *value = json_object_get(self->object, key);
    char place[32] = "";

    if (index >= 0) {
        value = json_array_get(value, (size_t) index);
        snprintf(place, sizeof place, "[%lld]", (long long) index);
    }
    *out = (ac_json_node){ .object = value, .path = self->path };
    if (snprintf(out->where, sizeof out->where, "%s%s%s%s", self->where,
                 *self->where ? "." : "", key, place) >= (int) sizeof out->where)
        return ac_json_node_refuse(self, key, "lies too deep");
    if (!json_is_object(value))
        return ac_json_node_refuse(out, "", "is %s", value ? "not an object" : "missing");
    return AC_OK;
}

ac_status
ac_json_node_boolean_or(const ac_json_node *self, const char *key, bool fallback, bool *out)
{
    const json_t *value = json_object_get(self->object, key);

    *out = fallback;
    if (!value || json_is_null(value))
        return AC_OK;
    if (!json_is_boolean(value))
        return ac_json_node_refuse(self, key, "is neither true nor false");
    *out = json_is_true(value);
    return AC_OK;
}

ac_status
ac_json_node_boolean(const ac_json_node *self, const char *key, bool *out)
{
    *out = false;
    if (ac_json_node_absent(self, key))
        return ac_json_node_refuse(self, key, "is missing");
    return ac_json_node_boolean_or(self, key, false, out);
}

ac_status
ac_json_node_text(const ac_json_node *self, const char *key, const char **out)
{
    *out = json_string_value(json_object_get(self->object, key));
    if (!*out)
        return ac_json_node_refuse(self, key, "is %s",
                                   ac_json_node_absent(self, key) ? "missing" : "not a text");
    return AC_OK;
}

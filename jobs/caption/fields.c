#include "jobs/caption/fields.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/file/json_value.h"
#include "io/file/json_write.h"
#include "io/image/exif_fields.h"
#include "io/source/sample_name.h"

/* A name of a list that is kept as lines; false: the list is over. */
static bool
next_name(const char **at, const char **name, size_t *n)
{
    if (!*at || !**at)
        return false;
    *name = *at;
    *n = strcspn(*at, "\n");
    *at += *n + ((*at)[*n] == '\n');
    return true;
}

static bool
has_name(const char *list, const char *name, size_t n)
{
    const char *other;
    size_t m;

    while (next_name(&list, &other, &m))
        if (m == n && memcmp(other, name, n) == 0)
            return true;
    return false;
}

/* Is it one of captions.jsonl's own? */
static bool
is_ours(const char *name, size_t n)
{
    return has_name("key\ncaption\nclip_score\ntable\ncandidates\nevidence\nreviewed", name, n);
}

/* Was the name, which is one of the list's, in it before? */
static bool
is_repeated(const char *list, const char *name, size_t n)
{
    const char *other;
    size_t m;

    while (next_name(&list, &other, &m) && other < name)
        if (m == n && memcmp(other, name, n) == 0)
            return true;
    return false;
}

/* What a field is called in a line: one of a name of ours as the first of original_NAME,
 * original_original_NAME … that is no other field. */
static ac_status
line_name(ac_buffer *out, const ac_config *config, const char *name, size_t n)
{
    const char *original = "original_";
    ac_buffer full = { 0 };
    ac_status st = AC_OK;

    ac_buffer_reset(out);
    AC_TRY(ac_buffer_push(out, name, n));
    if (!is_ours(name, n))
        goto out;
    do {
        ac_buffer_reset(&full);
        ac_buffer_push_text(&full, original);
        AC_TRY(ac_buffer_push(&full, out->data, out->size));
        ac_buffer_reset(out);
        AC_TRY(ac_buffer_push(out, full.data, full.size));
    } while (has_name(config->output.metadata, full.data, full.size) ||
             has_name(config->output.exif, full.data, full.size));
out:
    ac_buffer_free(&full);
    return st;
}

bool
ac_fields_wanted(const ac_config *config)
{
    return config->output.metadata || config->output.exif;
}

ac_status
ac_fields_check(const ac_config *config)
{
    const char *at = config->output.exif, *name;
    size_t n;

    while (next_name(&at, &name, &n))
        if (!ac_exif_field_is(name, n))
            return ac_error_set(AC_E_ARG,
                                "output.exif: \"%.*s\" is none of the fields that are read: %s",
                                (int) n, name, ac_exif_field_names);
    return AC_OK;
}

/* ---- one image's ---- */

static const json_t *
member(const json_t *object, const char *name, size_t n)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *) (uintptr_t) object, key, value)
    {
        if (strlen(key) == n && memcmp(key, name, n) == 0)
            return value;
    }
    return NULL;
}

static ac_status
push_name(ac_buffer *out, const ac_config *config, const char *name, size_t n)
{
    ac_buffer full = { 0 };
    ac_status st = AC_OK;

    AC_TRY(line_name(&full, config, name, n));
    ac_buffer_push_text(out, out->size > 1 ? ", " : "");
    ac_json_string(out, full.data, full.size);
    st = ac_buffer_push_text(out, ": ");
out:
    ac_buffer_free(&full);
    return st;
}

ac_status
ac_fields_make(ac_buffer *out, const ac_config *config, const char *metadata, size_t n,
               const void *bytes, size_t size)
{
    json_t *object = n ? ac_json_parse_metadata(metadata, n) : NULL;
    const char *at = config->output.metadata, *name;
    size_t length;
    ac_status st = AC_OK;

    ac_buffer_reset(out);
    ac_buffer_push_char(out, '{');
    while (next_name(&at, &name, &length)) {
        if (is_repeated(config->output.metadata, name, length))
            continue;
        AC_TRY(push_name(out, config, name, length));
        AC_TRY(ac_json_push(out, member(object, name, length)));
    }
    for (at = config->output.exif; next_name(&at, &name, &length);) {
        if (has_name(config->output.metadata, name, length) ||
            is_repeated(config->output.exif, name, length))
            continue;
        AC_TRY(push_name(out, config, name, length));
        if (size)
            AC_TRY(ac_exif_push_field(out, bytes, size, name, length));
        else
            AC_TRY(ac_json_push(out, member(object, name, length)));
    }
    st = ac_buffer_push_char(out, '}');
out:
    json_decref(object);
    return st;
}

ac_status
ac_fields_names(const ac_config *config, ac_texts *names)
{
    const char *const lists[] = { config->output.metadata, config->output.exif };
    ac_buffer full = { 0 };
    ac_status st = AC_OK;

    for (int l = 0; l < 2; l++) {
        const char *at = lists[l], *name;
        size_t n;
        while (next_name(&at, &name, &n)) {
            if ((l == 1 && has_name(lists[0], name, n)) || is_repeated(lists[l], name, n))
                continue;
            AC_TRY(line_name(&full, config, name, n));
            AC_TRY(ac_texts_push(names, full.data, full.size));
        }
    }
out:
    ac_buffer_free(&full);
    return st;
}

ac_status
ac_fields_add_exif(ac_buffer *metadata, const ac_config *config, const void *bytes, size_t size)
{
    static const char *const none[] = { NULL };
    json_t *object =
        metadata->size ? ac_json_parse_metadata(metadata->data, metadata->size) : NULL;
    ac_buffer fields = { 0 }, value = { 0 }, made = { 0 };
    const char *at = config->output.exif, *name;
    size_t n;
    ac_status st = AC_OK;

    while (next_name(&at, &name, &n)) {
        ac_buffer_reset(&value);
        AC_TRY(ac_exif_push_field(&value, bytes, size, name, n));
        if (strcmp(value.data, "null") == 0 || member(object, name, n))
            continue;
        ac_buffer_push_text(&fields, fields.size ? ", " : "");
        ac_json_string(&fields, name, n);
        ac_buffer_push_text(&fields, ": ");
        AC_TRY(ac_buffer_push(&fields, value.data, value.size));
    }
    if (!fields.size)
        goto out;
    AC_TRY(ac_sample_json(metadata->data, metadata->size, &fields, none, &made));
    ac_buffer_reset(metadata);
    st = ac_buffer_push(metadata, made.data, made.size);
out:
    json_decref(object);
    ac_buffer_free(&fields);
    ac_buffer_free(&value);
    ac_buffer_free(&made);
    return st;
}

ac_status
ac_fields_push_plain(ac_buffer *out, const char *object, size_t size, const char *name,
                     size_t n)
{
    json_t *fields = ac_json_parse(object, size, 0, NULL);
    const json_t *value = member(fields, name, n);
    ac_status st = AC_OK;

    if (json_is_string(value))
        st = ac_buffer_push(out, json_string_value(value), json_string_length(value));
    else if (value && !json_is_null(value))
        st = ac_json_push(out, value);
    json_decref(fields);
    return st;
}

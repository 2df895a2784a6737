#include "io/source/sample_name.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/text.h"
#include "io/file/json_value.h"
#include "io/image/names.h"

const char ac_sample_key_field[] = "antarctic_key";

/* ---- names ---- */

static bool
is_dots(const char *part, size_t n)
{
    return (n == 1 && part[0] == '.') || (n == 2 && memcmp(part, "..", 2) == 0);
}

static void
push_encoded(ac_buffer *out, char c)
{
    ac_buffer_printf(out, "%%%02X", (unsigned) (unsigned char) c);
}

/* A component; is_base: the last one, is_first: the first. */
static void
push_part(ac_buffer *out, const char *part, size_t n, bool is_first, bool is_base)
{
    const bool meta = (is_first || is_base) && n >= 2 && memcmp(part, "__", 2) == 0,
               dots = is_dots(part, n);

    for (size_t i = 0; i < n; i++) {
        if ((meta && i == 0) || (part[i] == '.' && (is_base || dots)) || part[i] == '%')
            push_encoded(out, part[i]);
        else
            ac_buffer_push_char(out, part[i]);
    }
}

ac_status
ac_sample_name(const char *key, size_t n, ac_buffer *out)
{
    bool is_first = true;

    ac_buffer_reset(out);
    for (size_t at = 0; at <= n;) {
        const char *slash = at < n ? memchr(key + at, '/', n - at) : NULL;
        const size_t size = (slash ? (size_t) (slash - key) : n) - at;
        push_part(out, key + at, size, is_first, !slash);
        if (slash && at == 0 && size == 0)
            push_encoded(out, '/');
        else if (slash)
            ac_buffer_push_char(out, '/');
        is_first = false;
        at += size + 1;
    }
    return out->status;
}

static void
push_decoded(ac_buffer *out, const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char hex[3] = "";
        if (name[i] == '%' && i + 2 < n && isxdigit((unsigned char) name[i + 1]) &&
            isxdigit((unsigned char) name[i + 2])) {
            memcpy(hex, name + i + 1, 2);
            ac_buffer_push_char(out, (char) strtoul(hex, NULL, 16));
            i += 2;
        } else
            ac_buffer_push_char(out, name[i]);
    }
}

static bool
is_text(const ac_buffer *buffer, const char *text, size_t n)
{
    return buffer->size == n && (n == 0 || memcmp(buffer->data, text, n) == 0);
}

ac_status
ac_sample_key(const char *shown, const char *name, size_t n, ac_buffer *key)
{
    ac_buffer text = { 0 }, again = { 0 };
    bool same = false;
    ac_status st = AC_OK;

    ac_buffer_reset(key);
    if (strstr(shown, "\xef\xbf\xbd")) {
        push_decoded(key, name, n);
        AC_TRY(key->status);
        AC_TRY(ac_text_push_utf8(&text, key->data ? key->data : "", key->size));
        AC_TRY(ac_sample_name(key->data ? key->data : "", key->size, &again));
        same = is_text(&text, shown, strlen(shown)) && is_text(&again, name, n);
    }
    if (!same) {
        ac_buffer_reset(key);
        st = ac_buffer_push_text(key, shown);
    }
out:
    ac_buffer_free(&text);
    ac_buffer_free(&again);
    return st;
}

void
ac_sample_extension(const char *location, size_t n, const char *format, bool lower,
                    char out[16])
{
    static const char *const by_format[][2] = {
        { "JPEG", "jpg" },      { "PNG", "png" },     { "WebP", "webp" }, { "GIF", "gif" },
        { "BMP", "bmp" },       { "TIFF", "tif" },    { "AVIF", "avif" }, { "HEIC", "heic" },
        { "JPEG 2000", "jp2" }, { "JPEG XL", "jxl" },
    };
    size_t at = n;

    while (at > 0 && location[at - 1] != '.' && location[at - 1] != '/')
        at--;
    snprintf(out, 16, "x.%.*s", (int) (n - at), location + at);
    if (at > 0 && location[at - 1] == '.' && n - at < 12 && ac_image_name_is(out)) {
        memmove(out, out + 2, strlen(out + 2) + 1);
        for (char *c = out; lower && *c; c++)
            *c = (char) tolower((unsigned char) *c);
        return;
    }
    snprintf(out, 16, "img");
    for (size_t i = 0; i < sizeof by_format / sizeof *by_format; i++)
        if (strcmp(by_format[i][0], format) == 0)
            snprintf(out, 16, "%s", by_format[i][1]);
}

/* ---- json ---- */

static bool
has_any(const json_t *object, const char *const *names)
{
    for (; *names; names++)
        if (json_object_get(object, *names))
            return true;
    return json_object_get(object, ac_sample_key_field) != NULL;
}

/* Put members of other names in place of those that would be there twice. */
static ac_status
rename_members(json_t *object, const char *const *names, ac_buffer *text)
{
    json_object_del(object, ac_sample_key_field);
    for (; *names; names++) {
        char name[256];
        json_t *value = json_object_get(object, *names);
        snprintf(name, sizeof name, "original_%s", *names);
        while (value && json_object_get(object, name) && strlen(name) < sizeof name - 10) {
            memmove(name + 9, name, strlen(name) + 1); /* that one is somebody's already */
            memcpy(name, "original_", 9);
        }
        if (value && json_object_set(object, name, value) != 0)
            return ac_error_set(AC_E_NOMEM, "out of memory for metadata");
        json_object_del(object, *names);
    }
    return ac_json_push(text, object);
}

static bool
is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Length of the object [n] before the true key's member, where this is the last one, as
 * ac_webdataset's samples have it: what is left needs its brace. 0: it is not there so. */
static size_t
before_key(const char *text, size_t n)
{
    const size_t size = strlen(ac_sample_key_field) + 2;
    size_t end = n, at;

    while (end > 0 && is_white(text[end - 1]))
        end--;
    for (at = end; at-- > 0;)
        if (end - at > size && text[at] == '"' && text[at + size - 1] == '"' &&
            memcmp(text + at + 1, ac_sample_key_field, size - 2) == 0)
            break;
    if (at >= end || end - at < size + 5 || memcmp(text + at + size, ": \"", 3) != 0)
        return 0;
    for (size_t i = at + size + 3; i + 1 < end; i++) {
        if (text[i] == '\\')
            i++;
        else if (text[i] == '"')
            return i + 2 == end && text[i + 1] == '}' ? at : 0;
    }
    return 0;
}

ac_status
ac_sample_strip(ac_buffer *metadata)
{
    static const char *const none[] = { NULL };
    const ac_buffer no_fields = { 0 };
    size_t left = metadata->size ? before_key(metadata->data, metadata->size) : 0;
    ac_buffer made = { 0 };
    ac_status st = AC_OK;

    if (!metadata->size || !memmem(metadata->data, metadata->size, ac_sample_key_field,
                                   strlen(ac_sample_key_field)))
        return AC_OK;
    if (left > 0) {
        if (left > 2 && memcmp(metadata->data + left - 2, ", ", 2) == 0)
            left -= 2;
        metadata->size = left;
        while (left > 0 && is_white(metadata->data[left - 1]))
            left--;
        if (left == 1) /* nothing else came with the image */
            ac_buffer_reset(metadata);
        else
            st = ac_buffer_push_char(metadata, '}');
        return st;
    }
    AC_TRY(ac_sample_json(metadata->data, metadata->size, &no_fields, none, &made));
    ac_buffer_reset(metadata);
    st = ac_buffer_push(metadata, made.data, made.size);
out:
    ac_buffer_free(&made);
    return st;
}

ac_status
ac_sample_json(const char *metadata, size_t n, const ac_buffer *fields,
               const char *const *names, ac_buffer *out)
{
    json_t *object = n ? ac_json_parse_metadata(metadata, n) : NULL;
    ac_buffer text = { 0 };
    size_t end;
    ac_status st = AC_OK;

    if (!json_is_object(object)) {
        metadata = "{}";
        n = 2;
    } else if (has_any(object, names)) {
        AC_TRY(rename_members(object, names, &text));
        metadata = text.data;
        n = text.size;
    }
    for (end = n; end > 0 && metadata[end - 1] != '}';)
        end--; /* what follows the object is white space */
    ac_buffer_push(out, metadata, end - 1);
    for (end--; end > 0 && is_white(metadata[end - 1]);)
        end--;
    if (fields->size) {
        if (end > 0 && metadata[end - 1] != '{')
            ac_buffer_push_text(out, ", ");
        ac_buffer_push(out, fields->data, fields->size);
    }
    st = ac_buffer_push_char(out, '}');
out:
    json_decref(object);
    ac_buffer_free(&text);
    return st;
}

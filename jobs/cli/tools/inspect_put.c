/* What the kinds of `inspect` say with: values put into a JSON object. */
#include <string.h>

#include "io/file/checksum.h"
#include "jobs/cli/tools/inspect.h"

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

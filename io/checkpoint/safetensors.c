#include "io/checkpoint/safetensors.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/file/json_value.h"

enum { MAX_HEADER = 100000000, MOST_VALUES = 4000000 };

/* A value of two bytes takes a hundred in memory: the header is asked before it is parsed. A
 * tensor has eleven of these characters; those inside names count too, and are few. */
static bool
has_too_many_values(const unsigned char *header, size_t n)
{
    size_t values = 0;

    for (size_t i = 0; i < n; i++)
        values += header[i] == ',' || header[i] == '[' || header[i] == '{';
    return values > MOST_VALUES;
}

static bool
dtype_from_name(const char *name, ac_dtype *out)
{
    for (int d = AC_F32; d <= AC_BOOL; d++) {
        if (strcmp(name, ac_dtype_name((ac_dtype) d)) == 0) {
            *out = (ac_dtype) d;
            return true;
        }
    }
    return false;
}

static ac_status
read_shape(ac_tensor *t, const json_t *shape, const char *path, int64_t *count)
{
    size_t i;
    json_t *dimension;

    if (!json_is_array(shape) || json_array_size(shape) > AC_MAX_RANK)
        return ac_error_set(AC_E_FORMAT,
                            "%s: tensor \"%s\": shape is not a list of at most %d numbers",
                            path, t->name, AC_MAX_RANK);
    *count = 1;
    t->rank = (int) json_array_size(shape);
    json_array_foreach(shape, i, dimension)
    {
        json_int_t n = json_integer_value(dimension);
        if (!json_is_integer(dimension) || n < 0 ||
            __builtin_mul_overflow(*count, (int64_t) n, count))
            return ac_error_set(AC_E_FORMAT, "%s: tensor \"%s\": dimension %zu is not a size",
                                path, t->name, i);
        t->shape[i] = n;
    }
    return AC_OK;
}

/* One entry of the header. @param[out] begin, end  its bytes within the data */
static ac_status
read_entry(ac_tensor *t, const char *name, const json_t *entry, const char *path,
           int64_t data_bytes, int64_t *begin, int64_t *end)
{
    const json_t *offsets = json_object_get(entry, "data_offsets"),
                 *b = json_array_get(offsets, 0), *e = json_array_get(offsets, 1);
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    int64_t count = 0, bytes;
    ac_status st;

    t->name = name;
    if (!json_is_object(entry) || !dtype || json_object_size(entry) != 3)
        return ac_error_set(
            AC_E_FORMAT,
            "%s: tensor \"%s\": needs dtype, shape and data_offsets, and nothing else", path,
            name);
    if (!dtype_from_name(dtype, &t->dtype))
        return ac_error_set(AC_E_FORMAT,
                            "%s: tensor \"%s\": type \"%s\" is not known to this program", path,
                            name, dtype);
    if ((st = read_shape(t, json_object_get(entry, "shape"), path, &count)) != AC_OK)
        return st;
    if (json_array_size(offsets) != 2 || !json_is_integer(b) || !json_is_integer(e))
        return ac_error_set(AC_E_FORMAT, "%s: tensor \"%s\": data_offsets are not two numbers",
                            path, name);
    *begin = json_integer_value(b);
    *end = json_integer_value(e);
    if (*begin < 0 || *end < *begin || *end > data_bytes)
        return ac_error_set(AC_E_FORMAT,
                            "%s: tensor \"%s\": bytes %lld to %lld lie outside the %lld bytes "
                            "of data: is the file truncated?",
                            path, name, (long long) *begin, (long long) *end,
                            (long long) data_bytes);
    if (__builtin_mul_overflow(count, (int64_t) ac_dtype_bytes(t->dtype), &bytes) ||
        bytes != *end - *begin)
        return ac_error_set(AC_E_FORMAT,
                            "%s: tensor \"%s\": its shape and type do not fit its %lld bytes",
                            path, name, (long long) (*end - *begin));
    return AC_OK;
}

typedef struct span {
    int64_t begin, end;
} span;

static int
compare_span(const void *a, const void *b)
{
    const span *s = a, *t = b;

    if (s->begin != t->begin)
        return s->begin < t->begin ? -1 : 1;
    return s->end < t->end ? -1 : s->end > t->end;
}

/* The tensors lie one after the other, from the first byte to the last, without holes. */
static ac_status
check_spans(span *spans, int64_t n, int64_t data_bytes, const char *path)
{
    int64_t at = 0;

    qsort(spans, (size_t) n, sizeof *spans, compare_span);
    for (int64_t i = 0; i < n; i++) {
        if (spans[i].begin != at)
            return ac_error_set(AC_E_FORMAT,
                                "%s: bytes %lld to %lld of the data belong to %s tensor", path,
                                (long long) (spans[i].begin < at ? spans[i].begin : at),
                                (long long) (spans[i].begin < at ? at : spans[i].begin),
                                spans[i].begin < at ? "more than one" : "no");
        at = spans[i].end;
    }
    if (at != data_bytes)
        return ac_error_set(AC_E_FORMAT, "%s: %lld bytes at the end belong to no tensor", path,
                            (long long) (data_bytes - at));
    return AC_OK;
}

static int
compare_tensor(const void *a, const void *b)
{
    return strcmp(((const ac_tensor *) a)->name, ((const ac_tensor *) b)->name);
}

static ac_status
check_metadata(const json_t *metadata, const char *path)
{
    void *i;

    if (!json_is_object(metadata))
        return ac_error_set(AC_E_FORMAT, "%s: __metadata__ is not an object", path);
    for (i = json_object_iter((json_t *) metadata); i;
         i = json_object_iter_next((json_t *) metadata, i))
        if (!json_is_string(json_object_iter_value(i)))
            return ac_error_set(AC_E_FORMAT,
                                "%s: __metadata__ holds something that is not a text", path);
    return AC_OK;
}

static ac_status
read_header(ac_safetensors *self, json_t *header, const unsigned char *data, int64_t data_bytes)
{
    ac_status st = AC_OK;
    int64_t count = (int64_t) json_object_size(header), n = 0;
    span *spans = NULL;

    AC_TRY(ac_alloc(&self->items, count, sizeof *self->items));
    AC_TRY(ac_alloc(&spans, count, sizeof *spans));
    for (void *i = json_object_iter(header); i; i = json_object_iter_next(header, i)) {
        const char *key = json_object_iter_key(i);
        char *name = NULL;
        if (strcmp(key, "__metadata__") == 0) {
            AC_TRY(check_metadata(json_object_iter_value(i), self->path));
            continue;
        }
        AC_TRY(ac_duplicate(&name, key, strlen(key)));
        self->items[n].name = name;
        self->tensors.count = n + 1; /* so that it is freed whatever follows */
        AC_TRY(read_entry(&self->items[n], name, json_object_iter_value(i), self->path,
                          data_bytes, &spans[n].begin, &spans[n].end));
        self->items[n].data = data + spans[n].begin;
        n++;
    }
    AC_TRY(check_spans(spans, n, data_bytes, self->path));
    qsort(self->items, (size_t) n, sizeof *self->items, compare_tensor);
out:
    free(spans);
    return st;
}

ac_status
ac_safetensors_open(ac_safetensors *self, const char *path)
{
    ac_status st = AC_OK;
    uint64_t length = 0;
    json_t *header = NULL;
    json_error_t error;

    *self = (ac_safetensors){ 0 };
    AC_TRY(ac_map_open(&self->map, path));
    AC_TRY(ac_duplicate(&self->path, path, strlen(path)));
    if (self->map.size < 8)
        AC_FAIL(AC_E_FORMAT, "%s: %zu bytes are too few for a safetensors file", path,
                self->map.size);
    for (int i = 0; i < 8; i++)
        length |= (uint64_t) self->map.data[i] << (8 * i);
    if (length > MAX_HEADER || length > self->map.size - 8)
        AC_FAIL(AC_E_FORMAT,
                "%s: a header of %llu bytes does not fit the file (%zu bytes): truncated, or "
                "not a safetensors file",
                path, (unsigned long long) length, self->map.size);
    if (length == 0 || self->map.data[8] != '{')
        AC_FAIL(AC_E_FORMAT, "%s: the header does not begin with '{'", path);
    if (has_too_many_values(self->map.data + 8, (size_t) length))
        AC_FAIL(AC_E_FORMAT, "%s: a header of more than %d values: damaged, or made to do harm",
                path, MOST_VALUES);
    header = ac_json_parse((const char *) self->map.data + 8, (size_t) length,
                           JSON_REJECT_DUPLICATES, &error);
    if (!header)
        AC_FAIL(AC_E_FORMAT, "%s: header: %s at byte %d", path, error.text, error.position);
    AC_TRY(read_header(self, header, self->map.data + 8 + length,
                       (int64_t) (self->map.size - 8 - length)));
    self->tensors.items = self->items;
    self->tensors.source = self->path;
out:
    json_decref(header);
    if (st != AC_OK)
        ac_safetensors_close(self);
    return st;
}

ac_status
ac_safetensors_metadata(const ac_safetensors *self, const char *key, char **out)
{
    uint64_t length = 0;
    const char *value;
    json_t *header;
    ac_status st = AC_OK;

    *out = NULL;
    for (int i = 0; i < 8; i++) /* checked when the file was opened */
        length |= (uint64_t) self->map.data[i] << (8 * i);
    if (!(header = ac_json_parse((const char *) self->map.data + 8, (size_t) length, 0, NULL)))
        return ac_error_set(AC_E_NOMEM, "%s: the header cannot be read again", self->path);
    value = json_string_value(json_object_get(json_object_get(header, "__metadata__"), key));
    if (value)
        st = ac_duplicate(out, value, strlen(value));
    json_decref(header);
    return st;
}

void
ac_safetensors_close(ac_safetensors *self)
{
    for (int64_t i = 0; self->items && i < self->tensors.count; i++)
        free((void *) (uintptr_t) self->items[i].name);
    free(self->items);
    free(self->path);
    ac_map_close(&self->map);
    *self = (ac_safetensors){ 0 };
}

/* The container: every length is compared with what is left of the file before it is used. */
#include "io/checkpoint/gguf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/text/unicode.h"
#include "io/file/file_open.h"

enum {
    LEAST_PAIR = 13,   /* bytes: an empty key's length, a type, a byte */
    LEAST_TENSOR = 24, /* a name's length, dimensions, type, offset */
    LONGEST_NAME = 63, /* ggml's limit */
    MOST_DIMENSIONS = 4
};

/* Where the reader is; the first error sticks. */
typedef struct reader {
    const char *path;
    const unsigned char *data;
    size_t size, at;
    ac_status status;
} reader;

__attribute__((format(printf, 2, 3))) static void
refuse(reader *r, const char *format, ...)
{
    char what[400];
    va_list args;

    if (r->status != AC_OK)
        return;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    r->status = ac_error_set(AC_E_FORMAT, "%s: %s", r->path, what);
}

/* The next n bytes; NULL: the file ends before. */
static const unsigned char *
take(reader *r, uint64_t n, const char *what)
{
    const unsigned char *p = r->data ? r->data + r->at : NULL; /* of an empty file */

    if (r->status == AC_OK && n > r->size - r->at)
        refuse(r, "the file ends within %s: is it complete?", what);
    if (r->status != AC_OK)
        return NULL;
    r->at += (size_t) n;
    return p;
}

static uint32_t
take_u32(reader *r, const char *what)
{
    uint32_t x = 0;
    const unsigned char *p = take(r, sizeof x, what);

    if (p)
        memcpy(&x, p, sizeof x);
    return x;
}

static uint64_t
take_u64(reader *r, const char *what)
{
    uint64_t x = 0;
    const unsigned char *p = take(r, sizeof x, what);

    if (p)
        memcpy(&x, p, sizeof x);
    return x;
}

static const char *
take_string(reader *r, size_t *size, const char *what)
{
    const uint64_t n = take_u64(r, what);

    *size = (size_t) n;
    return (const char *) take(r, n, what);
}

/* ---- pairs ---- */

/* Bytes of a number; 0: a string, an array. */
static size_t
number_bytes(ac_gguf_type type)
{
    static const size_t bytes[AC_GGUF_TYPES] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };

    return bytes[type];
}

static ac_gguf_type
take_type(reader *r, const char *what)
{
    const uint32_t type = take_u32(r, what);

    if (type >= AC_GGUF_TYPES)
        refuse(r, "%s has type %u, which GGUF does not have", what, type);
    return r->status == AC_OK ? (ac_gguf_type) type : AC_GGUF_U8;
}

static void
take_array(reader *r, ac_gguf_pair *p, const char *what)
{
    size_t each, unused;

    p->element = take_type(r, what);
    if (p->element == AC_GGUF_ARRAY)
        refuse(r, "%s is an array of arrays, which this program does not read", what);
    p->count = take_u64(r, what);
    if (r->status != AC_OK)
        return;
    each = p->element == AC_GGUF_STRING ? 8 : number_bytes(p->element);
    if (p->count > (r->size - r->at) / each) {
        refuse(r, "%s has %llu elements, but the file ends before: is it complete?", what,
               (unsigned long long) p->count);
        return;
    }
    p->data = r->data + r->at;
    if (p->element == AC_GGUF_STRING)
        for (uint64_t i = 0; i < p->count && r->status == AC_OK; i++)
            take_string(r, &unused, what);
    else
        take(r, p->count * each, what);
}

static void
take_value(reader *r, ac_gguf_pair *p, const char *what)
{
    size_t begin, unused;

    p->type = take_type(r, what);
    p->count = 1;
    p->data = r->data + r->at;
    if (p->type == AC_GGUF_STRING)
        take_string(r, &unused, what);
    else if (p->type == AC_GGUF_ARRAY)
        take_array(r, p, what);
    else
        take(r, number_bytes(p->type), what);
    if (r->status != AC_OK)
        return;
    begin = (size_t) (p->data - r->data);
    p->size = r->at - begin;
}

static int
compare_keys(const void *a, const void *b)
{
    const ac_gguf_pair *p = a, *q = b;
    const size_t n = p->key_size < q->key_size ? p->key_size : q->key_size;
    const int order = memcmp(p->key, q->key, n);

    return order ? order : (p->key_size > q->key_size) - (p->key_size < q->key_size);
}

static ac_status
read_pairs(ac_gguf *self, reader *r, uint64_t count)
{
    ac_status st = ac_alloc(&self->pairs, (int64_t) count, sizeof *self->pairs);

    if (st != AC_OK)
        return st;
    for (uint64_t i = 0; i < count && r->status == AC_OK; i++) {
        ac_gguf_pair *p = &self->pairs[i];
        char what[120];
        snprintf(what, sizeof what, "the key of pair %llu", (unsigned long long) i);
        p->key = take_string(r, &p->key_size, what);
        if (r->status != AC_OK)
            break;
        if (p->key_size == 0 || ac_utf8_check(p->key, p->key_size) != AC_OK)
            refuse(r, "%s is empty or not UTF-8", what);
        snprintf(what, sizeof what, "the value of \"%.*s\"",
                 (int) (p->key_size < 80 ? p->key_size : 80), p->key);
        take_value(r, p, what);
        self->pair_count++;
    }
    if (r->status == AC_OK && count)
        qsort(self->pairs, (size_t) count, sizeof *self->pairs, compare_keys);
    for (uint64_t i = 1; i < count && r->status == AC_OK; i++)
        if (compare_keys(&self->pairs[i - 1], &self->pairs[i]) == 0)
            refuse(r, "the key \"%.*s\" is there twice", (int) self->pairs[i].key_size,
                   self->pairs[i].key);
    return r->status;
}

/* ---- tensors ---- */

/* What is known of a tensor before the data's place is. */
typedef struct entry {
    uint64_t offset, bytes;
    const char *name;
} entry;

/* The name, copied into self->names at `next`. */
static char *
take_name(reader *r, char *next, const char *what)
{
    size_t size;
    const char *name = take_string(r, &size, what);

    if (r->status != AC_OK)
        return next;
    if (size == 0 || size > LONGEST_NAME || memchr(name, 0, size) ||
        ac_utf8_check(name, size) != AC_OK) {
        refuse(r, "%s is empty, longer than %d bytes, or not UTF-8", what, LONGEST_NAME);
        return next;
    }
    memcpy(next, name, size);
    next[size] = '\0';
    return next + size + 1;
}

/* Dimensions come with the row's length first. *elements: their product. */
static void
take_dimensions(reader *r, ac_tensor *t, uint64_t *elements)
{
    const uint32_t n = take_u32(r, t->name);

    *elements = 1;
    if (r->status == AC_OK && (n < 1 || n > MOST_DIMENSIONS))
        refuse(r, "tensor \"%s\" has %u dimensions; 1 to %d can be", t->name, n,
               MOST_DIMENSIONS);
    if (r->status != AC_OK)
        return;
    t->rank = (int) n;
    for (int i = t->rank - 1; i >= 0; i--) {
        const uint64_t d = take_u64(r, t->name);
        if (r->status != AC_OK)
            return;
        if (d == 0 || d > INT64_MAX || *elements > INT64_MAX / 16 / d) {
            refuse(r, "tensor \"%s\" has no elements, or more than can be counted", t->name);
            return;
        }
        t->shape[i] = (int64_t) d;
        *elements *= d;
    }
}

static void
take_tensor(reader *r, ac_gguf *self, int64_t i, entry *e)
{
    ac_tensor *t = &self->items[i];
    const ac_gguf_format *format;
    uint64_t elements;
    uint32_t id;

    take_dimensions(r, t, &elements);
    id = take_u32(r, t->name);
    e->offset = take_u64(r, t->name);
    e->name = t->name;
    if (r->status != AC_OK)
        return;
    format = ac_gguf_format_find(id);
    if (!format) {
        refuse(r, "tensor \"%s\" has type %u, which GGUF does not have", t->name, id);
        return;
    }
    if (t->shape[t->rank - 1] % format->elements)
        refuse(r, "tensor \"%s\": rows of %lld are no whole blocks of %lld (%s)", t->name,
               (long long) t->shape[t->rank - 1], (long long) format->elements, format->name);
    t->dtype = format->dtype;
    t->form = format->form.read ? &format->form : NULL;
    self->formats[i] = format->name;
    e->bytes = elements / (uint64_t) format->elements * format->bytes;
}

static int
compare_offsets(const void *a, const void *b)
{
    const entry *p = a, *q = b;

    return (p->offset > q->offset) - (p->offset < q->offset);
}

/* Tensors' data: within the file, aligned, apart from each other. */
static void
place_data(reader *r, ac_gguf *self, entry *entries, int64_t alignment)
{
    const uint64_t step = (uint64_t) alignment,
                   start = ((uint64_t) r->at + step - 1) / step * step;
    const int64_t n = self->tensors.count;

    for (int64_t i = 0; i < n; i++) {
        const entry *e = &entries[i];
        if (e->offset % step)
            refuse(r, "tensor \"%s\" begins at %llu, which is no multiple of %lld", e->name,
                   (unsigned long long) e->offset, (long long) alignment);
        else if (start > r->size || e->offset > r->size - start ||
                 e->bytes > r->size - start - e->offset)
            refuse(r, "tensor \"%s\" passes the file's end: is the file complete?", e->name);
        if (r->status != AC_OK)
            return;
        self->items[i].data = r->data + start + e->offset;
    }
    if (n)
        qsort(entries, (size_t) n, sizeof *entries, compare_offsets);
    for (int64_t i = 1; i < n; i++)
        if (entries[i].offset < entries[i - 1].offset + entries[i - 1].bytes)
            refuse(r, "the tensors \"%s\" and \"%s\" overlap", entries[i - 1].name,
                   entries[i].name);
}

/* A tensor with its format, to be sorted. */
typedef struct row {
    ac_tensor tensor;
    const char *format;
} row;

static int
compare_rows(const void *a, const void *b)
{
    return strcmp(((const row *) a)->tensor.name, ((const row *) b)->tensor.name);
}

static ac_status
sort_tensors(reader *r, ac_gguf *self)
{
    const int64_t n = self->tensors.count;
    row *rows;
    ac_status st = ac_alloc(&rows, n, sizeof *rows);

    if (st != AC_OK)
        return st;
    for (int64_t i = 0; i < n; i++)
        rows[i] = (row){ self->items[i], self->formats[i] };
    if (n)
        qsort(rows, (size_t) n, sizeof *rows, compare_rows);
    for (int64_t i = 0; i < n; i++) {
        self->items[i] = rows[i].tensor;
        self->formats[i] = rows[i].format;
        if (i && compare_rows(&rows[i - 1], &rows[i]) == 0)
            refuse(r, "tensor \"%s\" is there twice", rows[i].tensor.name);
    }
    free(rows);
    return r->status;
}

static ac_status
read_tensors(ac_gguf *self, reader *r, uint64_t count)
{
    const ac_gguf_pair *said = ac_gguf_find(self, "general.alignment");
    uint32_t alignment = 32;
    entry *entries = NULL;
    char *next;
    ac_status st = AC_OK;

    if (said && said->type == AC_GGUF_U32)
        memcpy(&alignment, said->data, sizeof alignment);
    if ((said && said->type != AC_GGUF_U32) || alignment == 0 || alignment & (alignment - 1))
        return ac_error_set(AC_E_FORMAT, "%s: general.alignment is not a power of two",
                            r->path);
    AC_TRY(ac_alloc(&self->items, (int64_t) count, sizeof *self->items));
    AC_TRY(ac_alloc(&self->formats, (int64_t) count, sizeof *self->formats));
    AC_TRY(ac_alloc(&entries, (int64_t) count, sizeof *entries));
    AC_TRY(ac_alloc(&self->names, (int64_t) count, LONGEST_NAME + 1));
    next = self->names;
    for (uint64_t i = 0; i < count && r->status == AC_OK; i++) {
        char what[64];
        snprintf(what, sizeof what, "the name of tensor %llu", (unsigned long long) i);
        self->items[i].name = next;
        next = take_name(r, next, what);
        if (r->status == AC_OK)
            take_tensor(r, self, (int64_t) i, &entries[i]);
    }
    AC_TRY(r->status);
    self->tensors = (ac_tensors){ self->items, (int64_t) count, self->path };
    place_data(r, self, entries, alignment);
    AC_TRY(r->status);
    st = sort_tensors(r, self);
out:
    free(entries);
    return st;
}

/* ---- the file ---- */

static ac_status
read_all(ac_gguf *self, reader *r)
{
    const unsigned char *magic = take(r, 4, "the first four bytes");
    uint64_t tensors, pairs;
    ac_status st = AC_OK;

    if (magic && memcmp(magic, "GGUF", 4) != 0)
        refuse(r, "is no GGUF file");
    self->version = take_u32(r, "the version");
    if (r->status == AC_OK && self->version && self->version % 65536 == 0)
        refuse(r, "was written on a big-endian machine, which this program does not read");
    if (r->status == AC_OK && self->version != 3 && self->version != 2)
        refuse(r, "is GGUF of version %u; this program reads version 3", self->version);
    tensors = take_u64(r, "the number of tensors");
    pairs = take_u64(r, "the number of pairs");
    if (r->status == AC_OK &&
        (tensors > r->size / LEAST_TENSOR || pairs > r->size / LEAST_PAIR))
        refuse(r, "says that it has %llu tensors and %llu pairs, for which it is too short",
               (unsigned long long) tensors, (unsigned long long) pairs);
    AC_TRY(r->status);
    AC_TRY(read_pairs(self, r, pairs));
    st = read_tensors(self, r, tensors);
out:
    return st;
}

ac_status
ac_gguf_open(ac_gguf *self, const char *path)
{
    reader r = { .path = path };
    ac_status st = AC_OK;

    *self = (ac_gguf){ 0 };
    AC_TRY(ac_duplicate(&self->path, path, strlen(path)));
    AC_TRY(ac_map_open(&self->map, path));
    r.data = self->map.data;
    r.size = self->map.size;
    st = read_all(self, &r);
out:
    if (st != AC_OK)
        ac_gguf_close(self);
    return st;
}

void
ac_gguf_close(ac_gguf *self)
{
    free(self->items);
    free(self->formats);
    free(self->names);
    free(self->pairs);
    free(self->path);
    ac_map_close(&self->map);
    *self = (ac_gguf){ 0 };
}

bool
ac_gguf_is(const char *path)
{
    return ac_file_begins(path, "GGUF", 4);
}

ac_status
ac_gguf_check_formats(const ac_gguf *self)
{
    for (int64_t i = 0; i < self->tensors.count; i++)
        if (self->items[i].dtype == AC_F32 && !self->items[i].form &&
            strcmp(self->formats[i], "F32") != 0)
            return ac_error_set(AC_E_FORMAT,
                                "%s: tensor \"%s\" has type %s, which this program does not "
                                "read (it reads F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, "
                                "Q2_K to Q6_K, IQ4_NL)",
                                self->path, self->items[i].name, self->formats[i]);
    return AC_OK;
}

/* ---- values ---- */

const ac_gguf_pair *
ac_gguf_find(const ac_gguf *self, const char *key)
{
    const ac_gguf_pair wanted = { .key = key, .key_size = strlen(key) };

    if (!self->pair_count)
        return NULL;
    return bsearch(&wanted, self->pairs, (size_t) self->pair_count, sizeof *self->pairs,
                   compare_keys);
}

/* A whole number's value; false: it is none, or none of int64's. */
static bool
whole(ac_gguf_type type, const unsigned char *p, int64_t *out)
{
    uint64_t bits = 0;
    const size_t n = number_bytes(type);

    if (n == 0 || type == AC_GGUF_F32 || type == AC_GGUF_F64 || type == AC_GGUF_BOOL)
        return false;
    memcpy(&bits, p, n);
    switch (type) {
    case AC_GGUF_I8: *out = (int8_t) bits; return true;
    case AC_GGUF_I16: *out = (int16_t) bits; return true;
    case AC_GGUF_I32: *out = (int32_t) bits; return true;
    case AC_GGUF_I64: *out = (int64_t) bits; return true;
    default: *out = (int64_t) bits; return bits <= INT64_MAX;
    }
}

bool
ac_gguf_number(const ac_gguf_pair *pair, uint64_t i, double *out)
{
    const ac_gguf_type type = pair->type == AC_GGUF_ARRAY ? pair->element : pair->type;
    const size_t n = number_bytes(type);
    const unsigned char *p = pair->data + i * n;
    int64_t number;
    float single;

    if (n == 0 || i >= pair->count)
        return false;
    if (type == AC_GGUF_F64) {
        memcpy(out, p, sizeof *out);
    } else if (type == AC_GGUF_F32) {
        memcpy(&single, p, sizeof single);
        *out = (double) single;
    } else if (type == AC_GGUF_BOOL) {
        *out = *p != 0;
    } else {
        if (!whole(type, p, &number))
            return false;
        *out = (double) number;
    }
    return true;
}

ac_status
ac_gguf_whole(const ac_gguf *self, const char *key, int64_t fallback, int64_t least,
              int64_t most, int64_t *out)
{
    const ac_gguf_pair *p = ac_gguf_find(self, key);

    *out = fallback;
    if (!p)
        return fallback >= least
                   ? AC_OK
                   : ac_error_set(AC_E_FORMAT, "%s: has no key \"%s\"", self->path, key);
    if (!whole(p->type, p->data, out) || *out < least || *out > most)
        return ac_error_set(AC_E_FORMAT,
                            "%s: the value of \"%s\" is not a whole number from %lld to %lld",
                            self->path, key, (long long) least, (long long) most);
    return AC_OK;
}

ac_status
ac_gguf_real(const ac_gguf *self, const char *key, double fallback, double *out)
{
    const ac_gguf_pair *p = ac_gguf_find(self, key);

    *out = fallback;
    if (!p)
        return isnan(fallback)
                   ? ac_error_set(AC_E_FORMAT, "%s: has no key \"%s\"", self->path, key)
                   : AC_OK;
    if (p->type == AC_GGUF_ARRAY || p->type == AC_GGUF_BOOL || !ac_gguf_number(p, 0, out) ||
        !isfinite(*out))
        return ac_error_set(AC_E_FORMAT, "%s: the value of \"%s\" is not a finite number",
                            self->path, key);
    return AC_OK;
}

ac_status
ac_gguf_truth(const ac_gguf *self, const char *key, bool fallback, bool *out)
{
    const ac_gguf_pair *p = ac_gguf_find(self, key);

    *out = fallback;
    if (!p)
        return AC_OK;
    if (p->type != AC_GGUF_BOOL)
        return ac_error_set(AC_E_FORMAT, "%s: the value of \"%s\" is neither true nor false",
                            self->path, key);
    *out = *p->data != 0;
    return AC_OK;
}

ac_status
ac_gguf_text(const ac_gguf *self, const char *key, char **out)
{
    const ac_gguf_pair *p = ac_gguf_find(self, key);

    *out = NULL;
    if (!p)
        return AC_OK;
    if (p->type != AC_GGUF_STRING || memchr(p->data + 8, 0, p->size - 8))
        return ac_error_set(AC_E_FORMAT, "%s: the value of \"%s\" is not a text", self->path,
                            key);
    return ac_duplicate(out, (const char *) p->data + 8, p->size - 8);
}

const char *
ac_gguf_next_string(const ac_gguf_pair *pair, size_t *at, size_t *size)
{
    const unsigned char *p = pair->data + *at;
    uint64_t n;

    memcpy(&n, p, sizeof n);
    *size = (size_t) n;
    *at += sizeof n + *size;
    return (const char *) p + sizeof n;
}

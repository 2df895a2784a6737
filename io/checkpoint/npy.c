#include "io/checkpoint/npy.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/memory.h"
#include "io/file/text_file.h"

enum { MAX_HEADER = 1 << 20 };

/* What the header's Python dict says. */
typedef struct header {
    ac_dtype dtype;
    bool swapped, fortran;
    int rank;
    int64_t shape[AC_MAX_RANK];
    bool has_descr, has_order, has_shape;
} header;

/* A cursor over the header's text. */
typedef struct cursor {
    const char *p, *end;
} cursor;

static void
skip_space(cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\t'))
        c->p++;
}

static bool
take(cursor *c, char what)
{
    skip_space(c);
    if (c->p == c->end || *c->p != what)
        return false;
    c->p++;
    return true;
}

/* A quoted word without escapes. */
static bool
take_text(cursor *c, char *out, size_t room)
{
    char quote;
    size_t n = 0;

    skip_space(c);
    if (c->p == c->end || (*c->p != '\'' && *c->p != '"'))
        return false;
    quote = *c->p++;
    while (c->p < c->end && *c->p != quote && n + 1 < room)
        out[n++] = *c->p++;
    out[n] = '\0';
    return take(c, quote);
}

static bool
take_word(cursor *c, const char *word)
{
    const size_t n = strlen(word);

    skip_space(c);
    if ((size_t) (c->end - c->p) < n || memcmp(c->p, word, n) != 0)
        return false;
    c->p += n;
    return true;
}

static bool
parse_descr(header *h, const char *descr)
{
    static const struct {
        const char *name;
        ac_dtype dtype;
    } all[] = {
        { "f2", AC_F16 }, { "f4", AC_F32 }, { "f8", AC_F64 }, { "i1", AC_I8 },
        { "i2", AC_I16 }, { "i4", AC_I32 }, { "i8", AC_I64 }, { "u1", AC_U8 },
        { "u2", AC_U16 }, { "u4", AC_U32 }, { "u8", AC_U64 }, { "b1", AC_BOOL },
    };

    if (!strchr("<>|=", descr[0]) || descr[0] == '\0')
        return false;
    h->swapped = descr[0] == '>';
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(descr + 1, all[i].name) == 0) {
            h->dtype = all[i].dtype;
            return true;
        }
    }
    return false;
}

static bool
parse_shape(header *h, cursor *c)
{
    if (!take(c, '('))
        return false;
    h->rank = 0;
    while (!take(c, ')')) {
        int64_t n = 0;
        bool digits = false;
        skip_space(c);
        for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++, digits = true)
            if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *c->p - '0', &n))
                return false;
        if (!digits || h->rank == AC_MAX_RANK)
            return false;
        h->shape[h->rank++] = n;
        if (!take(c, ',')) {
            if (!take(c, ')'))
                return false;
            return h->rank != 1; /* (3) is a number, not a tuple */
        }
    }
    return true;
}

static ac_status
parse_header(header *h, cursor c, const char *path)
{
    char key[32] = "", descr[32];

    if (!take(&c, '{'))
        return ac_error_set(AC_E_FORMAT, "%s: the header is not a Python dict", path);
    while (!take(&c, '}')) {
        bool good = take_text(&c, key, sizeof key) && take(&c, ':');
        if (good && strcmp(key, "descr") == 0) {
            if (!take_text(&c, descr, sizeof descr) || !parse_descr(h, descr))
                return ac_error_set(AC_E_FORMAT,
                                    "%s: its values are of a type that is not supported "
                                    "(numbers and booleans are)",
                                    path);
            h->has_descr = true;
        } else if (good && strcmp(key, "fortran_order") == 0) {
            h->fortran = take_word(&c, "True");
            good = h->fortran || take_word(&c, "False");
            h->has_order = true;
        } else if (good && strcmp(key, "shape") == 0) {
            good = parse_shape(h, &c);
            h->has_shape = true;
        } else {
            good = false;
        }
        if (!good)
            return ac_error_set(AC_E_FORMAT,
                                "%s: the header's entry \"%.20s\" is not as it must be", path,
                                key);
        if (!take(&c, ',')) {
            if (!take(&c, '}'))
                return ac_error_set(AC_E_FORMAT, "%s: the header's dict does not end", path);
            break;
        }
    }
    skip_space(&c);
    if (c.p != c.end || !h->has_descr || !h->has_order || !h->has_shape)
        return ac_error_set(
            AC_E_FORMAT,
            "%s: the header needs descr, fortran_order and shape, and nothing else", path);
    return AC_OK;
}

static ac_status
find_header(const ac_map *map, cursor *c, size_t *data, const char *path)
{
    size_t length, at;

    if (map->size < 10 || memcmp(map->data, "\x93NUMPY", 6) != 0)
        return ac_error_set(AC_E_FORMAT, "%s: not a .npy file", path);
    if (map->data[6] < 1 || map->data[6] > 3)
        return ac_error_set(AC_E_FORMAT, "%s: .npy version %d is not supported", path,
                            map->data[6]);
    at = map->data[6] == 1 ? 10 : 12;
    if (map->size < at)
        return ac_error_set(AC_E_FORMAT, "%s: truncated in its header", path);
    length = (size_t) map->data[8] | (size_t) map->data[9] << 8;
    if (at == 12)
        length |= (size_t) map->data[10] << 16 | (size_t) map->data[11] << 24;
    if (length > MAX_HEADER || length > map->size - at)
        return ac_error_set(AC_E_FORMAT, "%s: a header of %zu bytes does not fit: truncated?",
                            path, length);
    *c = (cursor){ (const char *) map->data + at, (const char *) map->data + at + length };
    *data = at + length;
    return AC_OK;
}

/* Bytes of one value reversed where the file is big-endian; Fortran order put into C order. */
static void
rearrange(unsigned char *y, const unsigned char *x, const header *h, int64_t count)
{
    const size_t item = ac_dtype_bytes(h->dtype);
    int64_t index[AC_MAX_RANK] = { 0 };

    for (int64_t i = 0; i < count; i++) {
        int64_t from = i;
        if (h->fortran) {
            int64_t stride = 1;
            from = 0;
            for (int d = 0; d < h->rank; d++) {
                from += index[d] * stride;
                stride *= h->shape[d];
            }
        }
        for (size_t b = 0; b < item; b++)
            y[(size_t) i * item + b] =
                x[(size_t) from * item + (h->swapped ? item - 1 - b : b)];
        for (int d = h->rank - 1; d >= 0 && ++index[d] == h->shape[d]; d--)
            index[d] = 0;
    }
}

ac_status
ac_npy_describe(ac_tensor *out, const unsigned char *bytes, size_t n, const char *path)
{
    const ac_map map = { bytes, n };
    header h = { 0 };
    cursor c = { 0 };
    size_t data;
    ac_status st = AC_OK;

    AC_TRY(find_header(&map, &c, &data, path));
    AC_TRY(parse_header(&h, c, path));
    *out = (ac_tensor){ .name = "npy", .dtype = h.dtype, .rank = h.rank };
    memcpy(out->shape, h.shape, sizeof h.shape);
out:
    return st;
}

/* self->map is open, or has bytes that are another's. */
static ac_status
read_array(ac_npy *self, const char *path)
{
    ac_status st = AC_OK;
    header h = { 0 };
    cursor c = { 0 };
    size_t data = 0, item;
    int64_t count = 1, bytes;

    AC_TRY(find_header(&self->map, &c, &data, path));
    AC_TRY(parse_header(&h, c, path));
    item = ac_dtype_bytes(h.dtype);
    for (int d = 0; d < h.rank; d++)
        if (__builtin_mul_overflow(count, h.shape[d], &count))
            AC_FAIL(AC_E_FORMAT, "%s: its shape is larger than any memory", path);
    if (__builtin_mul_overflow(count, (int64_t) item, &bytes) ||
        (uint64_t) bytes > self->map.size - data)
        AC_FAIL(
            AC_E_FORMAT,
            "%s: its shape needs more than the %zu bytes of data that are there: truncated?",
            path, self->map.size - data);
    if ((uint64_t) bytes != self->map.size - data)
        AC_FAIL(AC_E_FORMAT, "%s: %zu bytes more than its shape says", path,
                self->map.size - data - (size_t) bytes);
    self->tensor = (ac_tensor){
        .name = "npy", .dtype = h.dtype, .rank = h.rank, .data = self->map.data + data
    };
    memcpy(self->tensor.shape, h.shape, sizeof h.shape);
    if ((h.swapped && item > 1) || (h.fortran && h.rank > 1)) {
        AC_TRY(ac_alloc_aligned(&self->owned, bytes, 1));
        rearrange(self->owned, self->map.data + data, &h, count);
        self->tensor.data = self->owned;
    }
out:
    return st;
}

ac_status
ac_npy_open(ac_npy *self, const char *path)
{
    ac_status st;

    *self = (ac_npy){ 0 };
    st = ac_map_open(&self->map, path);
    if (st == AC_OK)
        st = read_array(self, path);
    if (st != AC_OK)
        ac_npy_close(self);
    return st;
}

ac_status
ac_npy_open_bytes(ac_npy *self, const unsigned char *bytes, size_t n, const char *path)
{
    ac_status st;

    *self = (ac_npy){ .map = { bytes, n } };
    st = read_array(self, path);
    self->map = (ac_map){ 0 };
    if (st != AC_OK)
        ac_npy_close(self);
    return st;
}

void
ac_npy_close(ac_npy *self)
{
    free(self->owned);
    ac_map_close(&self->map);
    *self = (ac_npy){ 0 };
}

ac_status
ac_npy_begin(ac_text_file *file, const char *path, ac_dtype dtype, int rank,
             const int64_t *shape)
{
    static const char *const names[] = { "<f4", "<f8", "<f2", NULL,  "|i1", "<i2", "<i4",
                                         "<i8", "|u1", "<u2", "<u4", "<u8", "|b1" };
    ac_buffer h = { 0 };
    ac_status st = AC_OK;
    size_t length;

    AC_CHECK(names[dtype]);
    ac_buffer_printf(&h, "{'descr': '%s', 'fortran_order': False, 'shape': (", names[dtype]);
    for (int d = 0; d < rank; d++)
        ac_buffer_printf(&h, "%lld,%s", (long long) shape[d], d + 1 < rank ? " " : "");
    ac_buffer_push_text(&h, "), }");
    while ((10 + h.size + 1) % 64)
        ac_buffer_push_char(&h, ' ');
    AC_TRY(ac_buffer_push_char(&h, '\n'));
    length = h.size;
    AC_TRY(ac_text_file_create(file, path));
    ac_text_file_write(file, "\x93NUMPY\x01\x00", 8);
    ac_text_file_write(file, (char[]){ (char) (length & 255), (char) (length >> 8) }, 2);
    ac_text_file_write(file, h.data, h.size);
out:
    ac_buffer_free(&h);
    return st;
}

ac_status
ac_npy_save(const char *path, ac_dtype dtype, int rank, const int64_t *shape, const void *data)
{
    ac_text_file f = { 0 };
    ac_status st = AC_OK;
    int64_t count = 1;

    for (int d = 0; d < rank; d++)
        count *= shape[d];
    AC_TRY(ac_npy_begin(&f, path, dtype, rank, shape));
    ac_text_file_write(&f, data, (size_t) count * ac_dtype_bytes(dtype));
    st = ac_text_file_commit(&f);
out:
    ac_text_file_abandon(&f);
    return st;
}

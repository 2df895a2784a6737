/* Headers of datasets and attributes, and the index of chunks: a B-tree of version 1. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/hdf5/h5_packing.h"
#include "io/hdf5/h5_raw.h"

enum {
    NODE_HEAD = 24,
    MOST_LEVEL = 8,
    LAYOUT_COMPACT = 0,
    LAYOUT_CONTIGUOUS = 1,
    LAYOUT_CHUNKED = 2,
    LAYOUT_VIRTUAL = 3,
    INTEGERS = 0,
    FLOATS = 1,
    TEXTS = 3,
    VARYING = 9,
    COLLECTION_HEAD = 16,
    MOST_COLLECTION = 1 << 26
};

typedef struct dataset {
    ac_h5_raw *raw;
    int seen;               /* a bit per type of message */
    int rank, layout, keys; /* keys: sides of a chunk, and the element's bytes */
    int64_t dims[AC_MAX_RANK], sides[AC_MAX_RANK + 1], element;
    uint64_t root;
    int64_t chunks, found;
    int64_t before[AC_MAX_RANK]; /* where the chunk lies that the index named last */
    ac_h5_packing packing;
} dataset;

/* ---- messages ---- */

/* Bytes that the dataspace takes; -1: damaged. Simple or scalar ones alone. */
static int64_t
read_space(const unsigned char *m, size_t n, int *rank, int64_t *dims)
{
    const size_t head = n > 0 && m[0] == 1 ? 8 : 4;
    const size_t sides = n >= 4 && (m[2] & 1) ? 2 : 1;

    if (n < head || (m[0] != 1 && m[0] != 2) || m[1] > AC_MAX_RANK || (m[2] & ~1) != 0 ||
        (m[0] == 2 && m[3] > 1) || n < head + 8 * sides * m[1])
        return -1;
    *rank = m[1];
    for (int i = 0; i < *rank; i++) {
        const uint64_t side = ac_h5_raw_number(m + head + 8 * (size_t) i, 8);
        if (side > INT64_MAX)
            return -1;
        dims[i] = (int64_t) side;
    }
    return (int64_t) (head + 8 * sides * (size_t) *rank);
}

static ac_status
check_type(const ac_h5_raw *raw, const unsigned char *m, size_t n, int64_t *element)
{
    const int kind = n >= 8 ? m[0] & 15 : -1, version = n >= 8 ? m[0] >> 4 : 0;
    const size_t needed = kind == INTEGERS ? 12 : kind == FLOATS ? 20 : 8;

    if (kind == VARYING)
        return ac_h5_raw_refuse(raw, "holds texts of varying length, which lie elsewhere");
    if (n >= 8 && kind != INTEGERS && kind != FLOATS && kind != TEXTS)
        return ac_h5_raw_refuse(raw, "holds neither numbers nor texts");
    if (n < needed || version < 1 || version > 3)
        return ac_h5_raw_damaged(raw, "type");
    *element = (int64_t) ac_h5_raw_number(m + 4, 4);
    if (*element < 1 || (kind != TEXTS && *element > 16))
        return ac_h5_raw_damaged(raw, "type");
    if (kind != TEXTS &&
        (ac_h5_raw_number(m + 8, 2) + ac_h5_raw_number(m + 10, 2) > 8 * (uint64_t) *element ||
         ac_h5_raw_number(m + 10, 2) == 0))
        return ac_h5_raw_damaged(raw, "type");
    return AC_OK;
}

static ac_status
check_fill(const ac_h5_raw *raw, const unsigned char *m, size_t n)
{
    if (n < 2 || (m[0] != 2 && m[0] != 3))
        return ac_h5_raw_damaged(raw, "fill value");
    if (m[0] == 3 && (m[1] & 0x20) && (n < 6 || ac_h5_raw_number(m + 2, 4) > n - 6))
        return ac_h5_raw_damaged(raw, "fill value");
    if (m[0] == 2 && n >= 4 && m[3] && (n < 8 || ac_h5_raw_number(m + 4, 4) > n - 8))
        return ac_h5_raw_damaged(raw, "fill value");
    return AC_OK;
}

static ac_status
check_filters(const ac_h5_raw *raw, const unsigned char *m, size_t n, ac_h5_packing *packing)
{
    size_t at = 2;

    if (n < 2 || m[0] != 2 || m[1] > 8)
        return ac_h5_raw_damaged(raw, "list of filters");
    for (int i = 0; i < m[1]; i++) {
        size_t name = 0, values;
        uint64_t id;
        if (n - at < 6)
            return ac_h5_raw_damaged(raw, "list of filters");
        id = ac_h5_raw_number(m + at, 2);
        ac_h5_packing_add(packing, (int) id);
        at += 2;
        if (id >= 256) {
            name = (size_t) ac_h5_raw_number(m + at, 2);
            at += 2;
        }
        if (n - at < 4)
            return ac_h5_raw_damaged(raw, "list of filters");
        values = 4 * (size_t) ac_h5_raw_number(m + at + 2, 2);
        at += 4;
        if (n - at < name || n - at - name < values)
            return ac_h5_raw_damaged(raw, "list of filters");
        at += name + values;
    }
    return AC_OK;
}

/* The collection of the global heap that names what a virtual dataset shows. */
static ac_status
check_collection(const ac_h5_raw *raw, uint64_t at)
{
    unsigned char head[COLLECTION_HEAD];
    uint64_t size, left;
    ac_status st = AC_OK;

    AC_TRY(ac_h5_raw_read(raw, at, head, sizeof head));
    size = ac_h5_raw_number(head + 8, 8);
    if (memcmp(head, "GCOL", 4) != 0 || head[4] != 1 || size > MOST_COLLECTION ||
        at > (uint64_t) raw->bytes || size > (uint64_t) raw->bytes - at || size < sizeof head)
        return ac_h5_raw_damaged(raw, "heap of texts");
    at += sizeof head;
    left = size - sizeof head;
    while (left >= sizeof head) {
        uint64_t taken;
        AC_TRY(ac_h5_raw_read(raw, at, head, sizeof head));
        size = ac_h5_raw_number(head + 8, 8);
        if (ac_h5_raw_number(head, 2) == 0) { /* what is free: to the end, its head counted */
            if (size > left)
                return ac_h5_raw_damaged(raw, "heap of texts");
            break;
        }
        if (size > left - sizeof head)
            return ac_h5_raw_damaged(raw, "heap of texts");
        taken = sizeof head + (size + 7) / 8 * 8;
        if (taken > left)
            return ac_h5_raw_damaged(raw, "heap of texts");
        at += taken;
        left -= taken;
    }
out:
    return st;
}

static ac_status
read_layout(dataset *self, const unsigned char *m, size_t n)
{
    if (n < 3 ||
        !((m[0] == 3 && m[1] <= LAYOUT_CHUNKED) || (m[0] == 4 && m[1] == LAYOUT_VIRTUAL)))
        return ac_h5_raw_refuse(self->raw, "is stored in a way that we do not write");
    self->layout = m[1];
    if (self->layout == LAYOUT_COMPACT)
        return n >= 4 && ac_h5_raw_number(m + 2, 2) <= n - 4
                   ? AC_OK
                   : ac_h5_raw_damaged(self->raw, "layout");
    if (self->layout == LAYOUT_VIRTUAL) {
        if (n < 14)
            return ac_h5_raw_damaged(self->raw, "layout");
        self->root = ac_h5_raw_number(m + 2, 8);
        return self->root == UINT64_MAX ? AC_OK : check_collection(self->raw, self->root);
    }
    if (self->layout == LAYOUT_CONTIGUOUS) {
        const uint64_t all = (uint64_t) self->raw->bytes;
        uint64_t at, size;
        if (n < 18)
            return ac_h5_raw_damaged(self->raw, "layout");
        at = ac_h5_raw_number(m + 2, 8);
        size = ac_h5_raw_number(m + 10, 8);
        return at == UINT64_MAX || (at <= all && size <= all - at)
                   ? AC_OK
                   : ac_h5_raw_refuse(
                         self->raw,
                         "claims to be larger than what this file can hold: damaged");
    }
    self->keys = m[2];
    if (self->keys < 2 || self->keys > AC_MAX_RANK + 1 || n < 11 + 4 * (size_t) self->keys)
        return ac_h5_raw_damaged(self->raw, "layout");
    self->root = ac_h5_raw_number(m + 3, 8);
    for (int i = 0; i < self->keys; i++)
        self->sides[i] = (int64_t) ac_h5_raw_number(m + 11 + 4 * (size_t) i, 4);
    return AC_OK;
}

ac_status
ac_h5_raw_check_attribute(const ac_h5_raw *self, const unsigned char *m, size_t n)
{
    size_t name, type, space, at;
    int64_t element = 0, dims[AC_MAX_RANK], all;
    int rank = 0;
    ac_status st = AC_OK;

    if (n < 9 || m[0] != 3 || m[1] != 0)
        return ac_h5_raw_damaged(self, "attribute");
    name = (size_t) ac_h5_raw_number(m + 2, 2);
    type = (size_t) ac_h5_raw_number(m + 4, 2);
    space = (size_t) ac_h5_raw_number(m + 6, 2);
    at = 9;
    if (name < 1 || name > n - at || type > n - at - name || space > n - at - name - type ||
        m[at + name - 1] != 0)
        return ac_h5_raw_damaged(self, "attribute");
    at += name;
    AC_TRY(check_type(self, m + at, type, &element));
    at += type;
    if (read_space(m + at, space, &rank, dims) < 0)
        return ac_h5_raw_damaged(self, "attribute");
    at += space;
    all = element;
    for (int i = 0; i < rank; i++)
        if (__builtin_mul_overflow(all, dims[i], &all))
            return ac_h5_raw_damaged(self, "attribute");
    if ((uint64_t) all > n - at)
        return ac_h5_raw_damaged(self, "attribute");
out:
    return st;
}

static ac_status
read_message(void *context, int type, const unsigned char *m, size_t n)
{
    dataset *self = context;

    if (type < 32 && type != AC_H5_ATTRIBUTE) {
        if (self->seen & 1 << type)
            return ac_h5_raw_damaged(self->raw, "header");
        self->seen |= 1 << type;
    }
    switch (type) {
    case AC_H5_DATASPACE:
        return read_space(m, n, &self->rank, self->dims) >= 0
                   ? AC_OK
                   : ac_h5_raw_refuse(self->raw, "has no shape of ours: damaged");
    case AC_H5_DATATYPE: return check_type(self->raw, m, n, &self->element);
    case AC_H5_FILL_VALUE: return check_fill(self->raw, m, n);
    case AC_H5_LAYOUT: return read_layout(self, m, n);
    case AC_H5_FILTERS: return check_filters(self->raw, m, n, &self->packing);
    case AC_H5_ATTRIBUTE: return ac_h5_raw_check_attribute(self->raw, m, n);
    case AC_H5_ATTRIBUTE_INFO:
        return n >= 2 && (m[1] & 1) == 0 && n >= 18 && ac_h5_raw_number(m + 2, 8) == UINT64_MAX
                   ? AC_OK
                   : ac_h5_raw_refuse(self->raw, "has attributes stored elsewhere");
    case AC_H5_EXTERNAL_FILES:
        return ac_h5_raw_refuse(self->raw, "is stored in another file (external storage)");
    case AC_H5_LINK:
    case AC_H5_LINK_INFO:
    case AC_H5_GROUP_INFO: return ac_h5_raw_refuse(self->raw, "is a group, not a dataset");
    default: return ac_h5_raw_refuse(self->raw, "has a header with parts that we do not write");
    }
}

/* ---- the index ---- */

/* Is there a chunk of the shape at these offsets, behind the one before? So that each is named
 * once. */
static bool
is_next(dataset *self, const unsigned char *offsets)
{
    bool behind = self->found == 1; /* of the first all are */

    for (int i = 0; i < self->rank; i++) {
        const uint64_t at = ac_h5_raw_number(offsets + 8 * (size_t) i, 8);
        if (at >= (uint64_t) self->dims[i] || at % (uint64_t) self->sides[i] != 0)
            return false;
        if (!behind && (int64_t) at < self->before[i])
            return false;
        behind = behind || (int64_t) at > self->before[i];
        self->before[i] = (int64_t) at;
    }
    return behind && ac_h5_raw_number(offsets + 8 * (size_t) self->rank, 8) == 0;
}

/* The node at `at`, of `level`; -1: of any. */
static ac_status
read_node(dataset *self, uint64_t at, int level)
{
    unsigned char head[NODE_HEAD], *entries = NULL;
    const size_t key = 8 + 8 * (size_t) self->keys;
    int own, used;
    ac_status st = AC_OK;

    AC_TRY(ac_h5_raw_read(self->raw, at, head, sizeof head));
    own = head[5];
    used = (int) ac_h5_raw_number(head + 6, 2);
    if (memcmp(head, "TREE", 4) != 0 || head[4] != 1 || own > MOST_LEVEL || used < 1 ||
        (level >= 0 && own != level))
        return ac_h5_raw_damaged(self->raw, "index of chunks");
    /* nodes that are named over and over would be walked for ever */
    self->raw->left -= NODE_HEAD + used * (int64_t) (key + 8);
    if (self->raw->left < 0)
        return ac_h5_raw_damaged(self->raw, "index of chunks");
    AC_TRY(ac_alloc(&entries, used, key + 8));
    AC_TRY(ac_h5_raw_read(self->raw, at + NODE_HEAD, entries, (size_t) used * (key + 8)));
    for (int i = 0; i < used; i++) {
        const unsigned char *entry = entries + (size_t) i * (key + 8);
        uint64_t child, size;
        size = ac_h5_raw_number(entry, 4);
        child = ac_h5_raw_number(entry + key, 8);
        if (own > 0) {
            AC_TRY(read_node(self, child, own - 1));
            continue;
        }
        if (++self->found > self->chunks || child > (uint64_t) self->raw->bytes || size == 0 ||
            size > (uint64_t) self->raw->bytes - child ||
            ac_h5_raw_number(entry + 4, 4) != 0 /* a filter left out */ ||
            !is_next(self, entry + 8))
            AC_TRY(ac_h5_raw_damaged(self->raw, "index of chunks"));
        AC_TRY(ac_h5_packing_check(&self->packing, self->raw, child, (int64_t) size));
    }
out:
    free(entries);
    return st;
}

static ac_status
check_chunks(dataset *self)
{
    ac_status st = AC_OK;

    if (self->keys != self->rank + 1 || self->sides[self->rank] != self->element)
        return ac_h5_raw_refuse(self->raw, "has chunks of another shape than it: damaged");
    self->chunks = 1;
    self->packing.unpacked = self->element;
    for (int i = 0; i < self->rank; i++)
        if (self->sides[i] < 1 ||
            __builtin_mul_overflow(self->packing.unpacked, self->sides[i],
                                   &self->packing.unpacked) ||
            __builtin_mul_overflow(self->chunks,
                                   self->dims[i] / self->sides[i] +
                                       (self->dims[i] % self->sides[i] != 0),
                                   &self->chunks))
            return ac_h5_raw_refuse(self->raw, "has chunks of an impossible size: damaged");
    if (self->root != UINT64_MAX)
        AC_TRY(read_node(self, self->root, -1));
    if (self->found != self->chunks)
        st = ac_error_set(AC_E_FORMAT,
                          "%s: refused: %s has %lld chunks, and its shape needs %lld: damaged",
                          self->raw->path, self->raw->name, (long long) self->found,
                          (long long) self->chunks);
out:
    return st;
}

ac_status
ac_h5_raw_check_dataset(ac_h5_raw *self, uint64_t at)
{
    const int needed = 1 << AC_H5_DATASPACE | 1 << AC_H5_DATATYPE | 1 << AC_H5_LAYOUT;
    dataset d = { .raw = self };
    ac_status st = AC_OK;

    AC_TRY(ac_h5_raw_messages(self, at, read_message, &d));
    if ((d.seen & needed) != needed)
        return ac_h5_raw_refuse(self, "is not a dataset");
    if (d.rank < 1)
        return ac_h5_raw_refuse(self, "has no shape of ours");
    if (d.layout == LAYOUT_CHUNKED)
        st = check_chunks(&d);
out:
    return st;
}

/* The links of a group: in its header, or, where there are many, in a fractal heap that a
 * B-tree of version 2 orders. HDF5 1.10 crashes when it lists such a heap and finds it damaged,
 * so nobody lists links with HDF5: names come from here. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/hdf5/h5_raw.h"

enum {
    HEAP_BYTES = 146,
    TREE_BYTES = 38,
    LEAF_HEAD = 6,
    TREE_LINKS = 5, /* records: hash, heap id */
    HASH_BYTES = 4,
    MOST_LINK = 512,
    MOST_LINKS = 4096,
    LINK_SOFT = 1,
    LINK_EXTERNAL = 64
};

typedef struct group {
    ac_h5_raw *raw;
    const char *own; /* the name of the group, for messages */
    uint64_t heap, tree;
} group;

/* A fractal heap's table of blocks. */
typedef struct heap {
    uint64_t start, most; /* sizes of its first and of its largest blocks */
    uint64_t root;
    int width, rows, id_bytes, offset_bytes, length_bytes;
} heap;

/* ---- a link ---- */

static ac_status
check_link(group *self, const unsigned char *m, size_t n)
{
    char name[MOST_LINK];
    const int flags = n >= 2 ? m[1] : 0, wide = 1 << (flags & 3);
    size_t at = 2, length;
    int type = 0;
    ac_status st = AC_OK;

    if (n < 2 || m[0] != 1)
        return ac_h5_raw_damaged(self->raw, "list of links");
    if (flags & 0x08)
        type = at < n ? m[at++] : 0;
    at += (flags & 0x04) ? 8 : 0; /* order of creation */
    at += (flags & 0x10) ? 1 : 0; /* character set */
    if (at > n || n - at < (size_t) wide)
        return ac_h5_raw_damaged(self->raw, "list of links");
    length = (size_t) ac_h5_raw_number(m + at, wide);
    at += (size_t) wide;
    if (length < 1 || length >= sizeof name || length > n - at ||
        memchr(m + at, 0, length) != NULL || memchr(m + at, '/', length) != NULL)
        return ac_h5_raw_damaged(self->raw, "list of links");
    memcpy(name, m + at, length);
    name[length] = '\0';
    at += length;
    self->raw->name = name;
    if (type == LINK_EXTERNAL)
        AC_TRY(ac_h5_raw_refuse(self->raw, "is a link into another file"));
    else if (type == LINK_SOFT)
        AC_TRY(ac_h5_raw_refuse(self->raw, "is a link to a name, not a dataset"));
    else if (type != 0)
        AC_TRY(ac_h5_raw_refuse(self->raw, "is a link of a kind that we do not write"));
    else if (n - at != 8)
        AC_TRY(ac_h5_raw_damaged(self->raw, "link"));
    if (self->raw->names->count == MOST_LINKS)
        AC_TRY(ac_h5_raw_refuse(self->raw, "is one of more datasets than we write"));
    AC_TRY(ac_h5_raw_check_dataset(self->raw, ac_h5_raw_number(m + at, 8)));
    st = ac_texts_push(self->raw->names, name, length + 1); /* with its zero byte */
out:
    self->raw->name = self->own;
    return st;
}

/* ---- many links ---- */

static ac_status
read_heap(const group *self, heap *h)
{
    unsigned char b[HEAP_BYTES];
    ac_status st = AC_OK;

    AC_TRY(ac_h5_raw_read(self->raw, self->heap, b, sizeof b));
    *h = (heap){ .id_bytes = (int) ac_h5_raw_number(b + 5, 2),
                 .width = (int) ac_h5_raw_number(b + 110, 2),
                 .start = ac_h5_raw_number(b + 112, 8),
                 .most = ac_h5_raw_number(b + 120, 8),
                 .offset_bytes = (int) ac_h5_raw_number(b + 128, 2) / 8,
                 .root = ac_h5_raw_number(b + 132, 8),
                 .rows = (int) ac_h5_raw_number(b + 140, 2) };
    h->length_bytes = h->id_bytes - 1 - h->offset_bytes;
    /* no filters, no huge or tiny objects; blocks of our sizes */
    if (memcmp(b, "FRHP", 4) != 0 || b[4] != 0 || ac_h5_raw_number(b + 7, 2) != 0 ||
        ac_h5_raw_number(b + 22, 8) != UINT64_MAX || ac_h5_raw_number(b + 86, 8) != 0 ||
        ac_h5_raw_number(b + 102, 8) != 0 || h->width != 4 || h->start != 512 ||
        h->most != 65536 || h->offset_bytes != 4 || h->rows > 8 || h->length_bytes < 1 ||
        h->length_bytes > 4)
        st = ac_h5_raw_damaged(self->raw, "heap of links");
out:
    return st;
}

/* Where the heap's bytes [offset, offset + n) lie in the file: in one block. */
static ac_status
find_in_heap(const group *self, const heap *h, uint64_t offset, uint64_t n, uint64_t *at)
{
    unsigned char address[8], head[5];
    uint64_t block = h->start, begin = 0, child = h->root;
    ac_status st = AC_OK;

    if (h->rows > 0) {
        int row = 0;
        while (row < h->rows && offset >= begin + (uint64_t) h->width * block) {
            begin += (uint64_t) h->width * block;
            block *= row++ ? 2 : 1;
        }
        if (row == h->rows)
            return ac_h5_raw_damaged(self->raw, "heap of links");
        AC_TRY(ac_h5_raw_read(self->raw, h->root, head, sizeof head));
        if (memcmp(head, "FHIB", 4) != 0 || head[4] != 0)
            return ac_h5_raw_damaged(self->raw, "heap of links");
        AC_TRY(ac_h5_raw_read(self->raw,
                              h->root + 13 + (uint64_t) h->offset_bytes +
                                  8 * ((uint64_t) (h->width * row) + (offset - begin) / block),
                              address, sizeof address));
        child = ac_h5_raw_number(address, 8);
        begin += (offset - begin) / block * block;
    }
    if (offset < begin || n > block || offset - begin > block - n)
        return ac_h5_raw_damaged(self->raw, "heap of links");
    AC_TRY(ac_h5_raw_read(self->raw, child, head, sizeof head));
    if (memcmp(head, "FHDB", 4) != 0 || head[4] != 0)
        return ac_h5_raw_damaged(self->raw, "heap of links");
    *at = child + (offset - begin);
out:
    return st;
}

static ac_status
check_many(group *self)
{
    unsigned char b[TREE_BYTES], link[MOST_LINK], *leaf = NULL;
    heap h;
    size_t node, record, count;
    uint64_t root;
    ac_status st = AC_OK;

    AC_TRY(read_heap(self, &h));
    AC_TRY(ac_h5_raw_read(self->raw, self->tree, b, sizeof b));
    node = (size_t) ac_h5_raw_number(b + 6, 4);
    record = (size_t) ac_h5_raw_number(b + 10, 2);
    root = ac_h5_raw_number(b + 16, 8);
    count = (size_t) ac_h5_raw_number(b + 24, 2);
    /* one leaf: as many links as we have datasets fit in it */
    if (memcmp(b, "BTHD", 4) != 0 || b[4] != 0 || b[5] != TREE_LINKS || node > 65536 ||
        record != HASH_BYTES + (size_t) h.id_bytes || ac_h5_raw_number(b + 12, 2) != 0 ||
        LEAF_HEAD + count * record + 4 > node || count != ac_h5_raw_number(b + 26, 8))
        AC_TRY(ac_h5_raw_damaged(self->raw, "index of links"));
    if (count == 0)
        goto out;
    AC_TRY(ac_alloc(&leaf, (int64_t) node, 1));
    AC_TRY(ac_h5_raw_read(self->raw, root, leaf, node));
    if (memcmp(leaf, "BTLF", 4) != 0 || leaf[4] != 0 || leaf[5] != TREE_LINKS)
        AC_TRY(ac_h5_raw_damaged(self->raw, "index of links"));
    for (size_t i = 0; i < count; i++) {
        const unsigned char *id = leaf + LEAF_HEAD + i * record + HASH_BYTES;
        const uint64_t offset = ac_h5_raw_number(id + 1, h.offset_bytes),
                       n = ac_h5_raw_number(id + 1 + h.offset_bytes, h.length_bytes);
        uint64_t at = 0;
        if (id[0] != 0 || n > sizeof link)
            AC_TRY(ac_h5_raw_damaged(self->raw, "index of links"));
        AC_TRY(find_in_heap(self, &h, offset, n, &at));
        AC_TRY(ac_h5_raw_read(self->raw, at, link, (size_t) n));
        AC_TRY(check_link(self, link, (size_t) n));
    }
out:
    free(leaf);
    return st;
}

/* ---- the group ---- */

static ac_status
read_message(void *context, int type, const unsigned char *m, size_t n)
{
    group *self = context;
    size_t at = 2;

    switch (type) {
    case AC_H5_LINK: return check_link(self, m, n);
    case AC_H5_ATTRIBUTE: return ac_h5_raw_check_attribute(self->raw, m, n);
    case AC_H5_GROUP_INFO:
        return n >= 2 && m[0] == 0 && n >= 2 + ((m[1] & 1) ? 4u : 0u) + ((m[1] & 2) ? 4u : 0u)
                   ? AC_OK
                   : ac_h5_raw_damaged(self->raw, "header");
    case AC_H5_ATTRIBUTE_INFO:
        return n >= 18 && (m[1] & 1) == 0 && ac_h5_raw_number(m + 2, 8) == UINT64_MAX
                   ? AC_OK
                   : ac_h5_raw_refuse(self->raw, "has attributes stored elsewhere");
    case AC_H5_LINK_INFO:
        at += n > 1 && (m[1] & 1) ? 8 : 0;
        if (n < at + 16 || m[0] != 0 || (m[1] & 2) || self->heap != UINT64_MAX)
            return ac_h5_raw_damaged(self->raw, "list of links");
        self->heap = ac_h5_raw_number(m + at, 8);
        self->tree = ac_h5_raw_number(m + at + 8, 8);
        return AC_OK;
    default: return ac_h5_raw_refuse(self->raw, "has a header with parts that we do not write");
    }
}

ac_status
ac_h5_raw_check_group(ac_h5_raw *self, uint64_t at)
{
    group g = { .raw = self, .own = self->name, .heap = UINT64_MAX, .tree = UINT64_MAX };
    ac_status st = AC_OK;

    AC_TRY(ac_h5_raw_messages(self, at, read_message, &g));
    if (g.heap != UINT64_MAX)
        st = check_many(&g);
out:
    return st;
}

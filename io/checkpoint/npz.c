#include "io/checkpoint/npz.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "engine/base/buffer.h"
#include "engine/base/memory.h"
#include "io/checkpoint/zip.h"

enum { DOT_NPY = 4, HEAD_BYTES = 1 << 16 };

bool
ac_npz_is(const char *path)
{
    ac_map map;
    bool is = false;

    if (ac_map_open(&map, path) == AC_OK) {
        is = ac_zip_is(map.data, map.size);
        ac_map_close(&map);
    }
    return is;
}

static size_t
name_size(const ac_zip_member *m)
{
    const bool npy =
        m->name_size > DOT_NPY && memcmp(m->name + m->name_size - DOT_NPY, ".npy", 4) == 0;

    return m->name_size - (npy ? DOT_NPY : 0);
}

/* The first n bytes of a deflated member, or fewer where that is all; *got of them. false: the
 * data is damaged. */
static bool
inflate_to(const ac_zip_member *m, unsigned char *y, size_t n, size_t *got)
{
    z_stream z = { 0 };
    size_t used = 0;
    int result = Z_OK;

    *got = 0;
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return false;
    while (result == Z_OK && *got < n) {
        const size_t in = m->packed_size - used, out = n - *got;
        z.next_in = (unsigned char *) (uintptr_t) m->packed + used;
        z.avail_in = in < UINT_MAX ? (uInt) in : UINT_MAX;
        z.next_out = y + *got;
        z.avail_out = out < UINT_MAX ? (uInt) out : UINT_MAX;
        result = inflate(&z, Z_NO_FLUSH);
        used = (size_t) (z.next_in - m->packed);
        *got = (size_t) (z.next_out - y);
    }
    inflateEnd(&z);
    return result == Z_OK || result == Z_STREAM_END;
}

static uint32_t
checksum(const unsigned char *bytes, size_t n)
{
    uLong crc = crc32(0, NULL, 0);

    while (n) {
        const uInt part = n < (1u << 30) ? (uInt) n : 1u << 30;
        crc = crc32(crc, bytes, part);
        bytes += part;
        n -= part;
    }
    return (uint32_t) crc;
}

static ac_status
bad_member(const ac_zip_member *m, const char *path, const char *what)
{
    return ac_error_set(AC_E_FORMAT, "%s: array \"%.*s\" %s", path,
                        (int) (m->name_size < 200 ? m->name_size : 200), m->name, what);
}

/* Is the member a matrix of floats? By its header, of which a beginning is unpacked. */
static ac_status
is_matrix(const ac_zip_member *m, const char *path, bool *is)
{
    unsigned char *head = NULL;
    const unsigned char *data = m->data;
    ac_tensor shape = { 0 };
    size_t n = m->size;
    ac_status st = AC_OK;

    *is = false;
    if (!data && m->deflated) {
        AC_TRY(ac_alloc(&head, HEAD_BYTES, 1));
        if (!inflate_to(m, head, m->size < HEAD_BYTES ? m->size : HEAD_BYTES, &n))
            AC_TRY(bad_member(m, path, "is damaged"));
        data = head;
    }
    *is = data && ac_npy_describe(&shape, data, n, path) == AC_OK && shape.rank == 2 &&
          (shape.dtype == AC_F16 || shape.dtype == AC_F32 || shape.dtype == AC_F64);
out:
    free(head);
    return st;
}

static bool
is_usual_name(const ac_zip_member *m)
{
    static const char *const names[] = { "embeddings", "text_embeddings", "text_emb", "embs",
                                         "emb",        "features" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == name_size(m) && memcmp(m->name, names[i], name_size(m)) == 0)
            return true;
    return false;
}

static ac_status
refuse(const ac_zip *zip, const char *path, const char *what)
{
    ac_buffer names = { 0 };

    for (int64_t i = 0; i < zip->count && i < 20; i++)
        ac_buffer_printf(&names, "%s%.*s", i ? ", " : "", (int) name_size(&zip->members[i]),
                         zip->members[i].name);
    ac_error_set(AC_E_FORMAT, "%s: %s; it holds: %s%s. --array NAME chooses", path, what,
                 names.data ? names.data : "", zip->count > 20 ? ", …" : "");
    ac_buffer_free(&names);
    return AC_E_FORMAT;
}

static ac_status
choose(const ac_zip_member **out, const ac_zip *zip, const char *array, const char *path)
{
    const ac_zip_member *usual = NULL;
    int64_t matrices = 0, usuals = 0;
    ac_status st = AC_OK;

    *out = NULL;
    for (const ac_zip_member *m = zip->members; m < zip->members + zip->count; m++) {
        bool is;
        if (array) {
            if (strlen(array) == name_size(m) && memcmp(m->name, array, name_size(m)) == 0)
                *out = m;
            continue;
        }
        AC_TRY(is_matrix(m, path, &is));
        if (is && is_usual_name(m)) {
            usual = m;
            usuals++;
        }
        if (is) {
            *out = m;
            matrices++;
        }
    }
    if (array && !*out)
        st = refuse(zip, path, "has no array of that name");
    else if (!array && matrices == 0)
        st = refuse(zip, path, "has no matrix of floats");
    else if (!array && matrices > 1 && usuals != 1)
        st = refuse(zip, path, "has several matrices of floats, and no one can tell which");
    else if (usuals == 1)
        *out = usual;
out:
    return st;
}

static ac_status
open_member(ac_npy *self, const ac_zip_member *m, const char *path)
{
    unsigned char *bytes = NULL;
    const unsigned char *data = m->data;
    size_t got = m->size;
    ac_status st = AC_OK;

    if (!data && !m->deflated)
        AC_TRY(
            bad_member(m, path, "is encrypted, or compressed by another method than deflate"));
    if (!data) {
        AC_TRY(ac_alloc_aligned(&bytes, (int64_t) m->size, 1));
        if (!inflate_to(m, bytes, m->size, &got) || got != m->size)
            AC_TRY(bad_member(m, path, "is damaged"));
        data = bytes;
    }
    if (checksum(data, m->size) != m->crc)
        AC_TRY(bad_member(m, path, "is damaged: its checksum differs"));
    AC_TRY(ac_npy_open_bytes(self, data, m->size, path));
    if (bytes && !self->owned) {
        self->owned = bytes; /* the tensor lies in it */
        bytes = NULL;
    }
out:
    free(bytes);
    return st;
}

ac_status
ac_npz_open(ac_npy *self, const char *path, const char *array)
{
    ac_map map = { 0 };
    ac_zip zip = { 0 };
    const ac_zip_member *m;
    ac_status st = AC_OK;

    *self = (ac_npy){ 0 };
    AC_TRY(ac_map_open(&map, path));
    AC_TRY(ac_zip_open(&zip, map.data, map.size, path));
    AC_TRY(choose(&m, &zip, array, path));
    st = open_member(self, m, path);
    if (st == AC_OK) {
        self->map = map; /* the tensor may lie in it */
        map = (ac_map){ 0 };
    }
out:
    ac_zip_close(&zip);
    ac_map_close(&map);
    return st;
}

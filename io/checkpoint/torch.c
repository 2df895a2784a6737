/* The containers: zip archives (torch/csrc/jit/serialization,
 * caffe2/serialize/inline_container.cc) and the sequence of pickles and storages before
 * PyTorch 1.6 (torch/serialization.py, _legacy_save). */
#include "io/checkpoint/torch.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/checkpoint/torch_storage.h"

/* torch.save's first pickle: protocol 2, the number 0x1950a86a20f9469cfc6c, STOP. */
static const unsigned char legacy_magic[] = { 0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                              0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.' };

/* Calls that plain tensors need, and constructors of values that are skipped. */
static const ac_pickle_rule rules[] = {
    { "torch._utils", "_rebuild_tensor_v2", AC_PICKLE_CALL },
    { "torch._utils", "_rebuild_tensor", AC_PICKLE_CALL },
    { "torch._utils", "_rebuild_parameter", AC_PICKLE_CALL },
    { "collections", "OrderedDict", AC_PICKLE_DICT },
    { "collections", "defaultdict", AC_PICKLE_OBJECT },
    { "collections", "Counter", AC_PICKLE_OBJECT },
    { "builtins", "set", AC_PICKLE_OBJECT },
    { "__builtin__", "set", AC_PICKLE_OBJECT },
    { "_codecs", "encode", AC_PICKLE_OBJECT },
    { "copyreg", "_reconstructor", AC_PICKLE_OBJECT },
    { "copy_reg", "_reconstructor", AC_PICKLE_OBJECT },
    { "numpy", "dtype", AC_PICKLE_OBJECT },
    { "numpy.core.multiarray", "scalar", AC_PICKLE_OBJECT },
    { "numpy.core.multiarray", "_reconstruct", AC_PICKLE_OBJECT },
    { "numpy._core.multiarray", "scalar", AC_PICKLE_OBJECT },
    { "numpy._core.multiarray", "_reconstruct", AC_PICKLE_OBJECT },
    { "pathlib", "PosixPath", AC_PICKLE_OBJECT },
    { "pathlib", "WindowsPath", AC_PICKLE_OBJECT },
    { "torch", "Size", AC_PICKLE_OBJECT },
    { "torch", "device", AC_PICKLE_OBJECT },
    { "torch.jit._pickle", "build_intlist", AC_PICKLE_OBJECT },
    { "torch.jit._pickle", "build_doublelist", AC_PICKLE_OBJECT },
    { "torch.jit._pickle", "build_boollist", AC_PICKLE_OBJECT },
    { "torch.jit._pickle", "build_tensorlist", AC_PICKLE_OBJECT },
    { "torch.jit._pickle", "restore_type_tag", AC_PICKLE_OBJECT },
    { NULL, NULL, AC_PICKLE_NONE },
};

static ac_status
read_zip(ac_torch_file *f)
{
    ac_status st = AC_OK;
    ac_torch *o = f->out;
    const ac_zip_member *pickle, *order;

    AC_TRY(ac_zip_open(&f->zip, o->map.data, o->map.size, o->path));
    pickle = ac_zip_find(&f->zip, "data.pkl", 8);
    order = ac_zip_find(&f->zip, "byteorder", 9);
    if (!pickle)
        AC_FAIL(AC_E_FORMAT, "%s: a zip archive without data.pkl, so no file of PyTorch",
                o->path);
    if (!pickle->stored)
        AC_FAIL(AC_E_FORMAT,
                "%s: its data.pkl is compressed; PyTorch stores its records plainly, and so "
                "they are read: save it again with torch.save",
                o->path);
    if (order && order->stored && !(order->size == 6 && memcmp(order->data, "little", 6) == 0))
        AC_FAIL(AC_E_FORMAT, "%s: written on a big-endian machine, which is not supported",
                o->path);
    o->kind = ac_zip_find(&f->zip, "constants.pkl", 13) ? AC_TORCH_SCRIPT : AC_TORCH_ZIP;
    AC_TRY(ac_pickle_read(&f->pickle, pickle->data, pickle->size, rules, o->path, NULL));
    st = ac_torch_walk(f);
out:
    return st;
}

/* The pickle of keys: a list of texts, in the order in which the storages follow. */
static ac_status
read_keys(ac_torch_file *f, const ac_pickle *keys)
{
    ac_status st = AC_OK;
    const ac_pickle_value *list = &keys->values[keys->root];

    if (list->type != AC_PICKLE_LIST)
        return ac_error_set(AC_E_FORMAT,
                            "%s: its list of storages is no list: damaged? Get the file again",
                            f->out->path);
    AC_TRY(ac_alloc(&f->storages, list->as.items.count, sizeof *f->storages));
    for (int64_t c = list->as.items.first; c >= 0; c = keys->cells[c].next) {
        const ac_pickle_value *key = &keys->values[keys->cells[c].value];
        if (key->type != AC_PICKLE_TEXT)
            AC_FAIL(AC_E_FORMAT, "%s: a storage's key is no text: damaged? Get the file again",
                    f->out->path);
        f->storages[f->storage_count++] =
            (ac_torch_storage){ .key = key->as.text.bytes, .key_size = key->as.text.size };
    }
out:
    return st;
}

/* What one element of each storage takes, from the persistent ids: ("storage", type, key,
 * location, elements, view). */
static ac_status
read_types(ac_torch_file *f)
{
    const ac_pickle *p = &f->pickle;

    for (int64_t i = 0; i < p->value_count; i++) {
        int64_t id[6];
        ac_dtype dtype;
        ac_torch_storage *found;

        if (p->values[i].type != AC_PICKLE_PERSISTENT)
            continue;
        if (!ac_pickle_tuple(p, p->values[i].as.pair.a, id, 6) ||
            p->values[id[2]].type != AC_PICKLE_TEXT || !ac_torch_storage_type(p, id[1], &dtype))
            return ac_error_set(AC_E_FORMAT,
                                "%s: a storage of a type that is not supported (floats, "
                                "integers and booleans are)",
                                f->out->path);
        if (p->values[id[5]].type != AC_PICKLE_NONE)
            return ac_error_set(AC_E_FORMAT,
                                "%s: has views of storages, a form older than PyTorch 0.4; "
                                "load it with PyTorch and save it again",
                                f->out->path);
        found = ac_torch_storage_listed(f, p->values[id[2]].as.text.bytes,
                                        p->values[id[2]].as.text.size);
        if (found)
            found->size = ac_dtype_bytes(dtype);
    }
    return AC_OK;
}

/* Each storage: its number of elements (i64), then the elements. Storages come in the order of
 * the keys. */
static ac_status
read_storages(ac_torch_file *f, const ac_pickle *keys, size_t at)
{
    const ac_map *map = &f->out->map;
    const ac_pickle_value *list = &keys->values[keys->root];

    for (int64_t c = list->as.items.first; c >= 0; c = keys->cells[c].next) {
        const ac_pickle_value *key = &keys->values[keys->cells[c].value];
        ac_torch_storage *s = ac_torch_storage_listed(f, key->as.text.bytes, key->as.text.size);
        uint64_t n = 0;

        AC_CHECK(s);
        if (s->data || s->size == 0)
            return ac_error_set(AC_E_FORMAT,
                                "%s: storage %.*s is listed twice or used by no tensor: "
                                "damaged? Get the file again",
                                f->out->path, (int) (s->key_size < 100 ? s->key_size : 100),
                                s->key);
        if (map->size - at < 8)
            return ac_error_set(
                AC_E_FORMAT, "%s: ends before its storages do: truncated? Get the file again",
                f->out->path);
        for (int i = 0; i < 8; i++)
            n |= (uint64_t) map->data[at + (size_t) i] << (8 * i);
        at += 8;
        if (n > (map->size - at) / s->size)
            return ac_error_set(AC_E_FORMAT,
                                "%s: a storage of %llu elements ends past the end of the file: "
                                "truncated? Get the file again",
                                f->out->path, (unsigned long long) n);
        s->data = map->data + at;
        s->size *= (size_t) n;
        at += s->size;
    }
    return AC_OK;
}

static bool
is_true(const ac_pickle *p, const char *key)
{
    const ac_pickle_value *dict = &p->values[p->root];

    if (dict->type != AC_PICKLE_DICT)
        return false;
    for (int64_t c = dict->as.items.first; c >= 0; c = p->cells[p->cells[c].next].next) {
        const ac_pickle_value *k = &p->values[p->cells[c].value],
                              *v = &p->values[p->cells[p->cells[c].next].value];
        if (k->type == AC_PICKLE_TEXT && ac_text_is(k->as.text.bytes, k->as.text.size, key))
            return v->type == AC_PICKLE_BOOL && v->as.integer;
    }
    return false;
}

/* Five pickles: the magic number, the protocol's number, facts of the machine, the object, the
 * storages' keys; then the storages. */
static ac_status
read_legacy(ac_torch_file *f)
{
    ac_status st = AC_OK;
    ac_torch *o = f->out;
    ac_pickle facts = { 0 }, keys = { 0 };
    size_t at = sizeof legacy_magic, used = 0;

    o->kind = AC_TORCH_LEGACY;
    AC_TRY(ac_pickle_read(&facts, o->map.data + at, o->map.size - at, rules, o->path, &used));
    at += used;
    ac_pickle_free(&facts);
    AC_TRY(ac_pickle_read(&facts, o->map.data + at, o->map.size - at, rules, o->path, &used));
    at += used;
    if (!is_true(&facts, "little_endian"))
        AC_FAIL(AC_E_FORMAT, "%s: written on a big-endian machine, which is not supported",
                o->path);
    AC_TRY(
        ac_pickle_read(&f->pickle, o->map.data + at, o->map.size - at, rules, o->path, &used));
    at += used;
    AC_TRY(ac_pickle_read(&keys, o->map.data + at, o->map.size - at, rules, o->path, &used));
    at += used;
    AC_TRY(read_keys(f, &keys));
    ac_torch_storages_sort(f);
    AC_TRY(read_types(f));
    AC_TRY(read_storages(f, &keys, at));
    st = ac_torch_walk(f);
out:
    ac_pickle_free(&facts);
    ac_pickle_free(&keys);
    return st;
}

bool
ac_torch_is(const unsigned char *bytes, size_t size)
{
    return ac_zip_is(bytes, size) || (size >= sizeof legacy_magic &&
                                      memcmp(bytes, legacy_magic, sizeof legacy_magic) == 0);
}

ac_status
ac_torch_open(ac_torch *self, const char *path)
{
    ac_status st = AC_OK;
    ac_torch_file f = { .out = self };

    *self = (ac_torch){ 0 };
    AC_TRY(ac_map_open(&self->map, path));
    AC_TRY(ac_duplicate(&self->path, path, strlen(path)));
    if (!ac_torch_is(self->map.data, self->map.size))
        AC_FAIL(AC_E_FORMAT,
                "%s: not a file of PyTorch (neither its zip archive nor its format before 1.6)",
                path);
    st = ac_zip_is(self->map.data, self->map.size) ? read_zip(&f) : read_legacy(&f);
out:
    ac_pickle_free(&f.pickle);
    ac_zip_close(&f.zip);
    free(f.storages);
    if (st != AC_OK)
        ac_torch_close(self);
    return st;
}

void
ac_torch_close(ac_torch *self)
{
    for (int64_t i = 0; i < self->tensors.count; i++)
        free((void *) (uintptr_t) self->items[i].name);
    for (int64_t i = 0; i < self->scalar_count; i++)
        free(self->scalars[i].name);
    for (int64_t i = 0; i < self->copy_count; i++)
        free(self->copies[i]);
    free(self->items);
    free(self->scalars);
    free(self->copies);
    free(self->path);
    ac_map_close(&self->map);
    *self = (ac_torch){ 0 };
}

const ac_torch_scalar *
ac_torch_find_scalar(const ac_torch *self, const char *name)
{
    for (int64_t i = 0; i < self->scalar_count; i++)
        if (strcmp(self->scalars[i].name, name) == 0)
            return &self->scalars[i];
    return NULL;
}

/* Storages of a file of PyTorch: their types, and where the bytes of one lie. */
#include "io/checkpoint/torch_storage.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/text.h"

bool
ac_torch_storage_type(const ac_pickle *pickle, int64_t global, ac_dtype *out)
{
    static const struct {
        const char *name;
        ac_dtype dtype;
    } all[] = {
        { "FloatStorage", AC_F32 },     { "DoubleStorage", AC_F64 }, { "HalfStorage", AC_F16 },
        { "BFloat16Storage", AC_BF16 }, { "CharStorage", AC_I8 },    { "ShortStorage", AC_I16 },
        { "IntStorage", AC_I32 },       { "LongStorage", AC_I64 },   { "ByteStorage", AC_U8 },
        { "BoolStorage", AC_BOOL },
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (ac_pickle_is_global(pickle, global, "torch", all[i].name)) {
            *out = all[i].dtype;
            return true;
        }
    }
    return false;
}

static int
compare_keys(const void *a, const void *b)
{
    const ac_torch_storage *s = a, *t = b;

    return ac_bytes_compare(s->key, s->key_size, t->key, t->key_size);
}

ac_torch_storage *
ac_torch_storage_listed(const ac_torch_file *self, const char *key, size_t n)
{
    const ac_torch_storage wanted = { .key = key, .key_size = n };

    return self->storage_count ? bsearch(&wanted, self->storages, (size_t) self->storage_count,
                                         sizeof wanted, compare_keys)
                               : NULL;
}

void
ac_torch_storages_sort(ac_torch_file *self)
{
    if (self->storage_count)
        qsort(self->storages, (size_t) self->storage_count, sizeof *self->storages,
              compare_keys);
}

ac_status
ac_torch_storage_find(const ac_torch_file *self, const char *key, size_t n,
                      const unsigned char **data, size_t *size)
{
    const char *path = self->out->path;
    const ac_torch_storage *found;
    const ac_zip_member *m;
    char name[128] = "data/";

    if (n == 0 || n > 100 || memchr(key, '/', n))
        return ac_error_set(
            AC_E_FORMAT,
            "%s: a storage's key makes no sense: the file is damaged; get it again", path);
    if (self->out->kind == AC_TORCH_LEGACY) {
        found = ac_torch_storage_listed(self, key, n);
        if (!found)
            return ac_error_set(AC_E_FORMAT,
                                "%s: storage %.*s is not there: truncated? Get the file again",
                                path, (int) n, key);
        *data = found->data;
        *size = found->size;
        return AC_OK;
    }
    memcpy(name + 5, key, n);
    m = ac_zip_find(&self->zip, name, n + 5);
    if (!m)
        return ac_error_set(AC_E_FORMAT,
                            "%s: record %s is not in the archive: damaged? Get the file again",
                            path, name);
    if (!m->stored)
        return ac_error_set(AC_E_FORMAT,
                            "%s: record %s is compressed; PyTorch stores its records plainly, "
                            "and so they are read: save it again with torch.save",
                            path, name);
    *data = m->data;
    *size = m->size;
    return AC_OK;
}

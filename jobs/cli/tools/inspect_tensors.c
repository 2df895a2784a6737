/* Files of numbers: safetensors, PyTorch's, .npy, HDF5. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/checksum.h"
#include "io/file/json_value.h"
#include "io/hdf5/h5.h"
#include "io/hdf5/h5_check.h"
#include "io/hdf5/shard_file.h"
#include "io/hdf5/h5_list.h"
#include "io/file/map.h"
#include "io/checkpoint/npy.h"
#include "io/checkpoint/safetensors.h"
#include "io/checkpoint/torch.h"
#include "jobs/cli/tools/inspect.h"

/* __metadata__ of a header that the reader has checked. */
static json_t *
read_metadata(const ac_map *map)
{
    uint64_t length = 0;
    json_t *header, *metadata;

    for (int i = 0; i < 8; i++)
        length |= (uint64_t) map->data[i] << (8 * i);
    header = ac_json_parse((const char *) map->data + 8, (size_t) length, 0, NULL);
    metadata = json_incref(json_object_get(header, "__metadata__"));
    json_decref(header);
    return metadata;
}

ac_status
ac_inspect_safetensors(json_t *out, const char *path)
{
    ac_safetensors s;
    ac_status st = ac_safetensors_open(&s, path);
    json_t *metadata;

    if (st != AC_OK)
        return st;
    metadata = read_metadata(&s.map);
    ac_inspect_put_text(out, "kind",
                        json_object_get(metadata, "checksum")
                            ? "safetensors (a training checkpoint)"
                            : "safetensors");
    ac_inspect_put(out, "bytes", json_integer((json_int_t) s.map.size));
    st = ac_inspect_put_checksum(out, path);
    if (metadata)
        ac_inspect_put(out, "metadata", metadata);
    ac_inspect_put_tensors(out, &s.tensors);
    ac_safetensors_close(&s);
    return st;
}

static json_t *
scalar_value(const ac_torch_scalar *s)
{
    switch (s->type) {
    case AC_TORCH_INT: return json_integer(s->integer);
    case AC_TORCH_BOOL: return json_boolean(s->integer);
    case AC_TORCH_REAL: return isfinite(s->real) ? json_real(s->real) : json_null();
    default: return ac_inspect_string(s->text, s->text_size);
    }
}

ac_status
ac_inspect_torch(json_t *out, const char *path)
{
    static const char *const kinds[] = { "PyTorch archive", "TorchScript archive",
                                         "PyTorch file, format before 1.6" };
    ac_torch t;
    ac_status st = ac_torch_open(&t, path);
    json_t *scalars = json_array();

    if (st == AC_OK) {
        const bool lightning = ac_torch_find_scalar(&t, "pytorch-lightning_version") != NULL;
        ac_inspect_put_text(
            out, "kind", lightning ? "PyTorch archive (Lightning checkpoint)" : kinds[t.kind]);
        ac_inspect_put(out, "bytes", json_integer((json_int_t) t.map.size));
        st = ac_inspect_put_checksum(out, path);
        for (int64_t i = 0; i < t.scalar_count; i++) {
            json_t *one = json_object();
            ac_inspect_put(one, "name",
                           ac_inspect_string(t.scalars[i].name, strlen(t.scalars[i].name)));
            ac_inspect_put(one, "value", scalar_value(&t.scalars[i]));
            json_array_append_new(scalars, one);
        }
        ac_inspect_put_tensors(out, &t.tensors);
        if (json_array_size(scalars))
            ac_inspect_put(out, "values", json_incref(scalars));
    }
    json_decref(scalars);
    ac_torch_close(&t);
    return st;
}

/* The first numbers of a floating-point array, and whether any is not finite. */
static void
put_floats(json_t *out, const ac_tensor *t)
{
    enum { BLOCK = 4096 };
    float block[BLOCK];
    const int64_t count = ac_tensor_count(t);
    json_t *sample = json_array();
    int64_t bad = 0;

    for (int64_t at = 0; at < count; at += BLOCK) {
        const int64_t n = count - at < BLOCK ? count - at : BLOCK;
        ac_tensor_read(t, block, at, n);
        for (int64_t i = 0; i < n; i++) {
            bad += !isfinite(block[i]);
            if (at + i < AC_INSPECT_SAMPLE)
                json_array_append_new(sample, isfinite(block[i]) ? json_real((double) block[i])
                                                                 : json_null());
        }
    }
    ac_inspect_put(out, "first", sample);
    ac_inspect_put(out, "not_finite", json_integer(bad));
}

ac_status
ac_inspect_npy(json_t *out, const char *path)
{
    ac_npy a;
    ac_status st = ac_npy_open(&a, path);

    if (st != AC_OK)
        return st;
    ac_inspect_put_text(out, "kind", "NumPy array");
    ac_inspect_put(out, "bytes", json_integer((json_int_t) a.map.size));
    st = ac_inspect_put_checksum(out, path);
    ac_inspect_put(out, "dtype", json_string(ac_dtype_name(a.tensor.dtype)));
    ac_inspect_put(out, "shape", ac_inspect_shape(a.tensor.rank, a.tensor.shape));
    if (a.tensor.dtype <= AC_BF16)
        put_floats(out, &a.tensor);
    ac_npy_close(&a);
    return st;
}

/* ---- HDF5 ---- */

/* A damaged HDF5 file can take the library down with it, so a shard is compared with what its
 * run's or cache's manifest (FOLDER/shards/00000.h5: FOLDER/manifest.json) says of it, before
 * it is opened. */
static ac_status
check_against_manifest(json_t *out, const char *path, const char *checksum)
{
    const char *slash = strrchr(path, '/');
    const int folder = slash ? (int) (slash - path) : 0;
    const char *name = slash ? slash + 1 : path;
    char manifest[4096];
    ac_map map;
    bool known;

    if (strspn(name, "0123456789") == 0 ||
        strcmp(name + strspn(name, "0123456789"), ".h5") != 0)
        return AC_OK; /* not a shard's name */
    snprintf(manifest, sizeof manifest, "%.*s%s/manifest.json", folder, path,
             slash ? "/.." : "..");
    if (ac_map_open(&map, manifest) != AC_OK)
        return AC_OK; /* a shard by itself */
    known = map.size && memmem(map.data, map.size, checksum, strlen(checksum));
    ac_map_close(&map);
    if (!known)
        return ac_error_set(AC_E_FORMAT,
                            "%s: its checksum %s is none of those in %s: damaged, changed, or "
                            "not yet recorded; it was not opened",
                            path, checksum, manifest);
    ac_inspect_put_text(out, "manifest", "has this checksum");
    return AC_OK;
}

typedef struct h5_listing {
    const ac_h5_reader *file;
    const ac_shard_schema *schema; /* NULL: no file of ours */
    json_t *attributes, *datasets;
    char texts[64]; /* a dataset of texts: the name before _bytes */
} h5_listing;

/* Is a dataset of texts one of rejected items? They are no sample of what the file is for. */
static bool
is_of_rejected(const ac_shard_schema *schema, const char *name, size_t n)
{
    for (int d = schema && schema->rejected != AC_NO_DATASET ? schema->rejected : AC_DATASETS;
         d < AC_DATASETS && d <= (int) schema->last; d++)
        if (ac_text_is(name, n, ac_datasets[d].name))
            return true;
    return false;
}

static ac_status
visit(void *context, const ac_h5_item *item)
{
    h5_listing *l = context;
    const size_t n = strlen(item->name);
    json_t *one;

    if (item->is_attribute) {
        char *text = NULL;
        int64_t number = 0;
        if (strcmp(item->type, "text") == 0 &&
            ac_h5_read_text_attribute(l->file, item->name, &text) == AC_OK)
            ac_inspect_put_text(l->attributes, item->name, text);
        else if (item->rank == 0 &&
                 ac_h5_read_int_attribute(l->file, item->name, &number) == AC_OK)
            ac_inspect_put(l->attributes, item->name, json_integer(number));
        free(text);
        return AC_OK;
    }
    if (!l->texts[0] && n > 6 && n < sizeof l->texts &&
        ac_text_ends_with(item->name, "_bytes") &&
        !is_of_rejected(l->schema, item->name, n - 6))
        memcpy(l->texts, item->name, n - 6);
    one = json_object();
    ac_inspect_put(one, "name", ac_inspect_string(item->name, n));
    ac_inspect_put(one, "type", json_string(item->type));
    ac_inspect_put(one, "shape", ac_inspect_shape(item->rank, item->shape));
    json_array_append_new(l->datasets, one);
    return AC_OK;
}

ac_status
ac_inspect_h5(json_t *out, const char *path)
{
    ac_h5_reader file = { 0 };
    h5_listing l = { .file = &file, .attributes = json_object(), .datasets = json_array() };
    ac_texts texts = { 0 };
    char checksum[33];
    ac_status st = AC_OK;

    ac_inspect_put_text(out, "kind", "HDF5 file");
    AC_TRY(ac_file_checksum(path, checksum));
    ac_inspect_put_text(out, "checksum", checksum);
    AC_TRY(check_against_manifest(out, path, checksum));
    AC_TRY(ac_h5_open_joined(&file, path));
    l.schema = ac_shard_schema_read(&file);
    AC_TRY(ac_h5_list(&file, visit, &l));
    if (json_object_size(l.attributes))
        ac_inspect_put(out, "attributes", json_incref(l.attributes));
    ac_inspect_put(out, "datasets", json_incref(l.datasets));
    AC_TRY(ac_h5_check_sources(&file));
    if (l.texts[0]) {
        AC_TRY(ac_h5_read_texts(&file, l.texts, &texts));
        ac_inspect_put_text(out, "sample_of", l.texts);
        ac_inspect_put(out, "sample", ac_inspect_texts(&texts, AC_INSPECT_SAMPLE));
    }
out:
    ac_h5_close(&file);
    ac_texts_free(&texts);
    json_decref(l.attributes);
    json_decref(l.datasets);
    return st;
}

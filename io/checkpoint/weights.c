#include "io/checkpoint/weights.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/checksum.h"
#include "io/file/file_look.h"
#include "io/file/json_file.h"
#include "io/file/path.h"
#include "io/file/publish.h"

static const ac_tensors *
tensors_of(const ac_weights_file *f)
{
    return f->is_torch ? &f->torch.tensors : &f->safetensors.tensors;
}

/* Which kind a file is, its first bytes say. */
static ac_status
open_file(ac_weights_file *f, const char *path)
{
    ac_map map;
    ac_status st = ac_map_open(&map, path);

    if (st != AC_OK)
        return st;
    f->is_torch = ac_torch_is(map.data, map.size);
    ac_map_close(&map);
    return f->is_torch ? ac_torch_open(&f->torch, path)
                       : ac_safetensors_open(&f->safetensors, path);
}

static ac_status
add_file(ac_weights *self, const char *folder, const char *name)
{
    ac_status st;
    char *path = NULL;
    int64_t capacity = self->file_count;

    AC_TRY(ac_path_format(&path, "%s%s%s", folder, *name ? "/" : "", name));
    AC_TRY(ac_grow(&self->files, &capacity, self->file_count + 1, sizeof *self->files));
    self->files[self->file_count] = (ac_weights_file){ 0 };
    AC_TRY(open_file(&self->files[self->file_count], path));
    self->file_count++;
out:
    free(path);
    return st;
}

static int
compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* The distinct file names in the index's weight_map, in order. */
static ac_status
add_shards(ac_weights *self, const char *folder, const char *index)
{
    ac_status st = AC_OK;
    json_t *root = NULL, *map;
    const char **names = NULL;
    int64_t n = 0;

    AC_TRY(ac_json_file_read(&root, index, JSON_REJECT_DUPLICATES));
    map = json_object_get(root, "weight_map");
    if (!json_is_object(map))
        AC_FAIL(AC_E_FORMAT, "%s: has no weight_map: another kind of file?", index);
    AC_TRY(ac_alloc(&names, (int64_t) json_object_size(map), sizeof *names));
    for (void *i = json_object_iter(map); i; i = json_object_iter_next(map, i)) {
        const char *name = json_string_value(json_object_iter_value(i));
        if (!name || strchr(name, '/'))
            AC_FAIL(AC_E_FORMAT, "%s: \"%s\" does not name a file of this folder", index,
                    json_object_iter_key(i));
        names[n++] = name;
    }
    qsort(names, (size_t) n, sizeof *names, compare_text);
    for (int64_t i = 0; i < n; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            AC_TRY(add_file(self, folder, names[i]));
out:
    free(names);
    json_decref(root);
    return st;
}

static int
compare_tensor(const void *a, const void *b)
{
    return strcmp(((const ac_tensor *) a)->name, ((const ac_tensor *) b)->name);
}

/* Sort self->items [n] and make them the tensors. */
static ac_status
sort(ac_weights *self, int64_t n)
{
    if (n)
        qsort(self->items, (size_t) n, sizeof *self->items, compare_tensor);
    for (int64_t i = 1; i < n; i++)
        if (strcmp(self->items[i].name, self->items[i - 1].name) == 0)
            return ac_error_set(AC_E_FORMAT, "%s: tensor \"%s\" is there twice", self->path,
                                self->items[i].name);
    self->tensors = (ac_tensors){ self->items, n, self->path };
    return AC_OK;
}

static ac_status
join(ac_weights *self)
{
    int64_t n = 0, at = 0;
    ac_status st;

    for (int64_t f = 0; f < self->file_count; f++)
        n += tensors_of(&self->files[f])->count;
    AC_TRY(ac_alloc(&self->items, n, sizeof *self->items));
    for (int64_t f = 0; f < self->file_count; f++) {
        const ac_tensors *t = tensors_of(&self->files[f]);
        if (t->count)
            memcpy(self->items + at, t->items, (size_t) t->count * sizeof *t->items);
        at += t->count;
    }
    st = sort(self, n);
out:
    return st;
}

ac_status
ac_weights_rename_openai(ac_weights *self)
{
    const char *prefix = ac_openai_clip_prefix(&self->tensors);
    ac_status st = AC_OK;

    if (!prefix)
        return AC_OK;
    self->is_openai = true;
    AC_TRY(ac_openai_clip_map(&self->openai, &self->tensors, prefix));
    free(self->items);
    self->items = NULL;
    AC_TRY(ac_alloc(&self->items, self->openai.count, sizeof *self->items));
    memcpy(self->items, self->openai.items, (size_t) self->openai.count * sizeof *self->items);
    st = sort(self, self->openai.count);
out:
    return st;
}

/* A place where a folder may have its weights. */
typedef struct place {
    const char *name;
    bool index;
} place;

static const place hugging_face[] = {
    { "model.safetensors", false },
    { "model.safetensors.index.json", true },
    { "pytorch_model.bin", false },
    { "pytorch_model.bin.index.json", true },
    { NULL, false },
};
static const place open_clip[] = {
    { "open_clip_model.safetensors", false },
    { "open_clip_pytorch_model.safetensors", false },
    { "open_clip_pytorch_model.bin", false },
    { "open_clip_pytorch_model.pth", false },
    { "model.safetensors", false },
    { "pytorch_model.bin", false },
    { "pytorch_model.pth", false },
    { "model.pth", false },
    { NULL, false },
};

/* The first of the places where there is a file. *out NULL: none. */
static ac_status
find_place(const char *folder, ac_weights_layout layout, const place **out, char **path)
{
    *out = NULL;
    *path = NULL;
    for (const place *p = layout == AC_WEIGHTS_OPEN_CLIP ? open_clip : hugging_face; p->name;
         p++) {
        free(*path);
        *path = NULL;
        if (ac_path_format(path, "%s/%s", folder, p->name) != AC_OK)
            return AC_E_NOMEM;
        if (ac_file_is_there(*path)) {
            *out = p;
            return AC_OK;
        }
        if (errno != ENOENT)
            return ac_error_set(ac_io_failure(errno), "%s: cannot be accessed: %s", *path,
                                strerror(errno));
    }
    return AC_OK;
}

ac_status
ac_weights_look(const char *folder, ac_weights_layout layout, bool *found)
{
    const place *p;
    char *path;
    const ac_status st = find_place(folder, layout, &p, &path);

    *found = p != NULL;
    free(path);
    return st;
}

static ac_status
add_folder(ac_weights *self, const char *folder, ac_weights_layout layout)
{
    const place *p;
    char *path;
    ac_status st;

    AC_TRY(find_place(folder, layout, &p, &path));
    if (!p)
        AC_FAIL(
            AC_E_FORMAT, "%s: no weights in this folder (looked for %s)", folder,
            layout == AC_WEIGHTS_OPEN_CLIP
                ? "open_clip_model.safetensors, open_clip_pytorch_model.bin, "
                  "model.safetensors and pytorch_model.bin; a checkpoint of another name is "
                  "named itself"
                : "model.safetensors, pytorch_model.bin and their .index.json");
    st = p->index ? add_shards(self, folder, path) : add_file(self, folder, p->name);
out:
    free(path);
    return st;
}

ac_status
ac_weights_open_as(ac_weights *self, const char *path, ac_weights_layout layout)
{
    ac_status st = AC_OK;
    struct stat info;

    *self = (ac_weights){ 0 };
    AC_TRY(ac_duplicate(&self->path, path, strlen(path)));
    if (ac_file_stat(path, &info) != 0)
        AC_FAIL(AC_E_IO, "%s: there is no such model", path);
    self->is_folder = S_ISDIR(info.st_mode);
    AC_TRY(self->is_folder ? add_folder(self, path, layout) : add_file(self, path, ""));
    st = join(self);
out:
    if (st != AC_OK)
        ac_weights_close(self);
    return st;
}

ac_status
ac_weights_open(ac_weights *self, const char *path)
{
    ac_status st = ac_weights_open_as(self, path, AC_WEIGHTS_HUGGING_FACE);

    if (st == AC_OK)
        st = ac_weights_rename_openai(self);
    if (st != AC_OK)
        ac_weights_close(self);
    return st;
}

void
ac_weights_close(ac_weights *self)
{
    for (int64_t f = 0; f < self->file_count; f++) {
        ac_safetensors_close(&self->files[f].safetensors);
        ac_torch_close(&self->files[f].torch);
    }
    ac_openai_clip_free(&self->openai);
    free(self->files);
    free(self->items);
    free(self->path);
    *self = (ac_weights){ 0 };
}

ac_status
ac_weights_fingerprint(const ac_weights *self, char hex[33])
{
    ac_checksum sum = { 0 };
    ac_status st = ac_checksum_init(&sum);

    if (st != AC_OK)
        return st;
    for (int64_t f = 0; f < self->file_count; f++) {
        const ac_map *map = self->files[f].is_torch ? &self->files[f].torch.map
                                                    : &self->files[f].safetensors.map;
        ac_checksum_update(&sum, map->data, map->size);
    }
    ac_checksum_digest(&sum, hex);
    ac_checksum_free(&sum);
    return AC_OK;
}

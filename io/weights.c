#include "io/weights.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "engine/base/memory.h"

static ac_status
add_file(ac_weights *self, const char *folder, const char *name)
{
    ac_status st;
    char *path = NULL;
    int64_t capacity = self->file_count;

    if (asprintf(&path, "%s%s%s", folder, *name ? "/" : "", name) < 0)
        return ac_error_set(AC_E_NOMEM, "out of memory for a path");
    AC_TRY(ac_grow(&self->files, &capacity, self->file_count + 1, sizeof *self->files));
    AC_TRY(ac_safetensors_open(&self->files[self->file_count], path));
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
    json_error_t error;
    json_t *root = json_load_file(index, JSON_REJECT_DUPLICATES, &error), *map = json_object_get(root, "weight_map");
    const char **names = NULL;
    int64_t n = 0;

    if (!json_is_object(map))
        AC_TRY(ac_error_set(AC_E_FORMAT, "%s: has no weight_map (%s)", index, root ? "another kind of file?" : error.text));
    AC_TRY(ac_alloc(&names, (int64_t) json_object_size(map), sizeof *names));
    for (void *i = json_object_iter(map); i; i = json_object_iter_next(map, i)) {
        const char *name = json_string_value(json_object_iter_value(i));
        if (!name || strchr(name, '/'))
            AC_TRY(ac_error_set(AC_E_FORMAT, "%s: \"%s\" does not name a file of this folder", index, json_object_iter_key(i)));
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

static ac_status
join(ac_weights *self)
{
    int64_t n = 0, at = 0;
    ac_status st;

    for (int64_t f = 0; f < self->file_count; f++)
        n += self->files[f].tensors.count;
    AC_TRY(ac_alloc(&self->items, n, sizeof *self->items));
    for (int64_t f = 0; f < self->file_count; f++)
        for (int64_t i = 0; i < self->files[f].tensors.count; i++)
            self->items[at++] = self->files[f].tensors.items[i];
    qsort(self->items, (size_t) n, sizeof *self->items, compare_tensor);
    for (int64_t i = 1; i < n; i++)
        if (strcmp(self->items[i].name, self->items[i - 1].name) == 0)
            AC_TRY(ac_error_set(AC_E_FORMAT, "%s: tensor \"%s\" stands in two files", self->path, self->items[i].name));
    self->tensors = (ac_tensors) { self->items, n, self->path };
out:
    return st;
}

ac_status
ac_weights_open(ac_weights *self, const char *path)
{
    ac_status st = AC_OK;
    struct stat info;
    char *one = NULL, *index = NULL;

    *self = (ac_weights) { 0 };
    AC_TRY(ac_duplicate(&self->path, path, strlen(path)));
    if (stat(path, &info) != 0)
        AC_TRY(ac_error_set(AC_E_ARG, "%s: there is no such model", path));
    if (!S_ISDIR(info.st_mode)) {
        AC_TRY(add_file(self, path, ""));
        AC_TRY(join(self));
        goto out;
    }
    if (asprintf(&one, "%s/model.safetensors", path) < 0 || asprintf(&index, "%s/model.safetensors.index.json", path) < 0)
        AC_TRY(ac_error_set(AC_E_NOMEM, "out of memory for a path"));
    if (access(one, F_OK) == 0)
        AC_TRY(add_file(self, path, "model.safetensors"));
    else if (access(index, F_OK) == 0)
        AC_TRY(add_shards(self, path, index));
    else
        AC_TRY(ac_error_set(AC_E_ARG, "%s: no weights in this folder (looked for model.safetensors and model.safetensors.index.json)", path));
    AC_TRY(join(self));
out:
    free(one);
    free(index);
    if (st != AC_OK)
        ac_weights_close(self);
    return st;
}

void
ac_weights_close(ac_weights *self)
{
    for (int64_t f = 0; f < self->file_count; f++)
        ac_safetensors_close(&self->files[f]);
    free(self->files);
    free(self->items);
    free(self->path);
    *self = (ac_weights) { 0 };
}

ac_status
ac_weights_fingerprint(const ac_weights *self, char hex[33])
{
    XXH3_state_t *state = XXH3_createState();
    XXH128_hash_t digest;

    if (!state)
        return ac_error_set(AC_E_NOMEM, "out of memory");
    XXH3_128bits_reset(state);
    for (int64_t f = 0; f < self->file_count; f++)
        XXH3_128bits_update(state, self->files[f].map.data, self->files[f].map.size);
    digest = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    snprintf(hex, 33, "%016llx%016llx", (unsigned long long) digest.high64, (unsigned long long) digest.low64);
    return AC_OK;
}

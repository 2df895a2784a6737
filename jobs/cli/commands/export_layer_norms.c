/* Trained layer norms laid over their BART: a folder that transformers loads. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/file_look.h"
#include "io/file/map.h"
#include "io/checkpoint/model_config.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/checkpoint/safetensors_write.h"
#include "io/checkpoint/weights.h"
#include "jobs/cli/commands/commands.h"
#include "jobs/runtime/run.h"

/* The base's tensor for a layer norm's name, "model.encoder…"; a base without language-model
 * head has no "model." in front, a wrapped one has it twice. */
static ac_tensor *
find_place(ac_tensor *items, int64_t count, const char *name)
{
    static const char prefix[] = "model.";
    const size_t n = sizeof prefix - 1;
    const bool bare = strncmp(name, prefix, n) == 0;

    for (int64_t i = 0; i < count; i++) {
        const char *place = items[i].name;
        if (strcmp(place, name) == 0 || (bare && strcmp(place, name + n) == 0) ||
            (strncmp(place, prefix, n) == 0 && strcmp(place + n, name) == 0))
            return &items[i];
    }
    return NULL;
}

static ac_status
lay_over(ac_tensor *items, int64_t count, const char *model, const ac_tensors *layer_norms)
{
    if (layer_norms->count == 0)
        return ac_error_set(AC_E_FORMAT, "%s: holds no tensors", layer_norms->source);
    for (int64_t i = 0; i < layer_norms->count; i++) {
        const ac_tensor *t = &layer_norms->items[i];
        ac_tensor *place = find_place(items, count, t->name);
        const char *name;
        if (!place || t->dtype > AC_BF16 || place->rank != t->rank ||
            memcmp(place->shape, t->shape, (size_t) t->rank * sizeof *t->shape) != 0)
            return ac_error_set(
                AC_E_FORMAT, "%s: tensor \"%s\" %s in %s: layer norms of another model?",
                layer_norms->source, t->name,
                place ? "has another type or shape than" : "has no place", model);
        name = place->name;
        *place = *t;
        place->name = name;
    }
    return AC_OK;
}

/* Names that show one and the same tensor (PyTorch's files keep all of the tied embedding's)
 * are written once, as "…shared.weight". */
static void
drop_tied(ac_tensor *items, int64_t *count)
{
    const ac_tensor *shared = NULL;
    ac_tensor kept;
    int64_t n = 0;

    for (int64_t i = 0; i < *count; i++)
        if (ac_text_ends_with(items[i].name, "shared.weight"))
            shared = &items[i];
    if (!shared)
        return;
    kept = *shared;
    for (int64_t i = 0; i < *count; i++)
        if (items[i].data != kept.data || items[i].name == kept.name)
            items[n++] = items[i];
    *count = n;
}

static ac_status
write_weights(const ac_weights *base, const ac_tensors *layer_norms, const char *out)
{
    const ac_metadata metadata = { "format", "pt" }; /* transformers asks for it */
    ac_tensors merged = { .source = out };
    ac_tensor *items = NULL;
    char *path = NULL;
    ac_status st = AC_OK;

    merged.count = base->tensors.count;
    AC_TRY(ac_alloc(&items, merged.count, sizeof *items));
    memcpy(items, base->tensors.items, (size_t) merged.count * sizeof *items);
    AC_TRY(lay_over(items, merged.count, base->path, layer_norms));
    drop_tied(items, &merged.count);
    merged.items = items;
    AC_TRY(ac_path_format(&path, "%s/model.safetensors", out));
    st = ac_safetensors_save(path, &merged, &metadata, 1);
out:
    free(items);
    free(path);
    return st;
}

/* Configs and tokenizers: every .json and .txt but an index of weights. */
static ac_status
copy_files(const char *model, const char *out)
{
    DIR *folder = ac_folder_open(model);
    ac_status st = AC_OK;
    char *from = NULL, *to = NULL;
    ac_map map = { 0 };

    if (!folder)
        return ac_error_set(ac_io_failure(errno), "%s: cannot be read: %s", model,
                            strerror(errno));
    for (struct dirent *e;;) {
        AC_TRY(ac_folder_next(&e, folder, model));
        if (!e)
            break;
        if ((!ac_text_ends_with(e->d_name, ".json") && !ac_text_ends_with(e->d_name, ".txt")) ||
            ac_text_ends_with(e->d_name, ".index.json"))
            continue;
        AC_TRY(ac_path_format(&from, "%s/%s", model, e->d_name));
        AC_TRY(ac_path_format(&to, "%s/%s", out, e->d_name));
        AC_TRY(ac_map_open(&map, from));
        AC_TRY(ac_publish_file(to, map.data, map.size));
        ac_map_close(&map);
        free(from);
        free(to);
        from = to = NULL;
    }
out:
    closedir(folder);
    ac_map_close(&map);
    free(from);
    free(to);
    return st;
}

/* Make the folder; one that holds anything is refused, so that nobody's model is overwritten.
 */
static ac_status
make_empty_folder(const char *out)
{
    ac_status st = ac_run_make_folder(out);
    DIR *folder = st == AC_OK ? ac_folder_open(out) : NULL;

    if (st == AC_OK && !folder)
        st = ac_error_set(ac_io_failure(errno), "%s: cannot be read: %s", out, strerror(errno));
    for (struct dirent *e; st == AC_OK && (st = ac_folder_next(&e, folder, out)) == AC_OK && e;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            st = ac_error_set(AC_E_ARG, "%s: is not empty; give --out a new folder", out);
    if (folder)
        closedir(folder);
    return st;
}

ac_status
ac_export_layer_norms(const char *layer_norms, const char *model, const char *out)
{
    ac_weights base = { 0 }, trained = { 0 };
    ac_bart_config config;
    ac_status st = AC_OK;

    AC_TRY(ac_bart_config_load(&config, model));
    AC_TRY(ac_weights_open(&base, model));
    AC_TRY(ac_weights_open(&trained, layer_norms));
    AC_TRY(make_empty_folder(out));
    AC_TRY(write_weights(&base, &trained.tensors, out));
    AC_TRY(copy_files(model, out)); /* the config last: only now it is a model */
    ac_log(AC_LOG_INFO, "%s: %s with the layer norms of %s", out, model, layer_norms);
out:
    ac_weights_close(&trained);
    ac_weights_close(&base);
    return st;
}

#include "io/checkpoint/clip_files.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/checkpoint/clip_preprocess.h"
#include "io/checkpoint/json_reader.h"
#include "io/checkpoint/model_config.h"
#include "io/checkpoint/open_clip.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/publish.h"

/* The folder of a file, or the folder itself. */
static ac_status
folder_of(char **out, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct stat info;

    if (ac_file_stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return ac_duplicate(out, path, strlen(path));
    return slash ? ac_duplicate(out, path, slash == path ? 1 : (size_t) (slash - path))
                 : ac_duplicate(out, ".", 1);
}

/* FOLDER/NAME where there is one; *out NULL: there is none. */
static ac_status
find_file(char **out, const char *folder, const char *name)
{
    ac_status st = ac_path_format(out, "%s/%s", folder, name);

    if (st != AC_OK || ac_file_is_there(*out))
        return st;
    if (errno != ENOENT)
        st = ac_error_set(ac_io_failure(errno), "%s: cannot be accessed: %s", *out,
                          strerror(errno));
    free(*out);
    *out = NULL;
    return st;
}

/* The weights of a layout, or of the other one where the folder has none of it. */
static ac_status
open_weights(ac_clip_files *self, const char *model, ac_weights_layout layout)
{
    const ac_weights_layout other =
        layout == AC_WEIGHTS_OPEN_CLIP ? AC_WEIGHTS_HUGGING_FACE : AC_WEIGHTS_OPEN_CLIP;
    bool here = true, there = false;
    ac_status st = AC_OK;
    struct stat info;

    ac_weights_close(&self->weights);
    if (ac_file_stat(model, &info) == 0 && S_ISDIR(info.st_mode)) {
        AC_TRY(ac_weights_look(model, layout, &here));
        if (!here)
            AC_TRY(ac_weights_look(model, other, &there));
    }
    st = ac_weights_open_as(&self->weights, model, there ? other : layout);
out:
    return st;
}

/* Takes config_path over. */
static ac_status
use_open_clip(ac_clip_files *self, const char *model, char *config_path)
{
    json_t *root = NULL;
    ac_status st = AC_OK;

    self->config_path = config_path;
    AC_TRY(ac_json_reader_load(&root, config_path));
    AC_TRY(ac_open_clip_config_read(&self->config, &self->recipe, root, config_path));
    AC_TRY(open_weights(self, model, AC_WEIGHTS_OPEN_CLIP));
    AC_TRY(ac_weights_rename_openai(&self->weights));
    st = ac_open_clip_check(&self->config, &self->weights.tensors, config_path);
out:
    json_decref(root);
    return st;
}

/* Takes config_path over. self->weights may be open. */
static ac_status
use_hugging_face(ac_clip_files *self, const char *model, char *config_path)
{
    char *folder = NULL;
    ac_status st = AC_OK;

    self->config_path = config_path;
    AC_TRY(ac_clip_config_load(&self->config, model, config_path));
    if (self->weights.file_count == 0)
        AC_TRY(open_weights(self, model, AC_WEIGHTS_HUGGING_FACE));
    AC_TRY(ac_weights_rename_openai(&self->weights));
    AC_TRY(folder_of(&folder, self->weights.is_folder ? model : config_path));
    st = ac_clip_preprocess_load(&self->recipe, folder, self->config.image_size,
                                 self->config.siglip);
out:
    free(folder);
    return st;
}

/* Weights that no config stands beside. */
static ac_status
use_openai(ac_clip_files *self)
{
    const ac_weights *w = &self->weights;
    const bool own = w->file_count == 1 && w->files[0].is_torch &&
                     w->files[0].torch.kind == AC_TORCH_SCRIPT &&
                     ac_openai_clip_is_own(&w->tensors);
    ac_status st = AC_OK;

    if (!own)
        AC_FAIL(
            AC_E_FORMAT,
            "%s: the names of these weights are OpenAI's, but this is no TorchScript archive "
            "of OpenAI's, and nothing says the model's heads and activation, which shapes do "
            "not tell: put its %s beside it, or name it (or a config.json) as "
            "clip.model_config (--model-config)",
            w->path, AC_OPEN_CLIP_CONFIG);
    AC_TRY(ac_weights_rename_openai(&self->weights));
    AC_TRY(ac_openai_clip_config(&self->config, &self->weights.tensors));
    self->recipe = ac_preprocess_openai(self->config.image_size);
out:
    return st;
}

/* Does Hugging Face's config say what the model is? */
static ac_status
has_model_type(const char *path, bool *out)
{
    json_t *root = NULL;
    const ac_status st = ac_json_reader_load(&root, path);

    *out = json_is_string(json_object_get(root, "model_type"));
    json_decref(root);
    return st;
}

static ac_status
open_folder(ac_clip_files *self, const char *model)
{
    char *hugging_face = NULL, *open_clip = NULL;
    bool typed = false, found = false;
    ac_status st = AC_OK;

    AC_TRY(find_file(&hugging_face, model, "config.json"));
    AC_TRY(find_file(&open_clip, model, AC_OPEN_CLIP_CONFIG));
    if (hugging_face && open_clip) {
        self->holds_two = true;
        AC_TRY(has_model_type(hugging_face, &typed));
        AC_TRY(ac_weights_look(model, AC_WEIGHTS_HUGGING_FACE, &found));
    }
    if (typed && found) {
        AC_TRY(ac_weights_open_as(&self->weights, model, AC_WEIGHTS_HUGGING_FACE));
        typed = !ac_openai_clip_prefix(&self->weights.tensors);
    }
    if (open_clip && !(typed && found)) {
        st = use_open_clip(self, model, open_clip);
        open_clip = NULL;
    } else if (hugging_face) {
        st = use_hugging_face(self, model, hugging_face);
        hugging_face = NULL;
    } else {
        AC_TRY(open_weights(self, model, AC_WEIGHTS_HUGGING_FACE));
        if (!ac_openai_clip_prefix(&self->weights.tensors)) /* says what is missing */
            AC_TRY(ac_clip_config_load(&self->config, model, NULL));
        st = use_openai(self);
    }
out:
    free(hugging_face);
    free(open_clip);
    return st;
}

static ac_status
open_file(ac_clip_files *self, const char *model)
{
    char *folder = NULL, *beside = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_weights_open_as(&self->weights, model, AC_WEIGHTS_HUGGING_FACE));
    if (!ac_openai_clip_prefix(&self->weights.tensors))
        AC_FAIL(AC_E_ARG,
                "%s: the names in this file are not OpenAI's, so it has no config of its own: "
                "name the model's folder, or a config.json as clip.model_config "
                "(--model-config)",
                model);
    AC_TRY(folder_of(&folder, model));
    if (!ac_openai_clip_is_own(&self->weights.tensors))
        AC_TRY(find_file(&beside, folder, AC_OPEN_CLIP_CONFIG));
    st = beside ? use_open_clip(self, model, beside) : use_openai(self);
out:
    free(folder);
    return st;
}

static ac_status
open_with(ac_clip_files *self, const char *model, const char *model_config)
{
    json_t *root = NULL;
    char *path = NULL;
    bool open_clip;
    ac_status st = AC_OK;

    AC_TRY(ac_json_reader_load(&root, model_config));
    open_clip = ac_open_clip_config_is(root);
    AC_TRY(ac_duplicate(&path, model_config, strlen(model_config)));
    st = open_clip ? use_open_clip(self, model, path) : use_hugging_face(self, model, path);
out:
    json_decref(root);
    return st;
}

ac_status
ac_clip_files_open(ac_clip_files *self, const char *model, const char *model_config)
{
    struct stat info;
    ac_status st = AC_OK;

    *self = (ac_clip_files){ 0 };
    if (ac_file_stat(model, &info) != 0)
        AC_FAIL(AC_E_IO, "%s: there is no such model", model);
    if (model_config)
        st = open_with(self, model, model_config);
    else
        st = S_ISDIR(info.st_mode) ? open_folder(self, model) : open_file(self, model);
out:
    if (st != AC_OK)
        ac_clip_files_close(self);
    return st;
}

void
ac_clip_files_close(ac_clip_files *self)
{
    ac_weights_close(&self->weights);
    free(self->config_path);
    *self = (ac_clip_files){ 0 };
}

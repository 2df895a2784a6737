#include "jobs/runtime/models.h"

#include <errno.h>
#include <sys/stat.h>

#include "engine/base/log.h"
#include "engine/comm/shared.h"
#include "io/file/file_look.h"

static ac_clip_options
clip_options(const ac_config *config, unsigned towers)
{
    return (ac_clip_options){
        .model = config->clip.model,
        .model_config = config->clip.model_config,
        .compute = ac_config_compute(config),
        .towers = towers,
        .need_tokenizer = (towers & AC_CLIP_TEXT) != 0,
    };
}

static ac_bart_options
bart_options(const ac_config *config)
{
    return (ac_bart_options){
        .model = config->bart.model,
        .layer_norms = config->bart.layer_norms,
        .compute = ac_config_compute(config),
        .need_tokenizer = true,
    };
}

/* A model that is not there: the message names the key that names it. */
static ac_status
name_key(ac_status st, const char *key, const char *model)
{
    struct stat info;

    return st == AC_E_IO && ac_file_stat(model, &info) != 0 && errno == ENOENT
               ? ac_error_prefix(st, "%s", key)
               : st;
}

/* ---- packed weights, held once per node ---- */

static void
release(void *bytes, size_t size)
{
    ac_shared shared = { .bytes = bytes, .size = size };

    ac_shared_free(&shared);
}

static ac_status
pack_clip(void *model)
{
    return ac_clip_model_pack(model);
}

static ac_status
pack_bart(void *model)
{
    return ac_bart_model_pack(model);
}

/* Memory of `size` bytes into the model's `packed`. The rank that fills packs first; the others
 * attach to what is filled by then. `st`: how reading the model ended on this rank. */
static ac_status
pack_all(const ac_comm *comm, ac_packed *packed, size_t size, ac_status (*pack)(void *model),
         void *model, ac_status st)
{
    ac_shared shared = { 0 };

    AC_TRY(ac_shared_init_all(&shared, comm, st == AC_OK ? size : 0, st));
    *packed = (ac_packed){
        .bytes = shared.bytes, .size = shared.size, .fills = shared.fills, .release = release
    };
    st = packed->fills ? pack(model) : AC_OK;
    if (packed->fills)
        ac_shared_filled(packed->bytes, packed->size);
    AC_TRY(ac_agree_all(comm, st));
    AC_TRY(ac_agree_all(comm, packed->fills ? AC_OK : pack(model)));
out:
    return st;
}

static ac_status
open_clip_all(ac_clip_model *self, const ac_comm *comm, const ac_clip_options *options)
{
    const ac_status st =
        name_key(ac_clip_model_read(self, options), "clip.model", options->model);

    if (st == AC_OK && self->files.holds_two && comm->rank == 0)
        ac_log(AC_LOG_INFO, "%s holds two models; %s counts", options->model,
               self->files.config_path);
    return pack_all(comm, &self->packed, st == AC_OK ? ac_clip_model_packed_bytes(self) : 0,
                    pack_clip, self, st);
}

static ac_status
open_bart_all(ac_bart_model *self, const ac_comm *comm, const ac_bart_options *options)
{
    const ac_status st =
        name_key(ac_bart_model_read(self, options), "bart.model", options->model);

    return pack_all(comm, &self->packed, st == AC_OK ? ac_bart_model_packed_bytes(self) : 0,
                    pack_bart, self, st);
}

static ac_status
pack_causal(void *model)
{
    return ac_causal_model_pack(model);
}

/* ---- models ---- */

ac_status
ac_models_open_causal_all(const ac_comm *comm, const ac_config *config, ac_causal_model *model)
{
    const ac_causal_options options = { .model = config->story.model,
                                        .compute = ac_config_compute(config),
                                        .need_tokenizer = true };
    const ac_status st =
        name_key(ac_causal_model_read(model, &options), "story.model", options.model);

    return pack_all(comm, &model->packed, st == AC_OK ? ac_causal_model_packed_bytes(model) : 0,
                    pack_causal, model, st);
}

ac_status
ac_models_open_all(const ac_comm *comm, const ac_config *config, unsigned towers,
                   ac_clip_model *clip, ac_bart_model *bart)
{
    const ac_clip_options for_clip = clip_options(config, towers);
    const ac_bart_options for_bart = bart_options(config);
    ac_status st = AC_OK;

    AC_TRY(open_clip_all(clip, comm, &for_clip));
    if (bart) {
        AC_TRY(open_bart_all(bart, comm, &for_bart));
        st = ac_agree_all(comm, ac_generation_config_load(&bart->generation, for_bart.model));
    }
out:
    return st;
}

ac_status
ac_models_open(const ac_config *config, unsigned towers, ac_clip_model *clip,
               ac_bart_model *bart)
{
    const ac_clip_options for_clip = clip_options(config, towers);
    const ac_bart_options for_bart = bart_options(config);
    ac_status st = AC_OK;

    AC_TRY(name_key(ac_clip_model_open(clip, &for_clip), "clip.model", for_clip.model));
    if (bart) {
        AC_TRY(name_key(ac_bart_model_open(bart, &for_bart), "bart.model", for_bart.model));
        st = ac_generation_config_load(&bart->generation, for_bart.model);
    }
out:
    return st;
}

ac_status
ac_models_set_generation(ac_bart_model *bart, const ac_config *config)
{
    ac_generation_config generation = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_generation_config_copy(&generation, &bart->generation));
    AC_TRY(ac_config_generation(config, &generation));
    st = ac_bart_model_set_generation(bart, &generation);
out:
    ac_generation_config_free(&generation);
    return st;
}

#include "jobs/cache/build.h"

#include <string.h>

#include "cache_builder/cache.h"
#include "jobs/cache/embed.h"
#include "jobs/cache/input.h"
#include "jobs/cache/summary.h"

enum { STAGE_WRITE = 1 }; /* its number in the run */

typedef struct builder {
    const ac_config *config;
    ac_clip_model *clip;
    ac_run run;
    ac_entry_input input;
    ac_entry_work work;
    ac_cache cache; /* rank 0 */
    double started;
} builder;

static void
builder_free(builder *self)
{
    ac_cache_close(&self->cache);
    ac_entry_work_free(&self->work);
    ac_entry_input_free(&self->input);
    ac_run_free(&self->run);
}

static ac_status
open_run_all(builder *self, const ac_comm *comm, const char *folder)
{
    const ac_compute compute = ac_config_compute(self->config);
    const ac_run_identity id = {
        .job = "build-cache",
        .stages = ac_build_cache_stages,
        .items = self->input.entries.count,
        .input = self->input.fingerprint,
        .clip = self->clip->text_fingerprint,
        .cache = "",
        .bart = "",
        .kernels = ac_compute_kernels(&compute),
    };

    return ac_run_open_all(&self->run, comm, self->config, folder, &id);
}

/* Rank 0: has this cache grown since it was built? Then it is not built again in place: the
 * growth would be lost. */
static ac_status
look_for_growth(const ac_run *run, char *grown)
{
    ac_cache cache = { 0 };
    ac_status st = AC_OK;

    *grown = ac_cache_open(&cache, run->folder) == AC_OK && cache.source_count > 1;
    if (*grown &&
        ac_run_rows(run, STAGE_WRITE) + ac_run_bad(run, STAGE_WRITE) < run->manifest.items)
        st = ac_error_set(AC_E_FORMAT,
                          "%s: this cache has grown since it was built, and one of its first "
                          "shards is gone or damaged: restore that file",
                          run->folder);
    ac_cache_close(&cache);
    return st;
}

/* Rank 0: what was written becomes the cache. */
static ac_status
publish(builder *self, const ac_cache_source *source)
{
    const ac_run *run = &self->run;
    ac_cache *cache = &self->cache;
    ac_status st = AC_OK;

    AC_TRY(ac_cache_identity_set(cache, self->clip->text_fingerprint, self->clip->path,
                                 self->work.prefix, self->clip->net.config.projection_dim));
    AC_TRY(ac_duplicate(&cache->folder, run->folder, strlen(run->folder)));
    for (int64_t i = 0; i < run->manifest.shard_count; i++) {
        const ac_shard_record *r = &run->manifest.stages[STAGE_WRITE].shards[i];
        ac_cache_shard shard = { .rows = r->rows };
        memcpy(shard.checksum, r->checksum, sizeof shard.checksum);
        AC_TRY(ac_cache_add_shards(cache, &shard, 1));
    }
    AC_TRY(ac_cache_add_source(cache, source));
    st = ac_cache_save(cache, run->folder);
out:
    return st;
}

static ac_status
build_all(builder *self)
{
    ac_run *run = &self->run;
    const ac_comm *comm = run->comm;
    const int64_t D = self->clip->net.config.projection_dim;
    ac_cache_source source = { .path = self->config->input.path };
    char grown = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_agree_all(comm, comm->rank == 0 ? look_for_growth(run, &grown) : AC_OK));
    ac_broadcast_bytes_all(comm, &grown, 1, 0);
    if (grown)
        return ac_run_finish_all(run);
    self->work = (ac_entry_work){ .run = run,
                                  .clip = self->clip,
                                  .entries = &self->input.entries,
                                  .prefix = self->config->ngrams.prefix };
    AC_TRY(ac_entries_embed_all(&self->work));
    AC_TRY(ac_entries_write_all(run, &ac_stage_cache_write, &self->input.entries, D,
                                ac_entries_embedded_rows, &self->work));
    source.entries = ac_run_rows(run, STAGE_WRITE);
    memcpy(source.kind, self->input.kind, strlen(self->input.kind));
    memcpy(source.input, self->input.fingerprint, sizeof source.input);
    source.cut = self->work.plan.cut;
    source.positions = self->work.plan.positions;
    source.positions_alone = self->work.plan.positions_alone;
    source.positions_padded = self->work.plan.positions_padded;
    AC_TRY(ac_agree_all(comm, comm->rank == 0 ? publish(self, &source) : AC_OK));
    AC_TRY(ac_agree_all(comm, ac_cache_summary_all(run, &self->cache, &source, self->started)));
    st = ac_run_finish_all(run);
out:
    return st;
}

ac_status
ac_build_cache_all(const ac_comm *comm, const ac_config *config, ac_clip_model *clip,
                   const char *folder)
{
    builder b = { .config = config, .clip = clip, .started = ac_progress_clock() };
    ac_status st = AC_OK;

    AC_TRY(ac_entry_input_read_all(&b.input, comm, config, folder));
    AC_TRY(open_run_all(&b, comm, folder));
    if (!b.run.finished_before)
        AC_TRY(build_all(&b));
    st = ac_agree_all(comm, comm->rank == 0
                                ? ac_remove_files(folder, ac_stage_cache_embed.folder, false)
                                : AC_OK);
out:
    builder_free(&b);
    return st;
}

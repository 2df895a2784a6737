#include "jobs/stages/build_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/comm/queue.h"
#include "io/checksum.h"
#include "jobs/runtime/progress.h"
#include "jobs/runtime/run.h"
#include "jobs/runtime/signals.h"

enum { CACHE_SHARD_ITEMS = 4096 };

typedef struct builder {
    ac_texts entries;
    ac_cache_shard *shards; /* [shard_count]; filled in by the rank that made them */
    int64_t shard_count, dimension;
    float *embeddings; /* [CACHE_SHARD_ITEMS, D] */
    int64_t cut;
} builder;

static void
builder_free(builder *self)
{
    ac_texts_free(&self->entries);
    free(self->shards);
    free(self->embeddings);
}

static ac_status
build_shard(builder *self, const ac_config *config, ac_clip_model *clip, const char *folder, int64_t shard)
{
    const int64_t first = shard * CACHE_SHARD_ITEMS, left = self->entries.count - first;
    const int64_t rows = left < CACHE_SHARD_ITEMS ? left : CACHE_SHARD_ITEMS;
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_clip_model_embed_texts(clip, self->embeddings, &self->entries, first, rows, "", &self->cut));
    AC_TRY(ac_cache_shard_path(&path, folder, shard));
    AC_TRY(ac_cache_shard_write(path, &self->entries, first, rows, self->embeddings, self->dimension,
                                (ac_compression) config->output.compression, self->shards[shard].checksum));
    self->shards[shard].rows = rows;
out:
    free(path);
    return st;
}

static ac_status
read_entries_all(builder *self, const ac_comm *comm, const char *source, const char *folder)
{
    ac_status st = AC_OK;
    char *path = NULL;

    if (comm->rank == 0) {
        st = ac_cache_read_entries(source, &self->entries);
        if (st == AC_OK && asprintf(&path, "%s/shards", folder) < 0)
            st = ac_error_set(AC_E_NOMEM, "out of memory for a path");
        if (st == AC_OK)
            st = ac_run_make_folder(path);
        free(path);
    }
    AC_TRY(ac_agree_all(comm, st));
    AC_TRY(ac_broadcast_texts_all(comm, &self->entries, 0));
    self->shard_count = (self->entries.count + CACHE_SHARD_ITEMS - 1) / CACHE_SHARD_ITEMS;
    st = ac_alloc(&self->shards, self->shard_count, sizeof *self->shards);
    if (st == AC_OK)
        st = ac_alloc(&self->embeddings, CACHE_SHARD_ITEMS * self->dimension, sizeof(float));
    st = ac_agree_all(comm, st);
out:
    return st;
}

/* Is the cache there, of this model and as many entries? Decided by rank 0. */
static ac_status
is_built_all(const ac_comm *comm, const char *folder, const char *model, const char *source, bool *built)
{
    char found = 0;
    ac_status st = AC_OK;

    if (comm->rank == 0) {
        ac_cache cache = { 0 };
        ac_texts entries = { 0 };
        char *path = NULL;
        if (asprintf(&path, "%s/manifest.json", folder) >= 0 && access(path, F_OK) == 0) {
            st = ac_cache_open(&cache, folder);
            if (st == AC_OK)
                st = ac_cache_read_entries(source, &entries);
            found = st == AC_OK && strcmp(cache.model, model) == 0 && cache.entries == entries.count;
        }
        free(path);
        ac_texts_free(&entries);
        ac_cache_close(&cache);
    }
    st = ac_agree_all(comm, st);
    ac_broadcast_bytes_all(comm, &found, 1, 0);
    *built = found;
    return st;
}

ac_status
ac_build_cache_all(const ac_comm *comm, const ac_config *config, ac_clip_model *clip, const char *source, const char *folder,
                   const char *progress_path)
{
    builder b = { .dimension = clip->net.config.projection_dim };
    ac_queue queue = { 0 };
    ac_progress progress = { 0 };
    ac_status st = AC_OK;
    bool built;
    int64_t made = 0;

    AC_TRY(is_built_all(comm, folder, clip->text_fingerprint, source, &built));
    if (built)
        return AC_OK;
    AC_TRY(read_entries_all(&b, comm, source, folder));
    AC_TRY(ac_agree_all(comm, ac_progress_begin_all(&progress, comm, progress_path, "cache", "cache", "entries", 0, 0, b.entries.count)));
    AC_TRY(ac_queue_open_all(&queue, comm, b.shard_count));
    for (int64_t shard; st == AC_OK && !ac_signals_stopped() && ac_queue_claim(&queue, &shard);) {
        st = build_shard(&b, config, clip, folder, shard);
        ac_progress_add(&progress, b.shards[shard].rows, 0);
    }
    if (st != AC_OK)
        ac_queue_fail(&queue);
    ac_queue_close_all(&queue);
    ac_progress_end_all(&progress);
    AC_TRY(ac_agree_all(comm, st));
    AC_MPI(MPI_Allreduce(MPI_IN_PLACE, b.shards, (int) (b.shard_count * (int64_t) sizeof *b.shards), MPI_BYTE, MPI_BOR, comm->mpi));
    ac_sum_int64_all(comm, &b.cut, 1);
    for (int64_t i = 0; i < b.shard_count; i++)
        made += b.shards[i].rows > 0;
    if (made < b.shard_count)
        AC_TRY(ac_error_set(AC_E_STOPPED, "stopped on request before the cache was whole; the same command builds it"));
    if (comm->rank == 0) {
        if (b.cut)
            ac_log(AC_LOG_WARNING, "%lld entries are longer than CLIP's context and were cut", (long long) b.cut);
        ac_cache cache = { 0 };
        st = ac_cache_identity_set(&cache, clip->text_fingerprint, clip->path, "", b.dimension);
        if (st == AC_OK)
            st = ac_cache_add_shards(&cache, b.shards, b.shard_count);
        if (st == AC_OK)
            st = ac_cache_save(&cache, folder);
        ac_cache_close(&cache);
    }
    st = ac_agree_all(comm, st);
out:
    builder_free(&b);
    return st;
}

#include "jobs/cache/extend.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_builder/cache.h"
#include "cache_builder/duplicates.h"
#include "engine/base/log.h"
#include "io/file/file_look.h"
#include "io/file/file_open.h"
#include "io/file/checksum.h"
#include "io/file/json_file.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "jobs/cache/embed.h"
#include "jobs/cache/input.h"
#include "jobs/cache/summary.h"
#include "jobs/runtime/done.h"
#include "jobs/runtime/lock.h"

typedef struct extender {
    const ac_comm *comm;
    const ac_config *config;
    ac_clip_model *clip;
    ac_run run;
    ac_cache cache;       /* that grows */
    ac_cache other;       /* whose entries join; folder NULL: they come from text */
    ac_entry_input input; /* the entries, at first all, then those that are new */
    int64_t *picked;      /* [entries of input]: their numbers among all that were given */
    int64_t duplicates;
    ac_entry_work work;
    ac_lock lock; /* of the cache; rank 0 */
    double started;
} extender;

static void
extender_free(extender *self)
{
    ac_lock_release(&self->lock);
    free(self->picked);
    ac_entry_work_free(&self->work);
    ac_entry_input_free(&self->input);
    ac_cache_close(&self->other);
    ac_cache_close(&self->cache);
    ac_run_free(&self->run);
}

/* ---- what joins what ---- */

static bool
is_folder_with_manifest(const char *path)
{
    char *manifest = NULL, *inner = NULL;
    bool found = ac_path_format(&manifest, "%s/manifest.json", path) == AC_OK &&
                 ac_path_format(&inner, "%s/cache/manifest.json", path) == AC_OK &&
                 (ac_file_is_there(manifest) || ac_file_is_there(inner));

    free(manifest);
    free(inner);
    return found;
}

/* Rank 0: nobody else grows or builds this cache from now on. Until then what its manifest says
 * may change. */
static ac_status
lock_cache(extender *self, const char *folder, ac_locks *locks)
{
    ac_cache found = { 0 };
    char *lock = NULL, *mine = NULL, *grown = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_cache_open(&found, self->config->cache.path));
    mine = realpath(folder, NULL);
    grown = realpath(found.folder, NULL);
    if (mine && grown && strcmp(mine, grown) == 0)
        AC_FAIL(AC_E_ARG,
                "%s: the run folder cannot be the cache itself: give --run another folder",
                folder);
    AC_TRY(ac_path_format(&lock, "%s/lock", found.folder));
    AC_TRY(ac_lock_take(&self->lock, locks, lock));
    AC_TRY(ac_remove_files(found.folder, "shards", true));
    st = ac_remove_files(found.folder, ".", true);
out:
    ac_cache_close(&found);
    free(lock);
    free(mine);
    free(grown);
    return st;
}

/* Local: the cache, and the other one where input.path is one; do they and the model fit
 * together? */
static ac_status
open_caches(extender *self, bool from_cache)
{
    const char *prefix = self->config->ngrams.prefix;
    const ac_clip_model *clip = self->clip;
    ac_status st = AC_OK;

    AC_TRY(ac_cache_open(&self->cache, self->config->cache.path));
    AC_TRY(ac_cache_check_model(&self->cache, clip->text_fingerprint, clip->path,
                                clip->net.config.projection_dim));
    if (prefix[0] && strcmp(prefix, self->cache.prefix) != 0)
        AC_FAIL(AC_E_ARG,
                "%s: its entries were embedded with the prefix \"%s\", ngrams.prefix is "
                "\"%s\": one cache has one prefix; leave the key out to use the cache's",
                self->cache.folder, self->cache.prefix, prefix);
    if (!from_cache)
        goto out;
    AC_TRY(ac_cache_open(&self->other, self->config->input.path));
    st = ac_cache_check_same(&self->cache, &self->other);
out:
    return st;
}

/* Collective: all entries of a cache, on the root; the ranks share the reading. */
static ac_status
gather_entries_all(const ac_comm *comm, const ac_cache *cache, ac_texts *all)
{
    const int64_t first = cache->entries * comm->rank / comm->size,
                  count = cache->entries * (comm->rank + 1) / comm->size - first;
    ac_texts mine = { 0 };
    ac_buffer packed = { 0 }, received = { 0 };
    int64_t *bounds = NULL;
    ac_status st = ac_alloc(&bounds, comm->size + 1, sizeof *bounds);

    if (st == AC_OK)
        st = ac_cache_read_slice(cache, first, count, NULL, &mine);
    for (int64_t i = 0; st == AC_OK && i < mine.count; i++) {
        const int64_t n = (int64_t) ac_texts_size(&mine, i);
        ac_buffer_push(&packed, &n, sizeof n);
        st = ac_buffer_push(&packed, ac_texts_at(&mine, i), (size_t) n);
    }
    AC_TRY(ac_agree_all(comm, st));
    AC_TRY(ac_gather_bytes_all(comm, packed.data, packed.size, 0, &received, bounds));
    ac_texts_reset(all);
    for (size_t at = 0; comm->rank == 0 && at < received.size;) {
        int64_t n;
        memcpy(&n, received.data + at, sizeof n);
        AC_TRY(ac_texts_push(all, received.data + at + sizeof n, (size_t) n));
        at += sizeof n + (size_t) n;
    }
out:
    ac_texts_free(&mine);
    ac_buffer_free(&packed);
    ac_buffer_free(&received);
    free(bounds);
    return st;
}

static ac_status
read_input_all(extender *self, const char *folder)
{
    ac_status st = AC_OK;

    if (!self->other.folder)
        return ac_entry_input_read_all(&self->input, self->comm, self->config, folder);
    AC_TRY(ac_agree_all(self->comm,
                        gather_entries_all(self->comm, &self->other, &self->input.entries)));
    AC_TRY(ac_broadcast_texts_all(self->comm, &self->input.entries, 0));
    self->input.kind = "cache";
    memcpy(self->input.fingerprint, self->other.fingerprint, sizeof self->input.fingerprint);
out:
    return st;
}

/* Collective: leave out what is there already, if asked; `picked` and the entries are the same
 * on all ranks. */
static ac_status
pick_new_all(extender *self)
{
    const ac_comm *comm = self->comm;
    const int64_t given = self->input.entries.count;
    ac_texts old = { 0 }, fresh = { 0 };
    int64_t count = given;
    ac_status st = ac_alloc(&self->picked, given, sizeof *self->picked);

    AC_TRY(ac_agree_all(comm, st));
    for (int64_t i = 0; i < given; i++)
        self->picked[i] = i;
    if (self->config->cache.duplicates)
        return AC_OK; /* keep */
    st = gather_entries_all(comm, &self->cache, &old);
    if (st == AC_OK && comm->rank == 0)
        st = ac_entries_pick_new(&old, &self->input.entries, self->picked, &count);
    AC_TRY(ac_agree_all(comm, st));
    ac_broadcast_bytes_all(comm, &count, sizeof count, 0);
    ac_broadcast_bytes_all(comm, self->picked, (size_t) count * sizeof *self->picked, 0);
    for (int64_t i = 0; st == AC_OK && i < count; i++)
        st = ac_texts_push(&fresh, ac_texts_at(&self->input.entries, self->picked[i]),
                           ac_texts_size(&self->input.entries, self->picked[i]));
    AC_TRY(ac_agree_all(comm, st));
    ac_texts_free(&self->input.entries);
    self->input.entries = fresh;
    fresh = (ac_texts){ 0 };
    self->duplicates = given - count;
out:
    ac_texts_free(&old);
    ac_texts_free(&fresh);
    return st;
}

/* ---- the run ---- */

/* Rank 0: has an earlier start of this very run grown the cache already? AC_E_ARG where the
 * cache changed otherwise since. */
static ac_status
look_back(const extender *self, const char *folder, char *joined)
{
    char *path = NULL;
    json_t *root = NULL;
    const char *before, *began_with;
    char config[33];
    ac_status st = ac_config_fingerprint(self->config, "extend-cache", config);

    *joined = 0;
    AC_TRY(st);
    AC_TRY(ac_path_format(&path, "%s/manifest.json", folder));
    AC_TRY(ac_json_file_find(&root, path));
    before = json_string_value(json_object_get(root, "cache_fingerprint"));
    if (!before || strcmp(before, self->cache.fingerprint) == 0)
        goto out; /* a new run, or the cache as it was when this one began */
    for (int64_t i = 0; i < self->cache.source_count && !*joined; i++)
        *joined = strcmp(self->cache.sources[i].before, before) == 0 &&
                  strcmp(self->cache.sources[i].input, self->input.fingerprint) == 0;
    began_with = json_string_value(json_object_get(root, "config_fingerprint"));
    if (!*joined || !began_with || strcmp(began_with, config) != 0)
        st = ac_error_set(AC_E_ARG,
                          "%s: this run began with other entries or another config, or %s has "
                          "changed since: give --run another folder",
                          folder, self->cache.folder);
out:
    json_decref(root);
    free(path);
    return st;
}

static ac_status
open_run_all(extender *self, const char *folder)
{
    const ac_compute compute = ac_config_compute(self->config);
    const bool embeds = !self->other.folder;
    const ac_run_identity id = {
        .job = "extend-cache",
        .stages = ac_extend_cache_stages + (embeds ? 0 : 1),
        .items = self->input.entries.count,
        .input = self->input.fingerprint,
        .clip = self->clip->text_fingerprint,
        .cache = self->cache.fingerprint,
        .bart = "",
        .kernels = ac_compute_kernels(&compute),
    };

    return ac_run_open_all(&self->run, self->comm, self->config, folder, &id);
}

/* An ac_row_reader: the other cache's rows, its shards one after the other. */
static ac_status
read_other_rows(void *context, int64_t first, int64_t count, float *y)
{
    const extender *self = context;
    const ac_cache *other = &self->other;
    const int64_t D = other->dimension, *picked = self->picked + first;
    int64_t begin = 0, done = 0, most = 0;
    float *rows = NULL;
    ac_status st = AC_OK;

    for (int64_t s = 0; s < other->shard_count; s++)
        most = other->shards[s].rows > most ? other->shards[s].rows : most;
    AC_TRY(ac_alloc_aligned(&rows, most * D, sizeof *rows));
    for (int64_t s = 0; s < other->shard_count && done < count;
         begin += other->shards[s++].rows) {
        const int64_t end = begin + other->shards[s].rows;
        if (picked[done] >= end)
            continue;
        AC_TRY(ac_cache_read_slice(other, begin, end - begin, rows, NULL));
        for (; done < count && picked[done] < end; done++)
            memcpy(y + done * D, rows + (picked[done] - begin) * D, (size_t) D * sizeof *y);
    }
out:
    free(rows);
    return st;
}

static ac_status
make_shards_all(extender *self)
{
    ac_run *run = &self->run;
    const int64_t D = self->cache.dimension;
    ac_status st = AC_OK;

    if (self->other.folder)
        return ac_entries_write_all(run, &ac_stage_cache_join, &self->input.entries, D,
                                    read_other_rows, self);
    self->work = (ac_entry_work){ .run = run,
                                  .clip = self->clip,
                                  .entries = &self->input.entries,
                                  .prefix = self->cache.prefix };
    AC_TRY(ac_entries_embed_all(&self->work));
    st = ac_entries_write_all(run, &ac_stage_cache_join, &self->input.entries, D,
                              ac_entries_embedded_rows, &self->work);
out:
    return st;
}

/* ---- joining, rank 0 ---- */

static ac_status
copy_file(const char *from, const char *to)
{
    char block[1 << 16];
    ssize_t n = 0;
    int in = ac_file_open_for(from, O_RDONLY | O_CLOEXEC),
        out = ac_file_open_for(to, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC);
    bool good = in >= 0 && out >= 0;

    while (good && (n = read(in, block, sizeof block)) > 0)
        for (ssize_t at = 0, m; good && at < n; at += m)
            good = (m = write(out, block + at, (size_t) (n - at))) > 0;
    good = good && n == 0 && fsync(out) == 0;
    if (in >= 0)
        close(in);
    if (out >= 0)
        good = close(out) == 0 && good;
    return good ? AC_OK
                : ac_error_set(AC_E_IO, "%s: cannot be copied to %s: %s; is the disk full?",
                               from, to, strerror(errno));
}

/* The run's shard i becomes a file of the cache, without leaving the run: a second name where
 * the file system allows. */
static ac_status
place_shard(const extender *self, int stage, int64_t i, const char *checksum)
{
    char *from = NULL, *to = NULL, *temporary = NULL, found[33];
    ac_status st = AC_OK;

    AC_TRY(ac_run_published_shard(&self->run, stage, i, &from));
    AC_TRY(ac_cache_shard_path(&to, self->cache.folder, self->cache.shard_count + i));
    AC_TRY(ac_path_format(&temporary, "%s.tmp.%d", to, (int) getpid()));
    unlink(temporary);
    if (link(from, temporary) != 0)
        AC_TRY(copy_file(from, temporary));
    AC_TRY(ac_file_checksum(temporary, found));
    if (strcmp(found, checksum) != 0)
        AC_FAIL(AC_E_IO, "%s: not what was written a moment ago: run again", from);
    st = ac_publish_rename(temporary, to);
out:
    if (temporary)
        unlink(temporary); /* also after a rename, which does nothing where both names were one
                              file's already */
    free(from);
    free(to);
    free(temporary);
    return st;
}

/* The run that built the cache keeps checksums of its files, of the manifest too. */
static ac_status
renew_done(const char *folder)
{
    char *path = NULL;
    ac_status st = ac_path_format(&path, "%s/DONE", folder);

    if (st == AC_OK && ac_file_is_there(path))
        st = ac_done_write(folder);
    free(path);
    return st;
}

static ac_status
join(extender *self, const ac_cache_source *source)
{
    const ac_manifest *m = &self->run.manifest;
    const int stage = m->stage_count - 1;
    ac_cache_shard *shards = NULL;
    ac_status st = AC_OK;

    if (m->items == 0)
        return AC_OK; /* nothing new: the cache stays as it is */
    if (!ac_lock_renew(&self->lock))
        return ac_error_set(AC_E_RETRY,
                            "%s: another run took this cache's lock meanwhile: run again",
                            self->cache.folder);
    AC_TRY(ac_alloc(&shards, m->shard_count, sizeof *shards));
    for (int64_t i = 0; i < m->shard_count; i++) {
        shards[i].rows = m->stages[stage].shards[i].rows;
        memcpy(shards[i].checksum, m->stages[stage].shards[i].checksum,
               sizeof shards[i].checksum);
        AC_TRY(place_shard(self, stage, i, shards[i].checksum));
    }
    AC_TRY(ac_cache_add_source(&self->cache, source));
    AC_TRY(ac_cache_add_shards(&self->cache, shards, m->shard_count));
    AC_TRY(ac_cache_save(&self->cache, self->cache.folder));
    st = renew_done(self->cache.folder);
out:
    free(shards);
    return st;
}

static ac_status
extend_all(extender *self)
{
    const ac_comm *comm = self->comm;
    ac_cache_source source = { .path = self->config->input.path,
                               .duplicates = self->duplicates };
    ac_status st = AC_OK;

    AC_TRY(make_shards_all(self));
    source.entries = ac_run_rows(&self->run, self->run.manifest.stage_count - 1);
    memcpy(source.kind, self->input.kind, strlen(self->input.kind));
    memcpy(source.input, self->input.fingerprint, sizeof source.input);
    memcpy(source.before, self->cache.fingerprint, sizeof source.before);
    source.cut = self->work.plan.cut;
    source.positions = self->work.plan.positions;
    source.positions_alone = self->work.plan.positions_alone;
    source.positions_padded = self->work.plan.positions_padded;
    AC_TRY(ac_agree_all(comm, comm->rank == 0 ? join(self, &source) : AC_OK));
    AC_TRY(ac_agree_all(
        comm, ac_cache_summary_all(&self->run, &self->cache, &source, self->started)));
    st = ac_run_finish_all(&self->run);
out:
    return st;
}

/* Rank 0: the work is part of the cache, or was. */
static ac_status
clean_up(const char *folder)
{
    ac_status st = ac_remove_files(folder, ".", true);

    for (const ac_stage_type *const *stage = ac_extend_cache_stages; *stage && st == AC_OK;
         stage++)
        st = ac_remove_files(folder, (*stage)->folder, false);
    return st;
}

ac_status
ac_extend_cache_all(const ac_comm *comm, const ac_config *config, ac_clip_model *clip,
                    const char *folder, ac_locks *locks)
{
    extender e = {
        .comm = comm, .config = config, .clip = clip, .started = ac_progress_clock()
    };
    char joined = 0,
         from_cache = comm->rank == 0 && is_folder_with_manifest(config->input.path);
    ac_status st;

    if (strchr(config->cache.path, AC_CONFIG_PATHS_BETWEEN))
        AC_FAIL(AC_E_ARG, "cache.path: extend-cache extends one cache, not a list of them");
    AC_TRY(ac_agree_all(comm, comm->rank == 0 ? lock_cache(&e, folder, locks) : AC_OK));
    ac_broadcast_bytes_all(comm, &from_cache, sizeof from_cache, 0);
    AC_TRY(ac_agree_all(comm, open_caches(&e, from_cache)));
    AC_TRY(read_input_all(&e, folder));
    AC_TRY(ac_agree_all(comm, comm->rank == 0 ? look_back(&e, folder, &joined) : AC_OK));
    ac_broadcast_bytes_all(comm, &joined, 1, 0);
    if (!joined) {
        AC_TRY(pick_new_all(&e));
        AC_TRY(open_run_all(&e, folder));
    }
    if (!joined && !e.run.finished_before) {
        AC_TRY(extend_all(&e));
    } else if (comm->rank == 0) {
        ac_log(AC_LOG_INFO, "these entries joined the cache before; nothing to do");
        st = joined ? renew_done(e.cache.folder) : AC_OK;
        if (st == AC_OK && joined)
            st = ac_done_write(folder);
    }
    AC_TRY(ac_agree_all(comm, st));
    st = ac_agree_all(comm, comm->rank == 0 ? clean_up(folder) : AC_OK);
out:
    extender_free(&e);
    return st;
}

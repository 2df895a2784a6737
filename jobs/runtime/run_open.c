/* Opening a run: the folder, its config, what is finished in it. */
#include "io/file/file_look.h"
#include "jobs/runtime/run.h"

#include <dirent.h>
#include <errno.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/linear/compute.h"
#include "io/file/json_write.h"
#include "io/file/checksum.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"
#include "io/source/selected_images.h"
#include "jobs/runtime/attempt.h"
#include "jobs/runtime/done.h"
#include "jobs/runtime/earlier.h"
#include "jobs/runtime/lock.h"
#include "jobs/runtime/update.h"
#include "jobs/runtime/version.h"

/* What the folder's manifest says of generations; none: it is not there, was never updated, or
 * cannot be read, which is said later. */
typedef struct layout {
    int64_t items; /* of the input of before */
    int64_t count;
    ac_generation *generations; /* [count], owned */
} layout;

static ac_status
read_layout(layout *self, const char *folder)
{
    ac_manifest m = { 0 };
    char *path = NULL;
    ac_status st = ac_path_format(&path, "%s/manifest.json", folder);

    if (st == AC_OK && ac_file_is_there(path) && ac_manifest_read(&m, path) == AC_OK) {
        self->items = m.items;
        self->count = m.generation_count;
        self->generations = m.generations;
        m.generations = NULL;
    }
    ac_manifest_free(&m);
    free(path);
    return st;
}

static ac_status
share_layout_all(layout *self, const ac_comm *comm)
{
    ac_status st = AC_OK;

    ac_broadcast_bytes_all(comm, &self->count, sizeof self->count, 0);
    if (comm->rank != 0)
        st = ac_alloc(&self->generations, self->count, sizeof *self->generations);
    AC_TRY(ac_agree_all(comm, st));
    ac_broadcast_bytes_all(comm, self->generations,
                           (size_t) self->count * sizeof *self->generations, 0);
out:
    return st;
}

static ac_status
init_manifest(ac_manifest *self, const ac_run_identity *id, int64_t shard_items,
              const layout *generations)
{
    const char *names[AC_MAX_STAGES];
    int count = 0;

    for (; id->stages[count]; count++) {
        AC_CHECK(count < AC_MAX_STAGES);
        names[count] = id->stages[count]->name;
    }
    return generations->count
               ? ac_manifest_init_generations(self, names, count, id->items, shard_items,
                                              generations->generations, generations->count)
               : ac_manifest_init(self, names, count, id->items, shard_items);
}

/* ---- opening, rank 0 ---- */

/* Half-written files of a run's very beginning. In a folder that is no run's yet, others'
 * temporary files are not ours to remove. */
static bool
is_first_file(const char *name)
{
    static const char *const ours[] = { "config.yaml.tmp.", "manifest.json.tmp.", "lock.tmp.",
                                        "00000.items.tmp." };

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strncmp(name, ours[i], strlen(ours[i])) == 0)
            return true;
    return false;
}

/* What killed processes left half written. Parts leave it to the last run: their neighbours are
 * at work. */
static ac_status
remove_temporary_files(const ac_run *self, bool is_new)
{
    static const char *const others[] = { "generations", "journal", "." };

    for (int s = -3; s < self->manifest.stage_count && !ac_run_is_part(self); s++) {
        char *folder = NULL, *path = NULL;
        struct dirent *entry;
        DIR *d;
        ac_status st =
            ac_run_path(self, &folder, "%s", s < 0 ? others[s + 3] : self->stages[s]->folder);

        if (st == AC_OK && (d = ac_folder_open(folder))) {
            while ((st = ac_folder_next(&entry, d, folder)) == AC_OK && entry)
                if (strstr(entry->d_name, ".tmp") &&
                    (!is_new || is_first_file(entry->d_name)) &&
                    ac_path_format(&path, "%s/%s", folder, entry->d_name) == AC_OK) {
                    if (!ac_lock_is_awaited(path))
                        unlink(path);
                    free(path);
                }
            closedir(d);
        }
        free(folder);
        if (st != AC_OK)
            return st;
    }
    return AC_OK;
}

static ac_status
check_same(const ac_run *self, const ac_run_identity *id, const ac_manifest *old,
           const layout *before)
{
    char counts[80] = "";
    ac_status st = AC_OK;

    AC_TRY(ac_run_check_config(self->folder, old, self->config, id->job));
    if (before->items != id->items)
        snprintf(counts, sizeof counts, "%lld items then, %lld now, ",
                 (long long) before->items, (long long) id->items);
    if (strcmp(old->input_fingerprint, id->input) != 0)
        AC_FAIL(AC_E_ARG,
                "%s: the input differs from the one this run began with (%sby names and "
                "sizes); %s%s",
                self->folder, counts,
                id->images ? "--update computes what is new or changed; otherwise " : "",
                ac_run_advice);
    st = ac_run_check_models(self->folder, old, id);
out:
    return st;
}

/* The list of the items, from which an update starts. */
static ac_status
begin_list(const ac_run *self, const ac_run_identity *id, bool is_new)
{
    ac_status st;

    if (!id->images || self->manifest.generation_count)
        return AC_OK;
    if (is_new)
        return ac_update_begin_list(self->folder, self->config, id->images);
    st = ac_update_adopt(self->folder, self->config, id->images);
    if (st == AC_E_NOMEM)
        return st;
    if (st != AC_OK) /* the run itself can do without */
        ac_log(AC_LOG_DEBUG, "%s", ac_error_message());
    return AC_OK;
}

static ac_status
open_folder(ac_run *self, const ac_run_identity *id, const layout *before)
{
    ac_status st = AC_OK;
    ac_manifest old = { 0 };
    ac_buffer text = { 0 };
    char *config = NULL, *manifest = NULL, *path = NULL, *done = NULL;
    bool found;

    AC_TRY(ac_run_make_folder(self->folder));
    AC_TRY(ac_run_path(self, &path, "journal"));
    AC_TRY(ac_run_make_folder(path));
    for (int s = 0; s < self->manifest.stage_count; s++) {
        free(path);
        AC_TRY(ac_run_path(self, &path, "%s", id->stages[s]->folder));
        AC_TRY(ac_run_make_folder(path));
    }
    AC_TRY(ac_run_path(self, &config, "config.yaml"));
    AC_TRY(ac_run_path(self, &manifest, "manifest.json"));
    AC_TRY(ac_manifest_init_like(&old, &self->manifest));
    AC_TRY(ac_manifest_load(&old, manifest, &found));
    if (found) {
        AC_TRY(check_same(self, id, &old, before));
        for (int s = 0; s < self->manifest.stage_count; s++) {
            self->manifest.stages[s].seconds = old.stages[s].seconds;
            memcpy(self->manifest.stages[s].shards, old.stages[s].shards,
                   (size_t) old.shard_count * sizeof *old.stages[s].shards);
        }
        AC_TRY(begin_list(self, id, false));
        free(path);
        AC_TRY(ac_run_path(self, &path, "journal"));
        AC_TRY(ac_manifest_replay_folder(&self->manifest, path));
        AC_TRY(remove_temporary_files(self, false));
    } else {
        ac_config whole = *self->config; /* a view: nothing is owned twice */
        whole.compute.part = 0;
        whole.compute.parts = 1;
        AC_TRY(remove_temporary_files(self, true));
        AC_TRY(ac_config_print(&whole, id->job, &text));
        AC_TRY(ac_publish_file(config, text.data, text.size));
        AC_TRY(begin_list(self, id, true));
        AC_TRY(ac_manifest_save(&self->manifest, manifest));
    }
    AC_TRY(ac_run_path(self, &done, "DONE"));
    if (found && ac_file_is_there(done)) {
        ac_status whole = ac_done_check(self->folder);
        if (whole == AC_E_NOMEM)
            AC_TRY(whole);
        if (whole != AC_OK)
            ac_log(AC_LOG_WARNING, "%s; it is made again", ac_error_message());
        self->finished_before = whole == AC_OK;
    }
    free(path);
    AC_TRY(ac_run_path(self, &path, "journal"));
    st = ac_quarantine_read(&self->quarantine, path, self->prefix, self->stages);
out:
    ac_manifest_free(&old);
    ac_buffer_free(&text);
    free(config);
    free(manifest);
    free(path);
    free(done);
    return st;
}

/* ---- opening, all ranks ---- */

/* Each rank checks its part of a stage's finished files; what is gone or damaged is done again.
 * lost: incremented. */
static ac_status
verify_stage_all(ac_run *self, int stage, int64_t *lost)
{
    ac_shard_record *records = self->manifest.stages[stage].shards;
    ac_status st = AC_OK;
    char *path = NULL;

    for (int64_t i = 0; st == AC_OK && i < self->manifest.shard_count; i++) {
        char found[33] = "";

        if (!records[i].done || i % self->comm->size != self->comm->rank) {
            records[i] = (ac_shard_record){ 0 };
            continue;
        }
        st = ac_run_shard_path(self, stage, i, &path);
        if (st == AC_OK && self->fresh)
            st = ac_run_await(self, path);
        if (st == AC_OK && ac_file_checksum(path, found) == AC_E_NOMEM)
            st = AC_E_NOMEM; /* says nothing about the file */
        else if (st == AC_OK && strcmp(found, records[i].checksum) != 0) {
            ac_log(AC_LOG_WARNING, "%s: %s; it is made again", path,
                   *found ? "not what was published" : "gone or unreadable");
            records[i] = (ac_shard_record){ 0 };
            ++*lost;
        }
        ac_heartbeat_beat(self->comm->heartbeat);
        free(path);
        path = NULL;
    }
    st = ac_agree_all(self->comm, st);
    if (st == AC_OK)
        ac_run_join_records_all(self, records);
    return st;
}

/* Are all shards of the stages that keep them there? false where there is no such stage. */
static bool
is_kept_whole(const ac_run *self)
{
    bool whole = false;

    for (int s = 0; s < self->manifest.stage_count; s++) {
        if (self->stages[s]->temporary)
            continue;
        whole = true;
        for (int64_t i = 0; i < self->manifest.shard_count; i++)
            if (!self->manifest.stages[s].shards[i].done)
                return false;
    }
    return whole;
}

/* Temporary stages' shards are removed at the end, and missed only where another stage's must
 * be made again. */
static ac_status
verify_shards_all(ac_run *self)
{
    const bool finished = self->finished_before;
    ac_status st = AC_OK;
    int64_t lost = 0;

    for (int s = 0; s < self->manifest.stage_count; s++)
        if (!self->stages[s]->temporary)
            AC_TRY(verify_stage_all(self, s, &lost));
    ac_sum_int64_all(self->comm, &lost, 1);
    self->finished_before = finished && !lost;
    for (int s = 0; s < self->manifest.stage_count; s++) {
        if (!self->stages[s]->temporary || self->finished_before || is_kept_whole(self))
            continue;
        if (finished)
            memset(self->manifest.stages[s].shards, 0,
                   (size_t) self->manifest.shard_count * sizeof(ac_shard_record));
        else
            AC_TRY(verify_stage_all(self, s, &lost));
    }
out:
    return st;
}

/* The folders that rank 0 has made, in which this rank makes files. */
static ac_status
await_folders(const ac_run *self)
{
    ac_status st = AC_OK;

    for (int s = -1; s < self->manifest.stage_count && st == AC_OK; s++) {
        char *path = NULL;
        st = ac_run_path(self, &path, "%s", s < 0 ? "journal" : self->stages[s]->folder);
        if (st == AC_OK)
            st = ac_run_await(self, path);
        free(path);
    }
    return st;
}

static ac_status
open_inflight(ac_run *self)
{
    char *path = NULL;
    ac_status st = await_folders(self);

    if (st == AC_OK)
        st = ac_run_path(self, &path, "journal/%s%04d.hand", self->prefix, self->comm->rank);
    if (st == AC_OK)
        st = ac_inflight_open(&self->inflight, path, omp_get_max_threads());
    free(path);
    return st;
}

/* The manifest's list of several caches. */
static ac_status
list_caches(ac_manifest *m, const ac_cache_set *caches)
{
    ac_buffer b = { 0 };
    ac_status st = AC_OK;

    if (!caches || caches->count < 2)
        return AC_OK;
    for (int64_t i = 0; i < caches->count; i++) {
        const ac_cache *cache = &caches->caches[i];
        ac_buffer_push_text(&b, i ? ",\n    {\"path\": " : "[\n    {\"path\": ");
        ac_json_text(&b, cache->folder);
        ac_buffer_printf(&b, ", \"entries\": %lld, \"fingerprint\": \"%s\"}",
                         (long long) cache->entries, cache->fingerprint);
    }
    AC_TRY(ac_buffer_push_text(&b, "\n  ]"));
    st = ac_duplicate(&m->caches, b.data, b.size);
out:
    ac_buffer_free(&b);
    return st;
}

/* Local: all memory of a run, and what it is to be. */
static ac_status
prepare(ac_run *self, const char *folder, const ac_run_identity *id, const layout *generations)
{
    ac_manifest *m = &self->manifest;
    ac_status st = AC_OK;

    AC_TRY(ac_duplicate(&self->folder, folder, strlen(folder)));
    AC_TRY(init_manifest(m, id,
                         id->shard_items ? id->shard_items : self->config->output.shard_items,
                         generations));
    snprintf(m->job, sizeof m->job, "%s", id->job);
    snprintf(m->version, sizeof m->version, "%s", AC_VERSION);
    snprintf(m->input_fingerprint, sizeof m->input_fingerprint, "%s", id->input);
    snprintf(m->clip, sizeof m->clip, "%s", id->clip);
    snprintf(m->cache, sizeof m->cache, "%s", id->cache);
    snprintf(m->bart, sizeof m->bart, "%s", id->bart);
    snprintf(m->deny, sizeof m->deny, "%s", id->deny ? id->deny : "");
    AC_TRY(list_caches(m, id->caches));
    snprintf(m->kernels, sizeof m->kernels, "%s", id->kernels);
    snprintf(m->content, sizeof m->content, "%s", id->content ? id->content : "");
    snprintf(m->key_prefix, sizeof m->key_prefix, "%s", id->key_prefix ? id->key_prefix : "");
    snprintf(m->validation_key_prefix, sizeof m->validation_key_prefix, "%s",
             id->validation_key_prefix ? id->validation_key_prefix : "");
    m->pixel_size = id->pixel_size;
    if (id->pixels)
        AC_TRY(ac_duplicate(&m->pixels, id->pixels, strlen(id->pixels)));
    snprintf(m->precision, sizeof m->precision, "%s",
             ac_precision_names[self->config->compute.precision]);
    AC_TRY(ac_config_fingerprint(self->config, id->job, m->config_fingerprint));
    st = ac_quarantine_init(&self->quarantine, ac_manifest_numbers(m));
out:
    return st;
}

/* Local: shards whose first stage is to be made again, and which have lost items since: the
 * later stages would have rows of these. */
static ac_status
forget_thinned_shards(ac_run *self)
{
    const ac_manifest *m = &self->manifest;
    ac_status st = AC_OK;

    for (int64_t shard = 0; shard < m->shard_count && st == AC_OK; shard++) {
        int64_t first, count;
        bool thinned = false;
        if (m->stages[0].shards[shard].done)
            continue;
        ac_manifest_shard_items(m, shard, &first, &count);
        for (int64_t i = first; i < first + count; i++)
            thinned = thinned || self->numbers[i] < 0;
        if (thinned)
            st = ac_run_forget_shard(self, shard);
    }
    return st;
}

/* Of an updated run: which of the input's items the run's items are. */
static ac_status
select_items_all(ac_run *self, const ac_run_identity *id)
{
    const int64_t count = ac_manifest_numbers(&self->manifest);
    ac_status st = AC_OK;

    if (!self->manifest.generation_count)
        return AC_OK;
    st = ac_alloc(&self->numbers, count, sizeof *self->numbers);
    if (st == AC_OK && self->comm->rank == 0)
        st = ac_update_numbers(self->folder, &self->manifest, self->numbers);
    AC_TRY(ac_agree_all(self->comm, st));
    ac_broadcast_bytes_all(self->comm, self->numbers, (size_t) count * sizeof *self->numbers,
                           0);
    AC_TRY(ac_agree_all(self->comm, ac_selected_images_open(&self->selected, id->images,
                                                            self->numbers, count)));
    st = ac_agree_all(self->comm, forget_thinned_shards(self));
out:
    return st;
}

ac_status
ac_run_open_all(ac_run *self, const ac_comm *comm, const ac_config *config, const char *folder,
                const ac_run_identity *id)
{
    ac_status st = AC_OK;
    ac_manifest *m = &self->manifest;
    layout generations = { 0 };
    char finished = 0, fresh = 0;

    *self = (ac_run){
        .comm = comm, .config = config, .stages = id->stages, .listed = id->images != NULL
    };
    ac_part_prefix(self->prefix, config);
    ac_heartbeat_phase(comm->heartbeat, "check of finished shards");
    if (comm->rank == 0)
        st = ac_earlier_await(folder, config, comm->heartbeat, &self->fresh);
    if (comm->rank == 0 && st == AC_OK && config->update && id->images)
        st = ac_update_plan(folder, config, id);
    if (comm->rank == 0 && st == AC_OK)
        st = read_layout(&generations, folder);
    AC_TRY(ac_agree_all(comm, st));
    AC_TRY(share_layout_all(&generations, comm));
    st = prepare(self, folder, id, &generations);
    if (st == AC_OK && comm->rank == 0)
        st = open_folder(self, id, &generations);
    AC_TRY(ac_agree_all(comm, st));
    for (int s = 0; s < m->stage_count; s++) {
        ac_broadcast_bytes_all(comm, m->stages[s].shards,
                               (size_t) m->shard_count * sizeof(ac_shard_record), 0);
        ac_broadcast_bytes_all(comm, &m->stages[s].seconds, sizeof(double), 0);
    }
    finished = self->finished_before;
    ac_broadcast_bytes_all(comm, &finished, 1, 0);
    self->finished_before = finished;
    fresh = self->fresh;
    ac_broadcast_bytes_all(comm, &fresh, 1, 0);
    self->fresh = fresh;
    AC_TRY(ac_quarantine_share_all(&self->quarantine, comm));
    AC_TRY(verify_shards_all(self));
    if (!self->finished_before)
        AC_TRY(ac_agree_all(comm, open_inflight(self)));
    st = select_items_all(self, id);
out:
    free(generations.generations);
    return st;
}

#include "jobs/runtime/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/file_open.h"
#include "io/file/publish.h"
#include "jobs/runtime/signals.h"

enum { SHARD_NAME_BYTES = 32 }; /* of "/00000.h5" */

/* ---- beginning ---- */

/* Shards [first, end) are this run's: all of them, or a part's. */
static void
own_shards(const ac_run *run, int64_t *first, int64_t *end)
{
    const int64_t n = run->manifest.shard_count, parts = run->config->compute.parts,
                  part = run->config->compute.part;

    *first = ac_run_is_part(run) ? n * part / parts : 0;
    *end = ac_run_is_part(run) ? n * (part + 1) / parts : n;
}

/* Appended to. A line that a kill cut short must not swallow the next one. */
static ac_status
open_journal(ac_stage *self)
{
    const ac_run *run = self->run;
    char *path = NULL, last = '\n';
    ac_status st = AC_OK;
    off_t size;

    AC_TRY(ac_run_path(run, &path, "journal/%s%04d.jsonl", run->prefix, run->comm->rank));
    self->journal = ac_file_open_for(path, O_CREAT | O_APPEND | O_RDWR | O_CLOEXEC);
    if (self->journal < 0)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be opened: %s", path, strerror(errno));
    self->journal_open = true;
    size = lseek(self->journal, 0, SEEK_END);
    if (size == 0)
        AC_TRY(ac_publish_sync_name(path)); /* or its lines are synced under no name */
    if (size > 0 && pread(self->journal, &last, 1, size - 1) != 1)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be read: %s", path, strerror(errno));
    if (last != '\n' && write(self->journal, "\n", 1) != 1)
        AC_FAIL(ac_io_failure(errno), "%s: cannot be written: %s", path, strerror(errno));
out:
    free(path);
    return st;
}

/* Local: all memory of the stage, and its journal. */
static ac_status
prepare(ac_stage *self)
{
    const ac_run *run = self->run;
    const int64_t shards = run->manifest.shard_count;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self->todo, shards, sizeof *self->todo));
    AC_TRY(ac_alloc(&self->mine, shards, sizeof *self->mine));
    self->shard_path_bytes =
        strlen(run->folder) + strlen(self->type->folder) + SHARD_NAME_BYTES;
    AC_TRY(ac_alloc(&self->shard_path, (int64_t) self->shard_path_bytes, 1));
    AC_TRY(ac_run_progress_path(run, &self->progress_path));
    st = open_journal(self);
out:
    return st;
}

static ac_status
begin_all(ac_stage *self)
{
    ac_run *run = self->run;
    const ac_comm *comm = run->comm;
    int64_t done = 0, total = 0, from, end;
    ac_status st;

    self->number = ac_run_stage_number(run, self->type);
    run->inflight.stage = self->number;
    AC_TRY(ac_agree_all(comm, prepare(self)));
    own_shards(run, &from, &end);
    for (int64_t i = from; i < end; i++) {
        int64_t first, count;
        ac_run_shard_items(run, i, &first, &count);
        total += count;
        if (run->manifest.stages[self->number].shards[i].done)
            done += count;
        else
            self->todo[self->todo_count++] = i;
    }
    self->at = self->todo_count * comm->rank / comm->size;
    self->end = self->todo_count * (comm->rank + 1) / comm->size;
    self->started = ac_progress_clock();
    st = ac_progress_begin_all(&self->progress, comm, self->progress_path, run->manifest.job,
                               self->type->name, self->type->unit, done,
                               ac_run_bad(run, self->number), total);
    AC_TRY(ac_agree_all(comm, st));
    st = ac_queue_open_all(&self->queue, comm, self->todo_count);
out:
    return st;
}

/* ---- shards ---- */

/* A shard for this rank alone; false: none is left, or a stop was asked for. */
static bool
next_shard(ac_stage *self, int64_t *shard)
{
    int64_t i;

    ac_progress_tick(&self->progress);
    if (self->run->comm->rank == 0)
        ac_signals_tell(self->run->config->limits.grace_seconds);
    if (ac_signals_stopped()) /* one rank told to stop stops all */
        ac_queue_stop(&self->queue);
    if (self->type->sharing == AC_SHARDS_RANGES) {
        if (self->at >= self->end || ac_signals_stopped())
            return false;
        i = self->at;
    } else if (!ac_queue_claim(&self->queue, &i)) {
        return false;
    }
    *shard = self->todo[i];
    return true;
}

/* Progress counts what is computed of a shard, since one can take minutes. The other ranks tell
 * rank 0 at most once per second. */
static void
report_in_flight(ac_stage *self, int64_t items)
{
    const double now = ac_progress_clock();

    if (items <= self->reported || (self->run->comm->rank != 0 && now - self->last_report < 1))
        return;
    ac_progress_count(&self->progress, items - self->reported, 0);
    self->reported = items;
    self->last_report = now;
}

ac_status
ac_stage_tick(ac_stage *self, int64_t items)
{
    report_in_flight(self, items);
    ac_progress_tick(&self->progress);
    ac_queue_progress(&self->queue);
    if (ac_signals_seconds() > self->run->config->limits.grace_seconds / 2)
        return ac_error_set(AC_E_STOPPED, "stopped on request within a shard, which is "
                                          "dropped; the same command resumes the run");
    return AC_OK;
}

/* The shard's file is under its final name: write it into the journal, count it. */
static ac_status
publish(ac_stage *self, const ac_stage_shard *shard)
{
    const ac_run *run = self->run;
    ac_shard_record *r = &self->mine[shard->number];
    ac_buffer line = { 0 };
    ac_status st;

    *r = (ac_shard_record){ .rows = shard->rows, .bad = shard->bad, .done = true };
    snprintf(r->checksum, sizeof r->checksum, "%s", shard->checksum);
    st = ac_manifest_journal_line(&line, &run->manifest, self->number, shard->number, r);
    if (st == AC_OK &&
        (!ac_file_write(self->journal, line.data, line.size) || fsync(self->journal) != 0))
        st = ac_error_set(ac_io_failure(errno), "%s/journal: cannot be written: %s",
                          run->folder, strerror(errno));
    ac_buffer_free(&line);
    ac_progress_add(&self->progress, shard->count - self->reported, shard->bad);
    self->reported = 0;
    return st;
}

static ac_stage_shard
begin_shard(ac_stage *self, int64_t number, int root)
{
    ac_run *run = self->run;
    ac_stage_shard shard = { .number = number, .path = self->shard_path, .root = root };

    ac_run_shard_items(run, number, &shard.first, &shard.count);
    snprintf(self->shard_path, self->shard_path_bytes, "%s/%s/%05lld.h5", run->folder,
             self->type->folder, (long long) number);
    ac_heartbeat_shard(run->comm->heartbeat, number);
    return shard;
}

static ac_status
make_shard(ac_stage *self, void *context, int64_t number)
{
    ac_stage_shard shard = begin_shard(self, number, self->run->comm->rank);
    const ac_status st = self->type->shard(context, self, &shard);

    ac_inflight_clear(&self->run->inflight); /* a stop or a failure is no death */
    if (st == AC_OK)
        return publish(self, &shard);
    ac_progress_count(&self->progress, -self->reported, 0); /* the shard is dropped */
    self->reported = 0;
    return st;
}

/* Local: shards of this rank. */
static ac_status
make_shards(ac_stage *self, void *context)
{
    ac_status st = AC_OK;

    for (int64_t shard; st == AC_OK && next_shard(self, &shard); self->at++) {
        st = make_shard(self, context, shard);
        if (st == AC_OK)
            st = ac_stage_tick(self, 0);
    }
    return st;
}

/* Local: the file of a shard that all have computed. */
static ac_status
write_shard(ac_stage *self, void *context, int64_t number)
{
    ac_stage_shard shard = begin_shard(self, number, self->run->comm->rank);
    const ac_status st = self->type->write(context, self, &shard);

    ac_inflight_clear(&self->run->inflight);
    return st == AC_OK ? publish(self, &shard) : st;
}

/* As many shards as there are ranks, each the root of one; what of a round is computed when a
 * stop comes is written. stopped: out. */
static ac_status
make_round_all(ac_stage *self, void *context, bool *stopped)
{
    const ac_comm *comm = self->run->comm;
    int64_t mine = -1;
    ac_status st = AC_OK;

    for (int root = 0; root < comm->size && self->at < self->todo_count; root++, self->at++) {
        int64_t stop = ac_signals_stopped();
        ac_stage_shard shard;
        ac_sum_int64_all(comm, &stop,
                         1); /* one rank told to stop stops all, at the same shard */
        *stopped = stop != 0;
        if (stop)
            break;
        shard = begin_shard(self, self->todo[self->at], root);
        st = self->type->shard(context, self, &shard);
        ac_inflight_clear(&self->run->inflight);
        AC_TRY(ac_agree_all(comm, st));
        if (root == comm->rank)
            mine = shard.number;
        ac_progress_tick(&self->progress);
    }
    st = ac_agree_all(comm, mine >= 0 ? write_shard(self, context, mine) : AC_OK);
out:
    return st;
}

static ac_status
make_shards_together_all(ac_stage *self, void *context)
{
    bool stopped = false;
    ac_status st = AC_OK;

    self->at = 0;
    while (st == AC_OK && !stopped && self->at < self->todo_count)
        st = make_round_all(self, context, &stopped);
    return st;
}

/* ---- the end ---- */

/* Rank 0, which reads all shards when they are joined: until it sees every finished one. */
static ac_status
await_shards(const ac_run *run, int stage, int64_t first, int64_t end)
{
    ac_status st = AC_OK;

    for (int64_t i = first; i < end && st == AC_OK; i++) {
        char *path = NULL;
        if (run->manifest.stages[stage].shards[i].done)
            st = ac_run_published_shard(run, stage, i, &path);
        free(path);
    }
    return st;
}

/* Agree on `st`, share what was published, save the manifest. */
static ac_status
end_all(ac_stage *self, ac_status st)
{
    const ac_run *run = self->run;
    const ac_manifest *m = &run->manifest;
    ac_stage_record *stage = &self->run->manifest.stages[self->number];
    int64_t undone = 0, first, end;
    char *path = NULL;

    if (st == AC_E_STOPPED) /* what was published counts, and what was not is undone: said
                               below, on all ranks alike */
        st = AC_OK;
    ac_queue_close_all(&self->queue);
    ac_progress_end_all(&self->progress);
    ac_run_join_records_all(run, self->mine);
    own_shards(run, &first, &end);
    for (int64_t i = first; i < end; i++) {
        if (self->mine[i].done)
            stage->shards[i] = self->mine[i];
        undone += !stage->shards[i].done;
    }
    if (self->todo_count)
        stage->seconds += ac_progress_clock() - self->started;
    if (run->comm->rank == 0 && self->todo_count &&
        !ac_run_is_part(run)) { /* what was published counts, also after a failure */
        ac_status saved = ac_run_path(run, &path, "manifest.json");
        if (saved == AC_OK)
            saved = ac_manifest_save(m, path);
        if (st == AC_OK)
            st = saved;
        free(path);
    }
    if (run->comm->rank == 0 && st == AC_OK && self->todo_count && run->comm->size > 1)
        st = await_shards(run, self->number, first, end);
    st = ac_agree_all(run->comm, st);
    if (st == AC_OK && undone) {
        st = ac_error_set(AC_E_STOPPED,
                          "stopped on request with %lld of %lld shards of stage %s to do; the "
                          "same command resumes the run",
                          (long long) undone, (long long) (end - first), stage->name);
    }
    return st;
}

static void
stage_free(ac_stage *self)
{
    if (self->journal_open)
        close(self->journal);
    free(self->todo);
    free(self->mine);
    free(self->shard_path);
    free(self->progress_path);
}

ac_status
ac_stage_run_all(ac_run *run, const ac_stage_type *type, void *context)
{
    const bool together = type->sharing == AC_SHARDS_TOGETHER;
    ac_stage self = { .run = run, .type = type };
    ac_status st;

    AC_TRY(begin_all(&self));
    if (self.todo_count && type->open)
        st = type->open(context, &self);
    if (together)
        st = ac_agree_all(run->comm, st);
    if (st == AC_OK)
        st = together ? make_shards_together_all(&self, context) : make_shards(&self, context);
    if (st != AC_OK)
        ac_queue_stop(&self.queue);
    if (type->close)
        type->close(context);
    st = end_all(&self, st);
out:
    stage_free(&self);
    return st;
}

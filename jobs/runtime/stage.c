/* A run's stages: claiming shards, publishing them, agreeing at the end. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file/publish.h"
#include "jobs/runtime/done.h"
#include "jobs/runtime/run.h"
#include "jobs/runtime/signals.h"

void
ac_run_join_records_all(const ac_run *self, ac_shard_record *records)
{
    char *bytes = (char *) records;
    size_t left = (size_t) self->manifest.shard_count * sizeof *records;

    while (left) { /* one rank's bytes, or zeros: OR is the union */
        size_t n = left < INT_MAX ? left : INT_MAX;
        AC_MPI(MPI_Allreduce(MPI_IN_PLACE, bytes, (int) n, MPI_BYTE, MPI_BOR, self->comm->mpi));
        bytes += n;
        left -= n;
    }
}

void
ac_run_shard_items(const ac_run *self, int64_t shard, int64_t *first, int64_t *count)
{
    const ac_manifest *m = &self->manifest;

    *first = shard * m->shard_items;
    *count = m->items - *first < m->shard_items ? m->items - *first : m->shard_items;
}

int64_t
ac_run_rows(const ac_run *self, int stage)
{
    int64_t n = 0;

    for (int64_t i = 0; i < self->manifest.shard_count; i++)
        n += self->manifest.stages[stage].shards[i].rows;
    return n;
}

int64_t
ac_run_bad(const ac_run *self, int stage)
{
    int64_t n = 0;

    for (int64_t i = 0; i < self->manifest.shard_count; i++)
        n += self->manifest.stages[stage].shards[i].bad;
    return n;
}

/* Shards [first, end) are this run's: all of them, or a part's. */
static void
own_shards(const ac_run *self, int64_t *first, int64_t *end)
{
    const int64_t n = self->manifest.shard_count, parts = self->config->compute.parts,
                  part = self->config->compute.part;

    *first = ac_run_is_part(self) ? n * part / parts : 0;
    *end = ac_run_is_part(self) ? n * (part + 1) / parts : n;
}

ac_status
ac_run_stage_begin_all(ac_run *self, int stage, const char *unit)
{
    const ac_manifest *m = &self->manifest;
    int64_t done = 0, total = 0, from, end;
    ac_status st;

    self->stage = stage;
    self->todo_count = 0;
    own_shards(self, &from, &end);
    for (int64_t i = from; i < end; i++) {
        int64_t first, count;
        ac_run_shard_items(self, i, &first, &count);
        total += count;
        if (m->stages[stage].shards[i].done)
            done += count;
        else
            self->todo[self->todo_count++] = i;
    }
    memset(self->mine, 0, (size_t) m->shard_count * sizeof *self->mine);
    self->stage_started = ac_progress_clock();
    st = ac_progress_begin_all(&self->progress, self->comm, self->progress_path, m->job,
                               self->stage_names[stage], unit, done, ac_run_bad(self, stage),
                               total);
    if ((st = ac_agree_all(self->comm, st)) != AC_OK)
        return st;
    return ac_queue_open_all(&self->queue, self->comm, self->todo_count);
}

bool
ac_run_claim(ac_run *self, int64_t *shard)
{
    int64_t i;

    ac_progress_tick(&self->progress);
    if (ac_signals_stopped()) /* one rank told to stop stops all */
        ac_queue_stop(&self->queue);
    if (!ac_queue_claim(&self->queue, &i))
        return false;
    *shard = self->todo[i];
    ac_heartbeat_shard(self->comm->heartbeat, *shard);
    return true;
}

ac_status
ac_run_tick(ac_run *self)
{
    ac_progress_tick(&self->progress);
    ac_queue_progress(&self->queue);
    if (ac_signals_seconds() > self->config->limits.grace_seconds / 2)
        return ac_error_set(AC_E_STOPPED, "stopped on request within a shard, which is "
                                          "dropped; the same command goes on from here");
    return AC_OK;
}

ac_status
ac_run_publish(ac_run *self, int64_t shard, int64_t rows, int64_t bad, const char *checksum)
{
    ac_buffer line = { 0 };
    ac_shard_record *r = &self->mine[shard];
    int64_t first, count;
    ac_status st;

    *r = (ac_shard_record){ .rows = rows, .bad = bad, .done = true };
    snprintf(r->checksum, sizeof r->checksum, "%s", checksum);
    st = ac_manifest_journal_line(&line, &self->manifest, self->stage, shard, r);
    if (st == AC_OK && (write(self->journal, line.data, line.size) != (ssize_t) line.size ||
                        fsync(self->journal) != 0))
        st = ac_error_set(AC_E_IO, "%s/journal: cannot be written: %s", self->folder,
                          strerror(errno));
    ac_buffer_free(&line);
    ac_run_shard_items(self, shard, &first, &count);
    ac_progress_add(&self->progress, count, bad);
    return st;
}

void
ac_run_fail(ac_run *self)
{
    ac_queue_stop(&self->queue);
}

ac_status
ac_run_stage_end_all(ac_run *self, ac_status st)
{
    ac_manifest *m = &self->manifest;
    ac_stage_record *stage = &m->stages[self->stage];
    int64_t undone = 0, first, end;
    char *path = NULL;

    if (st == AC_E_STOPPED) /* what was published counts, and what was not is undone: said
                               below, on all ranks alike */
        st = AC_OK;
    ac_queue_close_all(&self->queue);
    ac_progress_end_all(&self->progress);
    ac_run_join_records_all(self, self->mine);
    own_shards(self, &first, &end);
    for (int64_t i = first; i < end; i++) {
        if (self->mine[i].done)
            stage->shards[i] = self->mine[i];
        undone += !stage->shards[i].done;
    }
    if (self->todo_count)
        stage->seconds += ac_progress_clock() - self->stage_started;
    if (self->comm->rank == 0 && self->todo_count &&
        !ac_run_is_part(self)) { /* what was published counts, also after a failure */
        ac_status saved = ac_run_path(self, &path, "manifest.json");
        if (saved == AC_OK)
            saved = ac_manifest_save(m, path);
        if (st == AC_OK)
            st = saved;
        free(path);
    }
    st = ac_agree_all(self->comm, st);
    if (st == AC_OK && undone) {
        st = ac_error_set(AC_E_STOPPED,
                          "stopped on request with %lld of %lld shards of stage %s to do; the "
                          "same command goes on from here",
                          (long long) undone, (long long) (end - first), stage->name);
    }
    return st;
}

ac_status
ac_run_finish_all(ac_run *self)
{
    ac_status st = AC_OK;
    char *path = NULL;

    if (self->comm->rank == 0 && ac_run_is_part(self)) {
        st = ac_run_path(self, &path, "journal/%sDONE", self->prefix);
        if (st == AC_OK)
            st = ac_publish_file(path, "", 0);
        free(path);
    } else if (self->comm->rank == 0) {
        st = ac_done_write(self->folder);
    }
    return ac_agree_all(self->comm, st);
}

#include "jobs/runtime/run.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "io/file/file_open.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "jobs/runtime/done.h"
#include "jobs/runtime/visible.h"

ac_status
ac_run_path(const ac_run *self, char **out, const char *format, ...)
{
    char *relative = NULL;
    va_list args;
    ac_status st;
    int n;

    *out = NULL;
    va_start(args, format);
    n = vasprintf(&relative, format, args);
    va_end(args);
    if (n < 0)
        return ac_error_set(AC_E_NOMEM, "out of memory for a path");
    st = ac_path_format(out, "%s/%s", self->folder, relative);
    free(relative);
    return st;
}

ac_status
ac_run_create_file(const ac_run *self, ac_text_file *file, const char *name)
{
    char *path = NULL;
    ac_status st = ac_run_path(self, &path, "%s", name);

    if (st == AC_OK)
        st = ac_text_file_create(file, path);
    free(path);
    return st;
}

ac_status
ac_run_shard_path(const ac_run *self, int stage, int64_t shard, char **out)
{
    return ac_run_path(self, out, "%s/%05lld.h5", self->stages[stage]->folder,
                       (long long) shard);
}

ac_status
ac_run_await(const ac_run *self, const char *path)
{
    return ac_visible_wait(path, self->config, self->comm->heartbeat);
}

ac_status
ac_run_published_shard(const ac_run *self, int stage, int64_t shard, char **out)
{
    const ac_status st = ac_run_shard_path(self, stage, shard, out);

    return st == AC_OK ? ac_run_await(self, *out) : st;
}

ac_status
ac_run_progress_path(const ac_run *self, char **out)
{
    return ac_run_path(self, out, "%s%sprogress.json", ac_run_is_part(self) ? "journal/" : "",
                       self->prefix);
}

ac_status
ac_run_make_folder(const char *path)
{
    char part[4096];
    size_t n = strlen(path);

    if (n >= sizeof part)
        return ac_error_set(AC_E_LIMIT, "%.100s…: a path of %zu bytes is too long", path, n);
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        int tries = 0, result;
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        do {
            result = mkdir(part, 0777);
        } while (result != 0 && ac_file_try_again(errno, &tries));
        if (result == 0) {
            const ac_status st = ac_publish_sync_name(part);
            if (st != AC_OK)
                return st;
        } else if (errno != EEXIST) {
            return ac_error_set(ac_io_failure(errno), "%s: the folder cannot be made: %s", part,
                                strerror(errno));
        }
        part[i] = path[i];
    }
    return AC_OK;
}

/* ---- stages and shards ---- */

int
ac_run_stage_number(const ac_run *self, const ac_stage_type *type)
{
    for (int s = 0; s < self->manifest.stage_count; s++)
        if (self->stages[s] == type)
            return s;
    ac_bug(__FILE__, __LINE__, "the run has no stage %s", type->name);
}

void
ac_run_shard_items(const ac_run *self, int64_t shard, int64_t *first, int64_t *count)
{
    ac_manifest_shard_items(&self->manifest, shard, first, count);
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

/* ---- quarantine ---- */

ac_status
ac_run_forget_shard(ac_run *self, int64_t shard)
{
    ac_status st = AC_OK;
    char *path = NULL;

    for (int s = self->manifest.stage_count - 1; s >= 0; s--) {
        self->manifest.stages[s].shards[shard] = (ac_shard_record){ 0 };
        if (self->comm->rank != 0)
            continue;
        free(path);
        AC_TRY(ac_run_shard_path(self, s, shard, &path));
        AC_TRY(ac_publish_remove(path));
    }
out:
    free(path);
    return st;
}

ac_status
ac_run_quarantine_all(ac_run *self, bool *crashed, const ac_item_names *names, bool all)
{
    const ac_manifest *m = &self->manifest;
    const int64_t added = ac_quarantine_add_all(&self->quarantine, self->comm, crashed);
    char *journal = NULL;
    ac_status st = AC_OK;

    for (int64_t i = 0; st == AC_OK && !all && i < ac_manifest_numbers(m); i++)
        if (crashed[i])
            st = ac_run_forget_shard(self, i / m->shard_items);
    for (int64_t s = 0; st == AC_OK && all && added && s < m->shard_count; s++)
        st = ac_run_forget_shard(self, s);
    if (self->comm->rank == 0 && st == AC_OK &&
        added) { /* last: until an item is on the list its shard is made with it */
        ac_log(AC_LOG_WARNING,
               "%lld item%s that crashed the program %s rejected (bad_items.jsonl: crashed)",
               (long long) added, added == 1 ? "" : "s", added == 1 ? "is" : "are");
        st = ac_run_path(self, &journal, "journal");
        if (st == AC_OK)
            st = ac_quarantine_write(&self->quarantine, journal, self->prefix, names);
        free(journal);
    }
    return ac_agree_all(self->comm, st);
}

void
ac_run_warn_of_idle_ranks(const ac_run *self)
{
    const int64_t size = self->comm->size, items = self->manifest.items,
                  shards = self->manifest.shard_count;

    if (self->comm->rank == 0 && shards > 0 && shards < size && items > shards &&
        !ac_run_is_part(self) && !self->manifest.generation_count)
        ac_log(AC_LOG_WARNING,
               "%lld items are %lld shard%s of output.shard_items: %lld, and a shard is one "
               "rank's work: not all of %lld ranks have something to do. A run with "
               "output.shard_items: %lld uses them",
               (long long) items, (long long) shards, shards == 1 ? "" : "s",
               (long long) self->manifest.shard_items, (long long) size,
               (long long) ((items + size - 1) / size));
}

/* ---- the end ---- */

ac_status
ac_run_reopen(const ac_run *self)
{
    char *path = NULL;
    ac_status st = ac_run_path(self, &path, "DONE");

    if (st == AC_OK)
        st = ac_publish_remove(path);
    free(path);
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

void
ac_run_free(ac_run *self)
{
    ac_inflight_close(&self->inflight);
    ac_quarantine_free(&self->quarantine);
    ac_manifest_free(&self->manifest);
    ac_image_source_free(&self->selected);
    free(self->numbers);
    free(self->folder);
    *self = (ac_run){ 0 };
}

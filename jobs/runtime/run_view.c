#include "jobs/runtime/run_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/checksum.h"
#include "io/file/file_look.h"
#include "io/file/json_file.h"
#include "io/file/path.h"

static void
find_stages(ac_run_view *self, const ac_job *const *jobs)
{
    const ac_manifest *m = &self->manifest;

    for (; *jobs; jobs++)
        for (int s = 0; strcmp((*jobs)->name, m->job) == 0 && s < m->stage_count; s++)
            self->stages[s] = ac_stage_type_find((*jobs)->stages, m->stages[s].name);
}

ac_status
ac_run_view_open(ac_run_view *self, const char *folder, const ac_job *const *jobs)
{
    ac_status st = AC_OK;
    const char *state;
    char *path = NULL;

    *self = (ac_run_view){ 0 };
    AC_TRY(ac_duplicate(&self->folder, folder, strlen(folder)));
    AC_TRY(ac_path_format(&path, "%s/manifest.json", folder));
    if (!ac_file_is_readable(path))
        AC_FAIL(AC_E_FORMAT, "%s: not a run folder: it has no manifest.json that can be read",
                folder);
    AC_TRY(ac_manifest_read(&self->manifest, path));
    find_stages(self, jobs);
    free(path);
    AC_TRY(ac_path_format(&path, "%s/journal", folder));
    AC_TRY(ac_manifest_replay_folder(&self->manifest, path));
    free(path);
    AC_TRY(ac_path_format(&path, "%s/summary.json", folder));
    AC_TRY(ac_json_file_find(&self->summary, path));
    state = json_string_value(json_object_get(self->summary, "state"));
    self->done = state && strcmp(state, "done") == 0;
out:
    free(path);
    if (st != AC_OK)
        ac_run_view_close(self);
    return st;
}

void
ac_run_view_close(ac_run_view *self)
{
    ac_manifest_free(&self->manifest);
    json_decref(self->summary);
    free(self->folder);
    *self = (ac_run_view){ 0 };
}

bool
ac_run_view_has(const ac_run_view *self, int64_t shard, int stages)
{
    for (int s = 0; s < stages; s++)
        if (!self->manifest.stages[s].shards[shard].done)
            return false;
    return true;
}

unsigned
ac_run_view_parts(const ac_run_view *self)
{
    const int stages = self->manifest.stage_count;

    return AC_VIEW_KEYS | AC_VIEW_BAD | (stages > 1 ? AC_VIEW_TABLES : 0) |
           (stages > 2 ? AC_VIEW_CAPTIONS : 0);
}

ac_status
ac_run_view_shard_path(const ac_run_view *self, int stage, int64_t shard, char **out)
{
    *out = NULL;
    if (!self->stages[stage])
        return ac_error_set(
            AC_E_FORMAT, "%s: this program does not know stage %s of the job %s", self->folder,
            self->manifest.stages[stage].name, self->manifest.job);
    return ac_path_format(out, "%s/%s/%05lld.h5", self->folder, self->stages[stage]->folder,
                          (long long) shard);
}

ac_status
ac_run_view_walk(const ac_run_view *self, ac_item_walk *walk, unsigned parts, int through,
                 bool rows, bool rejected)
{
    const ac_item_walk_options options = { .folder = self->folder,
                                           .manifest = &self->manifest,
                                           .stages = self->stages,
                                           .parts = parts,
                                           .through = through,
                                           .rows = rows,
                                           .rejected = rejected,
                                           .checked = true };

    return ac_item_walk_open(walk, &options);
}

/* Items of an updated run. */
static ac_status
count_walking(const ac_run_view *self, int through, bool rejected, int64_t *count)
{
    ac_item_walk walk = { 0 };
    ac_status st = AC_OK;
    bool found = true;

    *count = 0;
    AC_TRY(ac_run_view_walk(self, &walk, AC_VIEW_KEYS, through, !rejected, rejected));
    for (;;) {
        AC_TRY(ac_item_walk_next(&walk, &found));
        if (!found)
            break;
        ++*count;
    }
out:
    ac_item_walk_close(&walk);
    return st;
}

ac_status
ac_run_view_count(const ac_run_view *self, int64_t *rows, int64_t *bad)
{
    const ac_manifest *m = &self->manifest;
    ac_status st = AC_OK;

    *rows = *bad = 0;
    for (int64_t i = 0; !m->generation_count && i < m->shard_count; i++) {
        *bad += m->stages[0].shards[i].bad;
        if (ac_run_view_has(self, i, m->stage_count))
            *rows += m->stages[0].shards[i].rows;
    }
    if (!m->generation_count)
        return AC_OK;
    AC_TRY(count_walking(self, m->stage_count, false, rows));
    st = count_walking(self, 1, true, bad);
out:
    return st;
}

static ac_status
check_file(const ac_run_view *self, int stage, int64_t shard)
{
    const ac_stage_record *record = &self->manifest.stages[stage];
    ac_status st = AC_OK;
    char *path = NULL, found[33];

    AC_TRY(ac_run_view_shard_path(self, stage, shard, &path));
    AC_TRY(ac_file_checksum(path, found));
    if (strcmp(found, record->shards[shard].checksum) != 0)
        st = ac_error_set(
            AC_E_FORMAT,
            "%s: not what was published; the same command that made the run makes it again",
            path);
out:
    free(path);
    return st;
}

ac_status
ac_run_view_check(const ac_run_view *self, int64_t shard)
{
    ac_status st = AC_OK;

    for (int s = 0; s < self->manifest.stage_count && st == AC_OK; s++)
        st = check_file(self, s, shard);
    return st;
}

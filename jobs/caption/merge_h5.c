/* captions.h5: the shards of all stages as one file. Only what cannot be shown as it stands in
 * the shards is written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/file/path.h"
#include "io/hdf5/shard_file.h"
#include "jobs/caption/stages.h"

/* A part is a dataset of captions.h5; numbers and the bytes of texts are virtual, offsets are
 * written anew. */
enum {
    FIRST = AC_JOINED_KEYS,
    PARTS = AC_JOINED_CANDIDATE_SCORES - AC_JOINED_KEYS + 1,
    STAGES = AC_STAGE_GENERATE + 1
};

static const ac_dataset *
dataset(int p)
{
    return &ac_datasets[FIRST + p];
}

/* The stage whose shards hold the part. */
static int
stage_of(const ac_run *run, int p)
{
    int s = 0;

    while (run->stages[s]->schema->kind != ac_datasets[dataset(p)->source].kind)
        s++;
    return s;
}

typedef struct joiner {
    int64_t shard_count;
    char **files[STAGES];    /* [shard_count] each: relative to the run folder; owned */
    int64_t *rows[PARTS];    /* [shard_count] rows, or bytes of texts */
    int64_t columns[PARTS];  /* of rank 2; 0: rank 1 */
    int64_t *offsets[PARTS]; /* [count + 1] of texts and offsets, over all shards */
    int64_t counts[PARTS], capacities[PARTS];
    ac_h5_source *sources; /* [shard_count] */
} joiner;

static void
joiner_free(joiner *self)
{
    for (int s = 0; s < STAGES; s++) {
        for (int64_t i = 0; self->files[s] && i < self->shard_count; i++)
            free(self->files[s][i]);
        free(self->files[s]);
    }
    for (int p = 0; p < PARTS; p++) {
        free(self->rows[p]);
        free(self->offsets[p]);
    }
    free(self->sources);
}

static ac_status
joiner_init(joiner *self, const ac_run *run)
{
    ac_status st = AC_OK;

    self->shard_count = run->manifest.shard_count;
    for (int s = 0; s < STAGES; s++) {
        const char *folder = run->stages[s]->folder;
        AC_TRY(ac_alloc(&self->files[s], self->shard_count, sizeof *self->files[s]));
        for (int64_t i = 0; i < self->shard_count; i++) {
            AC_TRY(ac_path_format(&self->files[s][i], "%s/%05lld.h5", folder, (long long) i));
        }
    }
    for (int p = 0; p < PARTS; p++) {
        AC_TRY(ac_alloc(&self->rows[p], self->shard_count, sizeof(int64_t)));
        AC_TRY(ac_grow(&self->offsets[p], &self->capacities[p], 1, sizeof(int64_t)));
        self->offsets[p][0] = 0;
    }
    AC_TRY(ac_alloc(&self->sources, self->shard_count, sizeof *self->sources));
out:
    return st;
}

/* Append a shard's offsets, moved to where its texts begin in the whole. */
static ac_status
append_offsets(joiner *self, int p, const ac_h5_reader *r)
{
    ac_status st = AC_OK;
    int64_t ends, *to, base;
    char name[AC_DATASET_NAME_BYTES];

    ac_dataset_stored_name(dataset(p)->source, true, name);
    AC_TRY(ac_h5_shape(r, name, 1, &ends));
    if (ends < 1)
        AC_FAIL(AC_E_FORMAT, "%s: dataset %s is empty", r->path, name);
    AC_TRY(ac_grow(&self->offsets[p], &self->capacities[p], self->counts[p] + ends,
                   sizeof(int64_t)));
    to = self->offsets[p] + self->counts[p];
    base = *to;
    AC_TRY(ac_h5_read(r, name, AC_I64, 1, &ends, to));
    for (int64_t i = 0; i < ends; i++)
        to[i] += base;
    self->counts[p] += ends - 1;
out:
    return st;
}

static ac_status
measure_part(joiner *self, int p, const ac_h5_reader *r, int64_t shard)
{
    const ac_dataset_id source = dataset(p)->source;
    ac_status st = AC_OK;
    char name[AC_DATASET_NAME_BYTES];

    if (dataset(p)->content == AC_CONTENT_NUMBERS)
        return ac_shard_shape(r, source, &self->rows[p][shard], &self->columns[p]);
    AC_TRY(append_offsets(self, p, r));
    if (dataset(p)->content == AC_CONTENT_TEXTS) {
        ac_dataset_stored_name(source, false, name);
        st = ac_h5_shape(r, name, 1, &self->rows[p][shard]);
    }
out:
    return st;
}

static ac_status
measure_shard(joiner *self, const ac_run *run, int64_t shard)
{
    ac_status st = AC_OK;
    ac_h5_reader r = { 0 };
    char *path = NULL;

    for (int s = 0; s < STAGES; s++) {
        AC_TRY(ac_run_shard_path(run, s, shard, &path));
        AC_TRY(ac_h5_open(&r, path));
        for (int p = 0; p < PARTS; p++)
            if (stage_of(run, p) == s)
                AC_TRY(measure_part(self, p, &r, shard));
        ac_h5_close(&r);
        free(path);
        path = NULL;
    }
out:
    ac_h5_close(&r);
    free(path);
    return st;
}

static ac_status
write_part(joiner *self, int p, int stage, ac_shard_writer *w)
{
    const ac_dataset_id id = (ac_dataset_id) (FIRST + p);
    ac_status st = AC_OK;

    if (dataset(p)->content != AC_CONTENT_OFFSETS) {
        for (int64_t i = 0; i < self->shard_count; i++)
            self->sources[i] =
                (ac_h5_source){ .file = self->files[stage][i], .rows = self->rows[p][i] };
        AC_TRY(
            ac_shard_write_virtual(w, id, self->columns[p], self->sources, self->shard_count));
    }
    if (dataset(p)->content != AC_CONTENT_NUMBERS)
        AC_TRY(ac_shard_write_offsets(w, id, self->counts[p], self->offsets[p]));
out:
    return st;
}

static ac_status
write_joined(const ac_run *run)
{
    ac_status st = AC_OK;
    joiner j = { 0 };
    ac_shard_writer w = { 0 };
    char *path = NULL, checksum[33];

    AC_TRY(joiner_init(&j, run));
    for (int64_t i = 0; i < j.shard_count; i++)
        AC_TRY(measure_shard(&j, run, i));
    AC_TRY(ac_run_path(run, &path, "captions.h5"));
    AC_TRY(ac_shard_create(&w, path, (ac_compression) run->config->output.compression,
                           AC_SHARD_JOINED));
    for (int i = 0; i < PARTS; i++)
        AC_TRY(write_part(&j, i, stage_of(run, i), &w));
    st = ac_shard_commit(&w, checksum);
out:
    ac_shard_abandon(&w);
    joiner_free(&j);
    free(path);
    return st;
}

ac_status
ac_merge_h5_all(const ac_run *run)
{
    return ac_agree_all(run->comm, run->comm->rank == 0 ? write_joined(run) : AC_OK);
}

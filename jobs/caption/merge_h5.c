/* captions.h5: the shards of all stages as one file. Only what cannot be shown as it stands in
 * the shards is written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/hdf5/h5.h"
#include "jobs/caption/stages.h"

typedef enum part_kind {
    PART_ROWS,   /* numbers, a row an image or candidate: virtual */
    PART_TEXTS,  /* NAME_bytes virtual, NAME_offsets written anew */
    PART_OFFSETS /* offsets alone, written anew */
} part_kind;

typedef struct part {
    const char *name, *source; /* here, and in the shards */
    part_kind kind;
    int stage, rank; /* rank: of PART_ROWS */
    ac_dtype dtype;
} part;

static const part parts[] = {
    { "keys", "keys", PART_TEXTS, AC_STAGE_EMBED, 1, AC_U8 },
    { "embeddings", "embeddings", PART_ROWS, AC_STAGE_EMBED, 2, AC_F32 },
    { "thumbnails", "thumbnails", PART_TEXTS, AC_STAGE_EMBED, 1, AC_U8 },
    { "table_ids", "ids", PART_ROWS, AC_STAGE_RETRIEVE, 2, AC_I64 },
    { "table_scores", "scores", PART_ROWS, AC_STAGE_RETRIEVE, 2, AC_F32 },
    { "table_entries", "entries", PART_TEXTS, AC_STAGE_RETRIEVE, 1, AC_U8 },
    { "captions", "captions", PART_TEXTS, AC_STAGE_GENERATE, 1, AC_U8 },
    { "clip_scores", "clip_scores", PART_ROWS, AC_STAGE_GENERATE, 1, AC_F32 },
    { "candidate_offsets", "candidate_offsets", PART_OFFSETS, AC_STAGE_GENERATE, 1, AC_I64 },
    { "candidates", "candidates", PART_TEXTS, AC_STAGE_GENERATE, 1, AC_U8 },
    { "candidate_clip_scores", "candidate_clip_scores", PART_ROWS, AC_STAGE_GENERATE, 1,
      AC_F32 },
    { "candidate_scores", "candidate_scores", PART_ROWS, AC_STAGE_GENERATE, 1, AC_F32 },
};

enum { PARTS = sizeof parts / sizeof *parts, STAGES = AC_STAGE_GENERATE + 1 };

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
            if (asprintf(&self->files[s][i], "%s/%05lld.h5", folder, (long long) i) < 0) {
                self->files[s][i] = NULL;
                AC_FAIL(AC_E_NOMEM, "out of memory for a path");
            }
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
append_offsets(joiner *self, int p, const ac_h5_reader *r, const char *dataset)
{
    ac_status st = AC_OK;
    int64_t ends, *to, base;

    AC_TRY(ac_h5_shape(r, dataset, 1, &ends));
    if (ends < 1)
        AC_FAIL(AC_E_FORMAT, "%s: dataset %s is empty", r->path, dataset);
    AC_TRY(ac_grow(&self->offsets[p], &self->capacities[p], self->counts[p] + ends,
                   sizeof(int64_t)));
    to = self->offsets[p] + self->counts[p];
    base = *to;
    AC_TRY(ac_h5_read(r, dataset, AC_I64, 1, &ends, to));
    for (int64_t i = 0; i < ends; i++)
        to[i] += base;
    self->counts[p] += ends - 1;
out:
    return st;
}

static ac_status
measure_part(joiner *self, int p, const ac_h5_reader *r, int64_t shard)
{
    ac_status st = AC_OK;
    char name[128];
    int64_t shape[2] = { 0 };

    switch (parts[p].kind) {
    case PART_OFFSETS: st = append_offsets(self, p, r, parts[p].source); break;
    case PART_TEXTS:
        snprintf(name, sizeof name, "%s_offsets", parts[p].source);
        AC_TRY(append_offsets(self, p, r, name));
        snprintf(name, sizeof name, "%s_bytes", parts[p].source);
        st = ac_h5_shape(r, name, 1, &self->rows[p][shard]);
        break;
    case PART_ROWS:
        AC_TRY(ac_h5_shape(r, parts[p].source, parts[p].rank, shape));
        self->rows[p][shard] = shape[0];
        self->columns[p] = shape[1];
        break;
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
            if (parts[p].stage == s)
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
write_part(joiner *self, int p, ac_h5_writer *w)
{
    const bool texts = parts[p].kind == PART_TEXTS;
    const int64_t ends = self->counts[p] + 1;
    ac_status st = AC_OK;
    char name[128], source[128];

    snprintf(name, sizeof name, "%s%s", parts[p].name, texts ? "_bytes" : "");
    snprintf(source, sizeof source, "%s%s", parts[p].source, texts ? "_bytes" : "");
    if (parts[p].kind != PART_OFFSETS) {
        for (int64_t i = 0; i < self->shard_count; i++)
            self->sources[i] =
                (ac_h5_source){ self->files[parts[p].stage][i], self->rows[p][i], source };
        AC_TRY(ac_h5_write_virtual(w, name, parts[p].dtype, self->columns[p], self->sources,
                                   self->shard_count));
    }
    if (parts[p].kind != PART_ROWS) {
        snprintf(name, sizeof name, "%s%s", parts[p].name, texts ? "_offsets" : "");
        AC_TRY(ac_h5_write(w, name, AC_I64, 1, &ends, self->offsets[p]));
    }
out:
    return st;
}

static ac_status
write_joined(const ac_run *run)
{
    ac_status st = AC_OK;
    joiner j = { 0 };
    ac_h5_writer w = { 0 };
    char *path = NULL, checksum[33];

    AC_TRY(joiner_init(&j, run));
    for (int64_t i = 0; i < j.shard_count; i++)
        AC_TRY(measure_shard(&j, run, i));
    AC_TRY(ac_run_path(run, &path, "captions.h5"));
    AC_TRY(ac_h5_create(&w, path, (ac_compression) run->config->output.compression));
    AC_TRY(ac_h5_write_text_attribute(&w, "content",
                                      "captions, shown from the shards beside this file"));
    for (int i = 0; i < PARTS; i++)
        AC_TRY(write_part(&j, i, &w));
    st = ac_h5_commit(&w, checksum);
out:
    ac_h5_abandon(&w);
    joiner_free(&j);
    free(path);
    return st;
}

ac_status
ac_merge_h5_all(const ac_run *run)
{
    return ac_agree_all(run->comm, run->comm->rank == 0 ? write_joined(run) : AC_OK);
}

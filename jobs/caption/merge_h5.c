/* captions.h5: the shards of all stages as one file. Only what cannot be shown as it stands in
 * the shards is written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/file/path.h"
#include "io/file/spill.h"
#include "io/hdf5/shard_file.h"
#include "jobs/caption/stages.h"
#include "jobs/runtime/row_pieces.h"

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

/* What a row of a part is. */
typedef enum domain { OF_IMAGES, OF_ENTRIES, OF_CANDIDATES } domain;

static domain
domain_of(int p)
{
    switch (FIRST + p) {
    case AC_JOINED_TABLE_ENTRIES: return OF_ENTRIES;
    case AC_JOINED_CANDIDATES:
    case AC_JOINED_CANDIDATE_CLIP_SCORES:
    case AC_JOINED_CANDIDATE_SCORES: return OF_CANDIDATES;
    default: return OF_IMAGES;
    }
}

/* Images that follow each other in a shard and in the whole. */
typedef struct piece {
    int64_t shard, row, rows;
    int64_t candidate, candidates;
    int64_t to_row, to_candidate; /* where they go in the whole */
} piece;

typedef struct joiner {
    const ac_run *run;
    int64_t shard_count, count, K;
    piece *pieces;                /* [count], in the order of the whole */
    int64_t *order;               /* [count]: pieces by shard */
    char **files[STAGES];         /* [shard_count] each: relative to the run folder; owned */
    int64_t columns[PARTS];       /* of rank 2; 0: rank 1 */
    ac_h5_source *sources[PARTS]; /* [count] */
    /* of texts and offsets: [rows + 1] of the whole, in files without a name where they are
     * large */
    ac_spill offsets[PARTS];
    int64_t rows[PARTS]; /* of the whole */
    int64_t *read;       /* one dataset of offsets of a shard */
    int64_t read_capacity;
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
        free(self->sources[p]);
        ac_spill_free(&self->offsets[p]);
    }
    free(self->pieces);
    free(self->order);
    free(self->read);
}

static int64_t *
offsets_of(const joiner *self, int p)
{
    return (int64_t *) (void *) self->offsets[p].data;
}

/* ---- which rows ---- */

static ac_status
find_pieces(joiner *self)
{
    const ac_run *run = self->run;
    const ac_item_walk_options options = { .folder = run->folder,
                                           .manifest = &run->manifest,
                                           .stages = run->stages,
                                           .parts = AC_VIEW_KEYS,
                                           .through = 1,
                                           .rows = true };
    ac_row_pieces found = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_row_pieces_find(&found, &options));
    AC_TRY(ac_alloc(&self->pieces, found.count, sizeof *self->pieces));
    self->count = found.count;
    for (int64_t i = 0; i < found.count; i++)
        self->pieces[i] = (piece){ .shard = found.list[i].shard,
                                   .row = found.list[i].row,
                                   .rows = found.list[i].rows };
out:
    ac_row_pieces_free(&found);
    return st;
}

static int
compare_shards(const void *a, const void *b, void *context)
{
    const joiner *self = context;
    const int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;
    const int64_t s = self->pieces[x].shard, t = self->pieces[y].shard;

    return s != t ? (s > t) - (s < t) : (x > y) - (x < y);
}

static ac_status
joiner_init(joiner *self, const ac_run *run)
{
    ac_status st = AC_OK;

    self->run = run;
    for (int p = 0; p < PARTS; p++)
        self->offsets[p].folder = run->folder;
    self->shard_count = run->manifest.shard_count;
    self->K = run->config->retrieval.topk;
    for (int s = 0; s < STAGES; s++) {
        const char *folder = run->stages[s]->folder;
        AC_TRY(ac_alloc(&self->files[s], self->shard_count, sizeof *self->files[s]));
        for (int64_t i = 0; i < self->shard_count; i++)
            AC_TRY(ac_path_format(&self->files[s][i], "%s/%05lld.h5", folder, (long long) i));
    }
    AC_TRY(find_pieces(self));
    AC_TRY(ac_alloc(&self->order, self->count, sizeof *self->order));
    for (int64_t i = 0; i < self->count; i++)
        self->order[i] = i;
    qsort_r(self->order, (size_t) self->count, sizeof *self->order, compare_shards, self);
    for (int p = 0; p < PARTS; p++)
        AC_TRY(ac_alloc(&self->sources[p], self->count, sizeof *self->sources[p]));
out:
    return st;
}

/* ---- where they are ---- */

/* Offsets [*n + 1] of a shard's dataset into self->read. */
static ac_status
read_offsets(joiner *self, const ac_h5_reader *r, ac_dataset_id id, int64_t *n)
{
    ac_status st = AC_OK;
    int64_t ends;
    char name[AC_DATASET_NAME_BYTES];

    ac_dataset_stored_name(id, true, name);
    AC_TRY(ac_h5_shape(r, name, 1, &ends));
    if (ends < 1)
        AC_FAIL(AC_E_FORMAT, "%s: dataset %s is empty", r->path, name);
    AC_TRY(ac_grow(&self->read, &self->read_capacity, ends, sizeof *self->read));
    AC_TRY(ac_h5_read(r, name, AC_I64, 1, &ends, self->read));
    *n = ends - 1;
out:
    return st;
}

/* Rows [*first, *first + *rows) of a part's dataset are the piece's, from row *to of the whole.
 */
static void
range_of(const joiner *self, int p, const piece *x, int64_t *first, int64_t *rows, int64_t *to)
{
    const int64_t each = domain_of(p) == OF_ENTRIES ? self->K : 1;
    const bool candidates = domain_of(p) == OF_CANDIDATES;

    *first = candidates ? x->candidate : x->row * each;
    *rows = candidates ? x->candidates : x->rows * each;
    *to = candidates ? x->to_candidate : x->to_row * each;
}

static ac_status
check_range(const ac_h5_reader *r, int p, int64_t end, int64_t n)
{
    return end <= n
               ? AC_OK
               : ac_error_set(AC_E_FORMAT, "%s: %s has %lld rows, and fewer than its shard",
                              r->path, ac_datasets[dataset(p)->source].name, (long long) n);
}

/* The pieces order[from, to) are of the open shard: where their candidates lie. */
static ac_status
measure_candidates(joiner *self, const ac_h5_reader *r, int64_t from, int64_t to)
{
    ac_status st = AC_OK;
    int64_t n;

    AC_TRY(read_offsets(self, r, AC_CAPTIONS_CANDIDATE_OFFSETS, &n));
    for (int64_t i = from; i < to; i++) {
        piece *x = &self->pieces[self->order[i]];
        AC_TRY(check_range(r, AC_JOINED_CANDIDATE_OFFSETS - FIRST, x->row + x->rows, n));
        x->candidate = self->read[x->row];
        x->candidates = self->read[x->row + x->rows] - x->candidate;
    }
out:
    return st;
}

/* Lengths go to offsets[1 + row of the whole]; made offsets once all are there. */
static ac_status
measure_part(joiner *self, int p, int stage, const ac_h5_reader *r, int64_t from, int64_t to)
{
    const ac_content content = dataset(p)->content;
    ac_status st = AC_OK;
    int64_t n;

    if (content == AC_CONTENT_NUMBERS)
        AC_TRY(ac_shard_shape(r, dataset(p)->source, &n, &self->columns[p]));
    else
        AC_TRY(read_offsets(self, r, dataset(p)->source, &n));
    for (int64_t i = from; i < to; i++) {
        const piece *x = &self->pieces[self->order[i]];
        ac_h5_source *source = &self->sources[p][self->order[i]];
        int64_t first, rows, at;
        range_of(self, p, x, &first, &rows, &at);
        AC_TRY(check_range(r, p, first + rows, n));
        *source = (ac_h5_source){
            .file = self->files[stage][x->shard], .rows = rows, .first = first, .of = n
        };
        if (content == AC_CONTENT_NUMBERS)
            continue;
        for (int64_t row = 0; row < rows; row++)
            offsets_of(self, p)[at + row + 1] =
                self->read[first + row + 1] - self->read[first + row];
        source->first = self->read[first];
        source->rows = self->read[first + rows] - source->first;
        source->of = self->read[n];
    }
out:
    return st;
}

/* Over the shards that have pieces: where the candidates lie (parts false), or all else. */
static ac_status
measure_shards(joiner *self, bool parts)
{
    ac_status st = AC_OK;
    ac_h5_reader r = { 0 };
    char *path = NULL;

    for (int64_t from = 0, to; from < self->count; from = to) {
        const int64_t shard = self->pieces[self->order[from]].shard;
        for (to = from; to < self->count && self->pieces[self->order[to]].shard == shard;)
            to++;
        for (int s = parts ? 0 : AC_STAGE_GENERATE; s < STAGES; s++) {
            AC_TRY(ac_run_published_shard(self->run, s, shard, &path));
            AC_TRY(ac_h5_open(&r, path));
            if (!parts)
                AC_TRY(measure_candidates(self, &r, from, to));
            for (int p = 0; parts && p < PARTS; p++)
                if (stage_of(self->run, p) == s)
                    AC_TRY(measure_part(self, p, s, &r, from, to));
            ac_h5_close(&r);
            free(path);
            path = NULL;
        }
    }
out:
    ac_h5_close(&r);
    free(path);
    return st;
}

static ac_status
measure(joiner *self)
{
    int64_t rows = 0, candidates = 0;
    ac_status st = AC_OK;

    AC_TRY(measure_shards(self, false));
    for (int64_t i = 0; i < self->count; i++) {
        self->pieces[i].to_row = rows;
        self->pieces[i].to_candidate = candidates;
        rows += self->pieces[i].rows;
        candidates += self->pieces[i].candidates;
    }
    for (int p = 0; p < PARTS; p++) {
        self->rows[p] = domain_of(p) == OF_CANDIDATES ? candidates
                        : domain_of(p) == OF_ENTRIES  ? rows * self->K
                                                      : rows;
        if (dataset(p)->content != AC_CONTENT_NUMBERS)
            AC_TRY(ac_spill_reserve(&self->offsets[p],
                                    (size_t) (self->rows[p] + 1) * sizeof(int64_t)));
    }
    AC_TRY(measure_shards(self, true));
    for (int p = 0; p < PARTS; p++)
        for (int64_t i = 0; self->offsets[p].data && i < self->rows[p]; i++)
            offsets_of(self, p)[i + 1] += offsets_of(self, p)[i];
out:
    return st;
}

/* ---- the file ---- */

static ac_status
write_part(joiner *self, int p, ac_shard_writer *w)
{
    const ac_dataset_id id = (ac_dataset_id) (FIRST + p);
    ac_status st = AC_OK;

    if (dataset(p)->content != AC_CONTENT_OFFSETS)
        AC_TRY(ac_shard_write_virtual(w, id, self->columns[p], self->sources[p], self->count));
    if (dataset(p)->content != AC_CONTENT_NUMBERS)
        AC_TRY(ac_shard_write_offsets(w, id, self->rows[p], offsets_of(self, p)));
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
    AC_TRY(measure(&j));
    AC_TRY(ac_run_path(run, &path, "captions.h5"));
    AC_TRY(ac_shard_create(&w, path, (ac_compression) run->config->output.compression,
                           AC_SHARD_JOINED));
    for (int p = 0; p < PARTS; p++)
        AC_TRY(write_part(&j, p, &w));
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

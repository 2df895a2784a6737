#include "jobs/dedupe/stage.h"

#include <stdlib.h>

#include "engine/base/memory.h"
#include "io/hdf5/shard_file.h"

enum { PAIRS = 0 }; /* the stage's number */

ac_status
ac_dedupe_too_many(double threshold)
{
    return ac_error_set(AC_E_ARG,
                        "dedupe.threshold %g gives more than %d pairs: a higher one, or --all "
                        "to write them all the same",
                        threshold, AC_DEDUPE_MOST_PAIRS);
}

/* ---- the row ---- */

static ac_status
open_pairs(void *context, ac_stage *stage)
{
    ac_dedupe_work *work = context;

    (void) stage;
    return ac_pairs_init(&work->pairs, work->embeddings, work->n, work->D, work->threshold);
}

static void
close_pairs(void *context)
{
    ac_dedupe_work *work = context;

    ac_pairs_free(&work->pairs);
    ac_pair_list_free(&work->found);
}

/* Rows [from, to) with all behind them. *done: rows of this shard that have been compared. */
static ac_status
find(ac_dedupe_work *work, ac_stage *stage, int64_t from, int64_t to, int64_t *done)
{
    ac_status st = AC_OK;

    for (; from < to; from += AC_PAIRS_ROWS) {
        const int64_t rows = to - from < AC_PAIRS_ROWS ? to - from : AC_PAIRS_ROWS;
        st = ac_pairs_find(&work->pairs, from, rows,
                           work->all ? INT64_MAX : AC_DEDUPE_MOST_PAIRS, &work->found);
        if (st == AC_E_LIMIT)
            st = ac_dedupe_too_many(work->threshold);
        AC_TRY(st);
        *done += rows;
        AC_TRY(ac_stage_tick(stage, *done));
    }
out:
    return st;
}

static ac_status
write_pairs(const ac_dedupe_work *work, const ac_run *run, ac_stage_shard *shard)
{
    const int64_t n = work->found.count;
    int64_t *rows = NULL;
    float *scores = NULL;
    ac_shard_writer w = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&rows, n, sizeof *rows));
    AC_TRY(ac_alloc(&scores, n, sizeof *scores));
    AC_TRY(ac_shard_create(&w, shard->path, (ac_compression) run->config->output.compression,
                           AC_SHARD_PAIRS));
    for (int64_t i = 0; i < n; i++)
        rows[i] = work->found.items[i].a;
    AC_TRY(ac_shard_write(&w, AC_PAIRS_A, n, 0, rows));
    for (int64_t i = 0; i < n; i++) {
        rows[i] = work->found.items[i].b;
        scores[i] = work->found.items[i].score;
    }
    AC_TRY(ac_shard_write(&w, AC_PAIRS_B, n, 0, rows));
    AC_TRY(ac_shard_write(&w, AC_PAIRS_SCORES, n, 0, scores));
    AC_TRY(ac_shard_commit(&w, shard->checksum));
    shard->rows = shard->count; /* the images compared: none is rejected */
out:
    ac_shard_abandon(&w);
    free(rows);
    free(scores);
    return st;
}

static ac_status
pair_shard(void *context, ac_stage *stage, ac_stage_shard *shard)
{
    ac_dedupe_work *work = context;
    const int64_t end = shard->first + shard->count, n = work->n;
    int64_t done = 0;
    ac_status st = AC_OK;

    work->found.count = 0;
    AC_TRY(find(work, stage, shard->first / 2, end / 2, &done));
    AC_TRY(
        find(work, stage, n - (end - end / 2), n - (shard->first - shard->first / 2), &done));
    st = write_pairs(work, stage->run, shard);
out:
    return st;
}

const ac_stage_type ac_stage_pairs = {
    .name = "pairs",
    .folder = "pairs",
    .unit = "items",
    .schema = &ac_shard_schemas[AC_SHARD_PAIRS],
    .sharing = AC_SHARDS_CLAIMED,
    .crashes_before_probe = 1,
    .open = open_pairs,
    .shard = pair_shard,
    .close = close_pairs,
};

/* ---- reading ---- */

static ac_status
open_shard(const ac_run *run, int64_t shard, ac_h5_reader *h5, int64_t *count)
{
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_run_published_shard(run, PAIRS, shard, &path));
    AC_TRY(ac_h5_open(h5, path));
    st = ac_shard_shape(h5, AC_PAIRS_A, count, NULL);
out:
    free(path);
    return st;
}

ac_status
ac_dedupe_count_shard(const ac_run *run, int64_t shard, int64_t *count)
{
    ac_h5_reader h5 = { 0 };
    const ac_status st = open_shard(run, shard, &h5, count);

    ac_h5_close(&h5);
    return st;
}

ac_status
ac_dedupe_read_shard(const ac_run *run, int64_t shard, ac_pair_list *out)
{
    ac_h5_reader h5 = { 0 };
    int64_t *a = NULL, *b = NULL, n = 0;
    float *scores = NULL;
    ac_status st = AC_OK;

    AC_TRY(open_shard(run, shard, &h5, &n));
    AC_TRY(ac_alloc(&a, n, sizeof *a));
    AC_TRY(ac_alloc(&b, n, sizeof *b));
    AC_TRY(ac_alloc(&scores, n, sizeof *scores));
    AC_TRY(ac_shard_read(&h5, AC_PAIRS_A, n, 0, a));
    AC_TRY(ac_shard_read(&h5, AC_PAIRS_B, n, 0, b));
    AC_TRY(ac_shard_read(&h5, AC_PAIRS_SCORES, n, 0, scores));
    AC_TRY(ac_grow(&out->items, &out->capacity, n, sizeof *out->items));
    out->count = n;
    for (int64_t i = 0; i < n; i++) {
        out->items[i] = (ac_pair){ a[i], b[i], scores[i] };
        if (a[i] < 0 || a[i] >= b[i] || b[i] >= run->manifest.items)
            AC_FAIL(AC_E_FORMAT, "%s: shard %lld of pairs is damaged", run->folder,
                    (long long) shard);
    }
out:
    ac_h5_close(&h5);
    free(a);
    free(b);
    free(scores);
    return st;
}

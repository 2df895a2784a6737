/* Source: Hessel et al. 2021, CLIPScore: 2.5 max(cos, 0), with "A photo depicts " in front of
 * each text; RefCLIPScore: the harmonic mean with the best reference's cosine. */
#include "jobs/evaluate/clip_stage.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/hdf5/shard_file.h"
#include "jobs/caption/stages.h"

static const char prefix[] = "A photo depicts ";

double
ac_clip_score_of(double image)
{
    return 2.5 * fmax(image, 0);
}

double
ac_ref_clip_score_of(double image, double reference)
{
    const double score = ac_clip_score_of(image), best = fmax(reference, 0);

    return score + best > 0 ? 2 * score * best / (score + best) : 0;
}

/* ---- what all ranks need ---- */

void
ac_clip_texts_free(ac_clip_texts *self)
{
    ac_texts_free(&self->captions);
    ac_texts_free(&self->others);
    ac_texts_free(&self->references);
    free(self->starts);
    free(self->item_of_image);
    *self = (ac_clip_texts){ 0 };
}

static ac_status
fill(ac_clip_texts *self, const ac_evaluated *e)
{
    ac_status st = AC_OK;

    for (int64_t m = 0; m < self->images; m++)
        self->item_of_image[m] = -1;
    for (int64_t i = 0; i < e->count; i++) {
        const int64_t p = e->prediction[i], r = e->reference[i];
        AC_TRY(ac_texts_push(&self->captions, ac_texts_at(&e->predictions.captions, p),
                             ac_texts_size(&e->predictions.captions, p)));
        if (e->has_against)
            AC_TRY(ac_texts_push(&self->others, ac_texts_at(&e->against.captions, e->other[i]),
                                 ac_texts_size(&e->against.captions, e->other[i])));
        for (int64_t k = r >= 0 ? e->references.starts[r] : 0;
             r >= 0 && k < e->references.starts[r + 1]; k++)
            AC_TRY(ac_texts_push(&self->references, ac_texts_at(&e->references.captions, k),
                                 ac_texts_size(&e->references.captions, k)));
        self->starts[i + 1] = self->references.count;
        if (e->image[i] >= 0)
            self->item_of_image[e->image[i]] = i;
    }
out:
    return st;
}

ac_status
ac_clip_texts_share_all(ac_clip_texts *self, const ac_comm *comm, const ac_evaluated *evaluated,
                        int64_t images)
{
    ac_status st = AC_OK;

    self->images = images;
    self->items = comm->rank == 0 ? evaluated->count : 0;
    ac_broadcast_bytes_all(comm, &self->items, sizeof self->items, 0);
    st = ac_alloc(&self->starts, self->items + 1, sizeof *self->starts);
    if (st == AC_OK)
        st = ac_alloc(&self->item_of_image, images, sizeof *self->item_of_image);
    if (st == AC_OK && comm->rank == 0)
        st = fill(self, evaluated);
    AC_TRY(ac_agree_all(comm, st));
    ac_broadcast_bytes_all(comm, self->starts,
                           (size_t) (self->items + 1) * sizeof *self->starts, 0);
    ac_broadcast_bytes_all(comm, self->item_of_image,
                           (size_t) images * sizeof *self->item_of_image, 0);
    AC_TRY(ac_broadcast_texts_all(comm, &self->captions, 0));
    AC_TRY(ac_broadcast_texts_all(comm, &self->others, 0));
    st = ac_broadcast_texts_all(comm, &self->references, 0);
out:
    return st;
}

/* ---- a shard ---- */

/* Cosines of captions. */
typedef struct cosines {
    float *image;     /* [n]: with their images */
    float *reference; /* [n]: with the nearest reference */
} cosines;

static ac_status
cosines_init(cosines *self, int64_t n)
{
    const ac_status st = ac_alloc(&self->image, n, sizeof *self->image);

    return st == AC_OK ? ac_alloc(&self->reference, n, sizeof *self->reference) : st;
}

static void
cosines_free(cosines *self)
{
    free(self->image);
    free(self->reference);
}

/* The datasets of the predictions' cosines, and of those they are compared with. */
static const struct {
    ac_dataset_id image, reference;
} datasets[2] = { { AC_CLIP_SCORES_COSINES, AC_CLIP_SCORES_REFERENCES },
                  { AC_CLIP_SCORES_OTHERS, AC_CLIP_SCORES_OTHER_REFERENCES } };

/* The rows of a shard of embeddings, and what becomes of them. */
typedef struct rows {
    ac_texts keys;
    float *images; /* [n, D] */
    int64_t *item; /* [n]; -1: without a caption */
    cosines of[2]; /* the predictions, and those they are compared with */
    float *texts;  /* [texts of an item, D] */
    int64_t capacity;
} rows;

static void
rows_free(rows *self)
{
    ac_texts_free(&self->keys);
    free(self->images);
    free(self->item);
    cosines_free(&self->of[0]);
    cosines_free(&self->of[1]);
    free(self->texts);
}

static ac_status
read_rows(rows *self, const ac_clip_score_work *work, const ac_run *run,
          const ac_stage_shard *shard)
{
    const int64_t D = work->clip->net.config.projection_dim;
    ac_h5_reader h5 = { 0 };
    ac_buffer key = { 0 };
    char *path = NULL;
    int64_t n, row = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_run_published_shard(run, AC_STAGE_EMBED, shard->number, &path));
    AC_TRY(ac_h5_open(&h5, path));
    AC_TRY(ac_shard_read_texts(&h5, AC_EMBED_KEYS, &self->keys));
    n = self->keys.count;
    AC_TRY(ac_alloc_aligned(&self->images, n * D, sizeof *self->images));
    AC_TRY(ac_alloc(&self->item, n, sizeof *self->item));
    AC_TRY(cosines_init(&self->of[0], n));
    AC_TRY(cosines_init(&self->of[1], n));
    AC_TRY(ac_shard_read(&h5, AC_EMBED_EMBEDDINGS, n, D, self->images));
    for (int64_t m = shard->first; m < shard->first + shard->count && row < n; m++) {
        bool same; /* the embedded images are a subsequence of all */
        AC_TRY(ac_image_source_key_is(work->images, m, &self->keys, row, &key, &same));
        if (same)
            self->item[row++] = work->texts->item_of_image[m];
    }
    if (row != n)
        AC_FAIL(AC_E_FORMAT, "%s: its keys are not those of the images", path);
out:
    ac_h5_close(&h5);
    ac_buffer_free(&key);
    free(path);
    return st;
}

static float
dot(const float *a, const float *b, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (double) a[i] * (double) b[i];
    return (float) sum;
}

/* Of one caption, whose text is the first of self->texts; its references follow. */
static void
set_cosines(rows *self, cosines *to, int64_t row, int64_t references, int64_t D)
{
    to->image[row] = dot(self->images + row * D, self->texts, D);
    for (int64_t k = 0; k < references; k++) {
        const float cosine = dot(self->texts + (1 + k) * D, self->texts, D);
        if (k == 0 || cosine > to->reference[row])
            to->reference[row] = cosine;
    }
}

static ac_status
score_row(rows *self, ac_clip_score_work *work, int64_t row)
{
    const ac_clip_texts *t = work->texts;
    const int64_t D = work->clip->net.config.projection_dim, item = self->item[row];
    int64_t first, count;
    ac_status st = AC_OK;

    for (int s = 0; s < 2; s++)
        self->of[s].image[row] = self->of[s].reference[row] = NAN;
    if (item < 0)
        return AC_OK;
    first = t->starts[item];
    count = t->starts[item + 1] - first;
    AC_TRY(ac_grow(&self->texts, &self->capacity, (1 + count) * D, sizeof *self->texts));
    AC_TRY(ac_clip_model_embed_texts(work->clip, self->texts + D, &t->references, first, count,
                                     prefix, &work->truncated));
    AC_TRY(ac_clip_model_embed_texts(work->clip, self->texts, &t->captions, item, 1, prefix,
                                     &work->truncated));
    set_cosines(self, &self->of[0], row, count, D);
    if (!t->others.count)
        goto out;
    AC_TRY(ac_clip_model_embed_texts(work->clip, self->texts, &t->others, item, 1, prefix,
                                     &work->truncated));
    set_cosines(self, &self->of[1], row, count, D);
out:
    return st;
}

static ac_status
score_shard(void *context, ac_stage *stage, ac_stage_shard *shard)
{
    ac_clip_score_work *work = context;
    rows r = { .capacity = 0 };
    ac_shard_writer w = { 0 };
    ac_status st = AC_OK;

    AC_TRY(read_rows(&r, work, stage->run, shard));
    for (int64_t row = 0; row < r.keys.count; row++) {
        AC_TRY(score_row(&r, work, row));
        if (row % 32 == 31)
            AC_TRY(ac_stage_tick(stage, row + 1));
    }
    AC_TRY(ac_shard_create(&w, shard->path,
                           (ac_compression) stage->run->config->output.compression,
                           AC_SHARD_CLIP_SCORES));
    AC_TRY(ac_shard_write_texts(&w, AC_CLIP_SCORES_KEYS, &r.keys));
    for (int s = 0; s < (work->texts->others.count ? 2 : 1); s++) {
        AC_TRY(ac_shard_write(&w, datasets[s].image, r.keys.count, 1, r.of[s].image));
        AC_TRY(ac_shard_write(&w, datasets[s].reference, r.keys.count, 1, r.of[s].reference));
    }
    AC_TRY(ac_shard_commit(&w, shard->checksum));
    shard->rows = r.keys.count;
out:
    ac_shard_abandon(&w);
    rows_free(&r);
    return st;
}

static void
close_nothing(void *context)
{
    (void) context;
}

const ac_stage_type ac_stage_clip_scores = {
    .name = "clip_scores",
    .folder = "clip_scores",
    .unit = "images",
    .schema = &ac_shard_schemas[AC_SHARD_CLIP_SCORES],
    .crashes_before_probe = 1,
    .shard = score_shard,
    .close = close_nothing,
};

/* ---- the scores ---- */

/* Where the scores of items go: the predictions', and those they are compared with. NULL: not
 * wanted. */
typedef struct collected {
    double *clip[2], *with_references[2];
} collected;

static void
collect_row(const collected *to, const cosines of[2], int64_t row, int64_t item)
{
    for (int s = 0; s < 2; s++) {
        if (to->clip[s])
            to->clip[s][item] = ac_clip_score_of((double) of[s].image[row]);
        if (to->with_references[s])
            to->with_references[s][item] =
                ac_ref_clip_score_of((double) of[s].image[row], (double) of[s].reference[row]);
    }
}

static ac_status
collect_shard(const ac_run *run, const ac_clip_score_work *work, int64_t shard,
              const collected *to)
{
    ac_h5_reader h5 = { 0 };
    ac_texts keys = { 0 };
    ac_buffer key = { 0 };
    char *path = NULL;
    cosines of[2] = { { 0 } };
    int64_t first, count, row = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_run_published_shard(run, AC_STAGE_CLIP_SCORES, shard, &path));
    AC_TRY(ac_h5_open(&h5, path));
    AC_TRY(ac_shard_read_texts(&h5, AC_CLIP_SCORES_KEYS, &keys));
    for (int s = 0; s < 2 && to->clip[s]; s++) {
        AC_TRY(cosines_init(&of[s], keys.count));
        AC_TRY(ac_shard_read(&h5, datasets[s].image, keys.count, 1, of[s].image));
        AC_TRY(ac_shard_read(&h5, datasets[s].reference, keys.count, 1, of[s].reference));
    }
    ac_run_shard_items(run, shard, &first, &count);
    for (int64_t m = first; m < first + count && row < keys.count; m++) {
        const int64_t item = work->texts->item_of_image[m];
        bool same;
        AC_TRY(ac_image_source_key_is(work->images, m, &keys, row, &key, &same));
        if (!same)
            continue;
        if (item >= 0)
            collect_row(to, of, row, item);
        row++;
    }
out:
    ac_h5_close(&h5);
    ac_texts_free(&keys);
    ac_buffer_free(&key);
    free(path);
    cosines_free(&of[0]);
    cosines_free(&of[1]);
    return st;
}

/* A column of items without a score yet. */
static ac_status
add_column(ac_scores *scores, const char *name, const char *why, bool compared,
           double *values[2])
{
    ac_score_column *column;
    ac_status st = AC_OK;

    AC_TRY(ac_scores_add(scores, name, why, &column));
    if (why)
        goto out;
    if (compared)
        AC_TRY(ac_alloc(&column->others, scores->items, sizeof *column->others));
    values[0] = column->values;
    values[1] = column->others;
    for (int s = 0; s < (compared ? 2 : 1); s++)
        for (int64_t i = 0; i < scores->items; i++)
            values[s][i] = (double) NAN;
out:
    return st;
}

ac_status
ac_clip_scores_collect(ac_scores *scores, const ac_run *run, const ac_evaluated *evaluated,
                       const ac_clip_score_work *work)
{
    collected to = { .clip = { NULL } };
    ac_status st = AC_OK;

    AC_TRY(add_column(scores, "CLIPScore", NULL, evaluated->has_against, to.clip));
    AC_TRY(add_column(scores, "RefCLIPScore",
                      evaluated->has_references ? NULL : "no references were given",
                      evaluated->has_against, to.with_references));
    for (int64_t s = 0; s < run->manifest.shard_count; s++)
        AC_TRY(collect_shard(run, work, s, &to));
out:
    return st;
}

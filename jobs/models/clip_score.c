#include "jobs/models/clip_score.h"

#include <stdlib.h>

#include "engine/base/text.h"

void
ac_clip_scorer_free(ac_clip_scorer *self)
{
    ac_texts_free(&self->unique);
    free(self->order);
    free(self->which);
    free(self->embeddings);
    *self = (ac_clip_scorer){ 0 };
}

static int
compare_text(const void *a, const void *b, void *context)
{
    const ac_texts *t = context;
    int64_t i = *(const int64_t *) a, j = *(const int64_t *) b;
    const int order = ac_bytes_compare(ac_texts_at(t, i), ac_texts_size(t, i),
                                       ac_texts_at(t, j), ac_texts_size(t, j));

    return order ? order : (i > j) - (i < j);
}

static float
dot(const float *a, const float *b, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (double) a[i] * (double) b[i];
    return (float) sum;
}

ac_status
ac_clip_score(ac_clip_scorer *self, ac_clip_model *clip, float *scores, const ac_texts *texts,
              int64_t first, int64_t n, const int64_t *owner, const float *queries,
              const char *prefix, int64_t *cut)
{
    const int64_t D = clip->net.config.projection_dim;
    ac_status st = AC_OK;

    ac_texts_reset(&self->unique);
    AC_TRY(ac_grow(&self->order, &self->order_capacity, n, sizeof *self->order));
    AC_TRY(ac_grow(&self->which, &self->which_capacity, n, sizeof *self->which));
    for (int64_t i = 0; i < n; i++)
        self->order[i] = first + i;
    qsort_r(self->order, (size_t) n, sizeof *self->order, compare_text,
            (void *) (uintptr_t) texts);
    for (int64_t i = 0; i < n; i++) {
        int64_t t = self->order[i];
        if (i == 0 || !ac_texts_same(texts, t, texts, self->order[i - 1]))
            AC_TRY(
                ac_texts_push(&self->unique, ac_texts_at(texts, t), ac_texts_size(texts, t)));
        self->which[t - first] = self->unique.count - 1;
    }
    AC_TRY(ac_grow(&self->embeddings, &self->embedding_capacity, self->unique.count * D,
                   sizeof(float)));
    AC_TRY(ac_clip_model_embed_texts(clip, self->embeddings, &self->unique, 0,
                                     self->unique.count, prefix, cut));
    for (int64_t i = 0; i < n; i++)
        scores[i] = dot(queries + owner[i] * D, self->embeddings + self->which[i] * D, D);
out:
    return st;
}

int64_t
ac_clip_score_best(const float *scores, int64_t n)
{
    int64_t best = 0;

    for (int64_t i = 1; i < n; i++)
        if (scores[i] > scores[best])
            best = i;
    return best;
}

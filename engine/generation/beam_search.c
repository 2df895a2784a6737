/* Beam search of a group of texts: the loop around the network. */
#include "engine/generation/beam_search.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/generation/beam.h"

typedef struct search_group {
    const ac_generation_group *group;
    ac_beams *beams;            /* [n] */
    ac_decoder_prompt *prompts; /* [n] */
    ac_decoder_row *rows;       /* [n num_beams] */
    int64_t *first;             /* [n]: an active search's first row of this step */
    int32_t *active;            /* [n]: searches that are not finished */
    int32_t *ancestry;          /* [num_beams, longest] per thread: scratch of reordering */
    ac_scored_token *order;     /* [V] per thread, with sampling */
} search_group;

static void
free_searches(search_group *self)
{
    for (int64_t i = 0; self->beams && i < self->group->n; i++)
        ac_beams_free(&self->beams[i]);
    free(self->beams);
    free(self->prompts);
    free(self->rows);
    free(self->first);
    free(self->active);
    free(self->ancestry);
    free(self->order);
}

static ac_status
init_searches(search_group *self)
{
    const ac_generation_config *c = self->group->config;
    const int64_t n = self->group->n;
    const int threads = omp_get_max_threads();
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self->beams, n, sizeof *self->beams));
    AC_TRY(ac_alloc(&self->prompts, n, sizeof *self->prompts));
    AC_TRY(ac_alloc(&self->rows, n * c->num_beams, sizeof *self->rows));
    AC_TRY(ac_alloc(&self->first, n, sizeof *self->first));
    AC_TRY(ac_alloc(&self->active, n, sizeof *self->active));
    AC_TRY(ac_alloc(&self->ancestry, threads * c->num_beams * self->group->out->longest,
                    sizeof *self->ancestry));
    if (c->do_sample)
        AC_TRY(ac_alloc(&self->order, threads * ac_group_vocabulary(self->group),
                        sizeof *self->order));
    for (int64_t i = 0; i < n; i++)
        AC_TRY(ac_beams_init(&self->beams[i], c, self->group->out->longest));
    for (int64_t i = 0; i < n; i++)
        self->beams[i].pieces = self->group->input->pieces;
out:
    return st;
}

/* Read the prompts; afterwards logits has one row per open beam, search by search. A search may
 * begin with several equal beams: they share what the first has read. */
static void
prefill(search_group *self)
{
    const ac_generation_group *group = self->group;
    ac_generator *generator = group->generator;
    const ac_generation_config *c = group->config;
    const int64_t V = ac_group_vocabulary(group), S = ac_generation_config_searches(c);
    float *logits = generator->logits;

    for (int64_t i = 0; i < group->n; i++) {
        const ac_logits_context start = ac_group_context(group, (group->from + i) / S);
        self->prompts[i] = ac_group_prompt(group, (group->from + i) / S, i * c->num_beams);
        ac_beams_reset(&self->beams[i], c, &start);
    }
    ac_decoder_prefill(&generator->state, logits, self->prompts, group->n, &generator->scratch);
    for (int64_t i = group->n - 1; i >= 0; i--) { /* from the end: every row moves back */
        const int64_t live = self->beams[i].live, slot = self->prompts[i].slot;
        for (int64_t j = live - 1; j >= 0; j--) {
            if (i * live + j != i)
                memcpy(logits + (i * live + j) * V, logits + i * V,
                       (size_t) V * sizeof *logits);
            ac_kv_cache_fork(&generator->state.cache, slot + j, slot, self->prompts[i].count);
        }
        self->active[i] = (int32_t) i;
        self->first[i] = i * live;
    }
}

/* Read the last token of every open beam. */
static void
read_tokens(search_group *self, int64_t active)
{
    ac_generator *generator = self->group->generator;
    int64_t rows = 0;

    for (int64_t a = 0; a < active; a++) {
        const int32_t i = self->active[a];
        const ac_beams *b = &self->beams[i];
        const ac_decoder_prompt *p = &self->prompts[i];
        self->first[a] = rows;
        for (int64_t j = 0; j < b->live; j++)
            self->rows[rows++] = (ac_decoder_row){ b->ids[j * b->stride + b->length - 1],
                                                   (int32_t) (p->slot + j), p->input,
                                                   (int32_t) (b->length - 1), true };
    }
    ac_decoder_step(&generator->state, generator->logits, self->rows, rows,
                    &generator->scratch);
}

/* Continue the active searches by a token each. */
static void
extend(search_group *self, int64_t active)
{
    const ac_generation_group *group = self->group;
    const ac_generation_config *c = group->config;
    ac_generator *generator = group->generator;
    const int64_t V = ac_group_vocabulary(group), S = ac_generation_config_searches(c);

#pragma omp parallel for schedule(dynamic, 1) if (active * V > 32768)
    for (int64_t a = 0; a < active; a++) {
        const int64_t i = self->active[a], thread = omp_get_thread_num(),
                      search = group->from + i;
        ac_beams *b = &self->beams[i];
        ac_beams_step(b, c, generator->logits + self->first[a] * V, V,
                      self->order ? self->order + thread * V : NULL,
                      group->input->streams[search / S], search % S);
        if (!b->finished)
            ac_kv_cache_reorder(&generator->state.cache, self->prompts[i].slot, b->parents,
                                b->live, b->length - 1,
                                self->ancestry + thread * c->num_beams * b->stride);
    }
}

static void
copy_hypothesis(const ac_beams *b, const ac_decoder_prompt *prompt, int64_t k, int64_t to,
                ac_generated *out)
{
    int32_t *ids = out->ids + to * out->longest;

    if (b->done_count == 0) {
        memcpy(ids, prompt->tokens, (size_t) prompt->count * sizeof *ids);
        out->counts[to] = prompt->count;
        out->scores[to] = -INFINITY;
        return;
    }
    if (k >= b->done_count) /* fewer hypotheses than asked for: the last again, so that every
                               text has its number */
        k = b->done_count - 1;
    memcpy(ids, b->done[k].ids, (size_t) b->done[k].count * sizeof *ids);
    out->counts[to] = b->done[k].count;
    out->scores[to] = b->done[k].score;
}

ac_status
ac_beam_search_run(const ac_generation_group *group)
{
    const ac_generation_config *c = group->config;
    const int64_t each = c->num_return_sequences / ac_generation_config_searches(c);
    search_group self = { .group = group };
    int64_t active = group->n;
    ac_status st = AC_OK;

    AC_TRY(init_searches(&self));
    prefill(&self);
    while (active) {
        int64_t left = 0;
        extend(&self, active);
        for (int64_t a = 0; a < active; a++)
            if (!self.beams[self.active[a]].finished)
                self.active[left++] = self.active[a];
        active = left;
        if (active)
            read_tokens(&self, active);
    }
    for (int64_t i = 0; i < group->n; i++)
        for (int64_t k = 0; k < each; k++)
            copy_hypothesis(&self.beams[i], &self.prompts[i], k, (group->from + i) * each + k,
                            group->out);
out:
    free_searches(&self);
    return st;
}

#include "engine/generation/beam.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/generation/stop_strings.h"
#include "engine/kernels/activation.h"

int64_t
ac_beams_candidates(const ac_generation_config *c)
{
    return (c->eos_count > 1 ? 1 + c->eos_count : 2) * c->num_beams;
}

ac_status
ac_beams_init(ac_beams *self, const ac_generation_config *c, int64_t L)
{
    const int64_t B = c->num_beams, most = ac_beams_candidates(c);
    int32_t *ids;
    char *p;
    ac_status st;

    *self = (ac_beams){ .stride = L };
    st = ac_alloc(&p, 1,
                  ac_scratch_room((size_t) B * sizeof(float)) +
                      ac_scratch_room((size_t) B * sizeof(int32_t)) +
                      ac_scratch_room((size_t) (B + 1) * sizeof(ac_hypothesis)) +
                      ac_scratch_room((size_t) most * sizeof(ac_beam_candidate)) +
                      (size_t) ((3 * B + 1) * L) * sizeof(int32_t));
    if (st != AC_OK)
        return st;
    self->memory = p;
    self->scores = (float *) (void *) p;
    p += ac_scratch_room((size_t) B * sizeof(float));
    self->parents = (int32_t *) (void *) p;
    p += ac_scratch_room((size_t) B * sizeof(int32_t));
    self->done = (ac_hypothesis *) (void *) p;
    p += ac_scratch_room((size_t) (B + 1) * sizeof(ac_hypothesis));
    self->candidates = (ac_beam_candidate *) (void *) p;
    p += ac_scratch_room((size_t) most * sizeof(ac_beam_candidate));
    ids = (int32_t *) (void *) p;
    self->ids = ids;
    self->next_ids = ids + B * L;
    for (int64_t i = 0; i <= B; i++)
        self->done[i].ids = ids + (2 * B + i) * L;
    return AC_OK;
}

void
ac_beams_free(ac_beams *self)
{
    free(self->memory);
    *self = (ac_beams){ 0 };
}

void
ac_beams_reset(ac_beams *self, const ac_generation_config *c, const ac_logits_context *start)
{
    self->live = c->do_sample && c->beam_search == AC_BEAM_HF49 ? c->num_beams : 1;
    self->length = self->prompt = start->prompt;
    self->most = start->most;
    self->input = start->input;
    self->input_count = start->input_count;
    for (int64_t b = 0; b < self->live; b++) {
        self->scores[b] = 0;
        memcpy(self->ids + b * self->stride, start->tokens,
               (size_t) start->count * sizeof *start->tokens);
    }
    self->done_count = 0;
    self->finished = false;
}

/* Put a hypothesis in its place among the best num_beams; equal scores: the earlier stays in
 * front. */
static void
finish(ac_beams *self, int64_t most, double score, const int32_t *ids, int64_t count,
       int32_t last, bool has_last)
{
    ac_hypothesis spare = self->done[self->done_count];
    int64_t at = self->done_count;

    while (at > 0 && self->done[at - 1].score < score) {
        self->done[at] = self->done[at - 1];
        at--;
    }
    memcpy(spare.ids, ids, (size_t) count * sizeof *ids);
    if (has_last)
        spare.ids[count] = last;
    spare.count = count + has_last;
    spare.score = score;
    self->done[at] = spare;
    if (self->done_count < most)
        self->done_count++;
}

/* The best `want` of scores + row over all beams; equal: lower beam, then lower id. */
static int64_t
choose_best(ac_beams *self, const float *rows, int64_t V, int64_t want)
{
    ac_beam_candidate *c = self->candidates;
    int64_t n = 0;

    for (int64_t b = 0; b < self->live; b++) {
        const float *row = rows + b * V, base = self->scores[b];
        float threshold = n == want ? c[n - 1].score : -INFINITY;
        for (int64_t i = 0; i < V; i++) {
            float score = base + row[i];
            int64_t at;
            if (!(score > threshold))
                continue;
            at = n < want ? n++ : n - 1;
            for (; at > 0 && c[at - 1].score < score; at--)
                c[at] = c[at - 1];
            c[at] = (ac_beam_candidate){ score, (int32_t) b, (int32_t) i };
            if (n == want)
                threshold = c[n - 1].score;
        }
    }
    return n;
}

/* Best first; equal ones stay in order. */
static void
sort_candidates(ac_beam_candidate *c, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        const ac_beam_candidate k = c[i];
        int64_t at = i;
        for (; at > 0 && c[at - 1].score < k.score; at--)
            c[at] = c[at - 1];
        c[at] = k;
    }
}

/* `want` candidates drawn one after the other without replacement from softmax(rows), all beams
 * together, in the order drawn. */
static int64_t
draw_candidates(ac_beams *self, const ac_generation_config *c, float *rows, int64_t V,
                int64_t want, uint64_t stream, int64_t search)
{
    int64_t n = 0, total = self->live * V;

    for (; n < want; n++) {
        double u = ac_random_uniform(c->seed, stream, (uint32_t) (search * want + n),
                                     (uint32_t) self->length);
        int64_t at = ac_logits_draw(rows, total, u);
        if (rows[at] == -INFINITY)
            break;
        self->candidates[n] =
            (ac_beam_candidate){ rows[at], (int32_t) (at / V), (int32_t) (at % V) };
        rows[at] = -INFINITY;
    }
    return n;
}

/* Scores of all continuations for drawing. transformers 5 filters a beam's own
 * log-probabilities and adds its score; 4.9 adds the score first and filters the sums, so that
 * the temperature divides what the beam has gathered too. */
static void
filter_rows(const ac_beams *self, const ac_generation_config *c, float *logits, int64_t V,
            ac_scored_token *order)
{
    const int64_t min_keep = c->eos_count > 0 ? c->eos_count + 1 : 2;

    for (int64_t b = 0; b < self->live; b++) {
        float *row = logits + b * V;
        if (c->beam_search == AC_BEAM_HF5)
            ac_logits_warp(c, row, V, min_keep, order);
        if (c->renormalize_logits && c->beam_search == AC_BEAM_HF5)
            ac_log_softmax(row, V);
        for (int64_t i = 0; i < V; i++)
            row[i] += self->scores[b];
        if (c->beam_search == AC_BEAM_HF49)
            ac_logits_warp(c, row, V, min_keep, order);
    }
}

/* The length that a score is divided by, of n tokens and an end token after them. transformers
 * 4.9 counts the n tokens; 5 counts what comes after the prompt, end token included. */
static float
penalty(const ac_beams *self, const ac_generation_config *c, int64_t n)
{
    if (c->beam_search == AC_BEAM_HF5)
        n += 1 - self->prompt;
    return (float) pow((double) n, c->length_penalty);
}

/* Can the best open beam still beat the worst finished hypothesis? */
static bool
should_stop(const ac_beams *self, const ac_generation_config *c, float best_candidate,
            float best_open)
{
    int64_t n = self->length;
    float best;

    if (self->done_count < c->num_beams)
        return false;
    if (c->early_stopping == AC_EARLY_TRUE)
        return true;
    if (c->early_stopping == AC_EARLY_NEVER && c->length_penalty > 0 &&
        c->beam_search == AC_BEAM_HF5)
        n = self->most - 1;
    best = (c->beam_search == AC_BEAM_HF49 ? best_candidate : best_open) / penalty(self, c, n);
    return !((double) best > self->done[self->done_count - 1].score);
}

/* The open beams of the next step: the first num_beams candidates that continue, best first. */
static void
advance(ac_beams *self, const ac_beam_candidate *going, int64_t n)
{
    const int64_t L = self->stride;
    int32_t *swap = self->ids;

    for (int64_t j = 0; j < n; j++) {
        memcpy(self->next_ids + j * L, self->ids + going[j].beam * L,
               (size_t) self->length * sizeof *swap);
        self->next_ids[j * L + self->length] = going[j].token;
        self->scores[j] = going[j].score;
        self->parents[j] = going[j].beam;
    }
    self->ids = self->next_ids;
    self->next_ids = swap;
    self->live = n;
    self->length++;
}

void
ac_beams_step(ac_beams *self, const ac_generation_config *c, float *logits, int64_t V,
              ac_scored_token *order, uint64_t stream, int64_t search)
{
    const int64_t B = c->num_beams, L = self->stride, n = self->length,
                  most = ac_beams_candidates(c);
    const bool at_limit = n + 1 >= self->most;
    ac_beam_candidate *candidates = self->candidates;
    int64_t count, open = 0;
    float first;

    for (int64_t b = 0; b < self->live; b++) {
        float *row = logits + b * V;
        ac_log_softmax(row, V);
        ac_logits_process(c, row, V,
                          &(ac_logits_context){ self->ids + b * L, n, self->prompt, self->most,
                                                self->input, self->input_count });
        if (c->renormalize_logits && !(c->do_sample && c->beam_search == AC_BEAM_HF5))
            ac_log_softmax(row, V);
    }
    if (c->do_sample) {
        filter_rows(self, c, logits, V, order);
        count = draw_candidates(self, c, logits, V, most, stream, search);
        if (c->beam_search == AC_BEAM_HF49)
            sort_candidates(candidates, count);
    } else {
        count = choose_best(self, logits, V, most);
    }
    first = count ? candidates[0].score : -INFINITY;

    for (int64_t i = 0; i < count;
         i++) { /* ended ones are taken out, the open ones stay in order */
        const ac_beam_candidate k = candidates[i];
        const bool ends = ac_generation_config_ends(c, k.token) ||
                          ac_stop_strings_end(&c->stop_strings, self->pieces,
                                              self->ids + k.beam * L, n, k.token, NULL) ||
                          (c->beam_search == AC_BEAM_HF5 && at_limit);
        if (!ends)
            candidates[open++] = k;
        else if (i < B)
            finish(self, B, (double) (k.score / penalty(self, c, n)), self->ids + k.beam * L, n,
                   k.token, true);
    }
    if (c->do_sample) /* drawn in any order: the best continue */
        sort_candidates(candidates, open);
    open = open < B ? open : B;
    self->finished = should_stop(self, c, first, open ? candidates[0].score : -INFINITY);
    if (self->finished)
        return;
    advance(self, candidates, open);
    if (at_limit && c->beam_search == AC_BEAM_HF49) /* every open beam joins */
        for (int64_t j = 0; j < self->live; j++)
            finish(self, B, (double) (self->scores[j] / penalty(self, c, self->length)),
                   self->ids + j * L, self->length, 0, false);
    self->finished = at_limit || self->live == 0;
}

/*
 * Greedy search and sampling. The sequences of a text grow as a tree: what two of them have in
 * common is computed once. A node is one line of the decoder; its sequences are drawn from its
 * logits, and each token that was drawn is a child. A line's bits do not depend on the other
 * lines, so a sequence is the same whether it shares its beginning or not.
 *
 * Texts are let in as slots become free: one that has ended leaves its slots to the next. Where
 * the decoder has no encoder, what all prompts have in common is read once, into a slot of its
 * own.
 */
#include "engine/generation/samples.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/kernels/activation.h"
#include "engine/generation/logits.h"
#include "engine/generation/stop_strings.h"

/* The nodes of one step. Node i's sequences are members[first[i]] to members[first[i + 1] - 1],
 * ascending; its slot is that of the first of them. At most one node per slot. */
typedef struct level {
    ac_decoder_row *rows; /* [n] */
    int64_t *first;       /* [n + 1] */
    int32_t *members;     /* [n]: counted from the group's first */
    int64_t count;
} level;

/* Sequences of one text that are let in together, as many as there are slots at most. */
typedef struct unit {
    int64_t first, count; /* counted from the group's first */
    int64_t open;         /* so many of them have not ended */
} unit;

typedef struct tree {
    const ac_generation_group *group;
    level now, next;
    ac_decoder_prompt *prompts; /* [slots]: those of the roots let in at once */
    int32_t *node_of;           /* [n]: a sequence's node in next; -1: it has ended */
    int32_t *slot_of;           /* [n]: of the sequences that are open */
    int32_t *unit_of;           /* [n] */
    unit *units;                /* [unit_count], in order */
    int64_t unit_count, next_unit;
    int32_t *free; /* [free_count]: slots */
    int64_t free_count;
    int64_t common;         /* tokens that all prompts begin with, in the last slot */
    ac_scored_token *order; /* [V] per thread */
    double *sums;           /* [V] per thread */
} tree;

static void
level_free(level *self)
{
    free(self->rows);
    free(self->first);
    free(self->members);
}

static ac_status
level_init(level *self, int64_t n)
{
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self->rows, n, sizeof *self->rows));
    AC_TRY(ac_alloc(&self->first, n + 1, sizeof *self->first));
    AC_TRY(ac_alloc(&self->members, n, sizeof *self->members));
out:
    return st;
}

static void
tree_free(tree *self)
{
    level_free(&self->now);
    level_free(&self->next);
    free(self->prompts);
    free(self->node_of);
    free(self->slot_of);
    free(self->unit_of);
    free(self->units);
    free(self->free);
    free(self->order);
    free(self->sums);
}

static ac_status
units_init(tree *self)
{
    const ac_generation_group *group = self->group;
    const int64_t each = group->config->num_return_sequences, n = group->n;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self->units, n, sizeof *self->units));
    AC_TRY(ac_alloc(&self->unit_of, n, sizeof *self->unit_of));
    AC_TRY(ac_alloc(&self->free, group->slots, sizeof *self->free));
    for (int64_t s = 0; s < n; s++) {
        unit *u = &self->units[self->unit_count - (self->unit_count > 0)];
        if (s == 0 || (group->from + s) % each == 0 || u->count == group->slots)
            self->units[self->unit_count++] = (unit){ .first = s };
        u = &self->units[self->unit_count - 1];
        u->count = ++u->open;
        self->unit_of[s] = (int32_t) (self->unit_count - 1);
    }
    for (int64_t i = 0; i < group->slots; i++)
        self->free[self->free_count++] = (int32_t) (group->slots - 1 - i);
out:
    return st;
}

static ac_status
tree_init(tree *self)
{
    const int64_t n = self->group->n, slots = self->group->slots,
                  V = ac_group_vocabulary(self->group);
    const int threads = omp_get_max_threads();
    ac_status st = AC_OK;

    AC_TRY(level_init(&self->now, slots));
    AC_TRY(level_init(&self->next, slots));
    AC_TRY(ac_alloc(&self->prompts, slots, sizeof *self->prompts));
    AC_TRY(ac_alloc(&self->node_of, n, sizeof *self->node_of));
    AC_TRY(ac_alloc(&self->slot_of, n, sizeof *self->slot_of));
    AC_TRY(units_init(self));
    if (self->group->config->do_sample) {
        AC_TRY(ac_alloc(&self->order, threads * V, sizeof *self->order));
        AC_TRY(ac_alloc(&self->sums, threads * V, sizeof *self->sums));
    }
out:
    return st;
}

/* ---- letting texts in ---- */

static ac_decoder_prompt
prompt_of(const tree *self, int64_t s, int64_t slot)
{
    const ac_generation_group *group = self->group;

    return ac_group_prompt(group, (group->from + s) / group->config->num_return_sequences,
                           slot);
}

/* What all prompts begin with is read into the slot behind the others. The last token of none
 * is among it: its logits are wanted. */
static void
read_common(tree *self)
{
    const ac_generation_group *group = self->group;
    const ac_decoder_prompt first = prompt_of(self, 0, group->slots);
    ac_decoder_prompt common = first;

    common.count = first.count - 1;
    if (group->n <= group->slots) /* all are let in at once, and share pairwise */
        return;
    for (int64_t u = 1; u < self->unit_count; u++) {
        const ac_decoder_prompt p = prompt_of(self, self->units[u].first, 0);
        int64_t n = 0;
        while (n < common.count && n < p.count - 1 && p.tokens[n] == first.tokens[n])
            n++;
        common.count = n;
    }
    self->common = common.count;
    if (common.count > 0)
        ac_decoder_prefill(&group->generator->state, group->generator->logits, &common, 1,
                           &group->generator->scratch);
}

/* The root of a unit, with slots for its sequences. */
static void
plant(tree *self, unit *u, ac_decoder_prompt *prompt)
{
    const ac_generation_group *group = self->group;
    ac_generated *out = group->out;
    level *now = &self->now;
    const int64_t members = now->first[now->count];

    for (int64_t s = u->first; s < u->first + u->count; s++)
        self->slot_of[s] = self->free[--self->free_count];
    *prompt = prompt_of(self, u->first, self->slot_of[u->first]);
    for (int64_t s = u->first; s < u->first + u->count; s++) {
        const int64_t at = group->from + s;
        now->members[members + s - u->first] = (int32_t) s;
        memcpy(out->ids + at * out->longest, prompt->tokens,
               (size_t) prompt->count * sizeof *out->ids);
        out->counts[at] = prompt->count;
        out->scores[at] = 0;
    }
    now->rows[now->count++] =
        (ac_decoder_row){ prompt->tokens[prompt->count - 1], prompt->slot, prompt->input,
                          (int32_t) (prompt->count - 1), true };
    now->first[now->count] = members + u->count;
}

/* Texts for which there are slots: their prompts are read, and their logits stand behind those
 * of the nodes before. */
static void
admit(tree *self)
{
    const ac_generation_group *group = self->group;
    ac_generator *generator = group->generator;
    const int64_t before = self->now.count;
    float *logits = generator->logits + before * ac_group_vocabulary(group);
    int64_t n = 0;

    if (before == 0)
        self->now.first[0] = 0;
    while (self->next_unit < self->unit_count &&
           self->units[self->next_unit].count <= self->free_count)
        plant(self, &self->units[self->next_unit++], &self->prompts[n++]);
    if (n && group->n <= group->slots)
        ac_decoder_prefill(&generator->state, logits, self->prompts, n, &generator->scratch);
    else if (n)
        ac_decoder_prefill_behind(&generator->state, logits, self->prompts, n,
                                  (int32_t) group->slots, self->common, &generator->scratch);
}

/* A sequence has ended; a unit's slots become free with its last one, since they hold what its
 * other sequences continue. */
static void
leave(tree *self, int64_t s)
{
    unit *u = &self->units[self->unit_of[s]];

    if (--u->open > 0)
        return;
    for (int64_t i = u->first; i < u->first + u->count; i++)
        self->free[self->free_count++] = self->slot_of[i];
}

/* ---- growing ---- */

/* Where no token can be drawn (every logit is -inf or NaN), the last one. */
static int32_t
draw_one(const double *sums, const ac_scored_token *order, int64_t n, double u, int64_t V)
{
    return n > 0 ? order[ac_logits_find(sums, n, u)].token : (int32_t) (V - 1);
}

/* The next token of each sequence of a node, from its logits [V], which become the logarithms
 * of what was drawn from. */
static void
draw(const tree *self, int64_t node, float *logits, int64_t thread)
{
    const ac_generation_group *group = self->group;
    const ac_generation_config *c = group->config;
    ac_generated *out = group->out;
    const int64_t V = ac_group_vocabulary(group), each = c->num_return_sequences,
                  first = self->now.first[node], end = self->now.first[node + 1];
    const int64_t one = group->from + self->now.members[first], length = out->counts[one];
    double *sums = c->do_sample ? self->sums + thread * V : NULL;
    ac_scored_token *order = self->order + thread * V;
    ac_logits_context context = ac_group_context(group, one / each);
    int32_t token = 0;
    int64_t n = 0;

    context.tokens = out->ids + one * out->longest;
    context.count = length;
    ac_logits_process(c, logits, V, &context);
    if (c->do_sample) {
        ac_logits_warp(c, logits, V, 1, order);
        n = ac_logits_accumulate(sums, order, logits, V);
    } else {
        for (int64_t i = 1; i < V; i++)
            token = logits[i] > logits[token] ? (int32_t) i : token;
    }
    ac_log_softmax(logits, V);
    for (int64_t m = first; m < end; m++) {
        const int64_t at = group->from + self->now.members[m];
        if (c->do_sample)
            token = draw_one(sums, order, n,
                             ac_random_uniform(c->seed, group->input->streams[at / each],
                                               (uint32_t) (at % each), (uint32_t) length),
                             V);
        out->scores[at] += (double) logits[token];
        out->ids[at * out->longest + length] = token;
        out->counts[at] = length + 1;
    }
}

/* Has a sequence of `length` tokens, `most` at most, ended with its last one? */
static bool
has_ended(const tree *self, const int32_t *ids, int64_t length, int64_t most)
{
    const ac_generation_config *c = self->group->config;

    return ac_generation_config_ends(c, ids[length - 1]) || length >= most ||
           ac_stop_strings_end(&c->stop_strings, self->group->input->pieces, ids, length - 1,
                               ids[length - 1], NULL);
}

/* The children of a node, one for each token drawn that ends no sequence; each continues in the
 * slot of its first sequence, whose past is the parent's. */
static void
branch(tree *self, int64_t node)
{
    const ac_generation_group *group = self->group;
    const ac_decoder_row *parent = &self->now.rows[node];
    const int64_t base = self->next.count, each = group->config->num_return_sequences;
    ac_decoder_row *rows = self->next.rows;

    for (int64_t m = self->now.first[node]; m < self->now.first[node + 1]; m++) {
        const int32_t s = self->now.members[m];
        const int64_t at = group->from + s, length = group->out->counts[at];
        const int32_t *ids = group->out->ids + at * group->out->longest,
                      token = ids[length - 1];
        int64_t child = base;

        self->node_of[s] = -1;
        if (has_ended(self, ids, length, ac_group_context(group, at / each).most)) {
            leave(self, s);
            continue;
        }
        while (child < self->next.count && rows[child].token != token)
            child++;
        if (child == self->next.count) {
            rows[self->next.count++] = (ac_decoder_row){ token, self->slot_of[s], parent->input,
                                                         (int32_t) (length - 1), true };
            ac_kv_cache_fork(&group->generator->state.cache, self->slot_of[s], parent->slot,
                             length - 1);
        }
        self->node_of[s] = (int32_t) child;
    }
}

/* The next level's members, gathered by node. */
static void
gather(tree *self)
{
    const level *now = &self->now;
    level *next = &self->next;
    const int64_t members = now->first[now->count];

    memset(next->first, 0, (size_t) (next->count + 1) * sizeof *next->first);
    for (int64_t m = 0; m < members; m++)
        if (self->node_of[now->members[m]] >= 0)
            next->first[self->node_of[now->members[m]] + 1]++;
    for (int64_t i = 0; i < next->count; i++)
        next->first[i + 1] += next->first[i];
    for (int64_t m = 0; m < members; m++)
        if (self->node_of[now->members[m]] >= 0)
            next->members[next->first[self->node_of[now->members[m]]]++] = now->members[m];
    for (int64_t i = next->count; i > 0; i--) /* each is now where the next one begins */
        next->first[i] = next->first[i - 1];
    next->first[0] = 0;
}

/* All nodes branch: their children become the present level, and are read. */
static void
grow(tree *self)
{
    const level done = self->now;
    ac_generator *generator = self->group->generator;

    self->next.count = 0;
    for (int64_t i = 0; i < self->now.count; i++)
        branch(self, i);
    gather(self);
    self->now = self->next;
    self->next = done;
    if (self->now.count)
        ac_decoder_step(&generator->state, generator->logits, self->now.rows, self->now.count,
                        &generator->scratch);
}

ac_status
ac_samples_run(const ac_generation_group *group)
{
    const int64_t V = ac_group_vocabulary(group);
    tree self = { .group = group };
    ac_status st = AC_OK;

    AC_TRY(tree_init(&self));
    read_common(&self);
    for (admit(&self); self.now.count > 0; grow(&self), admit(&self)) {
#pragma omp parallel for schedule(dynamic, 1) if (self.now.count * V > 32768)
        for (int64_t i = 0; i < self.now.count; i++)
            draw(&self, i, group->generator->logits + i * V, omp_get_thread_num());
    }
out:
    tree_free(&self);
    return st;
}

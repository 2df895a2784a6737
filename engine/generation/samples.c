/*
 * Greedy search and sampling. The sequences of a text grow as a tree: what two of them have in
 * common is computed once. A node is one line of the decoder; its sequences are drawn from its
 * logits, and each token that was drawn is a child. A line's bits do not depend on the other
 * lines, so a sequence is the same whether it shares its beginning or not.
 */
#include "engine/generation/samples.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/kernels/activation.h"
#include "engine/generation/logits.h"

/* The nodes of one step. Node i's sequences are members[first[i]] to members[first[i + 1] - 1],
 * ascending; its slot is that of the first of them. */
typedef struct level {
    ac_decoder_row *rows; /* [n] */
    int64_t *first;       /* [n + 1] */
    int32_t *members;     /* [n]: counted from the group's first */
    int64_t count;
} level;

typedef struct tree {
    const ac_generation_group *group;
    level now, next;
    ac_decoder_prompt *prompts; /* [n]: those of the roots */
    int32_t *node_of;           /* [n]: a sequence's node in next; -1: it has ended */
    ac_scored_token *order;     /* [V] per thread */
    double *sums;               /* [V] per thread */
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
    free(self->order);
    free(self->sums);
}

static ac_status
tree_init(tree *self)
{
    const int64_t n = self->group->n, V = ac_group_vocabulary(self->group);
    const int threads = omp_get_max_threads();
    ac_status st = AC_OK;

    AC_TRY(level_init(&self->now, n));
    AC_TRY(level_init(&self->next, n));
    AC_TRY(ac_alloc(&self->prompts, n, sizeof *self->prompts));
    AC_TRY(ac_alloc(&self->node_of, n, sizeof *self->node_of));
    if (self->group->config->do_sample) {
        AC_TRY(ac_alloc(&self->order, threads * V, sizeof *self->order));
        AC_TRY(ac_alloc(&self->sums, threads * V, sizeof *self->sums));
    }
out:
    return st;
}

/* The root of each text: its prompt, which is read; logits has one row per root. */
static void
plant(tree *self)
{
    const ac_generation_group *group = self->group;
    const ac_generation_config *c = group->config;
    const int64_t each = c->num_return_sequences;
    ac_generated *out = group->out;
    level *now = &self->now;

    now->count = 0;
    for (int64_t s = 0; s < group->n; s++) {
        const int64_t at = group->from + s;
        const ac_decoder_prompt prompt = ac_group_prompt(group, at / each, s);
        if (s == 0 || at % each == 0) {
            self->prompts[now->count] = prompt;
            now->first[now->count] = s;
            now->rows[now->count++] =
                (ac_decoder_row){ prompt.tokens[prompt.count - 1], prompt.slot, prompt.input,
                                  (int32_t) (prompt.count - 1), true };
        }
        now->members[s] = (int32_t) s;
        memcpy(out->ids + at * out->longest, prompt.tokens,
               (size_t) prompt.count * sizeof *out->ids);
        out->counts[at] = prompt.count;
        out->scores[at] = 0;
    }
    now->first[now->count] = group->n;
    ac_decoder_prefill(&group->generator->state, group->generator->logits, self->prompts,
                       now->count, &group->generator->scratch);
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
    ac_logits_context context = ac_group_context(group, one / each);
    int32_t token = 0;

    context.tokens = out->ids + one * out->longest;
    context.count = length;
    ac_logits_process(c, logits, V, &context);
    if (c->do_sample) {
        ac_logits_warp(c, logits, V, 1, self->order + thread * V);
        ac_logits_accumulate(sums, logits, V);
    } else {
        for (int64_t i = 1; i < V; i++)
            token = logits[i] > logits[token] ? (int32_t) i : token;
    }
    ac_log_softmax(logits, V);
    for (int64_t m = first; m < end; m++) {
        const int64_t at = group->from + self->now.members[m];
        if (c->do_sample)
            token =
                ac_logits_find(sums, V,
                               ac_random_uniform(c->seed, group->input->streams[at / each],
                                                 (uint32_t) (at % each), (uint32_t) length));
        out->scores[at] += (double) logits[token];
        out->ids[at * out->longest + length] = token;
        out->counts[at] = length + 1;
    }
}

/* The children of a node, one for each token drawn that ends no sequence; each continues in the
 * slot of its first sequence, whose past is the parent's. */
static void
branch(tree *self, int64_t node)
{
    const ac_generation_group *group = self->group;
    const ac_generation_config *c = group->config;
    const ac_decoder_row *parent = &self->now.rows[node];
    const int64_t base = self->next.count, each = c->num_return_sequences;
    ac_decoder_row *rows = self->next.rows;

    for (int64_t m = self->now.first[node]; m < self->now.first[node + 1]; m++) {
        const int32_t s = self->now.members[m];
        const int64_t at = group->from + s, length = group->out->counts[at];
        const int32_t token = group->out->ids[at * group->out->longest + length - 1];
        int64_t child = base;

        self->node_of[s] = -1;
        if (ac_generation_config_ends(c, token) ||
            length >= ac_group_context(group, at / each).most)
            continue;
        while (child < self->next.count && rows[child].token != token)
            child++;
        if (child == self->next.count) {
            rows[self->next.count++] =
                (ac_decoder_row){ token, s, parent->input, (int32_t) (length - 1), true };
            ac_kv_cache_fork(&group->generator->state.cache, s, parent->slot, length - 1);
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
    for (plant(&self); self.now.count > 0; grow(&self)) {
#pragma omp parallel for schedule(dynamic, 1) if (self.now.count * V > 32768)
        for (int64_t i = 0; i < self.now.count; i++)
            draw(&self, i, group->generator->logits + i * V, omp_get_thread_num());
    }
out:
    tree_free(&self);
    return st;
}

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
    ac_bart_line *lines; /* [n] */
    int64_t *first;      /* [n + 1] */
    int32_t *members;    /* [n]: counted from the chunk's first */
    int64_t count;
} level;

typedef struct chunk {
    const ac_generation_config *config;
    const uint64_t *streams;
    ac_generated *out;
    int64_t from, n, first_text, V;
    level now, next;
    int32_t *node_of;       /* [n]: a sequence's node in next; -1: it has ended */
    ac_scored_token *order; /* [V] a thread */
    double *sums;           /* [V] a thread */
} chunk;

static void
level_free(level *self)
{
    free(self->lines);
    free(self->first);
    free(self->members);
}

static ac_status
level_init(level *self, int64_t n)
{
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self->lines, n, sizeof *self->lines));
    AC_TRY(ac_alloc(&self->first, n + 1, sizeof *self->first));
    AC_TRY(ac_alloc(&self->members, n, sizeof *self->members));
out:
    return st;
}

static void
chunk_free(chunk *self)
{
    level_free(&self->now);
    level_free(&self->next);
    free(self->node_of);
    free(self->order);
    free(self->sums);
}

static ac_status
chunk_init(chunk *self)
{
    const int threads = omp_get_max_threads();
    ac_status st = AC_OK;

    AC_TRY(level_init(&self->now, self->n));
    AC_TRY(level_init(&self->next, self->n));
    AC_TRY(ac_alloc(&self->node_of, self->n, sizeof *self->node_of));
    if (self->config->do_sample) {
        AC_TRY(ac_alloc(&self->order, threads * self->V, sizeof *self->order));
        AC_TRY(ac_alloc(&self->sums, threads * self->V, sizeof *self->sums));
    }
out:
    return st;
}

/* The root of each text: the start token. */
static void
plant(chunk *self)
{
    const ac_generation_config *c = self->config;
    const int64_t each = c->num_return_sequences;
    level *now = &self->now;

    now->count = 0;
    for (int64_t s = 0; s < self->n; s++) {
        const int64_t at = self->from + s, text = at / each;
        if (s == 0 || at % each == 0) {
            now->first[now->count] = s;
            now->lines[now->count++] = (ac_bart_line){ c->decoder_start_token_id, (int32_t) s,
                                                       (int32_t) (text - self->first_text), 0 };
        }
        now->members[s] = (int32_t) s;
        self->out->ids[at * c->max_length] = c->decoder_start_token_id;
        self->out->counts[at] = 1;
        self->out->scores[at] = 0;
    }
    now->first[now->count] = self->n;
}

/* The next token of each sequence of a node, from its logits [V], which become the logarithms
 * of what was drawn from. */
static void
draw(const chunk *self, int64_t node, float *logits, int64_t thread)
{
    const ac_generation_config *c = self->config;
    const int64_t V = self->V, each = c->num_return_sequences, first = self->now.first[node],
                  end = self->now.first[node + 1];
    const int64_t one = self->from + self->now.members[first], length = self->out->counts[one];
    double *sums = c->do_sample ? self->sums + thread * V : NULL;
    int32_t token = 0;

    ac_logits_process(c, logits, V, self->out->ids + one * c->max_length, length);
    if (c->do_sample) {
        ac_logits_warp(c, logits, V, 1, self->order + thread * V);
        ac_logits_accumulate(sums, logits, V);
    } else {
        for (int64_t i = 1; i < V; i++)
            token = logits[i] > logits[token] ? (int32_t) i : token;
    }
    ac_log_softmax(logits, V);
    for (int64_t m = first; m < end; m++) {
        const int64_t at = self->from + self->now.members[m];
        if (c->do_sample)
            token =
                ac_logits_find(sums, V,
                               ac_random_uniform(c->seed, self->streams[at / each],
                                                 (uint32_t) (at % each), (uint32_t) length));
        self->out->scores[at] += (double) logits[token];
        self->out->ids[at * c->max_length + length] = token;
        self->out->counts[at] = length + 1;
    }
}

/* The children of a node, one for each token drawn that ends no sequence; each goes on in the
 * slot of its first sequence, whose past is the parent's. */
static void
branch(chunk *self, int64_t node, ac_bart_state *state)
{
    const ac_generation_config *c = self->config;
    const ac_bart_line *parent = &self->now.lines[node];
    const int64_t base = self->next.count;
    ac_bart_line *lines = self->next.lines;

    for (int64_t m = self->now.first[node]; m < self->now.first[node + 1]; m++) {
        const int32_t s = self->now.members[m];
        const int64_t at = self->from + s, length = self->out->counts[at];
        const int32_t token = self->out->ids[at * c->max_length + length - 1];
        int64_t child = base;

        self->node_of[s] = -1;
        if (token == c->eos_token_id || length >= c->max_length)
            continue;
        while (child < self->next.count && lines[child].token != token)
            child++;
        if (child == self->next.count) {
            lines[self->next.count++] =
                (ac_bart_line){ token, s, parent->text, (int32_t) (length - 1) };
            if (s != parent->slot)
                memcpy(state->ancestry + s * state->steps,
                       state->ancestry + parent->slot * state->steps,
                       (size_t) (length - 1) * sizeof *state->ancestry);
        }
        self->node_of[s] = (int32_t) child;
    }
}

/* The next level's members, gathered by node. */
static void
gather(chunk *self)
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

static void
step(chunk *self, ac_bart_state *state)
{
    const level done = self->now;

    self->next.count = 0;
    for (int64_t i = 0; i < self->now.count; i++)
        branch(self, i, state);
    gather(self);
    self->now = self->next;
    self->next = done;
}

ac_status
ac_samples_run(ac_generator *self, const ac_bart *bart, const ac_generation_config *c,
               const uint64_t *streams, int64_t from, int64_t n, int64_t first_text,
               ac_generated *out)
{
    chunk k = { .config = c,
                .streams = streams,
                .out = out,
                .from = from,
                .n = n,
                .first_text = first_text,
                .V = bart->config.vocab_size };
    ac_status st = AC_OK;

    AC_TRY(chunk_init(&k));
    for (plant(&k); k.now.count > 0; step(&k, &self->state)) {
        ac_bart_decode(bart, &self->state, self->logits, k.now.lines, k.now.count,
                       &self->scratch);
#pragma omp parallel for schedule(dynamic, 1) if (k.now.count * k.V > 32768)
        for (int64_t i = 0; i < k.now.count; i++)
            draw(&k, i, self->logits + i * k.V, omp_get_thread_num());
    }
out:
    chunk_free(&k);
    return st;
}

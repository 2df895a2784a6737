/* The loops around the network: groups of texts through beam search, chunks of samples to
 * samples.c. */
#include "engine/generation/generate.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/generation/beam.h"
#include "engine/generation/logits.h"
#include "engine/generation/samples.h"

void
ac_generation_config_defaults(ac_generation_config *self, const ac_bart_config *model)
{
    *self = (ac_generation_config){
        .num_beams = 1,
        .num_return_sequences = 1,
        .max_length = 20,
        .temperature = 1,
        .top_p = 1,
        .length_penalty = 1,
        .top_k = 50,
        .forced_bos_token_id = -1,
        .forced_eos_token_id = -1,
        .decoder_start_token_id = model->decoder_start_token_id,
        .eos_token_id = model->eos_token_id,
    };
}

/* Searches a text. Drawing with beams, transformers 4.9 runs one for each returned sequence and
 * returns the best of each. */
static int64_t
searches_of(const ac_generation_config *c)
{
    return c->do_sample && c->num_beams > 1 && c->beam_search == AC_BEAM_HF49
               ? c->num_return_sequences
               : 1;
}

ac_status
ac_generation_config_check(const ac_generation_config *c, const ac_bart_config *model)
{
    const struct {
        const char *name;
        int64_t value, least, most;
    } whole[] = {
        { "num_beams", c->num_beams, 1, 1000 },
        { "num_return_sequences", c->num_return_sequences, 1,
          searches_of(c) > 1 || (c->do_sample && c->num_beams == 1) ? 1000000 : c->num_beams },
        { "max_length", c->max_length, 2, model->max_position_embeddings },
        { "min_length", c->min_length, 0, c->max_length },
        { "no_repeat_ngram_size", c->no_repeat_ngram_size, 0, 1000 },
        { "top_k", c->top_k, 0, INT32_MAX },
        { "forced_bos_token_id", c->forced_bos_token_id, -1, model->vocab_size - 1 },
        { "forced_eos_token_id", c->forced_eos_token_id, -1, model->vocab_size - 1 },
        { "decoder_start_token_id", c->decoder_start_token_id, 0, model->vocab_size - 1 },
        { "eos_token_id", c->eos_token_id, 0, model->vocab_size - 1 },
    };

    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (whole[i].value < whole[i].least || whole[i].value > whole[i].most)
            return ac_error_set(AC_E_ARG,
                                "generation.%s is %lld, but with this model and the other "
                                "settings it may be %lld to %lld",
                                whole[i].name, (long long) whole[i].value,
                                (long long) whole[i].least, (long long) whole[i].most);
    if (!(c->temperature > 0))
        return ac_error_set(
            AC_E_ARG,
            "generation.temperature must be above 0 (for no randomness: do_sample: false)");
    if (!(c->top_p > 0 && c->top_p <= 1))
        return ac_error_set(AC_E_ARG, "generation.top_p must be above 0 and at most 1");
    return AC_OK;
}

void
ac_generated_free(ac_generated *self)
{
    free(self->ids);
    free(self->counts);
    free(self->scores);
    *self = (ac_generated){ 0 };
}

void
ac_generator_free(ac_generator *self)
{
    ac_bart_state_free(&self->state);
    ac_scratch_free(&self->scratch);
    free(self->encoded);
    free(self->logits);
    *self = (ac_generator){ 0 };
}

static ac_status
reserve_output(ac_generated *out, const ac_generation_config *c, int64_t B)
{
    const int64_t n = B * c->num_return_sequences;
    ac_status st = AC_OK;

    out->texts = B;
    out->each = c->num_return_sequences;
    out->max_length = c->max_length;
    AC_TRY(ac_grow(&out->ids, &out->ids_capacity, n * c->max_length, sizeof *out->ids));
    AC_TRY(ac_grow(&out->counts, &out->counts_capacity, n, sizeof *out->counts));
    AC_TRY(ac_grow(&out->scores, &out->scores_capacity, n, sizeof *out->scores));
out:
    return st;
}

/* Encode texts [first, first + n) and fill the state's cross-attention. offsets is the group's
 * own [n + 1], from 0. */
static ac_status
encode_group(ac_generator *self, const ac_bart *bart, const ac_generation_config *c,
             const int32_t *ids, const int64_t *offsets, int64_t n, int64_t slots)
{
    const int64_t T = offsets[n], C = bart->config.d_model;
    ac_status st = AC_OK;
    size_t encode = ac_bart_encode_scratch_bytes(bart, n, T), decode;

    if (slots > self->slots || c->max_length > self->steps || n > self->texts ||
        T > self->tokens) {
        self->slots = slots > self->slots ? slots : self->slots;
        self->steps = c->max_length > self->steps ? c->max_length : self->steps;
        self->texts = n > self->texts ? n : self->texts;
        self->tokens = T > self->tokens ? T + T / 4 : self->tokens;
        ac_bart_state_free(&self->state);
        AC_TRY(ac_bart_state_init(&self->state, bart, self->slots, self->steps, self->texts,
                                  self->tokens));
    }
    decode = ac_bart_decode_scratch_bytes(bart, &self->state, slots);
    AC_TRY(ac_scratch_reserve(&self->scratch, encode > decode ? encode : decode));
    AC_TRY(ac_grow(&self->encoded, &self->encoded_capacity, T * C, sizeof(float)));
    AC_TRY(ac_grow(&self->logits, &self->logits_capacity, slots * bart->config.vocab_size,
                   sizeof(float)));
    ac_bart_encode(bart, self->encoded, ids, offsets, n, &self->scratch);
    ac_bart_state_fill(&self->state, bart, self->encoded, offsets, n, &self->scratch);
out:
    return st;
}

/* ---- beam search ---- */

/* Searches [from, from + n) of the flattened (text, search) list. */
typedef struct beam_group {
    int64_t from, n, first_text;
    ac_beams *beams;        /* [n] */
    ac_bart_line *lines;    /* [n num_beams] */
    int64_t *first;         /* [n]: a search's first line of this step */
    int32_t *active;        /* [n]: searches that are not finished */
    int32_t *ancestry;      /* [num_beams, max_length] a thread: scratch of the reordering */
    ac_scored_token *order; /* [V] a thread, with sampling */
} beam_group;

static void
beam_group_free(beam_group *self)
{
    for (int64_t i = 0; self->beams && i < self->n; i++)
        ac_beams_free(&self->beams[i]);
    free(self->beams);
    free(self->lines);
    free(self->first);
    free(self->active);
    free(self->ancestry);
    free(self->order);
}

static ac_status
beam_group_init(beam_group *self, const ac_generation_config *c, int64_t from, int64_t n,
                int64_t V)
{
    const int threads = omp_get_max_threads();
    ac_status st = AC_OK;

    self->from = from;
    self->n = n;
    self->first_text = from / searches_of(c);
    AC_TRY(ac_alloc(&self->beams, n, sizeof *self->beams));
    AC_TRY(ac_alloc(&self->lines, n * c->num_beams, sizeof *self->lines));
    AC_TRY(ac_alloc(&self->first, n, sizeof *self->first));
    AC_TRY(ac_alloc(&self->active, n, sizeof *self->active));
    AC_TRY(ac_alloc(&self->ancestry, threads * c->num_beams * c->max_length,
                    sizeof *self->ancestry));
    if (c->do_sample)
        AC_TRY(ac_alloc(&self->order, threads * V, sizeof *self->order));
    for (int64_t i = 0; i < n; i++)
        AC_TRY(ac_beams_init(&self->beams[i], c));
out:
    return st;
}

/* Slot base + j goes on from the parent's line: its past is the parent's past. */
static void
reorder(ac_bart_state *state, const ac_beams *b, int64_t base, int32_t *scratch)
{
    const int64_t steps = state->steps, past = b->length - 1;

    for (int64_t j = 0; j < b->live; j++)
        memcpy(scratch + j * past, state->ancestry + (base + b->parents[j]) * steps,
               (size_t) past * sizeof *scratch);
    for (int64_t j = 0; j < b->live; j++)
        memcpy(state->ancestry + (base + j) * steps, scratch + j * past,
               (size_t) past * sizeof *scratch);
}

static void
take_hypothesis(const ac_beams *b, const ac_generation_config *c, int64_t k, int64_t to,
                ac_generated *out)
{
    int32_t *ids = out->ids + to * c->max_length;

    if (b->done_count == 0) {
        ids[0] = c->decoder_start_token_id;
        out->counts[to] = 1;
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

static void
take_beams(const beam_group *g, const ac_generation_config *c, ac_generated *out)
{
    const int64_t each = c->num_return_sequences / searches_of(c);

    for (int64_t i = 0; i < g->n; i++)
        for (int64_t k = 0; k < each; k++)
            take_hypothesis(&g->beams[i], c, k, (g->from + i) * each + k, out);
}

static void
run_beams(ac_generator *self, const ac_bart *bart, const ac_generation_config *c, beam_group *g,
          const uint64_t *streams)
{
    const int64_t B = c->num_beams, L = c->max_length, V = bart->config.vocab_size,
                  S = searches_of(c);
    int64_t active = g->n;

    for (int64_t i = 0; i < g->n; i++) {
        ac_beams_reset(&g->beams[i], c);
        g->active[i] = (int32_t) i;
    }
    while (active) {
        int64_t lines = 0, left = 0;
        for (int64_t a = 0; a < active; a++) {
            const int32_t i = g->active[a];
            const ac_beams *b = &g->beams[i];
            g->first[a] = lines;
            for (int64_t j = 0; j < b->live; j++)
                g->lines[lines++] =
                    (ac_bart_line){ b->ids[j * L + b->length - 1], (int32_t) (i * B + j),
                                    (int32_t) ((g->from + i) / S - g->first_text),
                                    (int32_t) (b->length - 1) };
        }
        ac_bart_decode(bart, &self->state, self->logits, g->lines, lines, &self->scratch);
#pragma omp parallel for schedule(dynamic, 1) if (active * V > 32768)
        for (int64_t a = 0; a < active; a++) {
            const int64_t i = g->active[a], thread = omp_get_thread_num(), search = g->from + i;
            ac_beams *b = &g->beams[i];
            ac_beams_step(b, c, self->logits + g->first[a] * V, V,
                          g->order ? g->order + thread * V : NULL, streams[search / S],
                          search % S);
            if (!b->finished)
                reorder(&self->state, b, i * B, g->ancestry + thread * B * L);
        }
        for (int64_t a = 0; a < active; a++)
            if (!g->beams[g->active[a]].finished)
                g->active[left++] = g->active[a];
        active = left;
    }
}

/* ---- both ---- */

/* The group's own offsets, from 0. */
static void
shift_offsets(int64_t *out, const int64_t *offsets, int64_t first, int64_t n)
{
    for (int64_t i = 0; i <= n; i++)
        out[i] = offsets[first + i] - offsets[first];
}

static ac_status
generate_beams(ac_generator *self, const ac_bart *bart, const ac_generation_config *c,
               const int32_t *ids, const int64_t *offsets, const uint64_t *streams, int64_t B,
               int64_t rows, int64_t *own, ac_generated *out)
{
    const int64_t size = rows / c->num_beams > 0 ? rows / c->num_beams : 1, S = searches_of(c),
                  total = B * S;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < total && st == AC_OK; i += size) {
        const int64_t n = total - i < size ? total - i : size, first = i / S,
                      texts = (i + n - 1) / S - first + 1;
        beam_group g = { 0 };
        shift_offsets(own, offsets, first, texts);
        st = encode_group(self, bart, c, ids + offsets[first], own, texts, n * c->num_beams);
        if (st == AC_OK)
            st = beam_group_init(&g, c, i, n, bart->config.vocab_size);
        if (st == AC_OK) {
            run_beams(self, bart, c, &g, streams);
            take_beams(&g, c, out);
        }
        beam_group_free(&g);
    }
    return st;
}

static ac_status
generate_samples(ac_generator *self, const ac_bart *bart, const ac_generation_config *c,
                 const int32_t *ids, const int64_t *offsets, const uint64_t *streams, int64_t B,
                 int64_t rows, int64_t *own, ac_generated *out)
{
    const int64_t each = c->num_return_sequences, total = B * each;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < total && st == AC_OK; i += rows) {
        const int64_t n = total - i < rows ? total - i : rows, first = i / each,
                      texts = (i + n - 1) / each - first + 1;
        shift_offsets(own, offsets, first, texts);
        st = encode_group(self, bart, c, ids + offsets[first], own, texts, n);
        if (st == AC_OK)
            st = ac_samples_run(self, bart, c, streams, i, n, first, out);
    }
    return st;
}

/* Weights that are not finite end in scores that are not: their candidates are no captions,
 * though they look like empty ones. */
static ac_status
check_scores(const ac_generated *out)
{
    for (int64_t i = 0; i < out->texts * out->each; i++)
        if (!isfinite(out->scores[i]))
            return ac_error_set(AC_E_FORMAT, "a candidate's score is not a finite number: is "
                                             "there a NaN or an infinity among BART's weights, "
                                             "or is generation.temperature too near 0?");
    return AC_OK;
}

ac_status
ac_generate(ac_generator *self, const ac_bart *bart, const ac_generation_config *c,
            const int32_t *ids, const int64_t *offsets, const uint64_t *streams, int64_t B,
            ac_generated *out)
{
    const int64_t rows = self->max_rows > 0 ? self->max_rows : AC_GENERATE_ROWS;
    int64_t *own = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_generation_config_check(c, &bart->config));
    AC_TRY(reserve_output(out, c, B));
    AC_TRY(ac_alloc(&own, B + 1, sizeof *own));
    if (c->num_beams > 1)
        st = generate_beams(self, bart, c, ids, offsets, streams, B, rows, own, out);
    else
        st = generate_samples(self, bart, c, ids, offsets, streams, B, rows, own, out);
    if (st == AC_OK)
        st = check_scores(out);
out:
    free(own);
    return st;
}

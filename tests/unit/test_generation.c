/* Generation on a decoder that is not BART: a tiny causal model of random parameters, with and
 * without an encoder, against a plain version that computes a sequence's logits from its tokens
 * alone, in double. Prompts of several lengths, some with a beginning in common.
 *
 * Longer than 600 lines: one plain decoder serves all cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/generation/beam.h"
#include "engine/generation/generate.h"
#include "engine/generation/logits.h"
#include "engine/kernels/activation.h"
#include "engine/linear/compute.h"

/* W: the width of a key, two heads of D; each serves two of the query heads. */
enum {
    V = 13,
    C = 8,
    D = 2,
    H = 4,
    W = 4,
    LAYERS = 2,
    POSITIONS = 200,
    END = 1,
    SEED = 20240501
};

typedef struct tiny {
    float tokens[V][C], positions[POSITIONS][C];
    float q[LAYERS][C][C], k[LAYERS][W][C], v[LAYERS][W][C], out[LAYERS][C][C];
    int64_t *rows_read;
} tiny;

static void
fill(float *x, size_t n, uint32_t what)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float) (2 * ac_random_uniform(SEED, what, (uint32_t) i, 0) - 1);
}

static tiny *
tiny_new(void)
{
    tiny *m = calloc(1, sizeof *m);

    fill(m->tokens[0], sizeof m->tokens / sizeof(float), 0);
    fill(m->positions[0], sizeof m->positions / sizeof(float), 1);
    fill(m->q[0][0], sizeof m->q / sizeof(float), 2);
    fill(m->k[0][0], sizeof m->k / sizeof(float), 3);
    fill(m->v[0][0], sizeof m->v / sizeof(float), 4);
    fill(m->out[0][0], sizeof m->out / sizeof(float), 5);
    m->rows_read = calloc(1, sizeof *m->rows_read);
    return m;
}

static void
tiny_free(tiny *m)
{
    free(m->rows_read);
    free(m);
}

/* What the encoder makes of an input: something that depends on every id and its place. */
static float
encode(const int32_t *ids, int64_t n)
{
    float x = 0;

    for (int64_t i = 0; i < n; i++)
        x = 0.5f * x + 0.1f * (float) ids[i];
    return x;
}

/* The end is likely at some positions, so that sequences end at different lengths. */
static float
end_bias(int64_t position)
{
    return position % 7 == 6 ? 4.0f : position % 3 == 0 ? 1.0f : 0.0f;
}

/* ---- the decoder ---- */

static void
product(float *y, const float *weight, const float *x, int64_t out)
{
    for (int64_t o = 0; o < out; o++) {
        y[o] = 0;
        for (int64_t i = 0; i < C; i++)
            y[o] += weight[o * C + i] * x[i];
    }
}

static ac_status
init_state(const void *model, ac_decoder_state *state)
{
    const ac_decoder_capacity *size = &state->capacity;
    ac_status st;

    (void) model;
    st = ac_kv_cache_init(&state->cache, LAYERS, size->slots, size->positions, W);
    return st == AC_OK ? ac_alloc(&state->own, size->inputs, sizeof(float)) : st;
}

static void
free_state(ac_decoder_state *state)
{
    free(state->own);
}

static size_t
scratch_bytes(const void *model, const ac_decoder_capacity *size)
{
    (void) model;
    return 2 * ac_scratch_room((size_t) (size->rows * (2 * C + 2 * W)) * sizeof(float)) +
           ac_kv_cache_attend_scratch_bytes(size->positions);
}

static void
read_inputs(const void *model, ac_decoder_state *state, const ac_decoder_inputs *inputs,
            ac_scratch *scratch)
{
    float *own = state->own;

    (void) model;
    (void) scratch;
    for (int64_t i = 0; i < inputs->count; i++)
        own[i] = encode(inputs->ids + inputs->offsets[i],
                        inputs->offsets[i + 1] - inputs->offsets[i]);
}

static void
step(const void *model, ac_decoder_state *state, float *logits, const ac_decoder_row *rows,
     int64_t R, ac_scratch *scratch)
{
    enum { WIDE = 2 * C + 2 * W }; /* x, query, key, value */
    const tiny *m = model;
    const float *own = state->own;
    const size_t mark = ac_scratch_mark(scratch);
    float *wide = ac_scratch_take(scratch, (size_t) (R * WIDE) * sizeof(float)),
          *attended = ac_scratch_take(scratch, (size_t) (R * C) * sizeof(float));

    *m->rows_read += R;
    for (int64_t r = 0; r < R; r++)
        for (int64_t i = 0; i < C; i++)
            wide[r * WIDE + i] = m->tokens[rows[r].token][i] +
                                 m->positions[rows[r].position][i] +
                                 (state->decoder.type->read_inputs ? own[rows[r].input] : 0);
    for (int64_t l = 0; l < LAYERS; l++) {
        for (int64_t r = 0; r < R; r++) {
            float *x = wide + r * WIDE;
            product(x + C, m->q[l][0], x, C);
            product(x + 2 * C, m->k[l][0], x, W);
            product(x + 2 * C + W, m->v[l][0], x, W);
        }
        ac_kv_cache_store(&state->cache, l, wide + 2 * C, wide + 2 * C + W, WIDE, rows, R);
        ac_kv_cache_attend(&state->cache, l, attended, wide + C, WIDE,
                           &(ac_kv_attention){ .H = H, .D = D, .scale = 0.5f }, rows, R,
                           scratch);
        for (int64_t r = 0; r < R; r++) {
            float y[C];
            product(y, m->out[l][0], attended + r * C, C);
            for (int64_t i = 0; i < C; i++)
                wide[r * WIDE + i] = tanhf(wide[r * WIDE + i] + y[i]);
        }
    }
    for (int64_t r = 0; r < R; r++)
        if (rows[r].wants_logits) {
            product(logits, m->tokens[0], wide + r * WIDE, V);
            logits[END] += end_bias(rows[r].position);
            logits += V;
        }
    ac_scratch_release(scratch, mark);
}

static ac_decoder
decoder_of(const tiny *m, bool with_encoder)
{
    static const ac_decoder_type causal = { "the tiny model", init_state, free_state,
                                            scratch_bytes,    NULL,       step },
                                 encoding = { "the tiny model", init_state,  free_state,
                                              scratch_bytes,    read_inputs, step };

    return (ac_decoder){ with_encoder ? &encoding : &causal, m, V, POSITIONS };
}

/* ---- the same, from scratch ---- */

static void
plain_product(double *y, const float *weight, const double *x, int64_t out)
{
    for (int64_t o = 0; o < out; o++) {
        y[o] = 0;
        for (int64_t i = 0; i < C; i++)
            y[o] += (double) weight[o * C + i] * x[i];
    }
}

/* Attention of the last of n tokens; q [C], keys and values [n][W]. */
static void
plain_attention(double *y, const double *q, double (*keys)[W], double (*values)[W], int64_t n)
{
    for (int64_t h = 0; h < H; h++) {
        double weights[POSITIONS], sum = 0;
        for (int64_t t = 0; t < n; t++) {
            double score = 0;
            for (int64_t i = 0; i < D; i++)
                score += q[h * D + i] * keys[t][h / 2 * D + i];
            weights[t] = exp(0.5 * score);
            sum += weights[t];
        }
        for (int64_t i = 0; i < D; i++) {
            y[h * D + i] = 0;
            for (int64_t t = 0; t < n; t++)
                y[h * D + i] += weights[t] / sum * values[t][h / 2 * D + i];
        }
    }
}

/* Logits after tokens [n]. */
static void
plain_logits(const tiny *m, float input, const int32_t *tokens, int64_t n, float *logits)
{
    static double x[POSITIONS][C], keys[POSITIONS][W], values[POSITIONS][W];
    double last[V];

    for (int64_t t = 0; t < n; t++)
        for (int64_t i = 0; i < C; i++)
            x[t][i] =
                (double) m->tokens[tokens[t]][i] + (double) m->positions[t][i] + (double) input;
    for (int64_t l = 0; l < LAYERS; l++) {
        for (int64_t t = 0; t < n; t++) {
            plain_product(keys[t], m->k[l][0], x[t], W);
            plain_product(values[t], m->v[l][0], x[t], W);
        }
        for (int64_t t = 0; t < n; t++) {
            double q[C], attended[C], y[C];
            plain_product(q, m->q[l][0], x[t], C);
            plain_attention(attended, q, keys, values, t + 1);
            plain_product(y, m->out[l][0], attended, C);
            for (int64_t i = 0; i < C; i++)
                x[t][i] = tanh(x[t][i] + y[i]);
        }
    }
    plain_product(last, m->tokens[0], x[n - 1], V);
    last[END] += (double) end_bias(n - 1);
    for (int64_t i = 0; i < V; i++)
        logits[i] = (float) last[i];
}

/* The sum of the log-probabilities of ids [from, n), as generation without any filter has it.
 */
static double
plain_score(const tiny *m, float input, const int32_t *ids, int64_t from, int64_t n)
{
    double sum = 0;

    for (int64_t t = from; t < n; t++) {
        float x[V];
        double total = 0;
        plain_logits(m, input, ids, t, x);
        for (int64_t i = 0; i < V; i++)
            total += exp((double) x[i]);
        sum += (double) x[ids[t]] - log(total);
    }
    return sum;
}

/* ---- texts ---- */

/* The longest is longer than the tokens that are read together; the second has its first 100
 * tokens, the third is its beginning; the fourth and fifth are equal; the last has nothing in
 * common with any. */
enum {
    TEXTS = 6,
    LONGEST = 150,
    ALL = 150 + 120 + 60 + 2 + 2 + 7,
    READ = 150 + 20 + 1 + 2 + 1 + 7
};
static const int64_t lengths[TEXTS] = { 150, 120, 60, 2, 2, 7 };

typedef struct fixture {
    tiny *model;
    int32_t prompts[ALL], ids[3 * TEXTS];
    int64_t prompt_offsets[TEXTS + 1], offsets[TEXTS + 1];
    uint64_t streams[TEXTS];
} fixture;

static fixture *
fixture_new(void)
{
    fixture *f = calloc(1, sizeof *f);
    int32_t *p;

    print_message("seed %d\n", SEED);
    f->model = tiny_new();
    for (int64_t t = 0; t < TEXTS; t++) {
        f->prompt_offsets[t + 1] = f->prompt_offsets[t] + lengths[t];
        f->offsets[t + 1] = 3 * (t + 1);
        f->streams[t] = (uint64_t) (100 + t);
    }
    for (int64_t i = 0; i < 3 * TEXTS; i++)
        f->ids[i] = (int32_t) (i * 5 % V);
    for (int64_t i = 0; i < ALL; i++)
        f->prompts[i] = (int32_t) (2 + (V - 2) * ac_random_uniform(SEED, 9, (uint32_t) i, 0));
    p = f->prompts;
    memcpy(p + f->prompt_offsets[1], p, 100 * sizeof *p);
    p[f->prompt_offsets[1] + 100] = (p[100] - 1) % (V - 2) + 2; /* and not one token more */
    memcpy(p + f->prompt_offsets[2], p, 60 * sizeof *p);
    p[f->prompt_offsets[3]] = (p[0] - 1) % (V - 2) + 2;
    memcpy(p + f->prompt_offsets[4], p + f->prompt_offsets[3], 2 * sizeof *p);
    p[f->prompt_offsets[5]] = p[0] == 2 || p[f->prompt_offsets[3]] == 2 ? 12 : 2;
    assert_true(p[f->prompt_offsets[5]] != p[0]);
    assert_true(p[f->prompt_offsets[5]] != p[f->prompt_offsets[3]]);
    return f;
}

static void
fixture_free(fixture *f)
{
    tiny_free(f->model);
    free(f);
}

static ac_generation_input
input_of(const fixture *f, bool with_encoder, int64_t text, int64_t n)
{
    return (ac_generation_input){
        .ids = with_encoder ? f->ids : NULL,
        .offsets = with_encoder ? f->offsets + text : NULL,
        .prompts = f->prompts,
        .prompt_offsets = f->prompt_offsets + text,
        .streams = f->streams + text,
        .count = n,
    };
}

static float
encoded(const fixture *f, bool with_encoder, int64_t text)
{
    return with_encoder ? encode(f->ids + f->offsets[text], 3) : 0;
}

static int64_t
most_of(const ac_generation_config *c, int64_t text)
{
    return ac_generation_config_most(c, lengths[text], POSITIONS);
}

static ac_generation_config
config_of(int64_t beams, int64_t returned, bool sample)
{
    ac_generation_config c;

    ac_generation_config_defaults(&c, 0, END);
    c.max_length = LONGEST + 12;
    c.num_beams = beams;
    c.num_return_sequences = returned;
    c.do_sample = sample;
    c.top_k = 0;
    c.seed = 3;
    return c;
}

static void
run(const fixture *f, bool with_encoder, const ac_generation_config *c, int64_t max_rows,
    ac_generated *out)
{
    const ac_decoder decoder = decoder_of(f->model, with_encoder);
    const ac_generation_input input = input_of(f, with_encoder, 0, TEXTS);
    ac_generator g = { .max_rows = max_rows };

    if (ac_generate(&g, &decoder, c, &input, out) != AC_OK)
        fail_msg("%s", ac_error_message());
    ac_generator_free(&g);
}

/* ---- tests ---- */

/* Each sequence again, alone, every step from its tokens. Returns how many ended early. */
static int
check_sequences(const fixture *f, bool with_encoder, const ac_generation_config *c,
                const ac_generated *out)
{
    int ended = 0;

    for (int64_t t = 0; t < TEXTS; t++)
        for (int64_t k = 0; k < c->num_return_sequences; k++) {
            const ac_candidate found = ac_generated_at(out, t, k);
            ac_scored_token order[V];
            int32_t ids[POSITIONS];
            int64_t n = lengths[t];
            double score = 0;
            memcpy(ids, f->prompts + f->prompt_offsets[t], (size_t) n * sizeof *ids);
            do {
                float x[V];
                int32_t token = 0;
                plain_logits(f->model, encoded(f, with_encoder, t), ids, n, x);
                ac_logits_process(c, x, V,
                                  &(ac_logits_context){ .tokens = ids,
                                                        .count = n,
                                                        .prompt = lengths[t],
                                                        .most = most_of(c, t) });
                if (c->do_sample) {
                    ac_logits_warp(c, x, V, 1, order);
                    token = ac_logits_draw(
                        x, V,
                        ac_random_uniform(c->seed, f->streams[t], (uint32_t) k, (uint32_t) n));
                } else {
                    for (int32_t i = 1; i < V; i++)
                        token = x[i] > x[token] ? i : token;
                }
                score += (double) ac_log_softmax_at(x, V, token);
                ids[n++] = token;
            } while (!ac_generation_config_ends(c, ids[n - 1]) && n < most_of(c, t));
            assert_int_equal(found.count, n);
            assert_memory_equal(found.ids, ids, (size_t) n * sizeof *ids);
            assert_true(fabs(found.score - score) <= 1e-4);
            ended += n < most_of(c, t);
        }
    return ended;
}

/* Lengths that follow each prompt's, and two tokens that end a sequence. */
static void
count_new_tokens(ac_generation_config *c)
{
    c->max_length = c->min_length = 0;
    c->max_new_tokens = 9;
    c->min_new_tokens = 3;
    c->forced_eos_token_id = END + 1;
    c->eos_token_ids[c->eos_count++] = END + 1;
    c->repetition_penalty = 1.2;
    c->decay_start = 4;
    c->decay_factor = 1.1;
}

static void
greedy_and_samples(void **state)
{
    fixture *f = fixture_new();

    (void) state;
    for (int with_encoder = 0; with_encoder < 2; with_encoder++)
        for (int kind = 0; kind < 4; kind++) {
            const bool sample = kind & 1, by_new = kind & 2;
            ac_generation_config c = config_of(1, sample ? 9 : 1, sample);
            ac_generated out = { 0 };
            int ended;
            c.max_length = LONGEST + 6; /* so near that some of the longest reach it */
            c.min_length = 8;
            c.no_repeat_ngram_size = sample ? 0 : 3;
            c.top_k = sample ? 9 : 0;
            c.top_p = sample ? 0.95 : 1;
            c.temperature = sample ? 0.8 : 1;
            if (by_new)
                count_new_tokens(&c);
            run(f, with_encoder, &c, 0, &out);
            ended = check_sequences(f, with_encoder, &c, &out);
            print_message("%s, %s: %d of %d sequences ended before the limit\n",
                          sample ? "samples" : "greedy",
                          with_encoder ? "with an encoder" : "without", ended,
                          (int) (TEXTS * c.num_return_sequences));
            if (sample && !by_new)
                assert_true(ended > 5 && ended < TEXTS * 9);
            ac_generated_free(&out);
        }
    fixture_free(f);
}

/* What is in common is read once, and what has ended is read no more. */
static void
rows_that_are_read(void **state)
{
    fixture *f = fixture_new();
    ac_generation_config c = config_of(1, 1, true);
    ac_generated out = { 0 };
    int64_t wanted = READ;

    (void) state;
    run(f, false, &c, 0, &out);
    for (int64_t t = 0; t < TEXTS; t++) /* the last token is not read */
        wanted += ac_generated_at(&out, t, 0).count - lengths[t] - 1;
    assert_int_equal(*f->model->rows_read, wanted);

    *f->model->rows_read = 0; /* other encoder inputs: nothing is in common */
    run(f, true, &c, 0, &out);
    wanted = ALL;
    for (int64_t t = 0; t < TEXTS; t++)
        wanted += ac_generated_at(&out, t, 0).count - lengths[t] - 1;
    assert_int_equal(*f->model->rows_read, wanted);
    ac_generated_free(&out);
    fixture_free(f);
}

/* The bookkeeping of one search over logits from scratch. */
static void
check_search(const fixture *f, bool with_encoder, const ac_generation_config *c, int64_t text,
             int64_t search, const ac_generated *out, int64_t first, int64_t n)
{
    float *logits = calloc((size_t) (c->num_beams * V), sizeof *logits);
    ac_scored_token order[V];
    ac_beams b;

    assert_int_equal(ac_beams_init(&b, c, POSITIONS), AC_OK);
    ac_beams_reset(&b, c,
                   &(ac_logits_context){ .tokens = f->prompts + f->prompt_offsets[text],
                                         .count = lengths[text],
                                         .prompt = lengths[text],
                                         .most = most_of(c, text) });
    while (!b.finished) {
        for (int64_t j = 0; j < b.live; j++)
            plain_logits(f->model, encoded(f, with_encoder, text), b.ids + j * b.stride,
                         b.length, logits + j * V);
        ac_beams_step(&b, c, logits, V, order, f->streams[text], search);
    }
    assert_true(b.done_count >= n);
    for (int64_t k = 0; k < n; k++) {
        const ac_candidate found = ac_generated_at(out, text, first + k);
        assert_int_equal(found.count, b.done[k].count);
        assert_memory_equal(found.ids, b.done[k].ids, (size_t) found.count * sizeof *found.ids);
        assert_true(fabs(found.score - b.done[k].score) <= 1e-4);
    }
    ac_beams_free(&b);
    free(logits);
}

static void
beams(void **state)
{
    fixture *f = fixture_new();

    (void) state;
    for (int setting = 0; setting < 24; setting++) {
        const bool with_encoder = setting & 1, sample = setting % 12 >= 6;
        ac_generation_config c = config_of(4, 3, sample);
        const ac_early_stopping early[] = { AC_EARLY_FALSE, AC_EARLY_TRUE, AC_EARLY_NEVER };
        ac_generated out = { 0 };
        int64_t searches;
        c.beam_search = setting & 2 ? AC_BEAM_HF49 : AC_BEAM_HF5;
        c.early_stopping = early[setting % 3];
        c.length_penalty = 0.7;
        if (setting >= 12)
            count_new_tokens(&c);
        run(f, with_encoder, &c, 0, &out);
        searches = ac_generation_config_searches(&c);
        assert_int_equal(searches, sample && c.beam_search == AC_BEAM_HF49 ? 3 : 1);
        for (int64_t t = 0; t < TEXTS; t++)
            for (int64_t s = 0; s < searches; s++)
                check_search(f, with_encoder, &c, t, s, &out, s, 3 / searches);
        ac_generated_free(&out);
    }
    fixture_free(f);
}

typedef struct scored {
    double score;
    int32_t ids[2];
    int64_t count;
} scored;

static int
compare_scored(const void *a, const void *b)
{
    const double x = ((const scored *) a)->score, y = ((const scored *) b)->score;

    return x > y ? -1 : x < y;
}

/* As many beams as words, two tokens at most: the search sees every continuation, and the best
 * of all are known. Scores are divided by what follows the prompt, to the power of the penalty.
 */
static void
beams_find_the_best(void **state)
{
    fixture *f = fixture_new();

    (void) state;
    for (int64_t t = 0; t < TEXTS; t++) {
        const ac_decoder decoder = decoder_of(f->model, false);
        const ac_generation_input input = input_of(f, false, t, 1);
        ac_generation_config c = config_of(V, 5, false);
        ac_generator g = { 0 };
        ac_generated out = { 0 };
        scored all[V * V];
        int64_t n = 0;
        int32_t ids[POSITIONS];

        c.max_length = lengths[t] + 2;
        c.length_penalty = 1.5;
        memcpy(ids, f->prompts + f->prompt_offsets[t], (size_t) lengths[t] * sizeof *ids);
        for (int32_t a = 0; a < V; a++)
            for (int32_t b = 0; b < (a == END ? 1 : V); b++) {
                const int64_t count = a == END ? 1 : 2;
                ids[lengths[t]] = a;
                ids[lengths[t] + 1] = b;
                all[n++] =
                    (scored){ plain_score(f->model, 0, ids, lengths[t], lengths[t] + count) /
                                  pow((double) count, c.length_penalty),
                              { a, b },
                              count };
            }
        qsort(all, (size_t) n, sizeof *all, compare_scored);
        if (ac_generate(&g, &decoder, &c, &input, &out) != AC_OK)
            fail_msg("%s", ac_error_message());
        for (int64_t k = 0; k < 5; k++) {
            const ac_candidate found = ac_generated_at(&out, 0, k);
            assert_int_equal(found.count, lengths[t] + all[k].count);
            assert_memory_equal(found.ids + lengths[t], all[k].ids,
                                (size_t) all[k].count * sizeof *found.ids);
            assert_true(fabs(found.score - all[k].score) <= 1e-4);
        }
        ac_generator_free(&g);
        ac_generated_free(&out);
    }
    fixture_free(f);
}

static void
same(const ac_generated *a, int64_t text_a, const ac_generated *b, int64_t text_b)
{
    for (int64_t k = 0; k < a->each; k++) {
        const ac_candidate x = ac_generated_at(a, text_a, k), y = ac_generated_at(b, text_b, k);
        assert_int_equal(x.count, y.count);
        assert_memory_equal(x.ids, y.ids, (size_t) x.count * sizeof *x.ids);
        assert_true(x.score == y.score);
    }
}

/* All texts together, each alone, few rows at once, other numbers of threads, and a generator
 * that served another decoder before: the same bits. */
static void
independent_of_neighbours(void **state)
{
    fixture *f = fixture_new();
    ac_generator used = { 0 };

    (void) state;
    for (int setting = 0; setting < 8; setting++) {
        const bool with_encoder = setting & 1;
        ac_generation_config c = setting & 2 ? config_of(3, 3, setting & 4)
                                             : config_of(1, setting & 4 ? 5 : 1, setting & 4);
        ac_generated all = { 0 }, few = { 0 }, one = { 0 };
        c.beam_search = setting & 4 ? AC_BEAM_HF49 : AC_BEAM_HF5;
        omp_set_num_threads(1);
        run(f, with_encoder, &c, 0, &all);
        omp_set_num_threads(3);
        run(f, with_encoder, &c, 4, &few);
        for (int64_t t = 0; t < TEXTS; t++) {
            const ac_decoder decoder = decoder_of(f->model, with_encoder);
            const ac_generation_input input = input_of(f, with_encoder, t, 1);
            assert_int_equal(ac_generate(&used, &decoder, &c, &input, &one), AC_OK);
            same(&all, t, &few, t);
            same(&all, t, &one, 0);
        }
        ac_generated_free(&all);
        ac_generated_free(&few);
        ac_generated_free(&one);
    }
    ac_generator_free(&used);
    fixture_free(f);
}

static void
refused(const fixture *f, const ac_generation_config *c, const int32_t *prompts,
        const int64_t *offsets, const char *says)
{
    const ac_decoder decoder = decoder_of(f->model, false);
    const ac_generation_input input = {
        .prompts = prompts, .prompt_offsets = offsets, .streams = f->streams, .count = 2
    };
    ac_generator g = { 0 };
    ac_generated out = { 0 };

    assert_int_equal(ac_generate(&g, &decoder, c, &input, &out), AC_E_ARG);
    if (!strstr(ac_error_message(), says))
        fail_msg("\"%s\" does not say \"%s\"", ac_error_message(), says);
    ac_generator_free(&g);
    ac_generated_free(&out);
}

static void
refused_with_encoder(const fixture *f, const ac_generation_config *c, const char *says)
{
    const ac_decoder decoder = decoder_of(f->model, true);

    assert_int_equal(ac_generation_config_check(c, &decoder), AC_E_ARG);
    assert_non_null(strstr(ac_error_message(), says));
}

/* More tokens are wanted than the model has positions. */
static void
ends_at_the_last_position(const fixture *f, const ac_generation_config *config)
{
    const ac_decoder decoder = decoder_of(f->model, false);
    const int32_t prompts[] = { 2, 3, 2 };
    const ac_generation_input input = { .prompts = prompts,
                                        .prompt_offsets = (int64_t[]){ 0, 1, 3 },
                                        .streams = f->streams,
                                        .count = 2 };
    ac_generation_config c = *config;
    ac_generator g = { 0 };
    ac_generated out = { 0 };

    c.eos_count = 0;
    assert_int_equal(ac_generate(&g, &decoder, &c, &input, &out), AC_OK);
    for (int64_t i = 0; i < 2; i++)
        assert_int_equal(ac_generated_at(&out, i, 0).count, POSITIONS);
    ac_generator_free(&g);
    ac_generated_free(&out);
}

static void
bad_prompts(void **state)
{
    fixture *f = fixture_new();
    ac_generation_config c = config_of(1, 1, false);
    const int32_t outside[] = { 3, 4, V, 2 }, negative[] = { 3, -1, 2, 2 }, good[6] = { 2 },
                  long_one[2 + POSITIONS] = { 2 };

    (void) state;
    refused(f, &c, outside, (int64_t[]){ 0, 2, 4 }, "prompt 1 has the token 13");
    refused(f, &c, negative, (int64_t[]){ 0, 2, 4 }, "prompt 0 has the token -1");
    refused(f, &c, good, (int64_t[]){ 0, 3, 3 }, "prompt 1 has 0 tokens");
    c.max_length = 4;
    refused(f, &c, good, (int64_t[]){ 0, 2, 6 }, "prompt 1 has 4 tokens");
    c.max_length = POSITIONS + 1; /* with an encoder there is no prompt to go on from */
    refused_with_encoder(f, &c, "generation.max_length is 201");
    c.max_new_tokens = POSITIONS;
    refused_with_encoder(f, &c, "generation.max_new_tokens is 200");
    refused(f, &c, long_one, (int64_t[]){ 0, 2, 2 + POSITIONS },
            "prompt 1 has 200 tokens, but with the model's positions it may have 1 to 199");
    ends_at_the_last_position(f, &c);
    c.max_new_tokens = 0;
    c.max_length = 4;
    c.eos_token_ids[0] = V;
    refused(f, &c, good, (int64_t[]){ 0, 2, 4 }, "generation.eos_token_id is 13");
    fixture_free(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_and_samples),
        cmocka_unit_test(rows_that_are_read),
        cmocka_unit_test(beams),
        cmocka_unit_test(beams_find_the_best),
        cmocka_unit_test(independent_of_neighbours),
        cmocka_unit_test(bad_prompts),
    };

    ac_compute_init(2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Sampling: what the processors leave against transformers'; a sampled text depends on nothing
 * but seed, stream, candidate and step; thousands of candidates in bounded memory; drawing with
 * beams as transformers 5 and 4.9. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/kernels/activation.h"
#include "engine/generation/beam.h"
#include "engine/generation/generate.h"
#include "engine/generation/logits.h"
#include "engine/models/bart.h"
#include "io/checkpoint/model_config.h"
#include "io/checkpoint/weights.h"
#include "tests/support/golden.h"
#include "tests/support/model.h"

/* ---- processors ---- */

static int64_t
option(const json_t *row, const char *key, int64_t none)
{
    const json_t *j = json_object_get(row, key);

    assert_non_null(j);
    return json_is_null(j) ? none : json_integer_value(j);
}

static ac_generation_config
read_options(const json_t *row, int32_t eos)
{
    ac_generation_config c;

    ac_generation_config_defaults(&c, 2, eos);
    c.do_sample = true;
    c.no_repeat_ngram_size = option(row, "no_repeat_ngram_size", 0);
    c.min_length = option(row, "min_length", 0);
    c.max_length = option(row, "max_length", 20);
    c.forced_bos_token_id = (int32_t) option(row, "forced_bos_token_id", -1);
    c.forced_eos_token_id = (int32_t) option(row, "forced_eos_token_id", -1);
    c.top_k = option(row, "top_k", 0);
    c.temperature = json_number_value(json_object_get(row, "temperature"));
    c.top_p = json_number_value(json_object_get(row, "top_p"));
    return c;
}

static void
check_row(const json_t *row, size_t number, int32_t eos)
{
    const ac_generation_config c = read_options(row, eos);
    const json_t *logits = json_object_get(row, "logits"),
                 *prefix = json_object_get(row, "prefix"), *kept = json_object_get(row, "kept");
    const json_t *expected = json_object_get(row, "log_probability");
    const int64_t V = (int64_t) json_array_size(logits), n = (int64_t) json_array_size(prefix);
    const bool tie = json_is_true(json_object_get(row, "tie_at_top_p_edge"));
    float *x = malloc((size_t) V * sizeof *x);
    int32_t *ids = malloc((size_t) (n + 1) * sizeof *ids);
    ac_scored_token *order = malloc((size_t) V * sizeof *order);
    double wanted;
    size_t found = 0;

    for (int64_t i = 0; i < V; i++) {
        const json_t *j = json_array_get(logits, (size_t) i);
        x[i] = json_is_string(j) ? -INFINITY : (float) json_number_value(j);
    }
    for (int64_t i = 0; i < n; i++)
        ids[i] = (int32_t) json_integer_value(json_array_get(prefix, (size_t) i));
    ac_logits_process(
        &c, x, V,
        &(ac_logits_context){ .tokens = ids, .count = n, .prompt = 1, .most = c.max_length });
    ac_logits_warp(&c, x, V, option(row, "min_tokens_to_keep", 1), order);
    ac_log_softmax(x, V);
    for (int64_t i = 0; i < V; i++) {
        if (x[i] == -INFINITY)
            continue;
        if (found >= json_array_size(kept))
            fail_msg("row %zu: more than %zu tokens are kept", number, json_array_size(kept));
        if (!tie && i != json_integer_value(json_array_get(kept, found)))
            fail_msg("row %zu: token %lld is kept, expected %lld", number, (long long) i,
                     (long long) json_integer_value(json_array_get(kept, found)));
        /* fp32 softmax over 64: 1e-5, and three steps of a float for those far from 0
         * (temperature 0.01) */
        wanted = tie ? 0 : json_number_value(json_array_get(expected, found));
        if (!tie && !(fabs((double) x[i] - wanted) <= 1e-5 + 2e-7 * fabs(wanted)))
            fail_msg("row %zu: token %lld has log-probability %.9g", number, (long long) i,
                     (double) x[i]);
        found++;
    }
    assert_int_equal(found, json_array_size(kept));
    free(x);
    free(ids);
    free(order);
}

static void
processors(void **state)
{
    char *path = golden_path("sampling/filters.json");
    json_t *all, *row;
    size_t i;

    (void) state;
    if (!path)
        skip();
    all = test_read_json(path);
    json_array_foreach(json_object_get(all, "rows"), i, row)
        check_row(row, i, (int32_t) json_integer_value(json_object_get(all, "eos_token_id")));
    assert_true(i > 0);
    print_message("%zu rows\n", i);
    json_decref(all);
    free(path);
}

/* Many draws from one row are the draws one by one, ties, dropped tokens and the ends of [0, 1)
 * included. */
static void
many_draws(void **state)
{
    enum { V = 97, ROWS = 300, DRAWS = 40 };
    float x[V];
    double sums[V];
    ac_scored_token order[V];

    (void) state;
    for (uint32_t row = 0; row < ROWS; row++) {
        int64_t n;
        for (uint32_t i = 0; i < V; i++) {
            const double r = ac_random_uniform(7, 1, row, i);
            x[i] = r < 0.01 * (row % 100)
                       ? -INFINITY
                       : (float) ((row % 3 ? 1 : 200) *
                                  r); /* 200: most weigh nothing beside the largest */
        }
        x[row % V] = 1;
        n = ac_logits_accumulate(sums, order, x, V);
        for (uint32_t i = 0; i < DRAWS; i++) {
            const double u = i == 0   ? 0
                             : i == 1 ? nextafter(1, 0)
                                      : ac_random_uniform(7, 2, row, i);
            assert_int_equal(order[ac_logits_find(sums, n, u)].token, ac_logits_draw(x, V, u));
        }
    }
}

static int
descending(const void *a, const void *b)
{
    const float x = *(const float *) a, y = *(const float *) b;

    return x > y ? -1 : x < y;
}

/* top_k in large vocabularies keeps what is at least the k-th of all sorted, whatever is equal,
 * dropped before or not a number. */
static void
top_k_of_many(void **state)
{
    static const int64_t sizes[] = { 1, 63, 64, 1023, 1024, 1025, 4097, 9000 },
                         ks[] = { 1, 2, 50, 512, 513, 4096, 9000 };
    enum { MOST = 9000 };
    float *x = malloc(MOST * sizeof *x), *sorted = malloc(MOST * sizeof *sorted),
          *y = malloc(MOST * sizeof *y);
    ac_scored_token *order = malloc(MOST * sizeof *order);
    ac_generation_config c;

    (void) state;
    for (uint32_t turn = 0; turn < 6 * 8 * 7; turn++) {
        const int64_t V = sizes[turn % 8], k = ks[turn / 8 % 7];
        const uint32_t kind = turn / 56;
        int64_t n = 0;
        float least = -INFINITY;
        ac_generation_config_defaults(&c, 0, 1);
        c.top_k = k;
        c.do_sample = true;
        for (int64_t i = 0; i < V; i++) {
            const double r = ac_random_uniform(9, 1, turn, (uint32_t) i);
            x[i] = kind == 1   ? (float) (int) (8 * r) /* many are equal */
                   : kind == 2 ? (r < 0.99 ? -INFINITY : (float) r)
                   : kind == 3 ? (r < 0.01 ? NAN : (float) r)
                   : kind == 4 ? (float) i
                               : (float) -r;
            y[i] = x[i];
            if (x[i] > -INFINITY)
                sorted[n++] = x[i];
        }
        qsort(sorted, (size_t) n, sizeof *sorted, descending);
        if (k < n)
            least = sorted[k - 1];
        ac_logits_warp(&c, y, V, 1, order);
        for (int64_t i = 0; i < V; i++)
            if (!(isnan(x[i]) ? isnan(y[i]) : y[i] == (x[i] < least ? -INFINITY : x[i])))
                fail_msg("kind %u, V %lld, k %lld: token %lld", kind, (long long) V,
                         (long long) k, (long long) i);
    }
    free(x);
    free(y);
    free(sorted);
    free(order);
}

/* ---- with a model ---- */

enum { TEXTS = 5 };

typedef struct fixture {
    ac_weights weights;
    ac_bart bart;
    void *packed;
    int32_t ids[200];
    int64_t offsets[TEXTS + 1];
    uint64_t streams[TEXTS];
} fixture;

/* false: no golden data here. */
static bool
fixture_init(fixture *f, const ac_compute *compute)
{
    char *folder = golden_path("bart/a");
    ac_bart_config config;

    *f = (fixture){ 0 };
    if (!folder)
        return false;
    assert_int_equal(ac_weights_open(&f->weights, folder), AC_OK);
    assert_int_equal(ac_bart_config_load(&config, folder), AC_OK);
    assert_int_equal(
        ac_alloc_aligned(&f->packed, (int64_t) ac_bart_packed_bytes(&config, compute), 1),
        AC_OK);
    assert_int_equal(
        ac_bart_init(&f->bart, &config, &f->weights.tensors, NULL, compute, f->packed, true),
        AC_OK);
    for (int64_t t = 0, used = 0; t < TEXTS; t++) {
        for (int64_t i = 0; i < 4 + 7 * t; i++)
            f->ids[used++] = (int32_t) ((5 + 31 * t + 17 * i) % config.vocab_size);
        f->offsets[t + 1] = used;
        f->streams[t] = 1000 + (uint64_t) t;
    }
    free(folder);
    return true;
}

static void
fixture_free(fixture *f)
{
    ac_bart_free(&f->bart);
    ac_weights_close(&f->weights);
    free(f->packed);
}

static ac_generation_config
sampling(const fixture *f, int64_t beams, int64_t returned, ac_beam_search version)
{
    ac_generation_config c;

    ac_generation_config_defaults(&c, f->bart.config.decoder_start_token_id,
                                  f->bart.config.eos_token_id);
    c.do_sample = true;
    c.num_beams = beams;
    c.num_return_sequences = returned;
    c.beam_search = version;
    c.max_length = 12;
    c.seed = 7;
    c.decoder_start_token_id = 2;
    return c;
}

static void
same_candidates(const ac_generated *a, int64_t text_a, const ac_generated *b, int64_t text_b,
                const char *what)
{
    assert_int_equal(a->each, b->each);
    for (int64_t k = 0; k < a->each; k++) {
        const ac_candidate x = ac_generated_at(a, text_a, k), y = ac_generated_at(b, text_b, k);
        if (x.count != y.count || memcmp(x.ids, y.ids, (size_t) x.count * sizeof *x.ids) != 0 ||
            x.score != y.score)
            fail_msg("%s: text %lld, candidate %lld differs (scores %.17g, %.17g)", what,
                     (long long) text_a, (long long) k, x.score, y.score);
    }
}

/* Generate for n texts of the fixture, from `first` on. */
static void
generate(ac_generator *g, const fixture *f, const ac_generation_config *c, int64_t first,
         int64_t n, ac_generated *out)
{
    const ac_decoder decoder = ac_bart_as_decoder(&f->bart);
    int64_t offsets[TEXTS + 1];
    const ac_generation_input input = { .ids = f->ids + f->offsets[first],
                                        .offsets = offsets,
                                        .streams = f->streams + first,
                                        .count = n };

    for (int64_t t = 0; t <= n; t++)
        offsets[t] = f->offsets[first + t] - f->offsets[first];
    assert_int_equal(ac_generate(g, &decoder, c, &input, out), AC_OK);
}

/* All texts together; each alone; few rows at once; one and three threads: the same tokens and
 * the same bits of scores. */
static void
check_independence(const fixture *f, ac_generation_config c)
{
    ac_generator g = { 0 }, small = { .max_rows = 7 };
    ac_generated all = { 0 }, one = { 0 }, few = { 0 };
    int64_t kinds = 0;

    omp_set_num_threads(1);
    generate(&g, f, &c, 0, TEXTS, &all);
    omp_set_num_threads(3);
    generate(&small, f, &c, 0, TEXTS, &few);
    for (int64_t t = 0; t < TEXTS; t++) {
        generate(&g, f, &c, t, 1, &one);
        same_candidates(&all, t, &one, 0, "together and alone");
        same_candidates(&all, t, &few, t, "in groups of 256 and of 7 rows");
        kinds +=
            ac_generated_at(&all, t, 0).score != ac_generated_at(&all, t, all.each - 1).score;
    }
    if (c.do_sample)
        assert_true(kinds > 0); /* something was drawn at all */
    ac_generator_free(&g);
    ac_generator_free(&small);
    ac_generated_free(&all);
    ac_generated_free(&one);
    ac_generated_free(&few);
}

static void
independent_of_neighbours(void **state)
{
    ac_compute backends[TEST_BACKENDS];
    const int n = test_backends(backends);

    (void) state;
    for (int i = 0; i < n; i++) {
        fixture f;
        ac_generation_config c;
        if (backends[i].backend ==
            AC_BACKEND_OPENBLAS) /* its rows depend on their neighbours: docs/adr/0201 */
            continue;
        if (!fixture_init(&f, &backends[i]))
            skip();
        for (int top_k = 0; top_k <= 50; top_k += 50) {
            c = sampling(&f, 1, 20, AC_BEAM_HF5);
            c.top_k = top_k;
            check_independence(&f, c);
            c = sampling(&f, 3, 3, AC_BEAM_HF5);
            c.top_k = top_k;
            check_independence(&f, c);
            c.beam_search = AC_BEAM_HF49;
            check_independence(&f, c);
        }
        c.do_sample = false;
        check_independence(&f, c);
        fixture_free(&f);
    }
}

/* 3,000 candidates of a text: the generator's memory stays that of max_rows lines, and every
 * prefix of the list is the list of a smaller request. */
static void
many_candidates(void **state)
{
    const ac_compute compute = { AC_BACKEND_NATIVE, AC_PRECISION_FP32 };
    ac_generator g = { .max_rows = 64 };
    ac_generated many = { 0 }, few = { 0 };
    ac_generation_config c;
    fixture f;
    int64_t capacity;

    (void) state;
    if (!fixture_init(&f, &compute))
        skip();
    c = sampling(&f, 1, 100, AC_BEAM_HF5);
    generate(&g, &f, &c, 0, 2, &few);
    capacity = g.logits_capacity;
    c.num_return_sequences = 3000;
    generate(&g, &f, &c, 0, 2, &many);
    assert_int_equal(g.logits_capacity, capacity);
    assert_int_equal(g.state.capacity.slots, 64);
    for (int64_t t = 0; t < 2; t++)
        for (int64_t k = 0; k < 100; k++) {
            const ac_candidate x = ac_generated_at(&few, t, k),
                               y = ac_generated_at(&many, t, k);
            assert_int_equal(x.count, y.count);
            assert_memory_equal(x.ids, y.ids, (size_t) x.count * sizeof *x.ids);
            assert_true(x.score == y.score);
        }
    ac_generator_free(&g);
    ac_generated_free(&many);
    ac_generated_free(&few);
    fixture_free(&f);
}

/* ---- drawing with beams, against a plain version of both ---- */

enum { WORDS = 11, LONGEST = 9, MOST_BEAMS = 4 };

/* "Logits" that follow from the prefix alone. */
static void
invent_logits(float *x, const int32_t *prefix, int64_t n)
{
    const uint64_t stream =
        ac_random_stream((const char *) prefix, (size_t) n * sizeof *prefix);

    for (int i = 0; i < WORDS; i++)
        x[i] = (float) (6 * ac_random_uniform(3, stream, 0, (uint32_t) i));
}

typedef struct beam {
    int32_t ids[LONGEST];
    double score;
} beam;

/* The one search, as the text of transformers has it; hypotheses into done [B], best first.
 * Returns how many. */
static int
plain_search(const ac_generation_config *c, uint64_t stream, int64_t search, beam *done,
             int64_t *lengths)
{
    const bool old = c->beam_search == AC_BEAM_HF49;
    const int B = (int) c->num_beams;
    beam open[MOST_BEAMS] = { { { c->decoder_start_token_id }, 0 },
                              { { c->decoder_start_token_id }, 0 },
                              { { c->decoder_start_token_id }, 0 },
                              { { c->decoder_start_token_id }, 0 } };
    int live = old ? B : 1, finished = 0;

    for (int64_t n = 1; n < c->max_length; n++) {
        float scores[MOST_BEAMS * WORDS];
        struct drawn {
            beam b;
            bool ends;
        } drawn[2 * MOST_BEAMS];
        beam next[2 * MOST_BEAMS];
        ac_scored_token order[WORDS];
        int count = 0, going = 0;
        for (int b = 0; b < live; b++) {
            float *x = scores + b * WORDS;
            invent_logits(x, open[b].ids, n);
            ac_log_softmax(x, WORDS);
            for (int i = 0; i < WORDS; i++)
                x[i] += old ? (float) open[b].score : 0;
            ac_logits_warp(c, x, WORDS, 2, order);
            for (int i = 0; i < WORDS; i++)
                x[i] += old ? 0 : (float) open[b].score;
        }
        for (; count < 2 * B; count++) { /* draw without replacement */
            const double u = ac_random_uniform(
                c->seed, stream, (uint32_t) (search * 2 * B + count), (uint32_t) n);
            const int32_t at = ac_logits_draw(scores, live * WORDS, u);
            if (scores[at] == -INFINITY)
                break;
            drawn[count].b = open[at / WORDS];
            drawn[count].b.ids[n] = at % WORDS;
            drawn[count].b.score = scores[at];
            drawn[count].ends =
                ac_generation_config_ends(c, at % WORDS) || (!old && n + 1 == c->max_length);
            scores[at] = -INFINITY;
        }
        for (int i = 0; old && i < count; i++) /* 4.9 sorts */
            for (int j = i; j > 0 && drawn[j - 1].b.score < drawn[j].b.score; j--) {
                struct drawn t = drawn[j];
                drawn[j] = drawn[j - 1];
                drawn[j - 1] = t;
            }
        for (int i = 0; i < count; i++) {
            if (!drawn[i].ends) {
                int at = going++;
                for (; at > 0 && next[at - 1].score < drawn[i].b.score; at--)
                    next[at] = next[at - 1];
                next[at] = drawn[i].b;
            } else if (i < B) {
                beam h = drawn[i].b;
                int at;
                h.score =
                    (double) ((float) h.score / (float) pow((double) n, c->length_penalty));
                at = finished < B ? finished : B;
                for (; at > 0 && done[at - 1].score < h.score; at--) {
                    if (at < B) {
                        done[at] = done[at - 1];
                        lengths[at] = lengths[at - 1];
                    }
                }
                if (at < B) {
                    done[at] = h;
                    lengths[at] = n + 1;
                    finished += finished < B;
                }
            }
        }
        if (finished == B) /* early_stopping: true */
            return finished;
        live = going < B ? going : B;
        memcpy(open, next, (size_t) live * sizeof *open);
    }
    return finished;
}

static ac_generation_config
with_beams(uint64_t trial, ac_beam_search version)
{
    ac_generation_config c;

    ac_generation_config_defaults(&c, 2, 2);
    c.num_beams = 2 + (int64_t) (trial % 3);
    c.num_return_sequences = 2;
    c.max_length = LONGEST;
    c.do_sample = true;
    c.temperature = trial % 2 ? 0.7 : 1.3;
    c.top_p = trial % 5 ? 1 : 0.8;
    c.top_k = trial % 4 ? 0 : 5;
    c.length_penalty = 0.5;
    c.early_stopping = AC_EARLY_TRUE;
    c.beam_search = version;
    c.seed = 5;
    return c;
}

static void
drawing_with_beams(void **state)
{
    float logits[MOST_BEAMS * WORDS];
    ac_scored_token order[WORDS];
    int compared = 0;

    (void) state;
    for (int version = 0; version < 2; version++) {
        for (uint64_t trial = 0; trial < 200; trial++) {
            const ac_generation_config c = with_beams(trial, (ac_beam_search) version);
            beam expected[MOST_BEAMS];
            int64_t lengths[MOST_BEAMS];
            const int64_t search = version ? (int64_t) (trial % 2) : 0;
            const int n = plain_search(&c, trial, search, expected, lengths);
            ac_beams b;
            if (n <
                c.num_beams) /* 4.9 then adds the open beams; golden/generate has those rules */
                continue;
            assert_int_equal(ac_beams_init(&b, &c, LONGEST), AC_OK);
            ac_beams_reset(&b, &c,
                           &(ac_logits_context){ .tokens = &c.decoder_start_token_id,
                                                 .count = 1,
                                                 .prompt = 1,
                                                 .most = LONGEST });
            while (!b.finished) {
                for (int64_t j = 0; j < b.live; j++)
                    invent_logits(logits + j * WORDS, b.ids + j * b.stride, b.length);
                ac_beams_step(&b, &c, logits, WORDS, order, trial, search);
            }
            assert_int_equal(b.done_count, n);
            for (int i = 0; i < n; i++) {
                assert_int_equal(b.done[i].count, lengths[i]);
                assert_memory_equal(b.done[i].ids, expected[i].ids,
                                    (size_t) lengths[i] * sizeof(int32_t));
                assert_true(b.done[i].score == expected[i].score);
            }
            ac_beams_free(&b);
            compared++;
        }
    }
    print_message("%d searches compared\n", compared);
    assert_true(compared > 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processors),      cmocka_unit_test(many_draws),
        cmocka_unit_test(top_k_of_many),   cmocka_unit_test(independent_of_neighbours),
        cmocka_unit_test(many_candidates), cmocka_unit_test(drawing_with_beams),
    };

    ac_compute_init(2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

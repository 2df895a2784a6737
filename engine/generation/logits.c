#include "engine/generation/logits.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels/activation.h"
#include "engine/kernels/per_set.h"

/* ---- processors ---- */

static void
forbid(float *x, int64_t V, int32_t token)
{
    if (token >= 0 && token < V)
        x[token] = -INFINITY;
}

/* Is list i what the sequence continues with, so that its last token would complete it? */
static bool
completes(const ac_token_sequences *lists, int64_t i, const ac_logits_context *k)
{
    const int64_t before = ac_token_sequences_size(lists, i) - 1;

    return before >= 0 && before <= k->count &&
           memcmp(k->tokens + k->count - before, ac_token_sequences_at(lists, i),
                  (size_t) before * sizeof *k->tokens) == 0;
}

static int32_t
last_token(const ac_token_sequences *lists, int64_t i)
{
    return ac_token_sequences_at(lists, i)[ac_token_sequences_size(lists, i) - 1];
}

static void
add_biases(const ac_token_sequences *lists, float *x, const ac_logits_context *k)
{
    for (int64_t i = 0; i < lists->count; i++)
        if (completes(lists, i, k))
            x[last_token(lists, i)] += lists->biases[i];
}

/* Each token of `tokens` once: below 0 times p, else divided by it. */
static void
penalise(float *x, const int32_t *tokens, int64_t n, double p)
{
    const float penalty = (float) p;

    for (int64_t i = 0; i < n; i++) {
        float *value = &x[tokens[i]];
        int64_t before = 0;
        while (before < i && tokens[before] != tokens[i])
            before++;
        if (before == i)
            *value = *value < 0 ? *value * penalty : *value / penalty;
    }
}

/* Tokens that would repeat an n-gram of `text` [n]; the last size - 1 tokens said are at tail.
 */
static void
ban_ngrams(float *x, const int32_t *text, int64_t n, const int32_t *tail, int64_t size)
{
    for (int64_t i = 0; i + size <= n; i++)
        if (memcmp(text + i, tail, (size_t) (size - 1) * sizeof *text) == 0)
            x[text[i + size - 1]] = -INFINITY;
}

/* A list that is exactly an end token is none. */
static void
ban_words(const ac_generation_config *c, float *x, const ac_logits_context *k)
{
    const ac_token_sequences *words = &c->bad_words_ids;

    for (int64_t i = 0; i < words->count; i++)
        if (completes(words, i, k) && !(ac_token_sequences_size(words, i) == 1 &&
                                        ac_generation_config_ends(c, last_token(words, i))))
            x[last_token(words, i)] = -INFINITY;
}

static void
force(const ac_generation_config *c, float *x, int64_t V, const ac_logits_context *k)
{
    int32_t forced = -1;

    if (c->forced_bos_token_id >= 0 && k->count == 1)
        forced = c->forced_bos_token_id;
    if (c->forced_eos_token_id >= 0 && k->count == k->most - 1)
        forced = c->forced_eos_token_id;
    if (forced < 0)
        return;
    for (int64_t i = 0; i < V; i++)
        x[i] = -INFINITY;
    x[forced] = 0;
}

static void
remove_invalid(float *x, int64_t V)
{
    for (int64_t i = 0; i < V; i++)
        x[i] = isnan(x[i]) ? 0 : x[i] > FLT_MAX ? FLT_MAX : x[i] < -FLT_MAX ? -FLT_MAX : x[i];
}

/* From decay_start new tokens on, the end becomes likelier with each. */
static void
decay(const ac_generation_config *c, float *x, const ac_logits_context *k)
{
    const int64_t past = k->count - k->prompt - c->decay_start;

    if (c->decay_start < 0 || past <= 0)
        return;
    for (int64_t i = 0; i < c->eos_count; i++) {
        float *end = &x[c->eos_token_ids[i]];
        if (isfinite(*end))
            *end += fabsf(*end) * (float) (pow(c->decay_factor, (double) past) - 1);
    }
}

static void
suppress(const ac_token_sequences *lists, float *x, int64_t V)
{
    for (int64_t i = 0; i < lists->count; i++)
        forbid(x, V, lists->tokens[i]);
}

void
ac_logits_process(const ac_generation_config *c, float *x, int64_t V,
                  const ac_logits_context *k)
{
    const int64_t size = c->no_repeat_ngram_size,
                  encoder_size = c->encoder_no_repeat_ngram_size,
                  begin = k->prompt + (k->prompt == 1 && c->forced_bos_token_id >= 0);

    add_biases(&c->sequence_bias, x, k);
    if (c->encoder_repetition_penalty != 1)
        penalise(x, k->input, k->input_count, 1 / c->encoder_repetition_penalty);
    if (c->repetition_penalty != 1)
        penalise(x, k->tokens, k->count, c->repetition_penalty);
    if (size > 0 && k->count >= size)
        ban_ngrams(x, k->tokens, k->count, k->tokens + k->count + 1 - size, size);
    if (encoder_size > 0 && k->count + 1 >= encoder_size)
        ban_ngrams(x, k->input, k->input_count, k->tokens + k->count + 1 - encoder_size,
                   encoder_size);
    ban_words(c, x, k);
    if (k->count < ac_generation_config_least(c, k->prompt))
        for (int64_t i = 0; i < c->eos_count; i++)
            x[c->eos_token_ids[i]] = -INFINITY;
    force(c, x, V, k);
    if (c->remove_invalid_values)
        remove_invalid(x, V);
    decay(c, x, k);
    suppress(&c->suppress_tokens, x, V);
    if (k->count == begin)
        suppress(&c->begin_suppress_tokens, x, V);
}

/* ---- drawing ---- */

int32_t
ac_logits_draw(const float *x, int64_t V, double u)
{
    double total = 0, sum = 0;
    float most = -INFINITY;
    int32_t last = 0;

    for (int64_t i = 0; i < V; i++)
        most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < V; i++)
        if (x[i] > -INFINITY)
            total += exp((double) x[i] - (double) most);
    for (int64_t i = 0; i < V; i++) {
        if (x[i] == -INFINITY)
            continue;
        sum += exp((double) x[i] - (double) most);
        last = (int32_t) i;
        if (sum > u * total)
            break;
    }
    return last;
}

enum { CHUNK = 64, CHUNKS = 64 };

/* How many of each CHUNK numbers of x [n] are at least this. */
AC_PER_SET_BODY void
count_chunks_body(int32_t *counts, const float *x, int64_t n, float least)
{
    for (int64_t c = 0; c * CHUNK < n; c++) {
        const int64_t end = n < (c + 1) * CHUNK ? n : (c + 1) * CHUNK;
        int32_t count = 0;
        for (int64_t i = c * CHUNK; i < end; i++)
            count += x[i] >= least;
        counts[c] = count;
    }
}

AC_PER_SET(count_chunks, (int32_t * counts, const float *x, int64_t n, float least),
           (counts, x, n, least))

int64_t
ac_logits_gather(ac_scored_token *order, const float *x, int64_t V, float least)
{
    int32_t counts[CHUNKS];
    int64_t n = 0;

    for (int64_t at = 0; at < V; at += CHUNK * CHUNKS) {
        const int64_t end = V - at < CHUNK * CHUNKS ? V : at + CHUNK * CHUNKS;
        count_chunks(counts, x + at, end - at, least);
        for (int64_t first = at; first < end; first += CHUNK)
            for (int64_t i = first;
                 counts[(first - at) / CHUNK] && i < end && i < first + CHUNK; i++)
                if (x[i] >= least)
                    order[n++] = (ac_scored_token){ x[i], (int32_t) i };
    }
    return n;
}

int64_t
ac_logits_accumulate(double *sums, ac_scored_token *order, const float *x, int64_t V)
{
    const int64_t n = ac_logits_gather(order, x, V, -FLT_MAX);
    float most = -INFINITY;
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        most = order[i].value > most ? order[i].value : most;
    for (int64_t i = 0; i < n; i++)
        sums[i] = sum += exp((double) order[i].value - (double) most);
    return n;
}

int64_t
ac_logits_find(const double *sums, int64_t n, double u)
{
    const double target = u * sums[n - 1];
    int64_t low = 0, high = n - 1; /* the last sum is above the target: for u < 1 the product
                                      rounds to less than it */

    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (sums[middle] > target)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

#include "engine/generation/logits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels/activation.h"

static void
ban_repeated_ngrams(float *x, const int32_t *prefix, int64_t n, int64_t size)
{
    const int32_t *tail = prefix + n + 1 - size;

    for (int64_t i = 0; i + size <= n; i++)
        if (memcmp(prefix + i, tail, (size_t) (size - 1) * sizeof *prefix) == 0)
            x[prefix[i + size - 1]] = -INFINITY;
}

void
ac_logits_process(const ac_generation_config *c, float *x, int64_t V, const int32_t *prefix,
                  int64_t n)
{
    int32_t forced = -1;

    if (c->no_repeat_ngram_size > 0 && n >= c->no_repeat_ngram_size)
        ban_repeated_ngrams(x, prefix, n, c->no_repeat_ngram_size);
    if (n < c->min_length)
        x[c->eos_token_id] = -INFINITY;
    if (c->forced_bos_token_id >= 0 && n == 1)
        forced = c->forced_bos_token_id;
    if (c->forced_eos_token_id >= 0 && n == c->max_length - 1)
        forced = c->forced_eos_token_id;
    if (forced >= 0) {
        for (int64_t i = 0; i < V; i++)
            x[i] = -INFINITY;
        x[forced] = 0;
    }
}

/* Descending by value; equal ones: higher ids first, so that the lower are dropped first from
 * the other end. */
static int
compare_descending(const void *a, const void *b)
{
    const ac_scored_token *s = a, *t = b;

    if (s->value != t->value)
        return s->value > t->value ? -1 : 1;
    return s->token > t->token ? -1 : s->token < t->token;
}

static int64_t
gather_finite(const float *x, int64_t V, ac_scored_token *order)
{
    int64_t n = 0;

    for (int64_t i = 0; i < V; i++)
        if (x[i] > -INFINITY)
            order[n++] = (ac_scored_token){ x[i], (int32_t) i };
    return n;
}

/* The k-th largest of order [n] by quickselect; order is permuted. */
static float
kth_largest(ac_scored_token *order, int64_t n, int64_t k)
{
    int64_t low = 0, high = n - 1;

    while (low < high) {
        float pivot = order[low + (high - low) / 2].value;
        int64_t i = low, j = high;
        while (i <= j) {
            while (order[i].value > pivot)
                i++;
            while (order[j].value < pivot)
                j--;
            if (i <= j) {
                ac_scored_token t = order[i];
                order[i++] = order[j];
                order[j--] = t;
            }
        }
        if (k - 1 <= j)
            high = j;
        else if (k - 1 >= i)
            low = i;
        else
            break;
    }
    return order[k - 1].value;
}

static void
keep_top_k(float *x, int64_t V, int64_t k, ac_scored_token *order)
{
    int64_t n = gather_finite(x, V, order);
    float least;

    if (k >= n)
        return;
    least = kth_largest(order, n, k);
    for (int64_t i = 0; i < V; i++)
        if (x[i] < least)
            x[i] = -INFINITY;
}

static void
keep_top_p(float *x, int64_t V, double p, int64_t min_keep, ac_scored_token *order)
{
    int64_t n = gather_finite(x, V, order), kept;
    double total = 0, above = 0;

    qsort(order, (size_t) n, sizeof *order, compare_descending);
    for (int64_t i = 0; i < n; i++)
        total += exp((double) order[i].value - (double) order[0].value);
    for (kept = 0; kept < n && (above / total < p || kept < min_keep); kept++)
        above += exp((double) order[kept].value - (double) order[0].value);
    for (int64_t i = kept; i < n; i++)
        x[order[i].token] = -INFINITY;
}

void
ac_logits_warp(const ac_generation_config *c, float *x, int64_t V, int64_t min_keep,
               ac_scored_token *order)
{
    if (c->temperature != 1.0) {
        const float t = (float) c->temperature;
        for (int64_t i = 0; i < V; i++)
            x[i] /= t;
    }
    if (c->top_k > 0)
        keep_top_k(x, V, c->top_k > min_keep ? c->top_k : min_keep, order);
    if (c->top_p < 1.0)
        keep_top_p(x, V, c->top_p, min_keep, order);
}

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

void
ac_logits_accumulate(double *sums, const float *x, int64_t V)
{
    double sum = 0;
    float most = -INFINITY;

    for (int64_t i = 0; i < V; i++)
        most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < V; i++) {
        if (x[i] > -INFINITY)
            sum += exp((double) x[i] - (double) most);
        sums[i] = sum;
    }
}

int32_t
ac_logits_find(const double *sums, int64_t V, double u)
{
    const double target = u * sums[V - 1];
    int64_t low = 0, high = V - 1; /* the last sum is above the target: for u < 1 the product
                                      rounds to less than it */

    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (sums[middle] > target)
            high = middle;
        else
            low = middle + 1;
    }
    return (int32_t) low;
}

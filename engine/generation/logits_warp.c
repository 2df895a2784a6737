/* The filters of sampling. Sums over probabilities are in double, in order of ids or of values.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "engine/generation/logits.h"
#include "engine/kernels/per_set.h"

enum { TOP_H_TOKENS = 100, CLASSES = 1024 };

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
    return ac_logits_gather(order, x, V, -FLT_MAX);
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

/* The largest of the numbers whose index has the same rest: most [CLASSES] of x [V]. */
AC_PER_SET_BODY void
class_maxima_body(float *most, const float *x, int64_t V)
{
    for (int64_t j = 0; j < CLASSES; j++)
        most[j] = -INFINITY;
    for (int64_t i = 0; i < V; i += CLASSES) {
        const int64_t n = V - i < CLASSES ? V - i : CLASSES;
        for (int64_t j = 0; j < n; j++)
            most[j] = x[i + j] > most[j] ? x[i + j] : most[j];
    }
}

AC_PER_SET(class_maxima, (float *most, const float *x, int64_t V), (most, x, V))

AC_PER_SET_BODY void
drop_below_body(float *x, int64_t V, float least)
{
    for (int64_t i = 0; i < V; i++)
        x[i] = x[i] < least ? -INFINITY : x[i];
}

AC_PER_SET(drop_below, (float *x, int64_t V, float least), (x, V, least))

/* Tokens among which the k likeliest are, with all that equal the k-th: those at least as
 * large as the k-th largest of the classes' maxima, since k numbers are. */
static int64_t
gather_largest(const float *x, int64_t V, int64_t k, ac_scored_token *order)
{
    float most[CLASSES];
    ac_scored_token maxima[CLASSES];
    int64_t n = 0;

    if (k > CLASSES / 2)
        return gather_finite(x, V, order);
    class_maxima(most, x, V);
    for (int64_t j = 0; j < CLASSES; j++)
        if (most[j] > -INFINITY)
            maxima[n++] = (ac_scored_token){ most[j], 0 };
    if (n < k)
        return gather_finite(x, V, order);
    return ac_logits_gather(order, x, V, kth_largest(maxima, n, k));
}

static void
keep_top_k(float *x, int64_t V, int64_t k, ac_scored_token *order)
{
    const int64_t n = gather_largest(x, V, k, order);

    if (k <= n)
        drop_below(x, V, kth_largest(order, n, k));
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

/* Logarithms of the probabilities of order [n], sorted or not, and their entropy. `total` is
 * set so that a value's probability is exp(value - most) / total. */
typedef struct distribution {
    double most, total, entropy;
} distribution;

static distribution
measure(const ac_scored_token *order, int64_t n)
{
    distribution d = { .most = -INFINITY };

    for (int64_t i = 0; i < n; i++)
        d.most = (double) order[i].value > d.most ? (double) order[i].value : d.most;
    for (int64_t i = 0; i < n; i++)
        d.total += exp((double) order[i].value - d.most);
    for (int64_t i = 0; i < n; i++) {
        const double log_p = (double) order[i].value - d.most - log(d.total);
        d.entropy -= exp(log_p) * log_p;
    }
    return d;
}

static double
probability(const distribution *d, float value)
{
    return exp((double) value - d->most) / d->total;
}

/* The likeliest tokens while the sum of their parts of the entropy is within h times the
 * entropy, all of the 100 likeliest. */
static void
keep_top_h(float *x, int64_t V, double h, ac_scored_token *order)
{
    int64_t n = gather_finite(x, V, order), kept;
    const int64_t most = n < TOP_H_TOKENS ? n : TOP_H_TOKENS;
    distribution d;
    double entropy = 0;

    qsort(order, (size_t) n, sizeof *order, compare_descending);
    d = measure(order, most);
    for (kept = 0; kept < most; kept++) {
        const double p = probability(&d, order[kept].value);
        entropy -= p > 0 ? p * log(p) : 0;
        if (kept > 0 && entropy > h * d.entropy)
            break;
    }
    for (int64_t i = kept; i < n; i++)
        x[order[i].token] = -INFINITY;
}

/* Drop what is below `least` as a probability, but not the min_keep likeliest. */
static void
drop_unlikely(float *x, int64_t V, double least, int64_t min_keep, const distribution *d,
              ac_scored_token *order, int64_t n)
{
    const float edge = kth_largest(order, n, min_keep < n ? min_keep : n);

    for (int64_t i = 0; i < V; i++)
        if (x[i] < edge && probability(d, x[i]) < least)
            x[i] = -INFINITY;
}

static void
keep_probable(const ac_generation_config *c, float *x, int64_t V, int64_t min_keep,
              ac_scored_token *order,
              double (*least)(const ac_generation_config *c, const distribution *d))
{
    const int64_t n = gather_finite(x, V, order);
    const distribution d = measure(order, n);

    if (n > 0)
        drop_unlikely(x, V, least(c, &d), min_keep, &d, order, n);
}

static double
least_of_min_p(const ac_generation_config *c, const distribution *d)
{
    return c->min_p / d->total; /* the likeliest token's probability is 1 / total */
}

static double
least_of_epsilon(const ac_generation_config *c, const distribution *d)
{
    (void) d;
    return c->epsilon_cutoff;
}

static double
least_of_eta(const ac_generation_config *c, const distribution *d)
{
    return fmin(c->eta_cutoff, sqrt(c->eta_cutoff) * exp(-d->entropy));
}

static int
compare_ascending(const void *a, const void *b)
{
    const ac_scored_token *s = a, *t = b;

    if (s->value != t->value)
        return s->value < t->value ? -1 : 1;
    return s->token < t->token ? -1 : s->token > t->token;
}

/* The tokens whose surprise is nearest to the expected one, until their mass is p. */
static void
keep_typical(float *x, int64_t V, double p, int64_t min_keep, ac_scored_token *order)
{
    const int64_t n = gather_finite(x, V, order);
    const distribution d = measure(order, n);
    double mass = 0;
    int64_t last = 0;
    float edge;

    for (int64_t i = 0; i < n; i++) {
        const double log_p = (double) order[i].value - d.most - log(d.total);
        order[i].value = (float) fabs(-log_p - d.entropy);
    }
    qsort(order, (size_t) n, sizeof *order, compare_ascending);
    for (; last < n; last++) {
        mass += probability(&d, x[order[last].token]);
        if (mass >= p)
            break;
    }
    if (n == 0)
        return;
    edge = order[last < n ? last : n - 1].value;
    for (int64_t i = min_keep; i < n; i++)
        if (order[i].value > edge)
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
    if (c->top_h > 0)
        keep_top_h(x, V, c->top_h, order);
    if (c->top_k > 0)
        keep_top_k(x, V, c->top_k > min_keep ? c->top_k : min_keep, order);
    if (c->top_p < 1.0)
        keep_top_p(x, V, c->top_p, min_keep, order);
    if (c->min_p > 0)
        keep_probable(c, x, V, min_keep, order, least_of_min_p);
    if (c->typical_p < 1)
        keep_typical(x, V, c->typical_p, min_keep, order);
    if (c->epsilon_cutoff > 0)
        keep_probable(c, x, V, min_keep, order, least_of_epsilon);
    if (c->eta_cutoff > 0)
        keep_probable(c, x, V, min_keep, order, least_of_eta);
}

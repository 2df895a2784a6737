#include "engine/generation/token_sequences.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

void
ac_token_sequences_free(ac_token_sequences *self)
{
    free(self->tokens);
    free(self->offsets);
    free(self->biases);
    *self = (ac_token_sequences){ 0 };
}

ac_status
ac_token_sequences_copy(ac_token_sequences *self, const ac_token_sequences *from)
{
    ac_token_sequences made = { .count = from->count };
    const int64_t n = from->count, tokens = n ? from->offsets[n] : 0;
    ac_status st = AC_OK;

    if (from->offsets) {
        AC_TRY(ac_alloc(&made.tokens, tokens, sizeof *made.tokens));
        AC_TRY(ac_alloc(&made.offsets, n + 1, sizeof *made.offsets));
        if (tokens)
            memcpy(made.tokens, from->tokens, (size_t) tokens * sizeof *made.tokens);
        memcpy(made.offsets, from->offsets, (size_t) (n + 1) * sizeof *made.offsets);
    }
    if (from->biases) {
        AC_TRY(ac_alloc(&made.biases, n, sizeof *made.biases));
        if (n)
            memcpy(made.biases, from->biases, (size_t) n * sizeof *made.biases);
    }
out:
    if (st != AC_OK)
        ac_token_sequences_free(&made);
    ac_token_sequences_free(self);
    *self = made;
    return st;
}

/* ---- reading ---- */

typedef struct reader {
    ac_token_sequences *lists;
    const char *p;
    int64_t tokens_capacity, offsets_capacity, biases_capacity, tokens;
    ac_status status;
} reader;

static void
skip_blanks(reader *r)
{
    r->p += strspn(r->p, " \t\r\n");
}

static bool
take(reader *r, char c)
{
    skip_blanks(r);
    if (*r->p != c)
        return false;
    r->p++;
    return true;
}

/* A whole number; less than 0 is allowed: such a token never comes, and transformers takes it.
 */
static bool
take_token(reader *r)
{
    ac_token_sequences *l = r->lists;
    char *end;
    long long id;

    skip_blanks(r);
    id = strtoll(r->p, &end, 10);
    if (end == r->p || (*end && !strchr(",] \t\r\n", *end)) || id < INT32_MIN || id > INT32_MAX)
        return false;
    r->p = end;
    r->status = ac_grow(&l->tokens, &r->tokens_capacity, r->tokens + 1, sizeof *l->tokens);
    if (r->status != AC_OK)
        return false;
    l->tokens[r->tokens++] = (int32_t) id;
    return true;
}

static bool
end_list(reader *r)
{
    ac_token_sequences *l = r->lists;

    r->status = ac_grow(&l->offsets, &r->offsets_capacity, l->count + 2, sizeof *l->offsets);
    if (r->status != AC_OK)
        return false;
    l->offsets[0] = 0;
    l->offsets[++l->count] = r->tokens;
    return true;
}

/* [5, 6] */
static bool
take_list(reader *r)
{
    if (!take(r, '['))
        return false;
    if (take(r, ']'))
        return true;
    do
        if (!take_token(r))
            return false;
    while (take(r, ','));
    return take(r, ']');
}

/* [[5, 6], -1.5]; the bias of a sequence that came before replaces that one's. */
static bool
take_biased(reader *r)
{
    ac_token_sequences *l = r->lists;
    const int64_t first = r->tokens;
    char *end;
    double bias;

    if (!take(r, '[') || !take_list(r) || r->tokens == first || !take(r, ','))
        return false;
    skip_blanks(r);
    bias = strtod(r->p, &end);
    if (end == r->p || isnan(bias))
        return false;
    r->p = end;
    for (int64_t i = 0; i < l->count; i++)
        if (ac_token_sequences_size(l, i) == r->tokens - first &&
            memcmp(ac_token_sequences_at(l, i), l->tokens + first,
                   (size_t) (r->tokens - first) * sizeof *l->tokens) == 0) {
            l->biases[i] = (float) bias;
            r->tokens = first;
            return take(r, ']');
        }
    r->status = ac_grow(&l->biases, &r->biases_capacity, l->count + 1, sizeof *l->biases);
    if (r->status != AC_OK)
        return false;
    l->biases[l->count] = (float) bias;
    return end_list(r) && take(r, ']');
}

static bool
take_one(reader *r, ac_token_shape shape)
{
    switch (shape) {
    case AC_TOKENS_PLAIN: return take_token(r) && end_list(r);
    case AC_TOKENS_NESTED: return take_list(r) && end_list(r);
    case AC_TOKENS_BIASED: return take_biased(r);
    }
    return false;
}

static bool
take_all(reader *r, ac_token_shape shape)
{
    skip_blanks(r);
    if (shape == AC_TOKENS_PLAIN && *r->p != '[')
        return take_one(r, shape);
    if (!take(r, '['))
        return false;
    if (take(r, ']'))
        return shape == AC_TOKENS_PLAIN; /* the others must have one, as in transformers */
    do
        if (!take_one(r, shape))
            return false;
    while (take(r, ','));
    return take(r, ']');
}

ac_status
ac_token_sequences_parse(ac_token_sequences *self, ac_token_shape shape, const char *text)
{
    static const char *const what[] = { "list of token ids: [5, 6]",
                                        "list of lists of token ids: [[5, 6], [7]]",
                                        "list of token ids with a bias: [[[5, 6], -1.5]]" };
    reader r = { .lists = self, .p = text };
    bool good;

    ac_token_sequences_free(self);
    good = take_all(&r, shape);
    skip_blanks(&r);
    if (good && !*r.p)
        return AC_OK;
    ac_token_sequences_free(self);
    return r.status != AC_OK ? r.status : ac_error_set(AC_E_ARG, "is not a %s", what[shape]);
}

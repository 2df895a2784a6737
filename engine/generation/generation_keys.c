#include "engine/generation/generation_keys.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/generation/stop_strings.h"

#define AT(field) offsetof(ac_generation_config, field)
#define WHOLE(name, least, most)                                                  \
    {                                                                             \
#name, AC_GENERATION_WHOLE, AT(name), least, most, false, AC_TOKENS_PLAIN \
    }
#define REAL(name, least, most, above)                                           \
    {                                                                            \
#name, AC_GENERATION_REAL, AT(name), least, most, above, AC_TOKENS_PLAIN \
    }
#define TRUTH(name)                                                        \
    {                                                                      \
#name, AC_GENERATION_TRUTH, AT(name), 0, 0, false, AC_TOKENS_PLAIN \
    }
#define TOKEN(name, least)                                                             \
    {                                                                                  \
#name, AC_GENERATION_TOKEN, AT(name), least, INT32_MAX, false, AC_TOKENS_PLAIN \
    }
#define LISTS(name, shape)                                       \
    {                                                            \
#name, AC_GENERATION_LISTS, AT(name), 0, 0, false, shape \
    }

/* Ranges of what counts when sampling alone are wide: transformers passes over such a value
 * when it does not sample, so ac_generation_config_check has them. */
const ac_generation_key ac_generation_keys[] = {
    WHOLE(num_beams, 1, INT32_MAX),
    WHOLE(num_return_sequences, 1, INT32_MAX),
    TRUTH(do_sample),
    REAL(temperature, -1e30, 1e30, false),
    WHOLE(top_k, INT32_MIN, INT32_MAX),
    REAL(top_p, -1e30, 1e30, false),
    REAL(min_p, -1e30, 1e30, false),
    REAL(top_h, -1e30, 1e30, false),
    REAL(typical_p, -1e30, 1e30, false),
    REAL(epsilon_cutoff, -1e30, 1e30, false),
    REAL(eta_cutoff, -1e30, 1e30, false),
    WHOLE(max_length, 1, INT32_MAX),
    WHOLE(max_new_tokens, 1, INT32_MAX),
    WHOLE(min_length, 0, INT32_MAX),
    WHOLE(min_new_tokens, 0, INT32_MAX),
    REAL(length_penalty, -1e30, 1e30, false),
    REAL(repetition_penalty, 0, 1e30, true),
    REAL(encoder_repetition_penalty, 0, 1e30, true),
    WHOLE(no_repeat_ngram_size, 0, INT32_MAX),
    WHOLE(encoder_no_repeat_ngram_size, 0, INT32_MAX),
    LISTS(bad_words_ids, AC_TOKENS_NESTED),
    LISTS(suppress_tokens, AC_TOKENS_PLAIN),
    LISTS(begin_suppress_tokens, AC_TOKENS_PLAIN),
    LISTS(sequence_bias, AC_TOKENS_BIASED),
    { "exponential_decay_length_penalty", AC_GENERATION_DECAY, AT(decay_start), 0, 0, false,
      AC_TOKENS_PLAIN },
    TRUTH(renormalize_logits),
    TRUTH(remove_invalid_values),
    { "early_stopping", AC_GENERATION_EARLY, AT(early_stopping), 0, 0, false, AC_TOKENS_PLAIN },
    TOKEN(forced_bos_token_id, 0),
    TOKEN(forced_eos_token_id, 0),
    TOKEN(decoder_start_token_id, 0),
    { "eos_token_id", AC_GENERATION_ENDS, AT(eos_token_ids), 0, 0, false, AC_TOKENS_PLAIN },
    { "stop_strings", AC_GENERATION_TEXTS, AT(stop_strings), 0, 0, false, AC_TOKENS_PLAIN },
    REAL(penalty_alpha, -1e30, 1e30, false),
};

const size_t ac_generation_key_count = sizeof ac_generation_keys / sizeof *ac_generation_keys;

const ac_generation_key *
ac_generation_key_find(const char *name)
{
    for (size_t i = 0; i < ac_generation_key_count; i++)
        if (strcmp(ac_generation_keys[i].name, name) == 0)
            return &ac_generation_keys[i];
    return NULL;
}

static ac_status
set_number(const ac_generation_key *key, void *at, const char *text)
{
    const bool whole = key->type != AC_GENERATION_REAL;
    char *end;
    const double x = strtod(text, &end);

    if (end == text || *end || !isfinite(x) || x < key->least || x > key->most ||
        (key->above && x <= key->least) || (whole && x != floor(x)))
        return key->above ? ac_error_set(AC_E_ARG, "is not a number above %g", key->least)
               : whole    ? ac_error_set(AC_E_ARG, "is not a whole number from %.0f to %.0f",
                                         key->least, key->most)
                          : ac_error_set(AC_E_ARG, "is not a number");
    if (key->type == AC_GENERATION_REAL)
        *(double *) at = x;
    else if (key->type == AC_GENERATION_TOKEN)
        *(int32_t *) at = (int32_t) x;
    else
        *(int64_t *) at = (int64_t) x;
    return AC_OK;
}

static ac_status
set_truth(bool *at, const char *text)
{
    *at = strcmp(text, "true") == 0;
    return *at || strcmp(text, "false") == 0
               ? AC_OK
               : ac_error_set(AC_E_ARG, "is neither true nor false");
}

static ac_status
set_early(ac_early_stopping *at, const char *text)
{
    if (strcmp(text, "never") == 0 || strcmp(text, "\"never\"") == 0)
        *at = AC_EARLY_NEVER;
    else if (strcmp(text, "true") == 0)
        *at = AC_EARLY_TRUE;
    else if (strcmp(text, "false") == 0)
        *at = AC_EARLY_FALSE;
    else
        return ac_error_set(AC_E_ARG, "is not one of false, true, never");
    return AC_OK;
}

static ac_status
set_ends(ac_generation_config *c, const char *text)
{
    ac_token_sequences list = { 0 };
    ac_status st = ac_token_sequences_parse(&list, AC_TOKENS_PLAIN, text);

    if (st == AC_OK && list.count > AC_MOST_EOS)
        st = ac_error_set(AC_E_ARG, "has %lld tokens; this program takes up to %d",
                          (long long) list.count, AC_MOST_EOS);
    if (st == AC_OK) {
        c->eos_count = 0;
        for (int64_t i = 0; i < list.count; i++)
            if (list.tokens[i] != -1) /* as some files write "none" */
                c->eos_token_ids[c->eos_count++] = list.tokens[i];
    }
    ac_token_sequences_free(&list);
    return st;
}

static ac_status
set_decay(ac_generation_config *c, const char *text)
{
    char *end;
    double start = -1, factor = 0;
    bool good = *text == '[';

    if (good) {
        start = strtod(text + 1, &end);
        end += strspn(end, " ");
        good = *end == ',' && start >= 0 && start <= INT32_MAX && start == floor(start);
    }
    if (good) {
        text = end + 1;
        factor = strtod(text, &end);
        good = end != text && isfinite(factor) && strcmp(end + strspn(end, " "), "]") == 0;
    }
    if (!good)
        return ac_error_set(AC_E_ARG, "is not [start, factor], a whole number from 0 on and a "
                                      "number: [10, 1.2]");
    c->decay_start = (int64_t) start;
    c->decay_factor = factor;
    return AC_OK;
}

ac_status
ac_generation_key_set(const ac_generation_key *key, ac_generation_config *config,
                      const char *text)
{
    void *at = (char *) config + key->offset;

    switch (key->type) {
    case AC_GENERATION_WHOLE:
    case AC_GENERATION_REAL:
    case AC_GENERATION_TOKEN: return set_number(key, at, text);
    case AC_GENERATION_TRUTH: return set_truth(at, text);
    case AC_GENERATION_EARLY: return set_early(at, text);
    case AC_GENERATION_ENDS: return set_ends(config, text);
    case AC_GENERATION_DECAY: return set_decay(config, text);
    case AC_GENERATION_LISTS: return ac_token_sequences_parse(at, key->shape, text);
    case AC_GENERATION_TEXTS: return ac_stop_strings_parse(at, text);
    }
    ac_bug(__FILE__, __LINE__, "%s: a type that nobody knows", key->name);
}

void
ac_generation_key_clear(const ac_generation_key *key, ac_generation_config *config)
{
    ac_generation_config off;
    char *at = (char *) config + key->offset;
    const char *from = (const char *) &off + key->offset;

    ac_generation_config_defaults(&off, config->decoder_start_token_id, -1);
    off.top_k = 0; /* transformers' default is no way of switching it off */
    switch (key->type) {
    case AC_GENERATION_WHOLE:
        *(int64_t *) (void *) at = *(const int64_t *) (const void *) from;
        break;
    case AC_GENERATION_REAL:
        *(double *) (void *) at = *(const double *) (const void *) from;
        break;
    case AC_GENERATION_TOKEN:
        *(int32_t *) (void *) at = *(const int32_t *) (const void *) from;
        break;
    case AC_GENERATION_TRUTH: *(bool *) at = false; break;
    case AC_GENERATION_EARLY: config->early_stopping = AC_EARLY_FALSE; break;
    case AC_GENERATION_ENDS: config->eos_count = 0; break;
    case AC_GENERATION_DECAY: config->decay_start = -1; break;
    case AC_GENERATION_LISTS:
        ac_token_sequences_free((ac_token_sequences *) (void *) at);
        break;
    case AC_GENERATION_TEXTS: ac_texts_free((ac_texts *) (void *) at); break;
    }
}

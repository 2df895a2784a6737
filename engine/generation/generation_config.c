#include "engine/generation/generation_config.h"

#include <math.h>

/* Whose value it is, this module cannot know. */
#define WHERE                                                                              \
    "(set in the job's config, by an option, or in the model's generation_config.json or " \
    "config.json)"

void
ac_generation_config_defaults(ac_generation_config *self, int32_t start, int32_t eos)
{
    *self = (ac_generation_config){
        .num_beams = 1,
        .num_return_sequences = 1,
        .min_new_tokens = -1,
        .repetition_penalty = 1,
        .encoder_repetition_penalty = 1,
        .temperature = 1,
        .top_p = 1,
        .typical_p = 1,
        .length_penalty = 1,
        .top_k = 50,
        .decay_start = -1,
        .forced_bos_token_id = -1,
        .forced_eos_token_id = -1,
        .decoder_start_token_id = start,
        .eos_token_ids = { eos },
        .eos_count = eos >= 0,
    };
}

static void
free_lists(ac_generation_config *self)
{
    ac_token_sequences_free(&self->sequence_bias);
    ac_token_sequences_free(&self->bad_words_ids);
    ac_token_sequences_free(&self->suppress_tokens);
    ac_token_sequences_free(&self->begin_suppress_tokens);
    ac_texts_free(&self->stop_strings);
}

void
ac_generation_config_free(ac_generation_config *self)
{
    free_lists(self);
    *self = (ac_generation_config){ 0 };
}

ac_status
ac_generation_config_copy(ac_generation_config *self, const ac_generation_config *from)
{
    ac_generation_config made = *from;
    ac_status st = AC_OK;

    made.sequence_bias = made.bad_words_ids = made.suppress_tokens =
        made.begin_suppress_tokens = (ac_token_sequences){ 0 };
    made.stop_strings = (ac_texts){ 0 };
    AC_TRY(ac_token_sequences_copy(&made.sequence_bias, &from->sequence_bias));
    AC_TRY(ac_token_sequences_copy(&made.bad_words_ids, &from->bad_words_ids));
    AC_TRY(ac_token_sequences_copy(&made.suppress_tokens, &from->suppress_tokens));
    AC_TRY(ac_token_sequences_copy(&made.begin_suppress_tokens, &from->begin_suppress_tokens));
    for (int64_t i = 0; i < from->stop_strings.count; i++)
        AC_TRY(ac_texts_push(&made.stop_strings, ac_texts_at(&from->stop_strings, i),
                             ac_texts_size(&from->stop_strings, i)));
    free_lists(self);
    *self = made;
    return AC_OK;
out:
    free_lists(&made);
    return st;
}

int64_t
ac_generation_config_searches(const ac_generation_config *c)
{
    return c->do_sample && c->num_beams > 1 && c->beam_search == AC_BEAM_HF49
               ? c->num_return_sequences
               : 1;
}

int64_t
ac_generation_config_most(const ac_generation_config *c, int64_t prompt, int64_t max_positions)
{
    const int64_t most = c->max_new_tokens > 0 ? prompt + c->max_new_tokens
                         : c->max_length > 0   ? c->max_length
                                               : prompt + 20;

    return most < max_positions ? most : max_positions;
}

int64_t
ac_generation_config_least(const ac_generation_config *c, int64_t prompt)
{
    return c->min_new_tokens >= 0 ? prompt + c->min_new_tokens : c->min_length;
}

/* ---- checking ---- */

static ac_status
check_whole(const ac_generation_config *c, const ac_decoder *decoder)
{
    const int64_t last = decoder->vocab_size - 1, positions = decoder->max_positions;
    const bool new = c->max_new_tokens > 0, encodes = decoder->type->read_inputs;
    const struct {
        const char *name;
        int64_t value, least, most;
    } whole[] = {
        { "num_beams", c->num_beams, 1, 1000 },
        { "num_return_sequences", c->num_return_sequences, 1,
          ac_generation_config_searches(c) > 1 || (c->do_sample && c->num_beams == 1)
              ? 1000000
              : c->num_beams },
        /* after a prompt a causal model goes as far as it can */
        { new ? "max_new_tokens" : "max_length",
          new                 ? c->max_new_tokens
          : c->max_length > 0 ? c->max_length
                              : ac_generation_config_most(c, 1, positions),
          new ? 1 : 2, !encodes ? INT32_MAX : positions - new },
        { c->min_new_tokens >= 0 ? "min_new_tokens" : "min_length",
          c->min_new_tokens >= 0 ? c->min_new_tokens : c->min_length, 0, INT32_MAX },
        { "no_repeat_ngram_size", c->no_repeat_ngram_size, 0, 1000 },
        { "encoder_no_repeat_ngram_size", c->encoder_no_repeat_ngram_size, 0, 1000 },
        { "top_k", c->do_sample ? c->top_k : 0, 0, INT32_MAX },
        { "forced_bos_token_id", c->forced_bos_token_id, -1, last },
        { "forced_eos_token_id", c->forced_eos_token_id, -1, last },
        { "decoder_start_token_id", c->decoder_start_token_id, encodes ? 0 : -1, last },
    };

    if (c->num_beams >= 1 && whole[1].most == c->num_beams &&
        c->num_return_sequences > c->num_beams)
        return ac_error_set(
            AC_E_ARG,
            "generation.num_return_sequences is %lld, but may be at most num_beams, "
            "which is %lld " WHERE,
            (long long) c->num_return_sequences, (long long) c->num_beams);
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (whole[i].value < whole[i].least || whole[i].value > whole[i].most)
            return ac_error_set(AC_E_ARG,
                                "generation.%s is %lld, but with this model and the other "
                                "settings it may be %lld to %lld " WHERE,
                                whole[i].name, (long long) whole[i].value,
                                (long long) (whole[i].least > 0 ? whole[i].least : 0),
                                (long long) whole[i].most); /* -1: nothing is set */
    for (int64_t i = 0; i < c->eos_count; i++)
        if (c->eos_token_ids[i] < 0 || c->eos_token_ids[i] > last)
            return ac_error_set(AC_E_ARG,
                                "generation.eos_token_id is %d, but the tokens of this model "
                                "are 0 to %lld " WHERE,
                                c->eos_token_ids[i], (long long) last);
    return AC_OK;
}

/* What counts when sampling alone is checked then alone, as in transformers. */
static ac_status
check_real(const ac_generation_config *c)
{
    const bool s = c->do_sample;
    const struct {
        const char *name;
        bool good;
        const char *needed;
    } all[] = {
        { "repetition_penalty", c->repetition_penalty > 0 && isfinite(c->repetition_penalty),
          "above 0" },
        { "encoder_repetition_penalty",
          c->encoder_repetition_penalty > 0 && isfinite(c->encoder_repetition_penalty),
          "above 0" },
        { "length_penalty", isfinite(c->length_penalty), "a finite number" },
        { "temperature", !s || c->temperature > 0,
          "above 0 (for no randomness: do_sample: false)" },
        { "top_h", !s || (c->top_h >= 0 && c->top_h <= 1), "above 0 and at most 1" },
        { "top_p", !s || (c->top_p > 0 && c->top_p <= 1), "above 0 and at most 1" },
        { "min_p", !s || (c->min_p >= 0 && c->min_p <= 1), "from 0 to 1" },
        { "typical_p", !s || (c->typical_p > 0 && c->typical_p <= 1), "above 0 and at most 1" },
        { "epsilon_cutoff", !s || (c->epsilon_cutoff >= 0 && c->epsilon_cutoff < 1),
          "at least 0 and below 1" },
        { "eta_cutoff", !s || (c->eta_cutoff >= 0 && c->eta_cutoff < 1),
          "at least 0 and below 1" },
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!all[i].good)
            return ac_error_set(AC_E_ARG, "generation.%s must be %s " WHERE, all[i].name,
                                all[i].needed);
    return AC_OK;
}

static ac_status
check_tokens(const ac_token_sequences *lists, const char *name, int64_t vocab_size)
{
    for (int64_t i = 0; i < (lists->count ? lists->offsets[lists->count] : 0); i++)
        if (lists->tokens[i] < 0 || lists->tokens[i] >= vocab_size)
            return ac_error_set(AC_E_ARG,
                                "generation.%s has the token %d, but the tokens of this model "
                                "are 0 to %lld " WHERE,
                                name, lists->tokens[i], (long long) vocab_size - 1);
    return AC_OK;
}

/* A token that is forced and suppressed: nothing would be left. */
static ac_status
check_forced(const ac_generation_config *c, const char *name, int32_t forced)
{
    for (int64_t i = 0; forced >= 0 && i < c->suppress_tokens.count; i++)
        if (c->suppress_tokens.tokens[i] == forced)
            return ac_error_set(AC_E_ARG,
                                "generation.%s is %d, which generation.suppress_tokens "
                                "forbids: remove it from one of the two " WHERE,
                                name, forced);
    return AC_OK;
}

ac_status
ac_generation_config_check(const ac_generation_config *c, const ac_decoder *decoder)
{
    ac_status st = AC_OK;

    AC_TRY(check_whole(c, decoder));
    AC_TRY(check_real(c));
    AC_TRY(check_tokens(&c->sequence_bias, "sequence_bias", decoder->vocab_size));
    AC_TRY(check_tokens(&c->bad_words_ids, "bad_words_ids", decoder->vocab_size));
    AC_TRY(check_forced(c, "forced_bos_token_id", c->forced_bos_token_id));
    AC_TRY(check_forced(c, "forced_eos_token_id", c->forced_eos_token_id));
    if (c->decay_start >= 0 && c->eos_count == 0)
        AC_FAIL(AC_E_ARG, "generation.exponential_decay_length_penalty needs an "
                          "eos_token_id " WHERE);
    if (c->stop_strings.count && decoder->type->read_inputs)
        AC_FAIL(AC_E_ARG, "generation.stop_strings is for causal language models " WHERE);
    if (c->penalty_alpha > 0 && c->top_k > 1 && c->num_beams == 1 && !c->do_sample)
        AC_FAIL(AC_E_ARG, "generation.penalty_alpha with a top_k above 1 asks for contrastive "
                          "search, which this program does not have (nor has transformers 5): "
                          "set penalty_alpha to null, or top_k to 1 " WHERE);
out:
    return st;
}

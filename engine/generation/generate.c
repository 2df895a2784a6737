/* Texts in groups that bound the memory: searches to beam_search.c, sequences to samples.c. */
#include "engine/generation/generate.h"

#include <math.h>
#include <stdlib.h>

#include "engine/generation/beam_search.h"
#include "engine/generation/group.h"
#include "engine/generation/samples.h"

enum { PREFILL_ROWS = 128 }; /* tokens of long prompts that are read together */

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
    ac_decoder_state_free(&self->state);
    ac_scratch_free(&self->scratch);
    free(self->logits);
    *self = (ac_generator){ 0 };
}

static ac_status
reserve_output(ac_generated *out, const ac_generation_config *c, int64_t B, int64_t longest)
{
    const int64_t n = B * c->num_return_sequences;
    ac_status st = AC_OK;

    out->texts = B;
    out->each = c->num_return_sequences;
    out->longest = longest;
    AC_TRY(ac_grow(&out->ids, &out->ids_capacity, n * longest, sizeof *out->ids));
    AC_TRY(ac_grow(&out->counts, &out->counts_capacity, n, sizeof *out->counts));
    AC_TRY(ac_grow(&out->scores, &out->scores_capacity, n, sizeof *out->scores));
out:
    return st;
}

/* *longest: tokens that any sequence has at most, its prompt counted. */
static ac_status
check_prompts(const ac_generation_input *in, const ac_generation_config *c,
              const ac_decoder *decoder, int64_t *longest)
{
    *longest = ac_generation_config_most(c, 1, decoder->max_positions);
    if (!in->prompts && c->decoder_start_token_id < 0)
        return ac_error_set(AC_E_ARG, "there is neither a prompt nor a start token");
    for (int64_t i = 0; in->prompts && i < in->count; i++) {
        const int64_t n = in->prompt_offsets[i + 1] - in->prompt_offsets[i],
                      most = ac_generation_config_most(c, n, decoder->max_positions);
        if (n < 1 || n >= most)
            return ac_error_set(
                AC_E_ARG,
                c->max_new_tokens > 0
                    ? "prompt %lld has %lld tokens, but with the model's positions it may have "
                      "1 to %lld"
                    : "prompt %lld has %lld tokens, but with the model's positions and "
                      "generation.max_length, which counts them, it may have 1 to %lld",
                (long long) i, (long long) n,
                (long long) (c->max_new_tokens > 0 ? decoder->max_positions : most) - 1);
        *longest = most > *longest ? most : *longest;
        for (int64_t t = in->prompt_offsets[i]; t < in->prompt_offsets[i + 1]; t++)
            if (in->prompts[t] < 0 || in->prompts[t] >= decoder->vocab_size)
                return ac_error_set(AC_E_ARG,
                                    "prompt %lld has the token %d, but the vocabulary of this "
                                    "model has %lld",
                                    (long long) i, in->prompts[t],
                                    (long long) decoder->vocab_size);
    }
    return AC_OK;
}

/* Rows of the largest step: a row per slot, or so many of the prompts' tokens. */
static int64_t
rows_of(const ac_generation_group *group, int64_t each, int64_t slots)
{
    int64_t tokens = 0;

    for (int64_t i = group->from; i < group->from + group->n; i++)
        if (slots > group->n || i == group->from || i % each == 0) /* samples share a prompt */
            tokens += ac_group_prompt(group, i / each, 0).count;
    tokens = tokens < PREFILL_ROWS ? tokens : PREFILL_ROWS;
    return tokens > slots ? tokens : slots;
}

/* Memory for a group that needs `slots`, and the encoder inputs read. offsets [texts + 1] is
 * scratch. */
static ac_status
begin_group(const ac_generation_group *group, const ac_decoder *decoder, int64_t each,
            int64_t slots, int64_t *offsets)
{
    ac_generator *self = group->generator;
    const ac_generation_input *in = group->input;
    const int64_t first = group->first_text,
                  texts = (group->from + group->n - 1) / each - first + 1;
    ac_decoder_capacity needed = { .slots = slots + (group->slots > 0 && group->n > slots),
                                   .positions = group->out->longest,
                                   .rows = rows_of(group, each, slots) };
    ac_status st = AC_OK;

    if (in->ids) {
        for (int64_t i = 0; i <= texts; i++)
            offsets[i] = in->offsets[first + i] - in->offsets[first];
        needed.inputs = texts;
        needed.input_tokens = offsets[texts];
    }
    AC_TRY(ac_decoder_state_reserve(&self->state, decoder, &needed));
    AC_TRY(ac_scratch_reserve(&self->scratch, ac_decoder_scratch_bytes(&self->state)));
    AC_TRY(ac_grow(&self->logits, &self->logits_capacity, slots * decoder->vocab_size,
                   sizeof(float)));
    if (in->ids)
        ac_decoder_read_inputs(
            &self->state, &(ac_decoder_inputs){ in->ids + in->offsets[first], offsets, texts },
            &self->scratch);
out:
    return st;
}

/* All groups. A text has `each` members (sequences, or searches of num_beams lines); a member
 * needs `lines` slots. */
static ac_status
run_groups(ac_generation_group *group, const ac_decoder *decoder, int64_t each, int64_t lines,
           int64_t *offsets)
{
    const int64_t rows =
        group->generator->max_rows > 0 ? group->generator->max_rows : AC_GENERATE_ROWS;
    const int64_t total = group->input->count * each,
                  most = rows / lines > 0 ? rows / lines : 1,
                  size = lines == 1 && !group->input->ids ? total : most;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < total && st == AC_OK; i += size) {
        group->from = i;
        group->n = total - i < size ? total - i : size;
        group->first_text = i / each;
        group->slots = lines > 1 ? 0 : group->n < most ? group->n : most;
        st = begin_group(group, decoder, each, lines > 1 ? group->n * lines : group->slots,
                         offsets);
        if (st == AC_OK)
            st = lines > 1 ? ac_beam_search_run(group) : ac_samples_run(group);
    }
    return st;
}

/* Weights that are not finite end in scores that are not: their candidates are no captions,
 * though they look like empty ones. */
static ac_status
check_scores(const ac_generated *out, const char *model)
{
    for (int64_t i = 0; i < out->texts * out->each; i++)
        if (!isfinite(out->scores[i]))
            return ac_error_set(AC_E_FORMAT,
                                "a candidate's score is not a finite number: is there a NaN "
                                "or an infinity among %s's weights, is "
                                "generation.temperature too near 0, or do the settings of "
                                "generation forbid every token?",
                                model);
    return AC_OK;
}

ac_status
ac_generate(ac_generator *self, const ac_decoder *decoder, const ac_generation_config *c,
            const ac_generation_input *input, ac_generated *out)
{
    ac_generation_group group = { .generator = self, .config = c, .input = input, .out = out };
    int64_t *offsets = NULL, longest;
    ac_status st = AC_OK;

    AC_CHECK(!input->ids == !decoder->type->read_inputs);
    AC_TRY(ac_generation_config_check(c, decoder));
    if (c->stop_strings.count && !input->pieces)
        AC_FAIL(AC_E_ARG, "generation.stop_strings needs the model's tokenizer");
    AC_TRY(check_prompts(input, c, decoder, &longest));
    AC_TRY(reserve_output(out, c, input->count, longest));
    AC_TRY(ac_alloc(&offsets, input->count + 1, sizeof *offsets));
    AC_TRY(run_groups(&group, decoder,
                      c->num_beams > 1 ? ac_generation_config_searches(c)
                                       : c->num_return_sequences,
                      c->num_beams, offsets));
    st = check_scores(out, decoder->type->name);
out:
    free(offsets);
    return st;
}

#include "engine/generation/generation_config.h"

void
ac_generation_config_defaults(ac_generation_config *self, int32_t start, int32_t eos)
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
        .decoder_start_token_id = start,
        .eos_token_id = eos,
    };
}

int64_t
ac_generation_config_searches(const ac_generation_config *c)
{
    return c->do_sample && c->num_beams > 1 && c->beam_search == AC_BEAM_HF49
               ? c->num_return_sequences
               : 1;
}

ac_status
ac_generation_config_check(const ac_generation_config *c, const ac_decoder *decoder)
{
    const struct {
        const char *name;
        int64_t value, least, most;
    } whole[] = {
        { "num_beams", c->num_beams, 1, 1000 },
        { "num_return_sequences", c->num_return_sequences, 1,
          ac_generation_config_searches(c) > 1 || (c->do_sample && c->num_beams == 1)
              ? 1000000
              : c->num_beams },
        { "max_length", c->max_length, 2, decoder->max_positions },
        { "min_length", c->min_length, 0, c->max_length },
        { "no_repeat_ngram_size", c->no_repeat_ngram_size, 0, 1000 },
        { "top_k", c->top_k, 0, INT32_MAX },
        { "forced_bos_token_id", c->forced_bos_token_id, -1, decoder->vocab_size - 1 },
        { "forced_eos_token_id", c->forced_eos_token_id, -1, decoder->vocab_size - 1 },
        { "decoder_start_token_id", c->decoder_start_token_id, 0, decoder->vocab_size - 1 },
        { "eos_token_id", c->eos_token_id, 0, decoder->vocab_size - 1 },
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

/* The values of keys as the rest of the program takes them. */
#include "io/config/config.h"

int64_t
ac_config_max_bad_items(const ac_config *self, int64_t items)
{
    const ac_share *share = &self->limits.max_bad_items;
    const int64_t most =
        (int64_t) (share->of_all ? share->value * (double) items : share->value);

    return share->of_all && most < 10 ? 10 : most;
}

int64_t
ac_config_max_tokens(const ac_config *self, int64_t model_limit)
{
    const ac_optional *m = &self->retrieval.max_tokens;

    return m->presence == AC_SET && (int64_t) m->value < model_limit ? (int64_t) m->value
                                                                     : model_limit;
}

ac_compute
ac_config_compute(const ac_config *self)
{
    return (ac_compute){ (ac_backend) self->compute.backend,
                         (ac_precision) self->compute.precision };
}

static int64_t
lay_over(const ac_optional *o, int64_t model, int64_t none)
{
    return o->presence == AC_SET ? (int64_t) o->value : o->presence == AC_NONE ? none : model;
}

void
ac_config_generation(const ac_config *self, ac_generation_config *out)
{
    out->num_beams = lay_over(&self->generation.num_beams, out->num_beams, 1);
    out->num_return_sequences =
        lay_over(&self->generation.num_return_sequences, out->num_return_sequences, 1);
    out->do_sample = lay_over(&self->generation.do_sample, out->do_sample, 0) != 0;
    out->top_k = lay_over(&self->generation.top_k, out->top_k, 0);
    out->max_length = lay_over(&self->generation.max_length, out->max_length, 20);
    out->min_length = lay_over(&self->generation.min_length, out->min_length, 0);
    out->no_repeat_ngram_size =
        lay_over(&self->generation.no_repeat_ngram_size, out->no_repeat_ngram_size, 0);
    out->early_stopping =
        (ac_early_stopping) lay_over(&self->generation.early_stopping, out->early_stopping, 0);
    out->forced_bos_token_id =
        (int32_t) lay_over(&self->generation.forced_bos_token_id, out->forced_bos_token_id, -1);
    out->forced_eos_token_id =
        (int32_t) lay_over(&self->generation.forced_eos_token_id, out->forced_eos_token_id, -1);
    out->decoder_start_token_id =
        (int32_t) lay_over(&self->generation.decoder_start_token_id,
                           out->decoder_start_token_id, out->decoder_start_token_id);
    if (self->generation.temperature.presence != AC_UNSET)
        out->temperature = self->generation.temperature.presence == AC_SET
                               ? self->generation.temperature.value
                               : 1;
    if (self->generation.top_p.presence != AC_UNSET)
        out->top_p =
            self->generation.top_p.presence == AC_SET ? self->generation.top_p.value : 1;
    if (self->generation.length_penalty.presence != AC_UNSET)
        out->length_penalty = self->generation.length_penalty.presence == AC_SET
                                  ? self->generation.length_penalty.value
                                  : 1;
    out->beam_search = (ac_beam_search) self->generation.beam_search;
    /* transformers 4.9 takes early_stopping from the call alone when it draws with beams, never
     * from the model's files */
    if (out->beam_search == AC_BEAM_HF49 && out->do_sample && out->num_beams > 1 &&
        self->generation.early_stopping.presence == AC_UNSET)
        out->early_stopping = AC_EARLY_FALSE;
    out->seed = (uint64_t) self->seed;
}

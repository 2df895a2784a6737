#include "jobs/models/bart_model.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "io/checkpoint/tokenizer_files.h"

ac_status
ac_bart_model_read(ac_bart_model *self, const ac_bart_options *o)
{
    ac_bart_config *config = &self->net.config;
    ac_status st = AC_OK;
    char weights[33] = "", vocabulary[33] = "", trained[33] = "";
    ac_buffer description = { 0 };

    *self = (ac_bart_model){ .compute = o->compute };
    AC_TRY(ac_duplicate(&self->path, o->model, strlen(o->model)));
    AC_TRY(ac_bart_config_load(config, o->model));
    AC_TRY(ac_weights_open(&self->weights, o->model));
    if (o->layer_norms)
        AC_TRY(ac_weights_open(&self->layer_norms, o->layer_norms));
    st = ac_tokenizer_open(&self->tokenizer, o->model, NULL, AC_TOKENIZER_BART, vocabulary);
    self->has_tokenizer = st == AC_OK;
    if (st != AC_OK && o->need_tokenizer)
        goto out;
    if (st == AC_E_FORMAT) /* it is there, and damaged or refused */
        ac_log(AC_LOG_WARNING, "no texts, only ids: %s", ac_error_message());
    if (self->has_tokenizer)
        AC_TRY(ac_model_check_vocabulary(&self->tokenizer, o->model, config->vocab_size,
                                         config->eos_token_id));
    AC_TRY(ac_weights_fingerprint(&self->weights, weights));
    if (o->layer_norms)
        AC_TRY(ac_weights_fingerprint(&self->layer_norms, trained));
    ac_model_join_fingerprints(self->fingerprint, weights, trained);
    ac_model_join_fingerprints(self->fingerprint, self->fingerprint, vocabulary);
    ac_bart_config_describe(config, &description);
    st = ac_model_join_description(self->fingerprint, &description);
out:
    return st;
}

size_t
ac_bart_model_packed_bytes(const ac_bart_model *self)
{
    return ac_bart_packed_bytes(&self->net.config, &self->compute);
}

ac_status
ac_bart_model_pack(ac_bart_model *self)
{
    const ac_bart_config config = self->net.config;

    return ac_bart_init(&self->net, &config, &self->weights.tensors,
                        self->layer_norms.tensors.count ? &self->layer_norms.tensors : NULL,
                        &self->compute, self->packed.bytes, self->packed.fills);
}

ac_status
ac_bart_model_open(ac_bart_model *self, const ac_bart_options *o)
{
    ac_status st = AC_OK;

    AC_TRY(ac_bart_model_read(self, o));
    AC_TRY(ac_packed_init(&self->packed, ac_bart_model_packed_bytes(self)));
    st = ac_bart_model_pack(self);
out:
    if (st != AC_OK)
        ac_bart_model_free(self);
    return st;
}

void
ac_bart_model_free(ac_bart_model *self)
{
    ac_bart_free(&self->net);
    if (self->has_tokenizer)
        ac_tokenizer_free(&self->tokenizer);
    ac_weights_close(&self->weights);
    ac_weights_close(&self->layer_norms);
    ac_generator_free(&self->generator);
    ac_generation_config_free(&self->generation);
    ac_packed_free(&self->packed);
    free(self->path);
    *self = (ac_bart_model){ 0 };
}

ac_status
ac_bart_model_set_generation(ac_bart_model *self, const ac_generation_config *generation)
{
    ac_buffer description = { 0 };
    const ac_decoder decoder = ac_bart_as_decoder(&self->net);
    ac_status st = ac_generation_config_check(generation, &decoder);

    if (st == AC_OK)
        st = ac_generation_config_copy(&self->generation, generation);
    if (st != AC_OK)
        return st;
    ac_generation_config_describe(generation, &description);
    return ac_model_join_description(self->fingerprint, &description);
}

ac_status
ac_bart_model_generate(ac_bart_model *self, const int32_t *ids, const int64_t *offsets,
                       const uint64_t *streams, int64_t B, ac_generated *out)
{
    const ac_decoder decoder = ac_bart_as_decoder(&self->net);
    const ac_generation_input input = {
        .ids = ids, .offsets = offsets, .streams = streams, .count = B
    };

    return ac_generate(&self->generator, &decoder, &self->generation, &input, out);
}

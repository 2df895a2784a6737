#include "engine/models/bart_layout.h"

#include <string.h>

/* The names with each prefix. transformers saves the first, BartModel alone the second; the
 * third is a wrapped module's state. */
typedef struct names {
    const char *prefix, *first; /* first: a tensor that every BART has */
    const char *shared, *encoder, *decoder, *head, *bias;
} names;

static const names layouts[] = {
    { "model.", "model.encoder.embed_positions.weight", "model.shared.weight",
      "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight",
      "lm_head.weight", "final_logits_bias" },
    { "", "encoder.embed_positions.weight", "shared.weight", "encoder.embed_tokens.weight",
      "decoder.embed_tokens.weight", "lm_head.weight", "final_logits_bias" },
    { "model.model.", "model.model.encoder.embed_positions.weight", "model.model.shared.weight",
      "model.model.encoder.embed_tokens.weight", "model.model.decoder.embed_tokens.weight",
      "model.lm_head.weight", "model.final_logits_bias" },
};

/* The first of the names that there is. NULL: none. */
static const char *
first_of(const ac_tensors *tensors, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] && ac_tensors_find(tensors, list[i]))
            return list[i];
    return NULL;
}

static ac_status
find_prefix(const names **out, const ac_tensors *tensors)
{
    static const char last[] = "encoder.embed_positions.weight";

    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (ac_tensors_find(tensors, layouts[i].first)) {
            *out = &layouts[i];
            return AC_OK;
        }
    for (int64_t i = 0; i < tensors->count; i++) {
        const char *name = tensors->items[i].name;
        const size_t n = strlen(name);
        if (n > sizeof last && strcmp(name + n + 1 - sizeof last, last) == 0)
            return ac_error_set(AC_E_FORMAT,
                                "%s: has \"%s\" where \"model.%s\" is needed: a wrapper's "
                                "names? Save the model itself with save_pretrained",
                                tensors->source, name, last);
    }
    return ac_error_set(AC_E_FORMAT,
                        "%s: has no tensor \"model.%s\": is this the right model folder, "
                        "complete?",
                        tensors->source, last);
}

ac_status
ac_bart_layout_find(ac_bart_layout *out, const ac_tensors *tensors,
                    const ac_bart_config *config)
{
    const names *n = NULL;
    const char *other;
    ac_status st = find_prefix(&n, tensors);

    if (st != AC_OK)
        return st;
    other = config->untied ? NULL : n->head; /* a head of its own is no embedding */
    *out = (ac_bart_layout){
        .prefix = n->prefix,
        .encoder_tokens =
            first_of(tensors, (const char *[]){ n->encoder, n->shared, n->decoder, other }, 4),
        .decoder_tokens =
            first_of(tensors, (const char *[]){ n->decoder, n->shared, n->encoder, other }, 4),
        .head =
            first_of(tensors, (const char *[]){ n->head, n->shared, n->decoder, n->encoder },
                     config->untied ? 1 : 4),
        .final_logits_bias = first_of(tensors, &n->bias, 1),
    };
    if (!out->head && config->untied)
        return ac_error_set(AC_E_FORMAT,
                            "%s: has no tensor \"%s\", though config.json says that "
                            "tie_word_embeddings is false: set it to true there if the head is "
                            "the embedding",
                            tensors->source, n->head);
    if (!out->encoder_tokens)
        return ac_error_set(
            AC_E_FORMAT,
            "%s: has no token embedding: neither \"%s\" nor \"%s\", \"%s\"%s%s%s: "
            "is this the right model folder, complete?",
            tensors->source, n->shared, n->encoder, n->decoder, config->untied ? "" : ", \"",
            config->untied ? "" : n->head, config->untied ? "" : "\"");
    return AC_OK;
}

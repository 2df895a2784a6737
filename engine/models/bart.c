/* BART: encoder and decoder together. */
#include "engine/models/bart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/models/bart_layers.h"

size_t
ac_bart_packed_bytes(const ac_bart_config *c, const ac_compute *k)
{
    return ac_bart_encoder_packed_bytes(c, k) + ac_bart_decoder_packed_bytes(c, k);
}

/* Every trained parameter must have a place: a file for another model is an error, not a silent
 * no-op. */
static ac_status
check_layer_norms(const ac_tensors *layer_norms, const ac_tensors *tensors, const char *prefix)
{
    for (int64_t i = 0; i < layer_norms->count; i++) {
        const ac_tensor *t = &layer_norms->items[i];
        char name[256];
        snprintf(name, sizeof name, "%s%s", prefix,
                 t->name + (strncmp(t->name, "model.", 6) == 0 ? 6 : 0));
        if (!ac_tensors_find(tensors, name) || !strstr(name, "layer_norm"))
            return ac_error_set(
                AC_E_FORMAT,
                "%s: \"%s\" is not a layer norm of %s: layer norms of another model?",
                layer_norms->source, t->name, tensors->source);
    }
    return AC_OK;
}

ac_status
ac_bart_init(ac_bart *self, const ac_bart_config *config, const ac_tensors *tensors,
             const ac_tensors *layer_norms, const ac_compute *compute, void *packed, bool fill)
{
    ac_pack pack = { .tensors = tensors,
                     .over = layer_norms,
                     .compute = compute,
                     .next = packed,
                     .fill = fill };
    ac_bart_layout layout;
    ac_status st = AC_OK;

    *self = (ac_bart){ .config = *config };
    AC_TRY(ac_bart_layout_find(&layout, tensors, config));
    pack.prefix = layout.prefix;
    if (layer_norms)
        AC_TRY(check_layer_norms(layer_norms, tensors, layout.prefix));
    AC_TRY(ac_alloc(&self->encoder, 1, sizeof *self->encoder));
    AC_TRY(ac_bart_init_encoder(self->encoder, &pack, config, &layout));
    AC_TRY(ac_alloc(&self->decoder, 1, sizeof *self->decoder));
    AC_TRY(ac_bart_init_decoder(self->decoder, &pack, config, &layout));
    AC_CHECK((size_t) (pack.next - (char *) packed) == ac_bart_packed_bytes(config, compute));
out:
    if (st != AC_OK)
        ac_bart_free(self);
    return st;
}

void
ac_bart_free(ac_bart *self)
{
    if (self->encoder)
        ac_bart_free_encoder(self->encoder, &self->config);
    if (self->decoder)
        ac_bart_free_decoder(self->decoder, &self->config);
    free(self->encoder);
    free(self->decoder);
    *self = (ac_bart){ 0 };
}

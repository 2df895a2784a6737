/** What the reference trained, in its Lightning checkpoint: BART's layer norms, under Hugging
 * Face's names. */
#ifndef AC_IO_CHECKPOINT_LIGHTNING_H
#define AC_IO_CHECKPOINT_LIGHTNING_H

#include <stdint.h>

#include "engine/base/tensor.h"
#include "io/checkpoint/torch.h"

/** Starts zeroed. */
typedef struct ac_lightning {
    /* F32, sorted by name: "model.encoder.layers.0.self_attn_layer_norm.weight" … */
    ac_tensors layer_norms;
    int64_t epoch, step; /* -1: the file does not say */
    /* owned */
    ac_tensor *items;
    float **values;
    ac_torch torch;
} ac_lightning;

/**
 * Open a checkpoint (BART under "state_dict.model.", as Lightning saves the reference's module;
 * a plain state dict works too) and take out every layer norm whose name has "encoder" in it:
 * two a layer of the encoder, one a layer of the decoder.
 * @return AC_E_FORMAT naming file and tensor where there are none, or one of a layer is missing
 * or of another shape
 */
AC_MUST_CHECK ac_status ac_lightning_open(ac_lightning *self, const char *path);
void ac_lightning_close(ac_lightning *self);

#endif

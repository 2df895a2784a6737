/** Where a BART's tensors are in its file: what stands before their names, and under which name
 * the matrix lies that embeddings and head share. Golden: tests/golden, topic bart_variants. */
#ifndef AC_MODELS_BART_LAYOUT_H
#define AC_MODELS_BART_LAYOUT_H

#include "engine/models/bart.h"

/** Texts are constants, or names of the tensors. */
typedef struct ac_bart_layout {
    const char *prefix;         /* of encoder and decoder: "model.", "" or "model.model." */
    const char *encoder_tokens; /* tables [vocab_size, d_model], full names: the encoder's, */
    const char *decoder_tokens; /* the decoder's, */
    const char *head;           /* and the head's */
    const char *final_logits_bias; /* NULL: zeros */
} ac_bart_layout;

/**
 * Each of the tables is under its own name where the file has that; where the config ties them,
 * any of the others' names serves. AC_E_FORMAT: names the file, the tensor and the remedy.
 */
AC_MUST_CHECK ac_status ac_bart_layout_find(ac_bart_layout *out, const ac_tensors *tensors,
                                            const ac_bart_config *config);

#endif

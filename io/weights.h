/** A model's weights, wherever they lie, under Hugging Face's names. */
#ifndef AC_IO_WEIGHTS_H
#define AC_IO_WEIGHTS_H

#include "engine/base/tensor.h"
#include "io/safetensors.h"

/** Starts zeroed. */
typedef struct ac_weights {
    ac_tensors tensors;
    ac_tensor *items;       /* owned array; names and data belong to the files */
    ac_safetensors *files;  /* [file_count] */
    int64_t file_count;
    char *path;
} ac_weights;

/**
 * Open a folder (model.safetensors, or the shards named by model.safetensors.index.json) or one .safetensors file.
 * The message says what was looked for.
 */
ac_status ac_weights_open(ac_weights *self, const char *path);
void ac_weights_close(ac_weights *self);

/** XXH3-128 over the files' bytes, 32 digits and a zero byte. */
ac_status ac_weights_fingerprint(const ac_weights *self, char hex[33]);

#endif

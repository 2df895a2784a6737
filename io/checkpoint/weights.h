/** A model's weights, wherever they lie, under Hugging Face's names. */
#ifndef AC_IO_CHECKPOINT_WEIGHTS_H
#define AC_IO_CHECKPOINT_WEIGHTS_H

#include <stdbool.h>

#include "engine/base/tensor.h"
#include "io/checkpoint/openai_clip.h"
#include "io/checkpoint/safetensors.h"
#include "io/checkpoint/torch.h"

/** One file, of either kind. */
typedef struct ac_weights_file {
    ac_safetensors safetensors;
    ac_torch torch;
    bool is_torch;
} ac_weights_file;

/** Starts zeroed. */
typedef struct ac_weights {
    ac_tensors tensors;
    ac_tensor *items; /* owned array; names and data belong to the files, or to `openai` */
    ac_weights_file *files; /* [file_count] */
    int64_t file_count;
    ac_openai_clip openai;
    bool is_openai; /* the names were OpenAI's */
    bool is_folder;
    char *path;
} ac_weights;

/**
 * Open a model's folder (model.safetensors; the shards named by model.safetensors.index.json;
 * pytorch_model.bin; the shards named by pytorch_model.bin.index.json: the first of these that
 * is there) or one file: .safetensors, PyTorch's, OpenAI's CLIP. The message says what was
 * looked for.
 */
AC_MUST_CHECK ac_status ac_weights_open(ac_weights *self, const char *path);

/** Where a folder has its weights. */
typedef enum ac_weights_layout {
    AC_WEIGHTS_HUGGING_FACE = 0, /* as above */
    AC_WEIGHTS_OPEN_CLIP /* open_clip_model.safetensors, open_clip_pytorch_model.*, model.* … */
} ac_weights_layout;

/** Whether a folder has a file of one of the names; AC_E_IO where that cannot be known. */
AC_MUST_CHECK ac_status ac_weights_look(const char *folder, ac_weights_layout layout,
                                        bool *found);

/** As ac_weights_open, with the names as they are in the file, in two steps. */
AC_MUST_CHECK ac_status ac_weights_open_as(ac_weights *self, const char *path,
                                           ac_weights_layout layout);
/** OpenAI's names, where the tensors have them, become Hugging Face's. */
AC_MUST_CHECK ac_status ac_weights_rename_openai(ac_weights *self);
void ac_weights_close(ac_weights *self);

/** XXH3-128 over the files' bytes, 32 digits and a zero byte. */
AC_MUST_CHECK ac_status ac_weights_fingerprint(const ac_weights *self, char hex[33]);

#endif

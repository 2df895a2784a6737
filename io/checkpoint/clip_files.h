/**
 * A CLIP as it lies on disk: which of its files count, what they say together. Hugging Face's
 * folders, OpenCLIP's, OpenAI's archives, single files with a config.
 */
#ifndef AC_IO_CHECKPOINT_CLIP_FILES_H
#define AC_IO_CHECKPOINT_CLIP_FILES_H

#include "engine/image/recipe.h"
#include "engine/models/clip.h"
#include "io/checkpoint/weights.h"

/** Starts zeroed. */
typedef struct ac_clip_files {
    ac_weights weights; /* under Hugging Face's names */
    ac_clip_config config;
    ac_preprocess_recipe recipe;
    char *config_path; /* owned; NULL: OpenAI's archive, which is its own config */
    bool holds_two;    /* the folder has both kinds of config; a job logs which one counts */
} ac_clip_files;

/**
 * @param[in] model         a folder or a file
 * @param[in] model_config  a config.json or open_clip_config.json that counts in place of the
 *                          model's own, or NULL
 *
 * In a folder with both kinds of files Hugging Face's count where config.json has a model_type
 * and there are weights under its names; else OpenCLIP's.
 *
 * @return AC_E_FORMAT where the files do not say what the model is, or do not belong together:
 *         the message names file, key or tensor, and the remedy
 */
AC_MUST_CHECK ac_status ac_clip_files_open(ac_clip_files *self, const char *model,
                                           const char *model_config);
void ac_clip_files_close(ac_clip_files *self);

#endif

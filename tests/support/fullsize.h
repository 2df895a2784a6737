/** The models of golden/fullsize, every number from the tensor's name and its index
 * (golden/fullsize/README.md). */
#ifndef AC_TESTS_SUPPORT_FULLSIZE_H
#define AC_TESTS_SUPPORT_FULLSIZE_H

#include "engine/base/tensor.h"

typedef struct fullsize_model {
    ac_tensors set;
    ac_tensor *items; /* sorted by name; names and data owned */
    int64_t capacity;
} fullsize_model;

/** Number i of the stream of this name, in [-1, 1). salt: put in front of the name ("" for the
 * shipped data). */
double fullsize_unit(const char *salt, const char *name, int64_t i);

/** CLIP ViT-B/16 (0.6 GB) or BART-large (1.6 GB). */
void fullsize_make_clip(fullsize_model *self, const char *salt);
void fullsize_make_bart(fullsize_model *self, const char *salt);
void fullsize_free(fullsize_model *self);

#endif

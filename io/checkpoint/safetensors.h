/** Reading and writing safetensors files. Format: an 8-byte header length, a JSON header, the
 * tensors' bytes. */
#ifndef AC_IO_CHECKPOINT_SAFETENSORS_H
#define AC_IO_CHECKPOINT_SAFETENSORS_H

#include "engine/base/tensor.h"
#include "io/file/map.h"

/** Memory-mapped; the tensors point into the file. Starts zeroed. */
typedef struct ac_safetensors {
    ac_tensors tensors;
    ac_tensor *items; /* owned, with names */
    char *path;
    ac_map map;
} ac_safetensors;

/** AC_E_FORMAT names the file, the tensor and the rule that is broken. */
AC_MUST_CHECK ac_status ac_safetensors_open(ac_safetensors *self, const char *path);
/** The value of a key of __metadata__, a copy to free with free(); *out NULL where there is
 * none. */
AC_MUST_CHECK ac_status ac_safetensors_metadata(const ac_safetensors *self, const char *key,
                                                char **out);

void ac_safetensors_close(ac_safetensors *self);

#endif

/**
 * PyTorch's files, read as data: zip archives of torch.save (state dicts, pytorch_model.bin,
 * Lightning checkpoints), TorchScript archives such as OpenAI's CLIP, and the format before
 * PyTorch 1.6. Nothing in a file is ever run.
 */
#ifndef AC_IO_CHECKPOINT_TORCH_H
#define AC_IO_CHECKPOINT_TORCH_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/tensor.h"
#include "io/file/map.h"

typedef enum ac_torch_kind { AC_TORCH_ZIP = 0, AC_TORCH_SCRIPT, AC_TORCH_LEGACY } ac_torch_kind;

/** A number or text that stands beside the tensors ("epoch", "global_step"). */
typedef struct ac_torch_scalar {
    char *name; /* owned */
    enum { AC_TORCH_INT, AC_TORCH_REAL, AC_TORCH_BOOL, AC_TORCH_TEXT } type;
    int64_t integer;  /* INT, BOOL */
    double real;      /* REAL */
    const char *text; /* [text_size], within the file, not zero-terminated */
    size_t text_size;
} ac_torch_scalar;

/**
 * Memory-mapped; starts zeroed. Names are keys and attributes joined by dots, list places as
 * numbers: "state_dict.model.shared.weight", "optimizer_states.0.state.3.exp_avg"; a file of
 * one tensor: "". Contiguous tensors point into the file; views that are not are copied (in all
 * no more than the file's size and 1 MiB).
 */
typedef struct ac_torch {
    ac_tensors tensors; /* sorted by name */
    ac_torch_kind kind;
    ac_torch_scalar *scalars; /* [scalar_count], in the order of the file */
    int64_t scalar_count;
    ac_map map;
    /* owned */
    ac_tensor *items;
    void **copies;
    int64_t copy_count;
    char *path;
} ac_torch;

/** Whether the file's first bytes are those of a format read here. */
bool ac_torch_is(const unsigned char *bytes, size_t size);

/**
 * @return AC_E_FORMAT naming the file, the tensor or the byte, and the rule that is broken; a
 * file whose pickle calls anything but what builds plain tensors is refused with the name of
 * what it calls
 */
AC_MUST_CHECK ac_status ac_torch_open(ac_torch *self, const char *path);
void ac_torch_close(ac_torch *self);

/** NULL if there is none of this name. */
const ac_torch_scalar *ac_torch_find_scalar(const ac_torch *self, const char *name);

#endif

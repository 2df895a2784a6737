/** Writing safetensors files. Equal tensors and metadata give equal bytes. */
#ifndef AC_IO_CHECKPOINT_SAFETENSORS_WRITE_H
#define AC_IO_CHECKPOINT_SAFETENSORS_WRITE_H

#include "engine/base/buffer.h"
#include "engine/base/tensor.h"

/** One pair of __metadata__. */
typedef struct ac_metadata {
    const char *key, *value;
} ac_metadata;

/**
 * Write tensors (sorted by name, no name twice: checked, a bug of the caller's) as the file
 * `path`, published whole. The header is padded with blanks to a multiple of 8 bytes, so that
 * the data is aligned; metadata keeps its order.
 *
 * @param[in] metadata  [metadata_count]; 0: no __metadata__
 * @return AC_E_IO with the path and the system's reason; the file that was there before is then
 * still whole
 */
AC_MUST_CHECK ac_status ac_safetensors_save(const char *path, const ac_tensors *tensors,
                                            const ac_metadata *metadata, int metadata_count);

/** The same bytes, appended to `out`: for a caller that needs their checksum, or writes them
 * elsewhere. */
AC_MUST_CHECK ac_status ac_safetensors_format(ac_buffer *out, const ac_tensors *tensors,
                                              const ac_metadata *metadata, int metadata_count);

#endif

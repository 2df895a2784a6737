/** sentencepiece's model file (spiece.model): a protocol buffer, sentencepiece_model.proto. */
#ifndef AC_IO_CHECKPOINT_SENTENCEPIECE_H
#define AC_IO_CHECKPOINT_SENTENCEPIECE_H

#include "engine/text/unigram.h"

/**
 * @return AC_E_FORMAT naming the file: damaged, or a model of another kind than unigram or with
 *         settings that are not supported
 */
AC_MUST_CHECK ac_status ac_sentencepiece_read(ac_unigram *out, const char *bytes, size_t n,
                                              const char *path);

#endif

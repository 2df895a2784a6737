/** The table that BART reads: each entry, stripped, followed by " | ". */
#ifndef AC_JOBS_MODELS_PROMPT_H
#define AC_JOBS_MODELS_PROMPT_H

#include <stdbool.h>

#include "engine/base/buffer.h"

/** Narrow text [size] to what is inside its leading and trailing ASCII white space. */
void ac_text_strip(const char **text, size_t *size);

/** Append one entry and its separator. */
AC_MUST_CHECK ac_status ac_table_push(ac_buffer *table, const char *entry, size_t size);

#endif

/** The tools generate and loss on causal language models. */
#ifndef AC_JOBS_CLI_TOOLS_CAUSAL_H
#define AC_JOBS_CLI_TOOLS_CAUSAL_H

#include "io/config/config.h"
#include "jobs/cli/tools/tools.h"
#include "jobs/models/causal_model.h"

/**
 * A record's ids: "ids", or "text" where the model has a tokenizer. In memory that is the next
 * call's too.
 */
typedef struct ac_causal_record {
    ac_encoding encoding;
    int32_t *ids;
    int64_t capacity, count;
} ac_causal_record;

/** false: *message says why the record cannot be used. 1 to `most` ids are taken. */
bool ac_causal_record_take(ac_causal_record *self, const ac_causal_model *model,
                           const json_t *record, int64_t most, const char **message);
void ac_causal_record_free(ac_causal_record *self);

/** generate: the options' generation keys are in `config`. */
AC_MUST_CHECK ac_status ac_tool_generate_causal(const ac_causal_options *options,
                                                const ac_config *config);

/** loss. @param[in] logits  where the last positions' logits go, or NULL */
AC_MUST_CHECK ac_status ac_tool_loss_causal(const ac_causal_options *options,
                                            const char *logits);

#endif

/** The tools: one process, no MPI. Each parses its own command line (argv[0] is its name)
 * and writes to stdout. */
#ifndef AC_JOBS_CLI_TOOLS_TOOLS_H
#define AC_JOBS_CLI_TOOLS_TOOLS_H

#include <jansson.h>
#include <stdio.h>

#include "engine/base/buffer.h"
#include "engine/linear/compute.h"
#include "jobs/cli/options.h"

AC_MUST_CHECK ac_status ac_tool_tokenize(int argc, char **argv);
AC_MUST_CHECK ac_status ac_tool_preprocess(int argc, char **argv);
AC_MUST_CHECK ac_status ac_tool_embed(int argc, char **argv);
AC_MUST_CHECK ac_status ac_tool_topk(int argc, char **argv);
AC_MUST_CHECK ac_status ac_tool_generate(int argc, char **argv);
AC_MUST_CHECK ac_status ac_tool_inspect(int argc, char **argv);
AC_MUST_CHECK ac_status ac_tool_ngrams(int argc, char **argv);
AC_MUST_CHECK ac_status ac_tool_measure(int argc, char **argv);
AC_MUST_CHECK ac_status ac_tool_loss(int argc, char **argv);

/* Options that every computing tool takes. */
#define AC_TOOL_COMPUTE_OPTIONS                                                          \
    { "precision", 0, "P", "fp32, bf16 or int8 (default: fp32)" },                       \
        { "backend", 0, "B", "auto, native, openblas or onednn (default: auto)" },       \
        { "kernels", 0, "K",                                                             \
          "auto, amx, avx512_vnni, avx512, avx_vnni, avx2 or generic (default: auto)" }, \
    {                                                                                    \
        "threads", 0, "N", "threads (default: the machine's cores)"                      \
    }

/** Read them and start computing with them. */
AC_MUST_CHECK ac_status ac_tool_compute(const ac_arguments *a, ac_compute *out);

/** JSON lines from stdin. A line that cannot be used is answered with {"error": …} in its
 * place. Starts zeroed. */
typedef struct ac_json_lines {
    char *line;
    size_t capacity;
    int64_t number, errors;
    json_t *record; /* the present one, owned */
} ac_json_lines;

/** The next record (an object); false at the end. Lines that are no JSON objects are answered
 * here. */
bool ac_json_lines_next(ac_json_lines *self);
/** Answer the present record with {"error": message} and count it. */
void ac_json_lines_refuse(ac_json_lines *self, const char *message);
/** AC_E_FORMAT where any record was refused. Frees. */
AC_MUST_CHECK ac_status ac_json_lines_end(ac_json_lines *self);

/** The ids of a record's list, each from 0 to `limit` - 1; false: *message says why not.
 * Replaces out. */
bool ac_json_ids(const json_t *list, int64_t limit, int32_t **out, int64_t *capacity,
                 int64_t *count, const char **message);

/** Why a record without a list "ids" gives nothing to read: its "text" is missing or no text,
 * or else `no_tokenizer`. */
const char *ac_json_no_text(const json_t *record, const char *no_tokenizer);

void ac_json_push_ids(ac_buffer *out, const int32_t *ids, int64_t n);
/** Print with a newline on stdout, at once; empties the buffer. */
void ac_json_put(ac_buffer *line);

#endif

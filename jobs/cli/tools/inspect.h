/** Inside jobs/cli/tools/inspect*.c: what each kind of thing says of itself, as a JSON object
 * that is then printed either way. */
#ifndef AC_JOBS_CLI_TOOLS_INSPECT_H
#define AC_JOBS_CLI_TOOLS_INSPECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/tensor.h"

/* How many lines, entries, values are shown; bytes of each text. */
enum { AC_INSPECT_SAMPLE = 5, AC_INSPECT_TEXT = 160 };

/** Put what there is to say of a file or folder into `out`: "kind" first. A damaged one: a
 * failure with the usual message. */
AC_MUST_CHECK ac_status ac_inspect_file(json_t *out, const char *path);
AC_MUST_CHECK ac_status ac_inspect_folder(json_t *out, const char *path);

/* One format each. */
AC_MUST_CHECK ac_status ac_inspect_safetensors(json_t *out, const char *path);
AC_MUST_CHECK ac_status ac_inspect_torch(json_t *out, const char *path);
AC_MUST_CHECK ac_status ac_inspect_gguf(json_t *out, const char *path);
AC_MUST_CHECK ac_status ac_inspect_npy(json_t *out, const char *path);
AC_MUST_CHECK ac_status ac_inspect_h5(json_t *out, const char *path);
AC_MUST_CHECK ac_status ac_inspect_image(json_t *out, const char *path);
/* Of images, or else of texts. */
AC_MUST_CHECK ac_status ac_inspect_tar(json_t *out, const char *path);
/* JSON, JSON lines, YAML, vocabularies, plain text: by name and content. */
AC_MUST_CHECK ac_status ac_inspect_text(json_t *out, const char *path);

/** Adding to an object. Takes the value; NULL: out of memory, checked at the end. */
void ac_inspect_put(json_t *out, const char *key, json_t *value);
void ac_inspect_put_text(json_t *out, const char *key, const char *text);
/** "tensors", "parameters", "types". */
void ac_inspect_put_tensors(json_t *out, const ac_tensors *tensors);
/** "checksum": XXH3-128 of the file. */
AC_MUST_CHECK ac_status ac_inspect_put_checksum(json_t *out, const char *path);

/** "tokenizer": of a model's folder, or of a tokenizer.json (file; NULL: the folder's). */
AC_MUST_CHECK ac_status ac_inspect_put_tokenizer(json_t *out, const char *folder,
                                                 const char *file);

/** Truncated to AC_INSPECT_TEXT; bytes that are not UTF-8 as '?'. */
json_t *ac_inspect_string(const char *bytes, size_t n);
json_t *ac_inspect_shape(int rank, const int64_t *shape);
/** The first n. */
json_t *ac_inspect_texts(const ac_texts *texts, int64_t n);

#endif

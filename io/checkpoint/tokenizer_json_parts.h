/** Parts of the reader of tokenizer.json. Private to tokenizer_json*.c. */
#ifndef AC_IO_CHECKPOINT_TOKENIZER_JSON_PARTS_H
#define AC_IO_CHECKPOINT_TOKENIZER_JSON_PARTS_H

#include <jansson.h>

#include "engine/text/text_pipeline.h"

enum { AC_JSON_WHERE = 200 };

/** An object of the file: where it stands, for messages "PATH: WHERE.KEY …". */
typedef struct ac_json_node {
    const json_t *object;
    const char *path;
    char where[AC_JSON_WHERE]; /* "": the file's own keys */
} ac_json_node;

/** AC_E_FORMAT: "PATH: WHERE.KEY WHAT"; what: a format. */
ac_status ac_json_node_refuse(const ac_json_node *self, const char *key, const char *what, ...)
    __attribute__((format(printf, 3, 4)));
/** "PATH: WHERE.KEY is VALUE, which is not supported". */
ac_status ac_json_node_refuse_value(const ac_json_node *self, const char *key);
/** Refuse keys that are not in the list: names with blanks between. */
AC_MUST_CHECK ac_status ac_json_node_known_keys(const ac_json_node *self, const char *names);
/** The object under a key, or item `index` of the list under it (index -1: the key itself).
 * AC_E_FORMAT where there is none. */
AC_MUST_CHECK ac_status ac_json_node_child(ac_json_node *out, const ac_json_node *self,
                                           const char *key, int64_t index);
/** A key that must be true or false; with a fallback where it is missing or null. */
AC_MUST_CHECK ac_status ac_json_node_boolean(const ac_json_node *self, const char *key,
                                             bool *out);
AC_MUST_CHECK ac_status ac_json_node_boolean_or(const ac_json_node *self, const char *key,
                                                bool fallback, bool *out);
/** A key that must be a text. */
AC_MUST_CHECK ac_status ac_json_node_text(const ac_json_node *self, const char *key,
                                          const char **out);
/** Is the key missing or null? */
bool ac_json_node_absent(const ac_json_node *self, const char *key);

/** The steps under `normalizer`, `pre_tokenizer`, `decoder`, Sequences flattened; appended. */
AC_MUST_CHECK ac_status ac_tokenizer_json_normalizers(const ac_json_node *root,
                                                      ac_text_steps *out);
AC_MUST_CHECK ac_status ac_tokenizer_json_pre_tokenizers(const ac_json_node *root,
                                                         ac_text_steps *out);
AC_MUST_CHECK ac_status ac_tokenizer_json_decoders(const ac_json_node *root,
                                                   ac_text_steps *out);
/** The ids that `post_processor` puts around a text's. size: ids of the vocabulary. */
AC_MUST_CHECK ac_status ac_tokenizer_json_post_processor(const ac_json_node *root, int64_t size,
                                                         ac_piece_ids *before,
                                                         ac_piece_ids *after);

#endif

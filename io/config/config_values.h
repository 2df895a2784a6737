/** A key's value as text: parsing, checking, printing, by its row of the table. Private to
 * io/config. */
#ifndef AC_IO_CONFIG_CONFIG_VALUES_H
#define AC_IO_CONFIG_CONFIG_VALUES_H

#include "engine/base/buffer.h"
#include "io/config/config_keys.h"

/** The key of this name. AC_E_ARG names the nearest known one; where ("F.yaml:12", "--set")
 * stands in the message. */
AC_MUST_CHECK ac_status ac_config_key_find(const ac_config_key **out, const char *name,
                                           const char *where);

/** The row of a job; it must be one. */
const ac_config_job *ac_config_job_find(const char *job);

/** Does the job have this key? */
bool ac_config_job_has(const ac_config_job *job, const ac_config_key *k);

/** Where the key's value stands in the config, of the type that k->type says. */
void *ac_config_place(const ac_config *self, const ac_config_key *k);

/** The word that stands for 0 ("auto", "epoch"); NULL: the key has none. */
const char *ac_config_word_of_zero(const ac_config_key *k);

/** "false", "true", "never"; NULL at the end. */
extern const char *const ac_config_early_words[];

/** Is a key of an optional type set? One that is true or false: is it true? */
ac_presence ac_config_presence(const ac_config *self, const ac_config_key *k);

/** Is the value an owned text (a text or a path)? */
bool ac_config_key_is_text(const ac_config_key *k);

/** A key of type KEY_OPTIONAL_LIST or KEY_OPTIONAL_TEXTS from its text in ac_config: auto,
 * none, or what ac_generation_key_set takes. */
AC_MUST_CHECK ac_status ac_config_list_set(ac_config *self, const ac_config_key *k,
                                           const char *value, const char *where);

/** Frees what the key's value owns. */
void ac_config_value_free(ac_config *self, const ac_config_key *k);

/**
 * Set the key from its text. quoted: "none" and the like are no special words. Relative paths
 * are taken from base, a folder with its slash, or "" (the current folder). AC_E_ARG says where
 * and what is needed.
 */
AC_MUST_CHECK ac_status ac_config_value_set(ac_config *self, const ac_config_key *k,
                                            const char *value, bool quoted, const char *base,
                                            const char *where);

/** The value as YAML; it reads back to the same. */
void ac_config_value_print(const ac_config *self, const ac_config_key *k, ac_buffer *out);
/** The same for fingerprints, whose form never changes: 17 digits for generation's numbers. */
void ac_config_value_print_exact(const ac_config *self, const ac_config_key *k, ac_buffer *out);

#endif

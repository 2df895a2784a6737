/* The values of keys as the rest of the program takes them. */
#include <stdio.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/generation/generation_keys.h"
#include "io/config/config.h"
#include "io/config/config_values.h"

int64_t
ac_config_max_bad_items(const ac_config *self, int64_t items)
{
    const ac_share *share = &self->limits.max_bad_items;
    const int64_t most =
        (int64_t) (share->of_all ? share->value * (double) items : share->value);

    return share->of_all && most < 10 ? 10 : most;
}

int64_t
ac_config_max_tokens(const ac_config *self, int64_t model_limit)
{
    const ac_optional *m = &self->retrieval.max_tokens;

    return m->presence == AC_SET && (int64_t) m->value < model_limit ? (int64_t) m->value
                                                                     : model_limit;
}

ac_compute
ac_config_compute(const ac_config *self)
{
    return (ac_compute){ (ac_backend) self->compute.backend,
                         (ac_precision) self->compute.precision };
}

/* A generation key as its text, or NULL where it is not set. buffer [32] */
static const char *
text_of(const ac_config_key *k, const void *value, char *buffer)
{
    static const char *const early[] = { "false", "true", "never" };
    const ac_optional *o = value;

    if (k->type == KEY_OPTIONAL_LIST || k->type == KEY_OPTIONAL_TEXTS)
        return ((const ac_optional_list *) value)->text;
    if (o->presence != AC_SET)
        return NULL;
    if (k->type == KEY_OPTIONAL_BOOL || k->type == KEY_OPTIONAL_EARLY)
        return early[(int) o->value];
    snprintf(buffer, 32, "%.17g", o->value);
    return buffer;
}

/* As transformers does, max_new_tokens beats max_length, wherever each comes from, and lengths
 * that cannot be are obeyed as far as they can; the user is told. */
static void
tell_what_loses(const ac_config *self, const ac_generation_config *c)
{
    if (self->generation.max_length.presence == AC_SET && c->max_new_tokens > 0)
        ac_log(AC_LOG_WARNING,
               "generation.max_length has no effect beside max_new_tokens %lld (none switches "
               "that off)",
               (long long) c->max_new_tokens);
    if (self->generation.min_length.presence == AC_SET && c->min_new_tokens >= 0)
        ac_log(AC_LOG_WARNING,
               "generation.min_length has no effect beside min_new_tokens %lld (none switches "
               "that off)",
               (long long) c->min_new_tokens);
    if (ac_generation_config_least(c, 1) > ac_generation_config_most(c, 1, INT32_MAX))
        ac_log(AC_LOG_WARNING,
               "generation: at least %lld tokens and at most %lld: every text is truncated at "
               "the latter",
               (long long) ac_generation_config_least(c, 1),
               (long long) ac_generation_config_most(c, 1, INT32_MAX));
}

ac_status
ac_config_generation(const ac_config *self, ac_generation_config *out)
{
    static const char section[] = "generation.";

    for (size_t i = 0; i < ac_config_key_count; i++) {
        const ac_config_key *k = &ac_config_keys[i];
        const ac_generation_key *key =
            strncmp(k->name, section, sizeof section - 1) == 0
                ? ac_generation_key_find(k->name + sizeof section - 1)
                : NULL;
        const void *value = ac_config_place(self, k);
        const char *text;
        char buffer[32];
        ac_status st = AC_OK;

        if (!key || ac_config_presence(self, k) == AC_UNSET)
            continue;
        text = text_of(k, value, buffer);
        if (!text)
            ac_generation_key_clear(key, out);
        else
            st = ac_generation_key_set(key, out, text);
        if (st != AC_OK)
            return ac_error_prefix(st, "%s", k->name);
    }
    tell_what_loses(self, out);
    out->beam_search = (ac_beam_search) self->generation.beam_search;
    /* transformers 4.9 takes early_stopping from the call alone when it draws with beams, never
     * from the model's files */
    if (out->beam_search == AC_BEAM_HF49 && out->do_sample && out->num_beams > 1 &&
        self->generation.early_stopping.presence == AC_UNSET)
        out->early_stopping = AC_EARLY_FALSE;
    out->seed = (uint64_t) self->seed;
    return AC_OK;
}

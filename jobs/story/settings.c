#include "jobs/story/settings.h"

#include <string.h>

#include "jobs/story/template.h"

enum { TOKENS = 128 };

/* A key of `story` that is short for one of `generation`. */
static ac_status
shorten(int64_t *out, const ac_optional *own, const ac_optional *same, const char *name,
        const char *of)
{
    if (own->presence != AC_SET)
        return AC_OK;
    if (same->presence == AC_SET && same->value != own->value)
        return ac_error_set(
            AC_E_ARG,
            "story.%s is %.0f and generation.%s is %.0f: they mean the same, so "
            "give one",
            name, own->value, of, same->value);
    *out = (int64_t) own->value;
    return AC_OK;
}

/* Of the model's files the token ids alone count. */
static ac_status
make_generation(ac_generation_config *g, const ac_causal_model *model, const ac_config *config)
{
    const ac_generation_config *files = &model->generation;
    int32_t end;
    ac_status st = AC_OK;

    if (config->generation.clean_up_tokenization_spaces)
        AC_FAIL(AC_E_ARG, "generation.clean_up_tokenization_spaces is for captions of BART");
    ac_generation_config_defaults(g, files->decoder_start_token_id, -1);
    memcpy(g->eos_token_ids, files->eos_token_ids, sizeof g->eos_token_ids);
    g->eos_count = files->eos_count;
    g->do_sample = true;
    g->temperature = 0.8;
    g->top_p = 0.9;
    AC_TRY(ac_story_chat_end(model, (ac_story_chat) config->story.chat, &end));
    if (end >= 0 && !ac_generation_config_ends(g, end) && g->eos_count < AC_MOST_EOS)
        g->eos_token_ids[g->eos_count++] = end;
    AC_TRY(ac_config_generation(config, g));
    AC_TRY(shorten(&g->max_new_tokens, &config->story.max_new_tokens,
                   &config->generation.max_new_tokens, "max_new_tokens", "max_new_tokens"));
    AC_TRY(shorten(&g->num_return_sequences, &config->story.stories,
                   &config->generation.num_return_sequences, "stories",
                   "num_return_sequences"));
    if (g->max_new_tokens <= 0 && g->max_length <= 0)
        g->max_new_tokens = TOKENS;
out:
    return st;
}

ac_status
ac_story_set_generation(ac_causal_model *model, const ac_config *config)
{
    ac_generation_config g = { 0 };
    ac_status st = make_generation(&g, model, config);

    if (st == AC_OK)
        st = ac_causal_model_set_generation(model, &g);
    ac_generation_config_free(&g);
    return st;
}

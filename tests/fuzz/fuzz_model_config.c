/* config.json (and open_clip_config.json) and generation_config.json of models. Promises:
 * refused, or numbers that a model can be made of. */
#include "io/checkpoint/model_config.h"
#include "tests/support/fuzz.h"

static void
check_tower(const ac_clip_tower_config *t)
{
    FUZZ_CHECK(t->hidden_size > 0 && t->num_attention_heads > 0 &&
               t->hidden_size % t->num_attention_heads == 0);
    FUZZ_CHECK(t->num_hidden_layers > 0 && t->intermediate_size > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *folder = fuzz_folder("config.json", data, n);
    ac_clip_config clip;
    ac_bart_config bart;
    ac_buffer description = { 0 };
    ac_generation_config generation = { 0 };

    if (ac_clip_config_load(&clip, folder, NULL) == AC_OK) {
        check_tower(&clip.vision);
        check_tower(&clip.text);
        FUZZ_CHECK(clip.patch_size > 0 && clip.image_size % clip.patch_size == 0 &&
                   clip.vocab_size > 0 && clip.projection_dim > 0);
    }
    if (ac_bart_config_load(&bart, folder) == AC_OK) {
        FUZZ_CHECK(bart.eos_token_id < bart.vocab_size &&
                   bart.decoder_start_token_id < bart.vocab_size && bart.dropout < 1);
        FUZZ_CHECK(bart.encoder_layers * bart.d_model < ((int64_t) 1 << 40));
        FUZZ_CHECK(bart.d_model % bart.encoder_attention_heads == 0 &&
                   bart.d_model % bart.decoder_attention_heads == 0);
        if (ac_generation_config_load(&generation, folder) == AC_OK) {
            ac_generation_config_describe(&generation, &description);
            FUZZ_CHECK(generation.num_beams > 0 && generation.repetition_penalty > 0 &&
                       description.status == AC_OK);
            ac_buffer_free(&description);
        }
        ac_generation_config_free(&generation);
    }
    return 0;
}

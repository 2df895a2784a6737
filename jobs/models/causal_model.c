#include "jobs/models/causal_model.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "io/checkpoint/causal_config.h"
#include "io/checkpoint/gguf_config.h"
#include "io/checkpoint/gguf_tokenizer.h"
#include "io/checkpoint/model_config.h"
#include "io/checkpoint/tokenizer_files.h"
#include "io/file/checksum.h"

bool
ac_causal_model_is(const char *model)
{
    return ac_gguf_is(model) || ac_causal_config_is(model);
}

ac_status
ac_causal_model_config(ac_causal_config *out, const char *model)
{
    ac_gguf file = { 0 };
    ac_status st = AC_OK;

    if (!ac_gguf_is(model))
        return ac_causal_config_load(out, model);
    AC_TRY(ac_gguf_open(&file, model));
    st = ac_gguf_config_load(out, &file);
out:
    ac_gguf_close(&file);
    return st;
}

ac_status
ac_causal_model_sizes(ac_causal_config *out, size_t *packed_bytes, const char *model,
                      const ac_compute *compute)
{
    const bool is_gguf = ac_gguf_is(model);
    ac_gguf file = { 0 };
    ac_weights weights = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_causal_model_config(out, model));
    AC_TRY(is_gguf ? ac_gguf_open(&file, model) : ac_weights_open(&weights, model));
    st =
        ac_causal_check(out, is_gguf ? &file.tensors : &weights.tensors, compute, packed_bytes);
out:
    ac_gguf_close(&file);
    ac_weights_close(&weights);
    return st;
}

static const ac_tensors *
tensors_of(const ac_causal_model *self)
{
    return self->is_gguf ? &self->gguf.tensors : &self->weights.tensors;
}

/* ---- reading ---- */

static ac_status
read_folder(ac_causal_model *self, const char *folder, char weights[33])
{
    ac_status st = AC_OK;

    AC_TRY(ac_causal_config_load(&self->net.config, folder));
    AC_TRY(ac_generation_config_load_causal(&self->generation, folder));
    AC_TRY(ac_weights_open(&self->weights, folder));
    st = ac_weights_fingerprint(&self->weights, weights);
out:
    return st;
}

static ac_status
read_gguf(ac_causal_model *self, const char *path, char weights[33])
{
    ac_status st = AC_OK;

    AC_TRY(ac_gguf_open(&self->gguf, path));
    AC_TRY(ac_gguf_config_load(&self->net.config, &self->gguf));
    AC_TRY(ac_gguf_generation_load(&self->generation, &self->gguf));
    ac_checksum_bytes(self->gguf.map.data, self->gguf.map.size, weights);
out:
    return st;
}

/* Of the ids that the files name, those that are no tokens of the model never come: as in
 * transformers, they end nothing. */
static void
drop_ids_past_vocabulary(ac_causal_model *self)
{
    ac_generation_config *c = &self->generation;
    const int64_t V = self->net.config.vocab_size;
    int64_t kept = 0;

    if (c->decoder_start_token_id >= V)
        c->decoder_start_token_id = -1;
    for (int64_t i = 0; i < c->eos_count; i++)
        if (c->eos_token_ids[i] < V)
            c->eos_token_ids[kept++] = c->eos_token_ids[i];
        else
            self->ineffective_end = c->eos_token_ids[i];
    c->eos_count = kept;
}

static ac_status
open_tokenizer(ac_causal_model *self, const ac_causal_options *o, char fingerprint[33])
{
    const ac_status st = self->is_gguf
                             ? ac_gguf_tokenizer_open(&self->tokenizer, &self->gguf,
                                                      self->net.config.vocab_size, &self->begin)
                             : ac_tokenizer_open(&self->tokenizer, o->model, NULL,
                                                 AC_TOKENIZER_ANY, fingerprint);

    self->has_tokenizer = st == AC_OK;
    if (st == AC_E_FORMAT && !o->need_tokenizer) /* it is there, and damaged or refused */
        ac_log(AC_LOG_WARNING, "no texts, only ids: %s", ac_error_message());
    if (st != AC_OK)
        return o->need_tokenizer ? st : AC_OK;
    if (ac_tokenizer_size(&self->tokenizer) > self->net.config.vocab_size)
        return ac_error_set(AC_E_FORMAT,
                            "%s: the vocabulary has %lld entries, but the model's token "
                            "embedding only %lld: another model's vocabulary?",
                            o->model, (long long) ac_tokenizer_size(&self->tokenizer),
                            (long long) self->net.config.vocab_size);
    return AC_OK;
}

ac_status
ac_causal_model_read(ac_causal_model *self, const ac_causal_options *o)
{
    ac_status st = AC_OK;
    char weights[33] = "", vocabulary[33] = "";
    ac_buffer description = { 0 };

    *self = (ac_causal_model){ .compute = o->compute,
                               .is_gguf = ac_gguf_is(o->model),
                               .begin = -1,
                               .ineffective_end = -1 };
    AC_TRY(ac_duplicate(&self->path, o->model, strlen(o->model)));
    AC_TRY(self->is_gguf ? read_gguf(self, o->model, weights)
                         : read_folder(self, o->model, weights));
    drop_ids_past_vocabulary(self);
    AC_TRY(ac_causal_check(&self->net.config, tensors_of(self), &self->compute,
                           &self->packed_bytes));
    AC_TRY(open_tokenizer(self, o, vocabulary));
    ac_model_join_fingerprints(self->fingerprint, weights, vocabulary);
    ac_causal_config_describe(&self->net.config, &description);
    st = ac_model_join_description(self->fingerprint, &description);
out:
    return st;
}

size_t
ac_causal_model_packed_bytes(const ac_causal_model *self)
{
    return self->packed_bytes;
}

ac_status
ac_causal_model_pack(ac_causal_model *self)
{
    const ac_causal_config config = self->net.config;

    if (self->packed.fills && self->ineffective_end >= 0) /* once per node */
        ac_log(AC_LOG_WARNING,
               "%s: the end token %d is none of the model's %lld tokens: it has no effect",
               self->path, self->ineffective_end, (long long) config.vocab_size);
    return ac_causal_init(&self->net, &config, tensors_of(self), &self->compute,
                          self->packed.bytes, self->packed.fills);
}

ac_status
ac_causal_model_open(ac_causal_model *self, const ac_causal_options *o)
{
    ac_status st = AC_OK;

    AC_TRY(ac_causal_model_read(self, o));
    AC_TRY(ac_packed_init(&self->packed, ac_causal_model_packed_bytes(self)));
    st = ac_causal_model_pack(self);
out:
    if (st != AC_OK)
        ac_causal_model_free(self);
    return st;
}

void
ac_causal_model_free(ac_causal_model *self)
{
    ac_causal_free(&self->net);
    if (self->has_tokenizer)
        ac_tokenizer_free(&self->tokenizer);
    ac_weights_close(&self->weights);
    ac_gguf_close(&self->gguf);
    ac_generator_free(&self->generator);
    ac_generation_config_free(&self->generation);
    ac_packed_free(&self->packed);
    ac_texts_free(&self->pieces);
    free(self->path);
    *self = (ac_causal_model){ 0 };
}

/* ---- generating ---- */

/* Has this id no text, and ends none? So it is with rows of the embedding past the vocabulary,
 * and with holes in that. */
static bool
is_no_token(const ac_tokenizer *t, const ac_generation_config *c, int64_t id)
{
    return (id >= t->bpe.tokens.count || ac_texts_size(&t->bpe.tokens, id) == 0) &&
           ac_added_tokens_find(&t->pipeline.added, (int32_t) id) < 0 &&
           !ac_generation_config_ends(c, (int32_t) id);
}

/* Ids that are no tokens never come out. */
static ac_status
suppress_surplus(const ac_causal_model *self, ac_generation_config *c)
{
    const int64_t V = self->net.config.vocab_size;
    ac_token_sequences *s = &c->suppress_tokens;
    const int64_t before = s->count ? s->offsets[s->count] : 0;
    int64_t more = 0;
    ac_token_sequences made = { .count = s->count };
    ac_status st = AC_OK;

    for (int64_t id = 0; self->has_tokenizer && id < V; id++)
        more += is_no_token(&self->tokenizer, c, id);
    if (more == 0)
        return AC_OK;
    AC_TRY(ac_alloc(&made.tokens, before + more, sizeof *made.tokens));
    AC_TRY(ac_alloc(&made.offsets, s->count + more + 1, sizeof *made.offsets));
    if (before)
        memcpy(made.tokens, s->tokens, (size_t) before * sizeof *made.tokens);
    for (int64_t i = 0; i <= s->count; i++)
        made.offsets[i] = s->count ? s->offsets[i] : 0;
    for (int64_t id = 0; id < V; id++)
        if (is_no_token(&self->tokenizer, c, id)) {
            const int64_t at = made.offsets[made.count];
            made.tokens[at] = (int32_t) id;
            made.offsets[++made.count] = at + 1;
        }
    ac_token_sequences_free(s);
    *s = made;
    return AC_OK;
out:
    ac_token_sequences_free(&made);
    return st;
}

ac_status
ac_causal_model_set_generation(ac_causal_model *self, const ac_generation_config *generation)
{
    ac_buffer description = { 0 };
    const ac_decoder decoder = ac_causal_as_decoder(&self->net);
    ac_status st = ac_generation_config_check(generation, &decoder);

    if (st == AC_OK && generation != &self->generation)
        st = ac_generation_config_copy(&self->generation, generation);
    if (st == AC_OK)
        st = suppress_surplus(self, &self->generation);
    if (st == AC_OK && self->generation.stop_strings.count)
        st = ac_causal_model_make_pieces(self);
    if (st != AC_OK)
        return st;
    ac_generation_config_describe(&self->generation, &description);
    return ac_model_join_description(self->fingerprint, &description);
}

int64_t
ac_causal_model_longest_prompt(const ac_causal_model *self)
{
    const ac_generation_config *c = &self->generation;
    const int64_t positions = self->net.config.max_position_embeddings;

    return (c->max_new_tokens > 0 || c->max_length <= 0 || c->max_length > positions
                ? positions
                : c->max_length) -
           1;
}

/* Keys and values of a line of so many tokens. */
static int64_t
line_bytes(const ac_causal_model *self, int64_t tokens)
{
    const ac_causal_config *c = &self->net.config;

    return 2 * c->layers * c->key_heads * c->head_size * tokens * (int64_t) sizeof(float);
}

ac_status
ac_causal_model_check_cache(const ac_causal_model *self, int64_t tokens)
{
    const int64_t beams = self->generation.num_beams,
                  needed = line_bytes(self, tokens) * (beams > 1 ? beams : 2);

    if (self->cache_bytes <= 0 || needed <= self->cache_bytes)
        return AC_OK;
    return ac_error_set(
        AC_E_LIMIT,
        "limits.memory leaves %.1f MB per rank for keys and values, but one text of "
        "%lld tokens needs %.1f: raise it, use fewer ranks per node, or lower "
        "generation.%s",
        (double) self->cache_bytes / (1 << 20), (long long) tokens, (double) needed / (1 << 20),
        beams > 1 ? "num_beams" : "max_new_tokens");
}

/* As many lines at once as keys and values have memory for, beside the one for what all prompts
 * begin with. The sequences do not depend on it. */
static ac_status
lines_at_once(const ac_causal_model *self, const int64_t *offsets, int64_t B, int64_t *out)
{
    const int64_t bytes = self->cache_bytes > 0 ? self->cache_bytes : (int64_t) 1 << 30,
                  most_lines = self->lines > 0 ? self->lines : AC_GENERATE_ROWS;
    int64_t longest = 1, lines;

    for (int64_t i = 0; i < B; i++) {
        const int64_t most =
            ac_generation_config_most(&self->generation, offsets[i + 1] - offsets[i],
                                      self->net.config.max_position_embeddings);
        longest = most > longest ? most : longest;
    }
    lines = bytes / line_bytes(self, longest) - (self->generation.num_beams == 1);
    *out = lines < 1 ? 1 : lines < most_lines ? lines : most_lines;
    return ac_causal_model_check_cache(self, longest);
}

ac_status
ac_causal_model_generate(ac_causal_model *self, const int32_t *ids, const int64_t *offsets,
                         const uint64_t *streams, int64_t B, ac_generated *out)
{
    const ac_decoder decoder = ac_causal_as_decoder(&self->net);
    const ac_generation_input input = { .prompts = ids,
                                        .prompt_offsets = offsets,
                                        .streams = streams,
                                        .count = B,
                                        .pieces = self->pieces.count ? &self->pieces : NULL };

    ac_status st = lines_at_once(self, offsets, B, &self->generator.max_rows);

    if (st == AC_OK)
        st = ac_generate(&self->generator, &decoder, &self->generation, &input, out);
    return st;
}

#include "engine/text/text_pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

ac_status
ac_text_pipeline_finish(ac_text_pipeline *self)
{
    return ac_added_tokens_finish(&self->added, &self->normalizers);
}

void
ac_text_pipeline_free(ac_text_pipeline *self)
{
    ac_bpe_rules_free(&self->rules);
    ac_added_tokens_free(&self->added);
    ac_text_steps_free(&self->normalizers);
    ac_text_steps_free(&self->pre_tokenizers);
    ac_text_steps_free(&self->decoders);
    free(self->before.ids);
    free(self->after.ids);
    *self = (ac_text_pipeline){ 0 };
}

ac_status
ac_text_pipeline_push_byte_level(ac_text_steps *steps, const char *regex)
{
    ac_text_step step = { .kind = AC_STEP_BYTE_LEVEL };
    ac_status st = AC_OK;

    if (regex)
        AC_TRY(ac_pattern_init_regex(&step.pattern, regex, strlen(regex)));
    st = ac_text_steps_push_take(steps, &step);
out:
    return st;
}

static ac_status
push_id(ac_piece_ids *out, int32_t id)
{
    const ac_status st = ac_grow(&out->ids, &out->capacity, out->count + 1, sizeof *out->ids);

    if (st == AC_OK)
        out->ids[out->count++] = id;
    return st;
}

/* What one call needs beside the tokenizer. */
typedef struct encoder {
    const ac_text_pipeline *pipeline;
    const ac_bpe *bpe;
    ac_bpe_work work;
    ac_buffer normalised;
    ac_texts words;
    ac_segments segments;
} encoder;

/* A part of the normalised text without added tokens. */
static ac_status
encode_part(encoder *self, const char *text, size_t n, bool begins, ac_piece_ids *out)
{
    ac_status st = AC_OK;

    ac_texts_reset(&self->words);
    AC_TRY(
        ac_text_pre_tokenize(&self->pipeline->pre_tokenizers, text, n, begins, &self->words));
    for (int64_t i = 0; i < self->words.count; i++)
        AC_TRY(ac_bpe_encode_word(self->bpe, &self->pipeline->rules,
                                  ac_texts_at(&self->words, i), ac_texts_size(&self->words, i),
                                  &self->work, out));
out:
    return st;
}

/* A part of the raw text without those added tokens that are looked for in the raw text. */
static ac_status
encode_raw_part(encoder *self, const char *text, size_t n, bool begins, ac_piece_ids *out)
{
    ac_status st = AC_OK;

    ac_buffer_reset(&self->normalised);
    AC_TRY(ac_text_normalise(&self->pipeline->normalizers, text, n, &self->normalised));
    text = self->normalised.data ? self->normalised.data : "";
    n = self->normalised.size;
    self->segments.count = 0;
    AC_TRY(ac_added_tokens_split(&self->pipeline->added, true, text, n, &self->segments));
    for (int64_t i = 0; i < self->segments.count; i++) {
        const ac_segment s = self->segments.items[i];
        if (s.id >= 0)
            AC_TRY(push_id(out, s.id));
        else
            AC_TRY(encode_part(self, text + s.from, s.to - s.from, begins && s.from == 0, out));
    }
out:
    return st;
}

ac_status
ac_text_pipeline_encode(const ac_text_pipeline *self, const ac_bpe *bpe, const char *text,
                        size_t n, ac_piece_ids *out)
{
    encoder e = { .pipeline = self, .bpe = bpe };
    ac_segments segments = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_added_tokens_split(&self->added, false, text, n, &segments));
    for (int64_t i = 0; i < segments.count; i++) {
        const ac_segment s = segments.items[i];
        if (s.id >= 0)
            AC_TRY(push_id(out, s.id));
        else
            AC_TRY(encode_raw_part(&e, text + s.from, s.to - s.from, s.from == 0, out));
    }
out:
    ac_bpe_work_free(&e.work);
    ac_buffer_free(&e.normalised);
    ac_texts_free(&e.words);
    free(e.segments.items);
    free(segments.items);
    return st;
}

ac_status
ac_text_pipeline_decode(const ac_text_pipeline *self, const ac_bpe *bpe, const int32_t *ids,
                        int64_t n, bool skip_special, ac_buffer *out)
{
    ac_texts tokens = { 0 };
    ac_status st = AC_OK;

    for (int64_t i = 0; i < n; i++) {
        const int64_t added = ac_added_tokens_find(&self->added, ids[i]);
        if (added >= 0 && self->added.items[added].skipped && skip_special)
            continue;
        if (added >= 0)
            AC_TRY(ac_texts_push(&tokens, ac_texts_at(&self->added.decoded, added),
                                 ac_texts_size(&self->added.decoded, added)));
        else if (ids[i] >= 0 && ids[i] < bpe->tokens.count &&
                 ac_texts_size(&bpe->tokens, ids[i]))
            AC_TRY(ac_texts_push(&tokens, ac_texts_at(&bpe->tokens, ids[i]),
                                 ac_texts_size(&bpe->tokens, ids[i])));
    }
    st = ac_text_decode(&self->decoders, &tokens, out);
out:
    ac_texts_free(&tokens);
    return st;
}

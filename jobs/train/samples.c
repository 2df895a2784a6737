/* Captions of the same validation images before and after training. */
#include <stdlib.h>
#include <string.h>

#include "io/file/json_write.h"
#include "io/file/publish.h"
#include "jobs/models/prompt.h"
#include "jobs/train/train.h"

enum { SAMPLES = 24 };

/* Images of the validation set, evenly taken, and BART's best candidate for each. */
typedef struct sampler {
    int64_t count, images[SAMPLES];
    ac_id_lists tables;
    uint64_t streams[SAMPLES];
    ac_texts before, after;
} sampler;

static ac_status
choose(sampler *self, const ac_captioned_set *set)
{
    ac_status st = AC_OK;

    self->count = set->count < SAMPLES ? set->count : SAMPLES;
    for (int64_t i = 0; i < self->count; i++) {
        const int64_t p = i * set->count / self->count;
        self->images[i] = p;
        self->streams[i] = set->streams[p];
        AC_TRY(ac_id_lists_push(&self->tables, set->tables.ids + set->tables.offsets[p],
                                set->tables.offsets[p + 1] - set->tables.offsets[p]));
    }
out:
    return st;
}

static ac_status
caption(ac_training *self, sampler *s, const float *values, ac_texts *out)
{
    ac_bart_model *bart = self->bart;
    ac_generated generated = { 0 };
    ac_buffer text = { 0 };
    ac_status st = AC_OK;

    memmove(self->trainer.values, values, (size_t) self->trainer.count * sizeof *values);
    AC_TRY(ac_bart_model_generate(bart, s->tables.ids, s->tables.offsets, s->streams, s->count,
                                  &generated));
    for (int64_t i = 0; i < s->count; i++) {
        const ac_candidate c = ac_generated_at(&generated, i, 0);
        AC_TRY(ac_prompt_decode(&text, &bart->tokenizer, c.ids, c.count, false));
        AC_TRY(ac_texts_push(out, text.data, text.size));
    }
out:
    ac_generated_free(&generated);
    ac_buffer_free(&text);
    return st;
}

static ac_status
push_ids(const ac_training *self, ac_buffer *out, const ac_id_view *lists, int64_t i)
{
    ac_buffer text = { 0 };
    ac_status st =
        ac_prompt_decode(&text, &self->bart->tokenizer, lists->ids + lists->offsets[i],
                         lists->offsets[i + 1] - lists->offsets[i], false);

    if (st == AC_OK)
        st = ac_json_string(out, text.data, text.size);
    ac_buffer_free(&text);
    return st;
}

static ac_status
push_sample(const ac_training *self, const sampler *s, int64_t i, ac_buffer *out)
{
    const ac_captioned_set *set = &self->data.validation;
    const int64_t p = s->images[i];
    size_t n;
    const char *key = ac_captioned_set_key(set, p, &n);
    ac_status st = AC_OK;

    ac_buffer_push_text(out, "{\"key\": ");
    ac_json_string(out, key, n);
    ac_buffer_push_text(out, ", \"before\": ");
    ac_json_string(out, ac_texts_at(&s->before, i), ac_texts_size(&s->before, i));
    ac_buffer_push_text(out, ", \"after\": ");
    ac_json_string(out, ac_texts_at(&s->after, i), ac_texts_size(&s->after, i));
    ac_buffer_push_text(out, ", \"captions\": [");
    for (int64_t c = set->caption_offsets[p]; c < set->caption_offsets[p + 1]; c++) {
        ac_buffer_push_text(out, c > set->caption_offsets[p] ? ", " : "");
        AC_TRY(push_ids(self, out, &set->captions, c));
    }
    ac_buffer_push_text(out, "], \"table\": ");
    AC_TRY(push_ids(self, out, &set->tables, p));
    st = ac_buffer_push_text(out, "}\n");
out:
    return st;
}

ac_status
ac_training_write_samples(ac_training *self, const float *values)
{
    sampler s = { 0 };
    ac_buffer out = { 0 };
    char *path = NULL;
    float *own = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&own, self->trainer.count, sizeof *own));
    memcpy(own, values,
           (size_t) self->trainer.count * sizeof *own); /* `values` may be the trainer's */
    AC_TRY(choose(&s, &self->data.validation));
    AC_TRY(caption(self, &s, self->start, &s.before));
    AC_TRY(caption(self, &s, own, &s.after));
    for (int64_t i = 0; i < s.count; i++)
        AC_TRY(push_sample(self, &s, i, &out));
    AC_TRY(ac_run_path(self->run, &path, "samples.jsonl"));
    st = ac_publish_file(path, out.data, out.size);
out:
    ac_id_lists_free(&s.tables);
    ac_texts_free(&s.before);
    ac_texts_free(&s.after);
    ac_buffer_free(&out);
    free(path);
    free(own);
    return st;
}

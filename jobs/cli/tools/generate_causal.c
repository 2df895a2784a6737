/* generate on a causal model: a record is a prompt, candidates are what follows it. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "io/file/json_write.h"
#include "jobs/cli/tools/causal.h"

enum { RECORDS = 64 };

bool
ac_causal_record_take(ac_causal_record *self, const ac_causal_model *model,
                      const json_t *record, int64_t most, const char **message)
{
    const json_t *text = json_object_get(record, "text"),
                 *list = json_object_get(record, "ids");

    if (json_is_string(text) && model->has_tokenizer) {
        *message = ac_error_message();
        if (ac_causal_model_encode(model, json_string_value(text), json_string_length(text),
                                   &self->encoding) != AC_OK)
            return false;
        *message = "out of memory";
        if (ac_grow(&self->ids, &self->capacity, self->encoding.count, sizeof *self->ids) !=
            AC_OK)
            return false;
        self->count = self->encoding.count;
        if (self->count)
            memcpy(self->ids, self->encoding.ids, (size_t) self->count * sizeof *self->ids);
    } else if (list) {
        if (!ac_json_ids(list, model->net.config.vocab_size, &self->ids, &self->capacity,
                         &self->count, message))
            return false;
    } else {
        *message = ac_json_no_text(record, "the model has no tokenizer: give \"ids\"");
        return false;
    }
    *message = "has no token, or more than the model's positions allow";
    return self->count >= 1 && self->count <= most;
}

void
ac_causal_record_free(ac_causal_record *self)
{
    ac_encoding_free(&self->encoding);
    free(self->ids);
    *self = (ac_causal_record){ 0 };
}

/* Records generated together. */
typedef struct batch {
    int32_t *ids;
    int64_t capacity, offsets[RECORDS + 1], count;
    uint64_t streams[RECORDS];
    ac_generated generated;
} batch;

/* One candidate: the tokens after the prompt. */
static ac_status
push_candidate(const ac_causal_model *model, const ac_candidate *c, int64_t prompt,
               ac_buffer *text, ac_buffer *out)
{
    ac_status st = AC_OK;

    if (model->has_tokenizer) {
        AC_TRY(ac_causal_model_said(model, c, prompt, text));
        ac_buffer_push_text(out, "\"text\": ");
        ac_json_string(out, text->data, text->size);
        ac_buffer_push_text(out, ", ");
    }
    ac_buffer_push_text(out, "\"ids\": ");
    ac_json_push_ids(out, c->ids + prompt, c->count - prompt);
    ac_buffer_push_text(out, ", \"score\": ");
    ac_json_float(out, (float) c->score);
out:
    return st;
}

static ac_status
flush(ac_causal_model *model, batch *b)
{
    ac_buffer out = { 0 }, text = { 0 };
    ac_status st = AC_OK;

    if (b->count == 0)
        return AC_OK;
    AC_TRY(ac_causal_model_generate(model, b->ids, b->offsets, b->streams, b->count,
                                    &b->generated));
    for (int64_t i = 0; i < b->count; i++) {
        ac_buffer_push_text(&out, "{\"candidates\": [");
        for (int64_t k = 0; k < b->generated.each; k++) {
            const ac_candidate c = ac_generated_at(&b->generated, i, k);
            ac_buffer_printf(&out, "%s{", k ? ", " : "");
            AC_TRY(push_candidate(model, &c, b->offsets[i + 1] - b->offsets[i], &text, &out));
            ac_buffer_push_char(&out, '}');
        }
        ac_buffer_push_text(&out, "]}");
        AC_TRY(out.status);
        ac_json_put(&out);
    }
    b->count = 0;
out:
    ac_buffer_free(&out);
    ac_buffer_free(&text);
    return st;
}

static bool
push_record(const ac_causal_model *model, ac_causal_record *one, const json_t *record,
            int64_t number, batch *b, const char **message)
{
    const json_t *key = json_object_get(record, "key");
    char name[32];

    if (!ac_causal_record_take(one, model, record, ac_causal_model_longest_prompt(model),
                               message))
        return false;
    *message = "out of memory";
    if (ac_grow(&b->ids, &b->capacity, b->offsets[b->count] + one->count, sizeof *b->ids) !=
        AC_OK)
        return false;
    memcpy(b->ids + b->offsets[b->count], one->ids, (size_t) one->count * sizeof *one->ids);
    b->offsets[b->count + 1] = b->offsets[b->count] + one->count;
    snprintf(name, sizeof name, "%lld", (long long) number);
    b->streams[b->count++] =
        json_is_string(key) ? ac_random_stream(json_string_value(key), json_string_length(key))
                            : ac_random_stream(name, strlen(name));
    return true;
}

static ac_status
generate_all(ac_causal_model *model)
{
    ac_json_lines lines = { 0 };
    ac_causal_record one = { 0 };
    batch b = { 0 };
    ac_status st = AC_OK, end;

    while (st == AC_OK && ac_json_lines_next(&lines)) {
        const char *message = NULL;
        if (!push_record(model, &one, lines.record, lines.number, &b, &message)) {
            char copy[1024];
            snprintf(copy, sizeof copy, "%s", message);
            st = flush(model, &b); /* answers stay in order */
            if (st == AC_OK)
                ac_json_lines_refuse(&lines, copy);
        } else if (b.count == RECORDS) {
            st = flush(model, &b);
        }
    }
    if (st == AC_OK)
        st = flush(model, &b);
    end = ac_json_lines_end(&lines);
    ac_generated_free(&b.generated);
    ac_causal_record_free(&one);
    free(b.ids);
    return st == AC_OK ? end : st;
}

ac_status
ac_tool_generate_causal(const ac_causal_options *options, const ac_config *config)
{
    ac_causal_model model = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_causal_model_open(&model, options));
    AC_TRY(ac_config_generation(config, &model.generation));
    AC_TRY(ac_causal_model_set_generation(&model, &model.generation));
    st = generate_all(&model);
out:
    ac_causal_model_free(&model);
    return st;
}

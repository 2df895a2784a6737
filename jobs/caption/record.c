#include "jobs/caption/record.h"

#include "io/file/json_write.h"

static void
push_float_field(ac_buffer *b, const char *name, float x)
{
    ac_buffer_printf(b, ", \"%s\": ", name);
    ac_json_float(b, x);
}

void
ac_record_push_fields(ac_buffer *b, const ac_shard_view *v, int64_t i, int stages)
{
    const char *comma = "";

    if (stages > 2) {
        ac_json_texts_field(b, "caption", &v->captions, i);
        push_float_field(b, "clip_score", v->clip_scores[i]);
        ac_buffer_push_text(b, ", ");
    }
    ac_buffer_push_text(b, "\"table\": [");
    for (int64_t k = i * v->K; k < (i + 1) * v->K; k++) {
        if (v->ids[k] < 0)
            continue;
        ac_buffer_printf(b, "%s{", comma);
        ac_json_texts_field(b, "entry", &v->entries, k);
        ac_buffer_printf(b, ", \"id\": %lld", (long long) v->ids[k]);
        push_float_field(b, "score", v->scores[k]);
        ac_buffer_push_text(b, "}");
        comma = ", ";
    }
    ac_buffer_push_text(b, "]");
    if (stages > 2) {
        ac_buffer_push_text(b, ", \"candidates\": [");
        for (int64_t c = v->offsets[i]; c < v->offsets[i + 1]; c++) {
            ac_buffer_printf(b, "%s{", c > v->offsets[i] ? ", " : "");
            ac_json_texts_field(b, "text", &v->candidates, c);
            push_float_field(b, "clip_score", v->candidate_clip_scores[c]);
            push_float_field(b, "score", v->candidate_scores[c]);
            ac_buffer_push_text(b, "}");
        }
        ac_buffer_push_text(b, "]");
    }
}

void
ac_record_push(ac_buffer *b, const ac_shard_view *v, int64_t i, int stages)
{
    ac_buffer_push_text(b, "{");
    ac_json_texts_field(b, "key", &v->keys, i);
    ac_buffer_push_text(b, ", ");
    ac_record_push_fields(b, v, i, stages);
    if (v->metadata.count && ac_texts_size(&v->metadata, i) > 2) { /* "{…}" */
        ac_buffer_push_text(b, ", ");
        ac_buffer_push(b, ac_texts_at(&v->metadata, i) + 1, ac_texts_size(&v->metadata, i) - 2);
    }
}

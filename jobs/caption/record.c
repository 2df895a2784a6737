#include "jobs/caption/record.h"

#include "io/file/csv_write.h"
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
        ac_buffer_printf(b, ", \"id\": %lld",
                         (long long) (v->caches ? v->cache_ids[k] : v->ids[k]));
        if (v->caches)
            ac_buffer_printf(b, ", \"cache\": %d", (int) v->caches[k]);
        push_float_field(b, "score", v->scores[k]);
        if (v->probabilities)
            push_float_field(b, "probability", v->probabilities[k]);
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
ac_record_push_csv_head(ac_buffer *b, const ac_shard_view *view)
{
    ac_buffer_push_text(b, "key,rank,entry,id,score");
    if (view && view->caches)
        ac_buffer_push_text(b, ",cache");
    if (view && view->probabilities)
        ac_buffer_push_text(b, ",probability");
}

void
ac_record_push_csv(ac_buffer *b, const ac_shard_view *v, int64_t i, int64_t k)
{
    ac_csv_push_field(b, ac_texts_at(&v->keys, i), ac_texts_size(&v->keys, i));
    ac_buffer_printf(b, ",%lld,", (long long) (k - i * v->K + 1));
    ac_csv_push_field(b, ac_texts_at(&v->entries, k), ac_texts_size(&v->entries, k));
    ac_buffer_printf(b, ",%lld,", (long long) (v->caches ? v->cache_ids[k] : v->ids[k]));
    ac_json_float(b, v->scores[k]);
    if (v->caches)
        ac_buffer_printf(b, ",%d", (int) v->caches[k]);
    if (v->probabilities) {
        ac_buffer_push_char(b, ',');
        ac_json_float(b, v->probabilities[k]);
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

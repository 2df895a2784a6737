#include "jobs/runtime/evidence_json.h"

#include "io/file/json_write.h"

static void
push_word(ac_buffer *out, const ac_evidence_finder *finder, int32_t word, bool first)
{
    const ac_texts *words = &finder->words.words;

    ac_buffer_push_text(out, first ? "" : ", ");
    ac_json_string(out, ac_texts_at(words, word - 1), ac_texts_size(words, word - 1));
}

ac_status
ac_evidence_push_json(ac_buffer *out, const ac_evidence_finder *finder,
                      const ac_evidence *evidence, const ac_texts *entries, int64_t first,
                      const int64_t *ids, double margin)
{
    const ac_words words = evidence->words;
    bool none = true;

    ac_buffer_push_text(out, "{\"words\": [");
    for (int64_t i = 0; i < words.count; i++)
        push_word(out, finder, words.words[i], i == 0);
    ac_buffer_push_text(out, "], \"spans\": [");
    for (int64_t s = 0; s < evidence->span_count; s++) {
        const ac_evidence_span *span = &evidence->spans[s];
        const int64_t e = first + span->entry;

        ac_buffer_printf(out, "%s{\"from\": %lld, \"count\": %lld, \"entry\": ", s ? ", " : "",
                         (long long) span->from, (long long) span->count);
        ac_json_string(out, ac_texts_at(entries, e), ac_texts_size(entries, e));
        ac_buffer_printf(out, ", \"id\": %lld}", (long long) ids[span->entry]);
    }
    ac_buffer_push_text(out, "], \"not_in_table\": [");
    for (int64_t i = 0; i < words.count; i++)
        if (evidence->content[i] && !evidence->in_table[i]) {
            push_word(out, finder, words.words[i], none);
            none = false;
        }
    ac_buffer_push_text(out, "], \"margin\": ");
    ac_json_float(out, (float) margin);
    return ac_buffer_push_text(out, "}");
}

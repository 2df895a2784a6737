#include "jobs/runtime/evidence_json.h"

#include <math.h>

#include "io/file/json_write.h"

static void
push_word(ac_buffer *out, const ac_evidence_finder *finder, int32_t word, bool first)
{
    const ac_texts *words = &finder->words.words;

    ac_buffer_push_text(out, first ? "" : ", ");
    ac_json_string(out, ac_texts_at(words, word - 1), ac_texts_size(words, word - 1));
}

/* The caption's content words i of which chosen[i] is `value`. */
static void
push_content(ac_buffer *out, const ac_evidence_finder *finder, const ac_evidence *evidence,
             const bool *chosen, bool value)
{
    bool none = true;

    for (int64_t i = 0; i < evidence->words.count; i++)
        if (evidence->content[i] && chosen[i] == value) {
            push_word(out, finder, evidence->words.words[i], none);
            none = false;
        }
}

ac_status
ac_evidence_push_json(ac_buffer *out, const ac_evidence_finder *finder,
                      const ac_evidence *evidence, const ac_texts *entries, int64_t first,
                      const int64_t *ids, double margin, const bool *untrained)
{
    const ac_words words = evidence->words;

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
    push_content(out, finder, evidence, evidence->in_table, false);
    if (untrained) {
        ac_buffer_push_text(out, "], \"not_in_training\": [");
        push_content(out, finder, evidence, untrained, true);
    }
    ac_buffer_push_text(out, "], \"margin\": ");
    ac_json_float(out, (float) margin);
    return ac_buffer_push_text(out, "}");
}

/* By how much CLIP scores the best candidate above the second; NaN where there are not two. */
static double
margin_of(const ac_shard_view *v, int64_t i)
{
    float best = -INFINITY, second = -INFINITY;

    for (int64_t c = v->offsets[i]; c < v->offsets[i + 1]; c++) {
        const float x = v->candidate_clip_scores[c];
        if (x > best) {
            second = best;
            best = x;
        } else if (x > second) {
            second = x;
        }
    }
    return isinf(second) ? (double) NAN : (double) best - (double) second;
}

ac_status
ac_evidence_push_row(ac_buffer *out, ac_evidence_finder *finder, const ac_shard_view *view,
                     int64_t i)
{
    const int64_t first = i * view->K;
    ac_evidence evidence;
    int64_t entries = 0;
    ac_status st = AC_OK;

    while (entries < view->K && view->ids[first + entries] >= 0)
        entries++;
    AC_TRY(ac_evidence_find(finder, ac_texts_at(&view->captions, i),
                            ac_texts_size(&view->captions, i), &view->entries, first, entries,
                            &evidence));
    st = ac_evidence_push_json(out, finder, &evidence, &view->entries, first, view->ids + first,
                               margin_of(view, i), NULL);
out:
    return st;
}

#include "jobs/evaluate/traces.h"

#include <math.h>
#include <stdlib.h>

#include "engine/metrics/evidence.h"
#include "engine/metrics/ptb_tokenizer.h"
#include "io/file/json_write.h"
#include "jobs/runtime/evidence_json.h"

void
ac_traces_free(ac_traces *self)
{
    ac_texts_free(&self->owned);
    self->json = NULL;
}

/* The words of all training captions. */
static ac_status
read_training(ac_vocabulary *out, const ac_caption_set *training)
{
    ac_ptb_tokenizer *tokenizer = NULL;
    ac_caption_words words = { 0 };
    ac_buffer tokens = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_ptb_tokenizer_new(&tokenizer));
    for (int64_t i = 0; i < training->captions.count; i++) {
        ac_buffer_reset(&tokens);
        AC_TRY(ac_ptb_tokenize(tokenizer, &tokens, ac_texts_at(&training->captions, i),
                               ac_texts_size(&training->captions, i)));
        ac_caption_words_reset(&words); /* the vocabulary is all that counts */
        AC_TRY(ac_caption_words_push(&words, out, tokens.data, tokens.size));
    }
out:
    ac_ptb_tokenizer_free(tokenizer);
    ac_caption_words_free(&words);
    ac_buffer_free(&tokens);
    return st;
}

typedef struct tracer {
    ac_evidence_finder finder;
    ac_vocabulary training;
    const ac_evaluated *evaluated;
    double *words, *copied;          /* [items] */
    ac_score_column *unseen, *novel; /* values NULL: not wanted */
    ac_buffer json;
    bool *untrained; /* of the present caption: content words that no training caption has */
    int64_t capacity;
    ac_traces *out;
} tracer;

static bool
was_trained(const tracer *self, int32_t word)
{
    const ac_texts *words = &self->finder.words.words;

    return ac_vocabulary_find(&self->training, ac_texts_at(words, word - 1),
                              ac_texts_size(words, word - 1)) != 0;
}

static ac_status
trace_item(tracer *self, int64_t item)
{
    const ac_caption_set *p = &self->evaluated->predictions;
    const int64_t row = self->evaluated->prediction[item], first = p->entry_starts[row],
                  count = p->entry_starts[row + 1] - first;
    bool unseen = false, novel = false;
    ac_evidence e;
    ac_status st = AC_OK;

    AC_TRY(ac_evidence_find(&self->finder, ac_texts_at(&p->captions, row),
                            ac_texts_size(&p->captions, row), &p->entries, first, count, &e));
    self->words[item] = (double) e.words.count;
    self->copied[item] = (double) e.copied;
    AC_TRY(ac_grow(&self->untrained, &self->capacity, e.words.count, sizeof *self->untrained));
    for (int64_t i = 0; self->evaluated->has_training && i < e.words.count; i++) {
        self->untrained[i] = e.content[i] && !was_trained(self, e.words.words[i]);
        unseen = unseen || (self->untrained[i] && e.in_table[i]);
        novel = novel || (self->untrained[i] && !e.in_table[i]);
    }
    if (self->unseen->values)
        self->unseen->values[item] = unseen;
    if (self->novel->values)
        self->novel->values[item] = novel;
    ac_buffer_reset(&self->json);
    AC_TRY(ac_evidence_push_json(&self->json, &self->finder, &e, &p->entries, first,
                                 p->entry_ids + first, p->margins[row],
                                 self->evaluated->has_training ? self->untrained : NULL));
    AC_TRY(ac_texts_push(&self->out->owned, self->json.data, self->json.size));
out:
    return st;
}

ac_status
ac_traces_compute(ac_traces *self, ac_scores *scores, const ac_evaluated *evaluated,
                  bool wanted)
{
    const char *no_table = !wanted ? "not asked for"
                           : !evaluated->predictions.has_tables
                               ? "the predictions are no run with retrieved entries"
                               : NULL,
               *no_training = no_table                   ? no_table
                              : !evaluated->has_training ? "no training captions were given"
                                                         : NULL;
    tracer t = { .evaluated = evaluated, .out = self };
    ac_score_column *share;
    ac_status st = AC_OK;

    AC_TRY(ac_scores_add(scores, "cache_copied", no_table, &share));
    AC_TRY(ac_scores_add(scores, "cache_copied_unseen", no_training, &t.unseen));
    AC_TRY(ac_scores_add(scores, "novel_unseen", no_training, &t.novel));
    if (no_table)
        goto out;
    for (int k = 0; k < 2; k++)
        AC_TRY(ac_alloc(&share->parts[k], scores->items, sizeof **share->parts));
    t.copied = share->parts[0];
    t.words = share->parts[1];
    if (evaluated->has_training)
        AC_TRY(read_training(&t.training, &evaluated->training));
    for (int64_t i = 0; i < scores->items; i++) {
        AC_TRY(trace_item(&t, i));
        share->values[i] = t.words[i] > 0 ? t.copied[i] / t.words[i] : (double) NAN;
    }
    self->json = &self->owned;
out:
    ac_evidence_finder_free(&t.finder);
    ac_vocabulary_free(&t.training);
    ac_buffer_free(&t.json);
    free(t.untrained);
    return st;
}

#include "jobs/evaluate/scores.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/metrics/ptb_tokenizer.h"

enum { RESAMPLES = 1000 };

static const char *const bleu_names[AC_NGRAM_MOST] = { "Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4" };

void
ac_scores_free(ac_scores *self)
{
    for (int c = 0; c < self->column_count; c++) {
        free(self->columns[c].values);
        free(self->columns[c].others);
        free(self->columns[c].parts[0]);
        free(self->columns[c].parts[1]);
    }
    ac_vocabulary_free(&self->vocabulary);
    ac_caption_words_free(&self->words);
    ac_caption_ngrams_free(&self->ngrams);
    ac_ngram_table_free(&self->table);
    free(self->scored);
    free(self->scored_other);
    free(self->texts);
    free(self->texts_other);
    *self = (ac_scores){ 0 };
}

ac_status
ac_scores_wanted(const char *metrics, unsigned *wanted)
{
    static const struct {
        const char *name;
        unsigned metric;
    } known[] = {
        { "all", AC_SCORE_ALL },           { "bleu", AC_SCORE_BLEU },
        { "bleu_1", AC_SCORE_BLEU },       { "bleu_2", AC_SCORE_BLEU },
        { "bleu_3", AC_SCORE_BLEU },       { "bleu_4", AC_SCORE_BLEU },
        { "rouge_l", AC_SCORE_ROUGE_L },   { "rouge", AC_SCORE_ROUGE_L },
        { "cider", AC_SCORE_CIDER },       { "clipscore", AC_SCORE_CLIP },
        { "refclipscore", AC_SCORE_CLIP }, { "diversity", AC_SCORE_DIVERSITY },
        { "evidence", AC_SCORE_EVIDENCE },
    };
    const size_t count = sizeof known / sizeof *known;

    *wanted = 0;
    for (const char *at = metrics; *at;) {
        const size_t skip = strspn(at, ", []"), n = strcspn(at + skip, ", []");
        size_t k = 0;

        at += skip;
        if (!n)
            break;
        while (k < count && (strlen(known[k].name) != n || strncasecmp(known[k].name, at, n)))
            k++;
        if (k == count)
            return ac_error_set(AC_E_ARG,
                                "evaluate.metrics: \"%.*s\" is none of all, bleu, rouge_l, "
                                "cider, clipscore, diversity, evidence",
                                (int) n, at);
        *wanted |= known[k].metric;
        at += n;
    }
    return *wanted ? AC_OK : ac_error_set(AC_E_ARG, "evaluate.metrics names none");
}

ac_status
ac_scores_add(ac_scores *self, const char *name, const char *why, ac_score_column **out)
{
    ac_score_column *c = &self->columns[self->column_count];
    ac_status st = AC_OK;

    if (self->column_count == AC_SCORE_MOST_COLUMNS)
        return ac_error_set(AC_E_LIMIT, "more than %d scores", AC_SCORE_MOST_COLUMNS);
    *c = (ac_score_column){ .why = why,
                            .corpus = (double) NAN,
                            .low = (double) NAN,
                            .high = (double) NAN,
                            .difference = (double) NAN };
    snprintf(c->name, sizeof c->name, "%s", name);
    if (!why)
        st = ac_alloc(&c->values, self->items, sizeof *c->values);
    if (st == AC_OK)
        self->column_count++;
    if (out)
        *out = c;
    return st;
}

ac_score_column *
ac_scores_find(ac_scores *self, const char *name)
{
    for (int c = 0; c < self->column_count; c++)
        if (strcmp(self->columns[c].name, name) == 0)
            return &self->columns[c];
    return NULL;
}

/* ---- words ---- */

enum { ITEMS_PER_PART = 256 };

/* What a thread makes of ITEMS_PER_PART items: their captions' words, by numbers of its own. */
typedef struct part {
    ac_vocabulary vocabulary;
    ac_caption_words words;
    int32_t *numbers;          /* [vocabulary]: in that of all captions */
    int64_t first, first_word; /* where its captions and words are among all */
} part;

static ac_status
push_caption(part *self, ac_ptb_tokenizer *tokenizer, ac_buffer *tokens,
             const ac_texts *captions, int64_t row)
{
    ac_status st = AC_OK;

    ac_buffer_reset(tokens);
    AC_TRY(ac_ptb_tokenize(tokenizer, tokens, ac_texts_at(captions, row),
                           ac_texts_size(captions, row)));
    st = ac_caption_words_push(&self->words, &self->vocabulary, tokens->data, tokens->size);
out:
    return st;
}

/* The captions of one item, in the order of all: its own, its references, the other one. */
static ac_status
push_item(part *self, ac_ptb_tokenizer *tokenizer, ac_buffer *tokens, const ac_evaluated *e,
          int64_t i)
{
    const int64_t r = e->reference[i];
    ac_status st = AC_OK;

    AC_TRY(push_caption(self, tokenizer, tokens, &e->predictions.captions, e->prediction[i]));
    for (int64_t k = r >= 0 ? e->references.starts[r] : 0;
         r >= 0 && k < e->references.starts[r + 1]; k++)
        AC_TRY(push_caption(self, tokenizer, tokens, &e->references.captions, k));
    if (e->has_against)
        st = push_caption(self, tokenizer, tokens, &e->against.captions, e->other[i]);
out:
    return st;
}

static ac_status
tokenize_parts(part *parts, int64_t count, const ac_evaluated *e)
{
    ac_status worst = AC_OK;

#pragma omp parallel if (count > 1)
    {
        ac_ptb_tokenizer *tokenizer = NULL;
        ac_buffer tokens = { 0 };
        ac_status st = ac_ptb_tokenizer_new(&tokenizer);

#pragma omp for schedule(dynamic, 1)
        for (int64_t p = 0; p < count; p++) {
            const int64_t end = (p + 1) * ITEMS_PER_PART;
            for (int64_t i = p * ITEMS_PER_PART; i < end && i < e->count && st == AC_OK; i++)
                st = push_item(&parts[p], tokenizer, &tokens, e, i);
        }
        if (st != AC_OK) {
#pragma omp atomic write
            worst = st;
        }
        ac_ptb_tokenizer_free(tokenizer);
        ac_buffer_free(&tokens);
    }
    return worst == AC_OK ? AC_OK : ac_error_set(worst, "out of memory for captions' words");
}

/* Words get the numbers that they would get one after the other. */
static ac_status
join_parts(ac_scores *self, part *parts, int64_t count)
{
    ac_status st = AC_OK;

    for (int64_t p = 0; p < count; p++) {
        const ac_texts *words = &parts[p].vocabulary.words;
        AC_TRY(ac_alloc(&parts[p].numbers, words->count, sizeof *parts[p].numbers));
        for (int64_t w = 0; w < words->count; w++)
            AC_TRY(ac_vocabulary_add(&self->vocabulary, ac_texts_at(words, w),
                                     ac_texts_size(words, w), &parts[p].numbers[w]));
        parts[p].first = self->words.count;
        parts[p].first_word = self->words.word_count;
        AC_TRY(ac_caption_words_reserve(&self->words, &parts[p].words));
    }
#pragma omp parallel for schedule(dynamic, 1) if (count > 1)
    for (int64_t p = 0; p < count; p++)
        ac_caption_words_fill(&self->words, parts[p].first, parts[p].first_word,
                              &parts[p].words, parts[p].numbers);
out:
    return st;
}

static void
number_items(ac_scores *self, const ac_evaluated *e)
{
    int64_t caption = 0;

    for (int64_t i = 0; i < e->count; i++) {
        const int64_t r = e->reference[i],
                      n = r >= 0 ? e->references.starts[r + 1] - e->references.starts[r] : 0;

        self->scored[i] = (ac_scored_item){ caption, caption + 1, n };
        caption += 1 + n;
        if (!e->has_against)
            continue;
        self->scored_other[i] = (ac_scored_item){ caption, self->scored[i].first_reference, n };
        caption++;
    }
}

static ac_status
tokenize(ac_scores *self, const ac_evaluated *e)
{
    const int64_t count = (e->count + ITEMS_PER_PART - 1) / ITEMS_PER_PART;
    part *parts = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&parts, count, sizeof *parts));
    AC_TRY(tokenize_parts(parts, count, e));
    AC_TRY(join_parts(self, parts, count));
    number_items(self, e);
out:
    for (int64_t p = 0; parts && p < count; p++) {
        ac_vocabulary_free(&parts[p].vocabulary);
        ac_caption_words_free(&parts[p].words);
        free(parts[p].numbers);
    }
    free(parts);
    if (st == AC_OK)
        st = ac_caption_ngrams_find(&self->ngrams, &self->table, &self->words);
    return st;
}

/* ---- what the references give ---- */

static void
take_text_scores(ac_score_column *c, const ac_item_scores *texts, bool others, int64_t n)
{
    double *out = others ? c->others : c->values;

    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < AC_NGRAM_MOST; k++)
            if (strcmp(c->name, bleu_names[k]) == 0)
                out[i] = texts[i].bleu[k];
            else if (strcmp(c->name, "ROUGE_L") == 0)
                out[i] = texts[i].rouge_l;
            else if (strcmp(c->name, "CIDEr") == 0)
                out[i] = texts[i].cider;
}

static ac_status
add_text_column(ac_scores *self, const ac_evaluated *e, const char *name, bool wanted)
{
    const char *why = !wanted              ? "not asked for"
                      : !e->has_references ? "no references were given"
                                           : NULL;
    ac_score_column *c;
    ac_status st = AC_OK;

    AC_TRY(ac_scores_add(self, name, why, &c));
    if (why)
        goto out;
    take_text_scores(c, self->texts, false, self->items);
    if (e->has_against) {
        AC_TRY(ac_alloc(&c->others, self->items, sizeof *c->others));
        take_text_scores(c, self->texts_other, true, self->items);
    }
out:
    return st;
}

static ac_status
score_texts(ac_scores *self, const ac_evaluated *e, const char *frequencies_file)
{
    ac_status st = AC_OK;

    if (frequencies_file)
        AC_TRY(ac_frequencies_load(self, frequencies_file));
    else
        AC_TRY(ac_count_frequencies(&self->table, &self->ngrams, self->scored, self->items));
    AC_TRY(ac_alloc(&self->texts, self->items, sizeof *self->texts));
    AC_TRY(ac_score_items(&self->words, &self->ngrams, &self->table, self->scored, self->items,
                          self->texts));
    if (self->table.images == 1) {
        self->note = "The references are of one item alone: each n-gram is in every item, so "
                     "its weight is log(1) = 0, and CIDEr is 0";
        ac_log(AC_LOG_WARNING, "%s", self->note);
    }
    if (!e->has_against)
        goto out;
    AC_TRY(ac_alloc(&self->texts_other, self->items, sizeof *self->texts_other));
    AC_TRY(ac_score_items(&self->words, &self->ngrams, &self->table, self->scored_other,
                          self->items, self->texts_other));
out:
    return st;
}

ac_status
ac_scores_compute(ac_scores *self, const ac_evaluated *e, unsigned wanted,
                  const char *frequencies_file)
{
    const bool texts = wanted & (AC_SCORE_BLEU | AC_SCORE_ROUGE_L | AC_SCORE_CIDER);
    ac_status st = AC_OK;

    self->items = e->count;
    AC_TRY(ac_alloc(&self->scored, e->count, sizeof *self->scored));
    AC_TRY(ac_alloc(&self->scored_other, e->count, sizeof *self->scored_other));
    AC_TRY(tokenize(self, e));
    if (e->has_references && texts)
        AC_TRY(score_texts(self, e, frequencies_file));
    for (int k = 0; k < AC_NGRAM_MOST; k++)
        AC_TRY(add_text_column(self, e, bleu_names[k], wanted & AC_SCORE_BLEU));
    AC_TRY(add_text_column(self, e, "ROUGE_L", wanted & AC_SCORE_ROUGE_L));
    AC_TRY(add_text_column(self, e, "CIDEr", wanted & AC_SCORE_CIDER));
    if (wanted & AC_SCORE_DIVERSITY) {
        AC_TRY(ac_diversity_of(&self->words, &self->ngrams, &self->table, self->scored,
                               self->items, &self->diversity));
        self->has_diversity = true;
    }
out:
    return st;
}

/* ---- the corpus ---- */

static int
bleu_number(const ac_score_column *c)
{
    for (int k = 0; k < AC_NGRAM_MOST; k++)
        if (strcmp(c->name, bleu_names[k]) == 0)
            return k;
    return -1;
}

static void
set_corpus_scores(ac_scores *self)
{
    ac_corpus_scores mine = { .cider = 0 }, other = { .cider = 0 };

    if (self->texts)
        ac_score_corpus(self->texts, self->items, &mine);
    if (self->texts_other)
        ac_score_corpus(self->texts_other, self->items, &other);
    for (int i = 0; i < self->column_count; i++) {
        ac_score_column *c = &self->columns[i];
        const int k = bleu_number(c);
        if (!c->values)
            continue;
        c->corpus = k >= 0        ? mine.bleu[k]
                    : c->parts[0] ? ac_mean_of(c->parts[0], self->items) /
                                        ac_mean_of(c->parts[1], self->items)
                                  : ac_mean_of(c->values, self->items);
        if (c->others) {
            c->other_corpus = k >= 0 ? other.bleu[k] : ac_mean_of(c->others, self->items);
            c->difference = c->corpus - c->other_corpus;
        }
    }
}

/* samples [resamples] and those of the other predictions, which are NULL where there are none:
 * both are used up. */
static void
set_intervals(ac_score_column *c, double *samples, double *others, int resamples)
{
    int64_t higher = 0;

    if (others) {
        for (int r = 0; r < resamples; r++) {
            higher += samples[r] > others[r];
            others[r] = samples[r] - others[r];
        }
        c->higher = (double) higher / resamples;
        c->difference_low = ac_percentile_of(others, resamples, 2.5);
        c->difference_high = ac_percentile_of(others, resamples, 97.5);
    }
    c->low = ac_percentile_of(samples, resamples, 2.5);
    c->high = ac_percentile_of(samples, resamples, 97.5);
}

ac_status
ac_scores_finish(ac_scores *self, uint64_t seed)
{
    const ac_item_scores *sets[2] = { self->texts, self->texts_other };
    const double *columns[2 * AC_SCORE_MOST_COLUMNS];
    double *bleu = NULL, *means = NULL;
    int n = 0;
    ac_bootstrap_input in = { .bleu = sets,
                              .bleu_count = !self->texts        ? 0
                                            : self->texts_other ? 2
                                                                : 1,
                              .columns = columns,
                              .items = self->items,
                              .seed = seed,
                              .resamples = RESAMPLES };
    ac_status st = AC_OK;

    set_corpus_scores(self);
    for (int i = 0; i < self->column_count; i++) {
        const ac_score_column *c = &self->columns[i];
        if (!c->values || bleu_number(c) >= 0)
            continue;
        columns[n++] = c->parts[0] ? c->parts[0] : c->values;
        if (c->parts[0])
            columns[n++] = c->parts[1];
        if (c->others)
            columns[n++] = c->others;
    }
    in.column_count = n;
    AC_TRY(ac_alloc(&bleu, 2 * AC_NGRAM_MOST * RESAMPLES, sizeof *bleu));
    AC_TRY(ac_alloc(&means, (int64_t) n * RESAMPLES, sizeof *means));
    AC_TRY(ac_bootstrap(&in, bleu, means));
    n = 0;
    for (int i = 0; i < self->column_count; i++) {
        ac_score_column *c = &self->columns[i];
        const int k = bleu_number(c);
        double *samples, *others;
        if (!c->values)
            continue;
        samples = k >= 0 ? bleu + k * RESAMPLES : means + n++ * RESAMPLES;
        for (int r = 0; c->parts[0] && r < RESAMPLES; r++)
            samples[r] /= means[n * RESAMPLES + r];
        n += c->parts[0] != NULL;
        others = !c->others ? NULL
                 : k >= 0   ? bleu + (AC_NGRAM_MOST + k) * RESAMPLES
                            : means + n++ * RESAMPLES;
        set_intervals(c, samples, others, RESAMPLES);
    }
    self->resamples = RESAMPLES;
out:
    free(bleu);
    free(means);
    return st;
}

/* Captions in files of any kind, and their tokens. Promises: refused, or a set sorted by id
 * with whole captions; tokens are UTF-8 with one space between each two; a caption that is its
 * own reference scores 1. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/metrics/caption_scores.h"
#include "engine/metrics/evidence.h"
#include "engine/text/unicode.h"
#include "io/source/caption_set.h"
#include "tests/support/fuzz.h"

static ac_ptb_tokenizer *tokenizer;

static void
check_caption(const ac_caption_set *set, int64_t i)
{
    ac_vocabulary vocabulary = { 0 };
    ac_caption_words words = { 0 };
    ac_caption_ngrams ngrams = { 0 };
    ac_ngram_table table = { 0 };
    const ac_scored_item item = { 0, 1, 1 };
    ac_item_scores scores;
    ac_buffer tokens = { 0 };

    FUZZ_CHECK(ac_ptb_tokenize(tokenizer, &tokens, ac_texts_at(&set->captions, i),
                               ac_texts_size(&set->captions, i)) == AC_OK);
    FUZZ_CHECK(ac_utf8_check(tokens.data, tokens.size) == AC_OK);
    for (size_t k = 0; k < tokens.size; k++)
        if (tokens.data[k] == ' ')
            FUZZ_CHECK(k > 0 && k + 1 < tokens.size && tokens.data[k + 1] != ' ');
    for (int twice = 0; twice < 2; twice++)
        FUZZ_CHECK(ac_caption_words_push(&words, &vocabulary, tokens.data, tokens.size) ==
                   AC_OK);
    FUZZ_CHECK(ac_caption_ngrams_find(&ngrams, &table, &words) == AC_OK);
    FUZZ_CHECK(ac_count_frequencies(&table, &ngrams, &item, 1) == AC_OK);
    FUZZ_CHECK(ac_score_items(&words, &ngrams, &table, &item, 1, &scores) == AC_OK);
    FUZZ_CHECK(fabs(scores.rouge_l - 1) < 1e-12);
    if (ac_caption_words_at(&words, 0).count)
        FUZZ_CHECK(fabs(scores.bleu[0] - 1) < 1e-6);
    ac_vocabulary_free(&vocabulary);
    ac_caption_words_free(&words);
    ac_caption_ngrams_free(&ngrams);
    ac_ngram_table_free(&table);
    ac_buffer_free(&tokens);
}

static void
check_evidence(const ac_caption_set *set, int64_t i)
{
    ac_evidence_finder finder = { 0 };
    const int64_t first = set->entry_starts[i], caption = set->starts[i];
    ac_evidence e;
    int64_t at = 0;

    FUZZ_CHECK(ac_evidence_find(&finder, ac_texts_at(&set->captions, caption),
                                ac_texts_size(&set->captions, caption), &set->entries, first,
                                set->entry_starts[i + 1] - first, &e) == AC_OK);
    for (int64_t s = 0; s < e.span_count; s++) {
        FUZZ_CHECK(e.spans[s].from >= at && e.spans[s].count > 0);
        at = e.spans[s].from + e.spans[s].count;
    }
    FUZZ_CHECK(at <= e.words.count && e.copied <= e.words.count);
    ac_evidence_finder_free(&finder);
}

static void
check_set(const ac_caption_set *set)
{
    FUZZ_CHECK(set->count > 0 && set->starts[set->count] == set->captions.count);
    for (int64_t i = 0; i < set->count; i++) {
        FUZZ_CHECK(set->starts[i] < set->starts[i + 1]);
        if (ac_texts_size(&set->ids, i))
            FUZZ_CHECK(ac_caption_set_find(set, ac_texts_at(&set->ids, i),
                                           ac_texts_size(&set->ids, i)) == i);
        if (set->has_tables)
            check_evidence(set, i);
    }
    for (int64_t c = 0; c < set->captions.count && c < 64; c++)
        check_caption(set, c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const names[] = { "x.json", "x.jsonl", "x.txt" };

    if (!tokenizer)
        FUZZ_CHECK(ac_ptb_tokenizer_new(&tokenizer) == AC_OK);
    for (int k = 0; k < 6; k++) {
        ac_caption_set set;
        char path[4096];

        snprintf(path, sizeof path, "%s/%s", fuzz_folder(names[k / 2], data, n), names[k / 2]);
        if (ac_caption_set_read(&set, path, k % 2 ? AC_CAPTIONS_SEVERAL : AC_CAPTIONS_ONE_EACH,
                                "captions") == AC_OK) {
            check_set(&set);
            ac_caption_set_free(&set);
        }
    }
    return 0;
}

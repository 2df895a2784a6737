/* Tokens of captions by equality, and scores, against pycocoevalcap. Tolerances:
 * golden/metrics/README.md (1e-9; CIDEr 1e-7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/metrics/caption_scores.h"
#include "engine/metrics/ptb_tokenizer.h"
#include "tests/support/golden.h"

static ac_ptb_tokenizer *tokenizer;

static int
open_tokenizer(void **state)
{
    (void) state;
    return ac_ptb_tokenizer_new(&tokenizer) == AC_OK ? 0 : -1;
}

static int
close_tokenizer(void **state)
{
    (void) state;
    ac_ptb_tokenizer_free(tokenizer);
    return 0;
}

static void
assert_tokens(const char *text, size_t n, const char *expected)
{
    ac_buffer out = { 0 };

    assert_int_equal(ac_ptb_tokenize(tokenizer, &out, text, n), AC_OK);
    if (strcmp(out.data, expected) != 0)
        fail_msg("\"%s\" gives \"%s\", not \"%s\"", text, out.data, expected);
    ac_buffer_free(&out);
}

static json_t *
golden_lines(const char *name)
{
    char *path = golden_path(name);
    json_t *lines;

    if (!path)
        skip();
    lines = test_read_jsonl(path);
    free(path);
    return lines;
}

static void
hard_lines(void **state)
{
    json_t *lines = golden_lines("metrics/tokenize.jsonl"), *line;
    size_t i;

    (void) state;
    assert_true(json_array_size(lines) > 100);
    json_array_foreach(lines, i, line)
    {
        json_t *text = json_object_get(line, "text");
        assert_tokens(json_string_value(text), json_string_length(text),
                      json_string_value(json_object_get(line, "tokens")));
    }
    json_decref(lines);
}

static void
tokens_of_captions(void **state)
{
    json_t *lines = golden_lines("metrics/images.jsonl"), *line, *reference;
    size_t i, k;

    (void) state;
    json_array_foreach(lines, i, line)
    {
        json_t *caption = json_object_get(line, "candidate"),
               *tokens = json_object_get(line, "references_tokens");
        assert_tokens(json_string_value(caption), json_string_length(caption),
                      json_string_value(json_object_get(line, "candidate_tokens")));
        json_array_foreach(json_object_get(line, "references"), k, reference)
            assert_tokens(json_string_value(reference), json_string_length(reference),
                          json_string_value(json_array_get(tokens, k)));
    }
    json_decref(lines);
}

/* ---- scores from the given tokens ---- */

typedef struct corpus {
    ac_vocabulary vocabulary;
    ac_caption_words words;
    ac_caption_ngrams ngrams;
    ac_ngram_table table;
    ac_scored_item *items;
    ac_item_scores *scores;
    int64_t count;
} corpus;

static void
push(corpus *self, const json_t *tokens)
{
    assert_int_equal(ac_caption_words_push(&self->words, &self->vocabulary,
                                           json_string_value(tokens),
                                           json_string_length(tokens)),
                     AC_OK);
}

static void
score(corpus *self, const json_t *lines, size_t start, size_t count)
{
    *self = (corpus){ .count = (int64_t) count };
    self->items = calloc(count, sizeof *self->items);
    self->scores = calloc(count, sizeof *self->scores);
    for (size_t i = 0; i < count; i++) {
        const json_t *line = json_array_get(lines, start + i),
                     *references = json_object_get(line, "references_tokens");
        size_t k;
        json_t *tokens;

        push(self, json_object_get(line, "candidate_tokens"));
        self->items[i] = (ac_scored_item){ self->words.count - 1, self->words.count,
                                           (int64_t) json_array_size(references) };
        json_array_foreach(references, k, tokens) push(self, tokens);
    }
    assert_int_equal(ac_caption_ngrams_find(&self->ngrams, &self->table, &self->words), AC_OK);
    assert_int_equal(
        ac_count_frequencies(&self->table, &self->ngrams, self->items, self->count), AC_OK);
    assert_int_equal(ac_score_items(&self->words, &self->ngrams, &self->table, self->items,
                                    self->count, self->scores),
                     AC_OK);
}

static void
corpus_free(corpus *self)
{
    ac_vocabulary_free(&self->vocabulary);
    ac_caption_words_free(&self->words);
    ac_caption_ngrams_free(&self->ngrams);
    ac_ngram_table_free(&self->table);
    free(self->items);
    free(self->scores);
}

static void
assert_score(const char *what, double x, const json_t *expected, double tolerance)
{
    const double y = json_number_value(expected);

    assert_true(json_is_number(expected));
    if (!(fabs(x - y) <= tolerance)) /* NaN fails */
        fail_msg("%s: %.17g, not %.17g", what, x, y);
}

static void
assert_scores(const double bleu[AC_NGRAM_MOST], double rouge_l, double cider,
              const json_t *expected)
{
    assert_score("bleu1", bleu[0], json_object_get(expected, "bleu1"), 1e-9);
    assert_score("bleu2", bleu[1], json_object_get(expected, "bleu2"), 1e-9);
    assert_score("bleu3", bleu[2], json_object_get(expected, "bleu3"), 1e-9);
    assert_score("bleu4", bleu[3], json_object_get(expected, "bleu4"), 1e-9);
    assert_score("rouge_l", rouge_l, json_object_get(expected, "rouge_l"), 1e-9);
    assert_score("cider", cider, json_object_get(expected, "cider"), 1e-7);
}

static json_t *
golden_scores(void)
{
    char *path = golden_path("metrics/scores.json");
    json_t *scores;

    if (!path)
        skip();
    scores = test_read_json(path);
    free(path);
    return scores;
}

static void
whole_corpus(void **state)
{
    json_t *lines = golden_lines("metrics/images.jsonl"), *golden = golden_scores();
    ac_corpus_scores all;
    corpus c;

    (void) state;
    score(&c, lines, 0, json_array_size(lines));
    for (int64_t i = 0; i < c.count; i++)
        assert_scores(c.scores[i].bleu, c.scores[i].rouge_l, c.scores[i].cider,
                      json_object_get(json_array_get(lines, (size_t) i), "scores"));
    ac_score_corpus(c.scores, c.count, &all);
    assert_scores(all.bleu, all.rouge_l, all.cider, json_object_get(golden, "corpus"));
    corpus_free(&c);
    json_decref(lines);
    json_decref(golden);
}

/* One image alone: every idf is 0. */
static void
subsets(void **state)
{
    json_t *lines = golden_lines("metrics/images.jsonl"), *golden = golden_scores(), *subset;
    const char *name;

    (void) state;
    json_object_foreach(json_object_get(golden, "subsets"), name, subset)
    {
        ac_corpus_scores all;
        corpus c;

        score(&c, lines, (size_t) json_integer_value(json_object_get(subset, "start")),
              (size_t) json_integer_value(json_object_get(subset, "images")));
        ac_score_corpus(c.scores, c.count, &all);
        assert_scores(all.bleu, all.rouge_l, all.cider, subset);
        corpus_free(&c);
    }
    json_decref(lines);
    json_decref(golden);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hard_lines),
        cmocka_unit_test(tokens_of_captions),
        cmocka_unit_test(whole_corpus),
        cmocka_unit_test(subsets),
    };

    return golden_result(cmocka_run_group_tests(tests, open_tokenizer, close_tokenizer));
}

/* Document frequencies as a text file: a head, then a line per n-gram in the order in which
 * they came: how many images have it, a tab, its words with spaces between. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/text/unicode.h"
#include "io/file/text_file.h"
#include "jobs/evaluate/scores.h"

static const char head[] = "antarctic document frequencies 1, images: ";

static void
push_ngram(ac_buffer *out, const ac_scores *self, const ac_word_ngram *g)
{
    for (int k = 0; k < ac_word_ngram_length(g); k++) {
        const int64_t w = g->words[k] - 1;
        if (k)
            ac_buffer_push_char(out, ' ');
        ac_buffer_push(out, ac_texts_at(&self->vocabulary.words, w),
                       ac_texts_size(&self->vocabulary.words, w));
    }
}

ac_status
ac_frequencies_save(const ac_scores *self, const char *path)
{
    const ac_ngram_table *t = &self->table;
    ac_text_file file = { 0 };
    ac_buffer line = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_text_file_create(&file, path));
    ac_buffer_printf(&line, "%s%lld\n", head, (long long) t->images);
    for (int64_t i = 0; i < t->count; i++) {
        if (t->frequencies[i]) {
            ac_buffer_printf(&line, "%d\t", t->frequencies[i]);
            push_ngram(&line, self, &t->ngrams[i]);
            ac_buffer_push_char(&line, '\n');
        }
        AC_TRY(line.status);
        ac_text_file_write(&file, line.data, line.size);
        ac_buffer_reset(&line);
    }
    AC_TRY(ac_text_file_commit(&file));
out:
    ac_text_file_abandon(&file);
    ac_buffer_free(&line);
    return st;
}

/* "12\ta red car" */
static ac_status
load_line(ac_scores *self, char *line, const char *path, int64_t number)
{
    char *tab = strchr(line, '\t'), *end, *word, *rest = NULL;
    const long long times = strtoll(line, &end, 10);
    ac_word_ngram g = { { 0 } };
    int32_t number_of;
    int n = 0;
    ac_status st = AC_OK;

    if (!tab || end != tab || times < 1 || times > self->table.images)
        AC_FAIL(AC_E_FORMAT,
                "%s: line %lld: not a count from 1 to %lld, a tab, and 1 to 4 words", path,
                (long long) number, (long long) self->table.images);
    if (ac_utf8_check(tab + 1, strlen(tab + 1)) != AC_OK)
        AC_FAIL(AC_E_FORMAT, "%s: line %lld is not UTF-8", path, (long long) number);
    for (word = strtok_r(tab + 1, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (n == AC_NGRAM_MOST)
            AC_FAIL(AC_E_FORMAT, "%s: line %lld: more than %d words", path, (long long) number,
                    AC_NGRAM_MOST);
        AC_TRY(ac_vocabulary_add(&self->vocabulary, word, strlen(word), &g.words[n++]));
    }
    if (!n)
        AC_FAIL(AC_E_FORMAT, "%s: line %lld: no words", path, (long long) number);
    AC_TRY(ac_ngram_table_add(&self->table, &g, &number_of));
    self->table.frequencies[number_of] += (int32_t) times;
out:
    return st;
}

ac_status
ac_frequencies_load(ac_scores *self, const char *path)
{
    ac_buffer text = { 0 };
    int64_t number = 1;
    char *at, *end;
    ac_status st = AC_OK;

    AC_TRY(ac_text_file_read(path, &text));
    AC_TRY(ac_buffer_push(&text, "", 0));
    if (strncmp(text.data, head, sizeof head - 1) != 0 ||
        (self->table.images = strtoll(text.data + sizeof head - 1, &end, 10)) < 1 ||
        *end != '\n')
        AC_FAIL(AC_E_FORMAT,
                "%s: not document frequencies: evaluate --write-idf makes such a file", path);
    for (at = end + 1; *at; at = end + 1) {
        end = strchr(at, '\n');
        if (!end)
            AC_FAIL(AC_E_FORMAT, "%s: truncated in its last line", path);
        *end = '\0';
        AC_TRY(load_line(self, at, path, ++number));
    }
out:
    ac_buffer_free(&text);
    return st;
}

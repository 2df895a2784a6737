/* From what mining chose to the entries of a cache. */
#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

#include "cache_builder/mining/mining.h"
#include "engine/base/memory.h"
#include "engine/text/unicode.h"
#include "engine/text/words.h"

void
ac_mined_free(ac_mined *self)
{
    ac_texts_free(&self->entries);
    free(self->kinds);
    free(self->counts);
    free(self->pmis);
    ac_texts_free(&self->skipped);
    *self = (ac_mined){ 0 };
}

static ac_status
push_entry(ac_mined *self, ac_entry_kind kind, const char *text, size_t n, int64_t count,
           double pmi)
{
    const int64_t i = self->entries.count;
    ac_status st = AC_OK;

    AC_TRY(ac_grow(&self->kinds, &self->capacity[0], i + 1, sizeof *self->kinds));
    AC_TRY(ac_grow(&self->counts, &self->capacity[1], i + 1, sizeof *self->counts));
    AC_TRY(ac_grow(&self->pmis, &self->capacity[2], i + 1, sizeof *self->pmis));
    AC_TRY(ac_texts_push(&self->entries, text, n));
    self->kinds[i] = kind;
    self->counts[i] = count;
    self->pmis[i] = pmi;
out:
    return st;
}

typedef struct line_reader {
    ac_mined *out;
    ac_buffer lowered;
    bool lower;
    int64_t lines;
} line_reader;

static ac_status
take_lines(void *context, const char *text, size_t n)
{
    line_reader *self = context;
    ac_status st = AC_OK;

    for (size_t at = 0, from, to; ac_lines_next(text, n, &at, &from, &to);) {
        if (from == to)
            continue;
        self->lines++;
        ac_buffer_reset(&self->lowered);
        if (self->lower)
            AC_TRY(ac_unicode_lower(&self->lowered, text + from, to - from));
        AC_TRY(push_entry(self->out, AC_ENTRY_LINE,
                          self->lower ? self->lowered.data : text + from,
                          self->lower ? self->lowered.size : to - from, 0, NAN));
    }
out:
    return st;
}

static ac_status
push_lines(ac_miner *self, ac_mined *out)
{
    line_reader reader = { .out = out, .lower = self->options->lower };
    ac_status st = AC_OK;

    for (int64_t piece = 0; piece < self->corpus.pieces && st == AC_OK;
         piece++, ac_heartbeat_beat(self->options->heartbeat))
        st = ac_text_corpus_read(&self->corpus, piece, take_lines, &reader);
    self->report.lines = reader.lines;
    self->report.entries[AC_ENTRY_LINE] = reader.lines;
    ac_buffer_free(&reader.lowered);
    return st;
}

static ac_status
push_ngrams(ac_miner *self, int kind, ac_mined *out)
{
    ac_ngram_best *best = &self->best[kind];
    ac_buffer text = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_ngram_best_finish(best));
    for (int64_t i = 0; i < best->count; i++) {
        ac_buffer_reset(&text);
        AC_TRY(ac_ngram_best_text(best, i, &text));
        AC_TRY(push_entry(out, (ac_entry_kind) kind, text.data, text.size,
                          (int64_t) best->items[i].count, kind ? best->items[i].score : NAN));
    }
    self->report.entries[kind] = best->count;
out:
    ac_buffer_free(&text);
    return st;
}

/* Take out entries whose text was there before. */
static ac_status
drop_duplicates(ac_mined *self, ac_mining_report *report)
{
    ac_texts kept = { 0 };
    int64_t *slots = NULL, room = 16;
    ac_status st = AC_OK;

    while (room < 2 * self->entries.count)
        room *= 2;
    AC_TRY(ac_alloc(&slots, room,
                    sizeof *slots)); /* number of an entry that is kept + 1; 0: free */
    for (int64_t i = 0; i < self->entries.count; i++) {
        const char *text = ac_texts_at(&self->entries, i);
        const size_t n = ac_texts_size(&self->entries, i);
        int64_t at = (int64_t) (XXH3_64bits(text, n) & (uint64_t) (room - 1));
        while (slots[at] && !ac_texts_is(&self->entries, slots[at] - 1, text, n))
            at = (at + 1) & (room - 1);
        if (slots[at]) {
            report->entries[self->kinds[i]]--;
            report->duplicates++;
            continue;
        }
        self->kinds[kept.count] = self->kinds[i];
        self->counts[kept.count] = self->counts[i];
        self->pmis[kept.count] = self->pmis[i];
        AC_TRY(ac_texts_push(&kept, text, n));
        slots[at] = i + 1;
    }
    ac_texts_free(&self->entries);
    self->entries = kept;
    kept = (ac_texts){ 0 };
out:
    ac_texts_free(&kept);
    free(slots);
    return st;
}

ac_status
ac_miner_entries(ac_miner *self, ac_mined *out)
{
    const ac_mining_options *o = self->options;
    ac_status st = AC_OK;

    if (o->wanted[AC_ENTRY_LINE])
        AC_TRY(push_lines(self, out));
    for (int kind = 0; kind < AC_NGRAM_KINDS; kind++)
        if (o->wanted[kind])
            AC_TRY(push_ngrams(self, kind, out));
    if (o->unique)
        AC_TRY(drop_duplicates(out, &self->report));
    AC_TRY(ac_text_corpus_check(&self->corpus));
    out->skipped = self->skipped;
    self->skipped = (ac_texts){ 0 };
    if (out->entries.count == 0)
        st =
            ac_error_set(AC_E_ARG,
                         "mining left no entry: %lld lines, %lld words, and no n-gram was seen "
                         "%lld times; lower ngrams.filter, or switch on lines or unigrams",
                         (long long) self->report.lines, (long long) self->report.words,
                         (long long) o->filter);
out:
    return st;
}

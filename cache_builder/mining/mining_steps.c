/* The steps of mining that several processes may share out. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_builder/mining/mining.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/text/words.h"
#include "io/file/file_look.h"
#include "io/file/path.h"

enum { PIECE_BYTES = 8 << 20, WORD_BITS = 38, PIECE_BITS = 26, NAMED_SKIPPED = 20 };

bool
ac_miner_counts(const ac_mining_options *o)
{
    return o->wanted[AC_ENTRY_UNIGRAM] || o->wanted[AC_ENTRY_BIGRAM] ||
           o->wanted[AC_ENTRY_TRIGRAM];
}

static ac_status
spill(void *context, const ac_ngram_counter *counter)
{
    ac_miner *self = context;

    return ac_ngram_runs_spill(&self->runs, counter);
}

ac_status
ac_miner_init(ac_miner *self, const ac_mining_options *options)
{
    const ac_ngram_options counting = {
        .pairs = options->wanted[AC_ENTRY_BIGRAM],
        .triples = options->wanted[AC_ENTRY_TRIGRAM],
        .lower = options->lower,
        .memory = options->memory / 8 * 5,
        .flush = spill,
        .context = self,
    };

    *self = (ac_miner){ .options = options, .runs = { .folder = options->scratch } };
    for (int kind = 0; kind < AC_NGRAM_KINDS; kind++)
        self->best[kind] = (ac_ngram_best){ .most = options->most, .words = kind + 1 };
    return ac_ngram_counter_init(&self->counter, &counting);
}

void
ac_miner_free(ac_miner *self)
{
    ac_text_corpus_free(&self->corpus);
    ac_ngram_counter_free(&self->counter);
    ac_ngram_runs_free(&self->runs);
    ac_buffer_free(&self->edges);
    ac_ngram_merge_free(&self->merge);
    ac_buffer_free(&self->words);
    ac_ngram_merge_free(&self->vocabulary);
    ac_texts_free(&self->skipped);
    for (int kind = 0; kind < AC_NGRAM_KINDS; kind++)
        ac_ngram_best_free(&self->best[kind]);
    *self = (ac_miner){ 0 };
}

/* ---- the corpus ---- */

ac_status
ac_miner_spool_path(const ac_mining_options *options, int64_t source, char **path)
{
    return ac_path_format(path, "%s/spool-%08lld", options->scratch, (long long) source);
}

ac_status
ac_miner_arrange(ac_miner *self, const ac_texts *sources, ac_text_document *documents)
{
    ac_text_corpus *corpus = &self->corpus;
    char *spool = NULL;
    ac_status st = AC_OK;

    corpus->documents = documents;
    corpus->count = sources->count;
    for (int64_t i = 0; i < sources->count; i++) {
        const char *path = ac_texts_at(sources, i);
        free(spool);
        spool = NULL;
        if (documents[i].spooled)
            AC_TRY(ac_miner_spool_path(self->options, i, &spool));
        AC_TRY(ac_texts_push(&corpus->names, path, strlen(path) + 1));
        path = spool ? spool : path;
        AC_TRY(ac_texts_push(&corpus->paths, path, strlen(path) + 1));
        self->report.texts += documents[i].texts;
        self->report.skipped += documents[i].skipped;
        self->report.bytes += documents[i].bytes;
    }
    AC_TRY(ac_text_corpus_arrange(
        corpus, self->options->piece_bytes ? self->options->piece_bytes : PIECE_BYTES));
    if (self->report.bytes == 0)
        AC_FAIL(AC_E_FORMAT,
                "no text to mine: %lld texts, all empty, and %lld that are not UTF-8",
                (long long) self->report.texts, (long long) self->report.skipped);
    if (corpus->pieces >> PIECE_BITS)
        AC_FAIL(AC_E_LIMIT, "%lld bytes of text are more than this program can number",
                (long long) self->report.bytes);
out:
    free(spool);
    return st;
}

void
ac_mining_clean(const char *scratch)
{
    DIR *folder = ac_folder_open(scratch);
    struct dirent *entry;
    char *path = NULL;

    while (folder && (entry = readdir(folder))) {
        if (strncmp(entry->d_name, "spool-", 6) != 0 &&
            strncmp(entry->d_name, "ngrams-", 7) != 0)
            continue;
        if (ac_path_format(&path, "%s/%s", scratch, entry->d_name) != AC_OK)
            break;
        unlink(path);
        free(path);
    }
    if (folder)
        closedir(folder);
}

/* ---- counting ---- */

/* Lines that are not empty. */
static int64_t
count_lines(const char *text, size_t n)
{
    int64_t lines = 0;

    for (size_t at = 0, from, to; ac_lines_next(text, n, &at, &from, &to);)
        lines += to > from;
    return lines;
}

static ac_status
count_text(void *context, const char *text, size_t n)
{
    ac_miner *self = context;
    ac_status st = AC_OK;

    self->report.lines += count_lines(text, n);
    if (self->options->cross_lines)
        return ac_ngram_counter_add(&self->counter, text,
                                    n); /* the end of a line is white space, and no more */
    for (size_t at = 0, from, to; st == AC_OK && ac_lines_next(text, n, &at, &from, &to);) {
        ac_ngram_counter_break(&self->counter);
        st = ac_ngram_counter_add(&self->counter, text + from, to - from);
    }
    return st;
}

static void
push_words(ac_buffer *out, const ac_texts *words)
{
    const int64_t count = words->count;

    ac_buffer_push(out, &count, sizeof count);
    for (int64_t i = 0; i < count; i++) {
        const uint64_t n = ac_texts_size(words, i);
        ac_buffer_push(out, &n, sizeof n);
        ac_buffer_push(out, ac_texts_at(words, i), n);
    }
}

static ac_status
read_words(const ac_buffer *edges, size_t *at, ac_texts *words)
{
    int64_t count;
    ac_status st = AC_OK;

    ac_texts_reset(words);
    memcpy(&count, edges->data + *at, sizeof count);
    *at += sizeof count;
    for (int64_t i = 0; i < count && st == AC_OK; i++) {
        uint64_t n;
        memcpy(&n, edges->data + *at, sizeof n);
        st = ac_texts_push(words, edges->data + *at + sizeof n, n);
        *at += sizeof n + n;
    }
    return st;
}

ac_status
ac_miner_count(ac_miner *self, int64_t piece)
{
    const uint64_t first = (uint64_t) piece << WORD_BITS;
    ac_texts tail = { 0 };
    ac_status st = AC_OK;

    ac_ngram_counter_begin(&self->counter, first);
    AC_TRY(ac_text_corpus_read(&self->corpus, piece, count_text, self));
    self->report.words += (int64_t) (self->counter.position - first);
    if (!self->options->cross_lines || self->counter.position == first)
        goto out;
    AC_TRY(ac_ngram_counter_tail(&self->counter, &tail));
    ac_buffer_push(&self->edges, &piece, sizeof piece);
    push_words(&self->edges, &self->counter.head);
    push_words(&self->edges, &tail);
    st = self->edges.status;
out:
    ac_texts_free(&tail);
    return st;
}

/* ---- borders of pieces ---- */

typedef struct edge {
    int64_t piece;
    size_t at; /* of its words */
} edge;

static int
by_piece(const void *a, const void *b)
{
    const edge *x = a, *y = b;

    return x->piece < y->piece ? -1 : x->piece > y->piece;
}

static ac_status
index_edges(const ac_buffer *edges, edge **out, int64_t *count)
{
    ac_texts words = { 0 };
    int64_t capacity = 0;
    ac_status st = AC_OK;

    for (size_t at = 0; at < edges->size;) {
        AC_TRY(ac_grow(out, &capacity, *count + 1, sizeof **out));
        memcpy(&(*out)[*count].piece, edges->data + at, sizeof(int64_t));
        at += sizeof(int64_t);
        (*out)[(*count)++].at = at;
        AC_TRY(read_words(edges, &at, &words));
        AC_TRY(read_words(edges, &at, &words));
    }
    if (*count)
        qsort(*out, (size_t) *count, sizeof **out, by_piece);
out:
    ac_texts_free(&words);
    return st;
}

/* The n-grams that lie on both sides of a border: `before` and `head` hold at most two words
 * each, neither is empty. */
static ac_status
count_border(ac_ngram_counter *counter, const ac_texts *before, const ac_texts *head)
{
    const ac_texts *sides[4];
    int64_t places[4], count = 0;
    ac_texts words = { 0 };
    ac_status st = AC_OK;

    for (int64_t i = 0; i < before->count; i++, count++) {
        sides[count] = before;
        places[count] = i;
    }
    for (int64_t i = 0; i < head->count; i++, count++) {
        sides[count] = head;
        places[count] = i;
    }
    for (int k = 1; k <= 2; k++) {
        for (int64_t from = 0; from < before->count; from++) {
            if (from + k < before->count || from + k >= count)
                continue;
            ac_texts_reset(&words);
            for (int64_t i = from; i <= from + k; i++)
                AC_TRY(ac_texts_push(&words, ac_texts_at(sides[i], places[i]),
                                     ac_texts_size(sides[i], places[i])));
            AC_TRY(ac_ngram_counter_add_single(counter, k, &words));
        }
    }
out:
    ac_texts_free(&words);
    return st;
}

/* The last two words of before + tail, into before. */
static ac_status
carry_on(ac_texts *before, const ac_texts *tail)
{
    ac_texts next = { 0 };
    ac_status st = AC_OK;

    if (tail->count == 1 && before->count)
        AC_TRY(ac_texts_push(&next, ac_texts_at(before, before->count - 1),
                             ac_texts_size(before, before->count - 1)));
    for (int64_t i = 0; i < tail->count; i++)
        AC_TRY(ac_texts_push(&next, ac_texts_at(tail, i), ac_texts_size(tail, i)));
    ac_texts_free(before);
    *before = next;
    next = (ac_texts){ 0 };
out:
    ac_texts_free(&next);
    return st;
}

ac_status
ac_miner_join(ac_miner *self, const ac_buffer *edges)
{
    edge *order = NULL;
    int64_t count = 0;
    ac_texts before = { 0 }, words = { 0 };
    ac_status st = AC_OK;

    AC_TRY(index_edges(edges, &order, &count));
    ac_ngram_counter_break(&self->counter);
    for (int64_t i = 0; i < count; i++) {
        size_t at = order[i].at;
        AC_TRY(read_words(edges, &at, &words));
        if (before.count)
            AC_TRY(count_border(&self->counter, &before, &words));
        AC_TRY(read_words(edges, &at, &words));
        AC_TRY(carry_on(&before, &words));
    }
out:
    free(order);
    ac_texts_free(&before);
    ac_texts_free(&words);
    return st;
}

ac_status
ac_miner_finish(ac_miner *self)
{
    ac_status st = ac_ngram_runs_finish(&self->runs, &self->counter, self->options->memory / 4);

    self->report.spilled_bytes = self->runs.file_bytes;
    self->report.runs = self->runs.count;
    return st;
}

/* ---- merging ---- */

int64_t
ac_miner_bucket_budget(const ac_mining_options *options)
{
    return options->memory / 4;
}

int
ac_miner_plan(const int64_t costs[AC_NGRAM_PREFIXES], int64_t budget, int parts, int *bounds)
{
    int64_t total = 0, in_hand = 0;
    int count = 0;

    for (int p = 0; p < AC_NGRAM_PREFIXES; p++)
        total += costs[p];
    if (budget > total / parts + 1)
        budget = total / parts + 1;
    bounds[0] = 0;
    for (int p = 0; p < AC_NGRAM_PREFIXES; p++) {
        if (in_hand && in_hand + costs[p] > budget) {
            bounds[++count] = p;
            in_hand = 0;
        }
        in_hand += costs[p];
    }
    bounds[++count] = AC_NGRAM_PREFIXES;
    return count;
}

static ac_status
take_word(ac_miner *self, const ac_ngram_sum *sum, const char *key)
{
    const uint64_t none = 0;
    ac_status st = AC_OK;

    self->report.distinct[0]++;
    if (self->options->wanted[AC_ENTRY_UNIGRAM])
        st = ac_ngram_best_push(&self->best[0], (double) sum->count, sum->count, sum->first,
                                key, sum->key_bytes);
    if (st != AC_OK || sum->count < (uint64_t) self->options->filter ||
        !(self->options->wanted[AC_ENTRY_BIGRAM] || self->options->wanted[AC_ENTRY_TRIGRAM]))
        return st;
    /* a word of an n-gram that is seen often enough is itself seen as often */
    ac_buffer_push(&self->words, &sum->key_bytes, sizeof sum->key_bytes);
    ac_buffer_push(&self->words, &sum->count, sizeof sum->count);
    ac_buffer_push(&self->words, &none, sizeof none);
    return ac_buffer_push(&self->words, key, sum->key_bytes);
}

static ac_status
take_ngram(ac_miner *self, int kind, const ac_ngram_sum *sum, const char *key, int64_t words)
{
    uint64_t counts[AC_NGRAM_KINDS];
    size_t at = 0, from = 0;
    const char *word;
    uint32_t length;

    if (sum->count < (uint64_t) self->options->filter)
        return AC_OK;
    for (int i = 0; ac_ngram_key_next(key, sum->key_bytes, &at, &word, &length);
         i++, from = at) {
        const ac_ngram_sum *of_word =
            ac_ngram_merge_find(&self->vocabulary, key + from, (uint32_t) (at - from));
        AC_CHECK(of_word && i <= kind);
        counts[i] = of_word->count;
    }
    self->report.distinct[kind]++;
    return ac_ngram_best_push(&self->best[kind],
                              ac_ngram_pmi(sum->count, (uint64_t) words, counts, kind + 1),
                              sum->count, 0, key, sum->key_bytes);
}

ac_status
ac_miner_take(ac_miner *self, int kind, int64_t words)
{
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->merge.count && st == AC_OK; i++) {
        const ac_ngram_sum *sum = &self->merge.sums[i];
        const char *key = ac_ngram_merge_key(&self->merge, sum);
        st = kind == 0 ? take_word(self, sum, key) : take_ngram(self, kind, sum, key, words);
    }
    ac_ngram_merge_reset(&self->merge);
    return st;
}

bool
ac_miner_is_whole(const ac_miner *self)
{
    return self->runs.count == 0;
}

static ac_status
take_counted(ac_miner *self, int kind, const uint32_t *numbers, uint32_t count, int64_t words,
             ac_buffer *key)
{
    const ac_ngram_counter *counter = &self->counter;
    uint64_t counts[AC_NGRAM_KINDS], first = 0;
    double score = (double) count;
    ac_status st;

    if (kind > 0 && count < (uint64_t) self->options->filter)
        return AC_OK;
    self->report.distinct[kind]++;
    if (!self->options->wanted[kind])
        return AC_OK;
    for (int i = 0; i <= kind; i++)
        counts[i] = counter->words[numbers[i]].count;
    if (kind == 0)
        first = counter->words[numbers[0]].first;
    else
        score = ac_ngram_pmi(count, (uint64_t) words, counts, kind + 1);
    if (!ac_ngram_best_may_take(&self->best[kind], score))
        return AC_OK;
    ac_buffer_reset(key);
    st = ac_ngram_counter_key(counter, numbers, kind + 1, key);
    return st == AC_OK ? ac_ngram_best_push(&self->best[kind], score, count, first, key->data,
                                            (uint32_t) key->size)
                       : st;
}

ac_status
ac_miner_take_whole(ac_miner *self, int kind, int64_t words)
{
    const ac_ngram_counter *c = &self->counter;
    const int64_t places[] = { c->word_count, c->pair_capacity, c->triple_capacity };
    ac_buffer key = { 0 };
    ac_status st = AC_OK;

    for (int64_t i = 0; i < places[kind] && st == AC_OK; i++) {
        const uint32_t number = (uint32_t) i;
        const uint32_t *numbers = kind == 0   ? &number
                                  : kind == 1 ? c->pairs[i].words
                                              : c->triples[i].words;
        const uint32_t count = kind == 0   ? c->words[i].count
                               : kind == 1 ? c->pairs[i].count
                                           : c->triples[i].count;
        if (count)
            st = take_counted(self, kind, numbers, count, words, &key);
    }
    ac_buffer_free(&key);
    return st;
}

/* ---- what is said ---- */

void
ac_mining_report_log(const ac_mining_report *r)
{
    ac_log(AC_LOG_INFO,
           "mined: %lld texts (%lld not UTF-8, left out), %lld bytes, %lld lines, %lld words; "
           "selected %lld lines, %lld unigrams of %lld, %lld bigrams of %lld, %lld trigrams of "
           "%lld; %lld duplicates dropped; %lld MB spilled in %lld runs",
           (long long) r->texts, (long long) r->skipped, (long long) r->bytes,
           (long long) r->lines, (long long) r->words, (long long) r->entries[AC_ENTRY_LINE],
           (long long) r->entries[0], (long long) r->distinct[0], (long long) r->entries[1],
           (long long) r->distinct[1], (long long) r->entries[2], (long long) r->distinct[2],
           (long long) r->duplicates, (long long) (r->spilled_bytes >> 20),
           (long long) r->runs);
}

static int
by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

ac_status
ac_miner_take_skipped(ac_miner *self, const char *names, size_t n)
{
    const char **order = NULL;
    int64_t count = 0, capacity = 0;
    ac_status st = AC_OK;

    for (size_t at = 0; at < n; at += strlen(names + at) + 1) {
        AC_TRY(ac_grow(&order, &capacity, count + 1, sizeof *order));
        order[count++] = names + at;
    }
    if (count)
        qsort(order, (size_t) count, sizeof *order, by_bytes);
    for (int64_t i = 0; i < count; i++) {
        AC_TRY(ac_texts_push(&self->skipped, order[i], strlen(order[i])));
        if (i < NAMED_SKIPPED)
            ac_log(AC_LOG_WARNING, "%s: not UTF-8, left out", order[i]);
    }
    if (count > NAMED_SKIPPED)
        ac_log(AC_LOG_WARNING, "… and %lld more texts that are not UTF-8",
               (long long) count - NAMED_SKIPPED);
out:
    free(order);
    return st;
}

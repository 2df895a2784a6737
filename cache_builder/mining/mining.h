/**
 * Mining entries from text: lines, and the best words, pairs and triples of words.
 *
 * ac_mine does all of it in one process. The steps below it are what several processes share
 * out: prepare sources, count pieces, join the pieces' borders, merge bucket by bucket, choose.
 * A bucket is a range of n-gram prefixes whose merged content fits into memory; it needs the
 * records of all processes. Whoever counts a piece and whoever merges a bucket changes no
 * result: ties are settled by an n-gram's place in the corpus, or by its words.
 */
#ifndef AC_CACHE_BUILDER_MINING_MINING_H
#define AC_CACHE_BUILDER_MINING_MINING_H

#include "cache_builder/mining/ngram_best.h"
#include "cache_builder/mining/ngram_merge.h"
#include "cache_builder/mining/ngram_runs.h"
#include "engine/base/heartbeat.h"
#include "io/text/text_corpus.h"

typedef enum ac_entry_kind {
    AC_ENTRY_UNIGRAM = 0,
    AC_ENTRY_BIGRAM,
    AC_ENTRY_TRIGRAM,
    AC_ENTRY_LINE
} ac_entry_kind;
enum { AC_ENTRY_KINDS = 4 };

typedef struct ac_mining_options {
    bool wanted[AC_ENTRY_KINDS];
    bool lower;                   /* lower-case lines as a whole, words after they were found */
    bool cross_lines;             /* n-grams continue over the ends of lines and files */
    bool unique;                  /* an entry that was there before is dropped */
    int64_t most;                 /* n-grams of each kind */
    int64_t filter;               /* pairs and triples seen fewer times are dropped */
    const char *member_extension; /* of a tar's members, without the dot */
    const char *skip;    /* what is passed over in folders (io/file/skip.h); NULL: nothing */
    const char *scratch; /* a folder for spilled counts and unpacked text, there already */
    int64_t memory;      /* bytes, of this process */
    int64_t unpack;      /* of ac_mine alone: bytes to unpack a source in; 0: no limit */
    int64_t piece_bytes; /* 0: a default; no result depends on it */
    ac_heartbeat *heartbeat; /* beats while texts are unpacked and read; NULL: nobody watches */
} ac_mining_options;

/** What was found and done; sums over all processes where several work. */
typedef struct ac_mining_report {
    int64_t texts, skipped; /* files and members taken; not UTF-8 */
    int64_t bytes, lines, words;
    int64_t distinct[AC_NGRAM_KINDS]; /* of pairs and triples: those seen often enough */
    int64_t entries[AC_ENTRY_KINDS], duplicates;
    int64_t spilled_bytes, runs;
} ac_mining_report;

/** Entries in the order of a cache: lines, words, pairs, triples. Starts zeroed. */
typedef struct ac_mined {
    ac_texts entries;
    ac_entry_kind *kinds; /* [count] */
    int64_t *counts;      /* [count]; 0 for lines */
    double *pmis;         /* [count]; NaN for lines and words */
    int64_t capacity[3];
    ac_texts skipped; /* sorted names of texts that are not UTF-8 (ac_text_source_prepare) */
} ac_mined;

void ac_mined_free(ac_mined *self);

/**
 * Mine the inputs (ac_text_sources_list). Warnings name texts that are not UTF-8, which are
 * left out. AC_E_FORMAT where there is no text, AC_E_ARG where the options leave nothing of it.
 */
AC_MUST_CHECK ac_status ac_mine(ac_mined *out, ac_mining_report *report,
                                const char *const *inputs, int64_t count,
                                const ac_mining_options *options);

/* ---- the steps ---- */

/** One process's share of the work. Starts zeroed; options are borrowed. */
typedef struct ac_miner {
    const ac_mining_options *options;
    ac_text_corpus corpus;
    ac_ngram_counter counter;
    ac_ngram_runs runs;
    ac_buffer edges;      /* the first and last words of each piece counted here */
    ac_ngram_merge merge; /* of the present bucket */
    ac_buffer words; /* of this process's buckets: records of the words that n-grams may hold */
    ac_ngram_merge vocabulary; /* the same from all processes */
    ac_ngram_best best[AC_NGRAM_KINDS];
    ac_texts skipped; /* names of texts that are not UTF-8; on one process those of all */
    ac_mining_report report;
} ac_miner;

AC_MUST_CHECK ac_status ac_miner_init(ac_miner *self, const ac_mining_options *options);
void ac_miner_free(ac_miner *self);
/** Are words to be counted at all? */
bool ac_miner_counts(const ac_mining_options *options);

/** The path of source i's spool file; free with free(). */
AC_MUST_CHECK ac_status ac_miner_spool_path(const ac_mining_options *options, int64_t source,
                                            char **path);
/** self->corpus from all sources and what preparing them gave (documents: taken). AC_E_FORMAT
 * where there is no text. */
AC_MUST_CHECK ac_status ac_miner_arrange(ac_miner *self, const ac_texts *sources,
                                         ac_text_document *documents);
/** Remove what mining leaves in a scratch folder: for its end, and for its beginning where
 * another was killed. */
void ac_mining_clean(const char *scratch);

AC_MUST_CHECK ac_status ac_miner_count(ac_miner *self, int64_t piece);
/** edges: those of all pieces. One process does this, before it finishes counting. */
AC_MUST_CHECK ac_status ac_miner_join(ac_miner *self, const ac_buffer *edges);
AC_MUST_CHECK ac_status ac_miner_finish(ac_miner *self);

/**
 * Divide the prefixes so that no bucket's cost is over the budget (but for single prefixes),
 * and there are at least `parts`. bounds [AC_NGRAM_PREFIXES + 1]. Returns the number of
 * buckets.
 */
int ac_miner_plan(const int64_t costs[AC_NGRAM_PREFIXES], int64_t budget, int parts,
                  int *bounds);
int64_t ac_miner_bucket_budget(const ac_mining_options *options);

/** self->merge holds all records of a bucket: choose from them, and empty it. words: N, all
 * words of the corpus. */
AC_MUST_CHECK ac_status ac_miner_take(ac_miner *self, int kind, int64_t words);

/** The same from all that was counted, where that is still in memory and no other process
 * counted anything: no merging then. */
bool ac_miner_is_whole(const ac_miner *self);
AC_MUST_CHECK ac_status ac_miner_take_whole(ac_miner *self, int kind, int64_t words);

/** All entries, from the corpus and from self->best, which hold the chosen ones of all
 * processes. */
AC_MUST_CHECK ac_status ac_miner_entries(ac_miner *self, ac_mined *out);

/** One line for the log. */
void ac_mining_report_log(const ac_mining_report *self);
/** Take names of skipped texts, each with a zero byte behind it, sort them, and warn of them,
 * at most of some. */
AC_MUST_CHECK ac_status ac_miner_take_skipped(ac_miner *self, const char *names, size_t n);

#endif

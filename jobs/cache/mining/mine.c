#include "jobs/cache/mining/mine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/comm/exchange.h"
#include "engine/comm/queue.h"
#include "io/file/path.h"
#include "jobs/cache/mining/kept.h"
#include "jobs/cache/mining/prepare.h"
#include "jobs/runtime/memory_limit.h"
#include "jobs/runtime/progress.h"
#include "jobs/runtime/run.h"
#include "jobs/runtime/signals.h"
#include "jobs/runtime/visible.h"

/* Rank 0, which holds the run folder's lock: nobody else is at work here. */
static ac_status
make_scratch(const ac_mining_options *options)
{
    const ac_status st = ac_run_make_folder(options->scratch);

    ac_mining_clean(options->scratch);
    return st;
}

/* ---- counting ---- */

static int64_t
piece_bytes(const ac_text_corpus *corpus, int64_t piece)
{
    const int64_t left = corpus->starts[corpus->count] - piece * corpus->piece_bytes;

    return left < corpus->piece_bytes ? left : corpus->piece_bytes;
}

static ac_status
stopped(void)
{
    return ac_error_set(AC_E_STOPPED, "stopped on request while mining; nothing of it is "
                                      "saved; the same command starts mining again");
}

static ac_status
count_pieces_all(ac_miner *miner, const ac_comm *comm, const char *progress_path)
{
    ac_queue queue = { 0 };
    ac_progress progress = { 0 };
    ac_status st = AC_OK;

    AC_TRY(
        ac_agree_all(comm, ac_progress_begin_all(&progress, comm, progress_path, "build-cache",
                                                 "mine", "bytes", 0, 0, miner->report.bytes)));
    AC_TRY(ac_queue_open_all(&queue, comm, miner->corpus.pieces));
    for (int64_t piece; st == AC_OK && ac_queue_claim(&queue, &piece);) {
        st = ac_signals_stopped() ? stopped() : ac_miner_count(miner, piece);
        ac_progress_add(&progress, piece_bytes(&miner->corpus, piece), 0);
    }
    if (st != AC_OK)
        ac_queue_fail(&queue);
    ac_queue_close_all(&queue);
    ac_progress_end_all(&progress);
    st = ac_agree_all(comm, st);
out:
    return st;
}

/* One rank that has all counts in memory needs no exchange. */
static bool
is_whole(const ac_miner *miner, const ac_comm *comm)
{
    return comm->size == 1 && ac_miner_is_whole(miner);
}

/* The n-grams on both sides of pieces' borders are rank 0's. */
static ac_status
join_pieces_all(ac_miner *miner, const ac_comm *comm)
{
    ac_buffer edges = { 0 };
    int64_t *bounds = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_agree_all(comm, ac_alloc(&bounds, comm->size + 1, sizeof *bounds)));
    AC_TRY(ac_gather_bytes_all(comm, miner->edges.data, miner->edges.size, 0, &edges, bounds));
    if (comm->rank == 0)
        st = ac_miner_join(miner, &edges);
    if (st == AC_OK && !is_whole(miner, comm))
        st = ac_miner_finish(miner);
    st = ac_agree_all(comm, st);
out:
    ac_buffer_free(&miner->edges);
    ac_buffer_free(&edges);
    free(bounds);
    return st;
}

/* ---- merging ---- */

/* One round: rank r merges bucket first + r, with the records of all ranks. */
static ac_status
merge_round_all(ac_miner *miner, const ac_comm *comm, int kind, const int *bounds, int first,
                int buckets)
{
    ac_buffer mine = { 0 }, theirs = { 0 };
    ac_status st = AC_OK;

    for (int shift = 0; shift < comm->size; shift++) {
        const int bucket = first + (comm->rank + shift) % comm->size;
        ac_buffer_reset(&mine);
        if (st == AC_OK && bucket < buckets)
            st = ac_ngram_runs_read(&miner->runs, kind, bounds[bucket], bounds[bucket + 1],
                                    &mine);
        AC_TRY(ac_agree_all(comm, st));
        if (shift > 0)
            AC_TRY(ac_exchange_bytes_all(comm, shift, mine.data, mine.size, &theirs));
        st = shift > 0 ? ac_ngram_merge_add(&miner->merge, theirs.data, theirs.size)
                       : ac_ngram_merge_add(&miner->merge, mine.data, mine.size);
    }
    if (st == AC_OK)
        st = ac_miner_take(miner, kind, miner->report.words);
    st = ac_agree_all(comm, st);
out:
    ac_buffer_free(&mine);
    ac_buffer_free(&theirs);
    return st;
}

/* Each rank's words, and how often they were counted, to all ranks. */
static ac_status
share_vocabulary_all(ac_miner *miner, const ac_comm *comm)
{
    ac_buffer theirs = { 0 };
    ac_status st = ac_ngram_merge_add(&miner->vocabulary, miner->words.data, miner->words.size);

    for (int shift = 1; shift < comm->size; shift++) {
        AC_TRY(ac_agree_all(comm, st));
        AC_TRY(
            ac_exchange_bytes_all(comm, shift, miner->words.data, miner->words.size, &theirs));
        st = ac_ngram_merge_add(&miner->vocabulary, theirs.data, theirs.size);
    }
    st = ac_agree_all(comm, st);
out:
    ac_buffer_free(&theirs);
    ac_buffer_free(&miner->words);
    return st;
}

/* Rank 0 takes in the other ranks' best, one rank at a time. */
static ac_status
choose_all(ac_miner *miner, const ac_comm *comm, int kind)
{
    ac_ngram_best *best = &miner->best[kind];
    ac_buffer mine = { 0 }, theirs = { 0 };
    int64_t *bounds = NULL;
    ac_status st = AC_OK;

    st = ac_alloc(&bounds, comm->size + 1, sizeof *bounds);
    if (st == AC_OK)
        st = ac_ngram_best_finish(best);
    if (st == AC_OK && comm->rank > 0)
        st = ac_ngram_best_write(best, &mine);
    for (int rank = 1; rank < comm->size; rank++) {
        AC_TRY(ac_agree_all(comm, st));
        AC_TRY(ac_gather_bytes_all(comm, mine.data, comm->rank == rank ? mine.size : 0, 0,
                                   &theirs, bounds));
        if (comm->rank == 0)
            st = ac_ngram_best_read(best, theirs.data, theirs.size);
    }
    st = ac_agree_all(comm, st);
out:
    ac_buffer_free(&mine);
    ac_buffer_free(&theirs);
    free(bounds);
    return st;
}

static ac_status
merge_kind_all(ac_miner *miner, const ac_comm *comm, int kind)
{
    int bounds[AC_NGRAM_PREFIXES + 1], buckets;
    ac_status st = AC_OK;

    ac_sum_int64_all(comm, miner->runs.costs[kind], AC_NGRAM_PREFIXES);
    buckets = ac_miner_plan(miner->runs.costs[kind], ac_miner_bucket_budget(miner->options),
                            comm->size, bounds);
    ac_debug_equal_all(comm, buckets, "buckets of n-grams");
    for (int first = 0; first < buckets; first += comm->size) {
        AC_TRY(ac_agree_all(comm, ac_signals_stopped() ? stopped() : AC_OK));
        AC_TRY(merge_round_all(miner, comm, kind, bounds, first, buckets));
    }
    if (kind == 0)
        AC_TRY(share_vocabulary_all(miner, comm));
    st = choose_all(miner, comm, kind);
out:
    return st;
}

static ac_status
count_all(ac_miner *miner, const ac_comm *comm, const char *progress_path)
{
    ac_mining_report *report = &miner->report;
    ac_status st = AC_OK;

    AC_TRY(count_pieces_all(miner, comm, progress_path));
    AC_TRY(join_pieces_all(miner, comm));
    ac_sum_int64_all(comm, &report->lines, 1);
    ac_sum_int64_all(comm, &report->words, 1);
    ac_sum_int64_all(comm, &report->spilled_bytes, 1);
    ac_sum_int64_all(comm, &report->runs, 1);
    for (int kind = 0; kind < AC_NGRAM_KINDS; kind++)
        AC_TRY(is_whole(miner, comm) ? ac_miner_take_whole(miner, kind, report->words)
                                     : merge_kind_all(miner, comm, kind));
    ac_sum_int64_all(comm, report->distinct, AC_NGRAM_KINDS);
out:
    return st;
}

/* ---- the whole ---- */

ac_status
ac_mine_inputs_all(const ac_comm *comm, const ac_config *config, const char *const *inputs,
                   int64_t count, const ac_mining_options *options, const char *progress_path,
                   ac_mined *out, ac_mining_report *report)
{
    ac_miner miner = { 0 };
    ac_mined unused = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_agree_all(comm, ac_miner_init(&miner, options)));
    AC_TRY(ac_agree_all(comm, comm->rank == 0 ? make_scratch(options) : AC_OK));
    AC_TRY(ac_agree_all(comm, ac_visible_wait(options->scratch, config, comm->heartbeat)));
    AC_TRY(ac_mining_prepare_all(&miner, comm, config, inputs, count, progress_path));
    if (ac_miner_counts(options))
        AC_TRY(count_all(&miner, comm, progress_path));
    if (comm->rank == 0)
        st = ac_miner_entries(&miner, out ? out : &unused);
    AC_TRY(ac_agree_all(comm, st));
    *report = miner.report;
    ac_broadcast_bytes_all(comm, report, sizeof *report, 0);
    if (comm->rank == 0)
        ac_mining_report_log(report);
out:
    ac_mined_free(&unused);
    ac_miner_free(&miner);
    if (comm->rank == 0) /* every rank is here, or past its last look into the folder */
        ac_mining_clean(options->scratch);
    return st;
}

bool
ac_mining_is_asked_all(const ac_comm *comm, const ac_config *config)
{
    char asked = !config->ngrams.lines || config->ngrams.unigrams || config->ngrams.bigrams ||
                 config->ngrams.trigrams;

    if (comm->rank == 0 && !asked)
        asked = !ac_text_source_is_plain(config->input.path);
    ac_broadcast_bytes_all(comm, &asked, sizeof asked, 0);
    return asked;
}

static ac_mining_options
options_of(const ac_comm *comm, const ac_config *config, const char *scratch)
{
    const int64_t node =
        config->limits.memory ? config->limits.memory : ac_machine_memory() / 2;

    return (ac_mining_options){
        .wanted = { config->ngrams.unigrams, config->ngrams.bigrams, config->ngrams.trigrams,
                    config->ngrams.lines },
        .lower = config->ngrams.lower,
        .cross_lines = config->ngrams.cross_lines,
        .unique = config->ngrams.unique,
        .most = config->ngrams.topk_ngrams,
        .filter = config->ngrams.filter,
        .member_extension =
            config->ngrams.member_extension ? config->ngrams.member_extension : "txt",
        .skip = config->input.skip,
        .scratch = scratch,
        .memory = node / comm->node_size,
        .heartbeat = comm->heartbeat,
    };
}

/* Rank 0, before: are the entries there? After: keep them, unless a source was changed
 * meanwhile. */
static ac_status
load_kept(const char *folder, const ac_config *config, const ac_mining_options *options,
          char fingerprint[33], ac_texts *entries, char *found)
{
    const ac_status st = ac_mined_fingerprint(options, config->input.path, fingerprint);

    if (st == AC_OK)
        *found = ac_mined_load(folder, fingerprint, entries);
    return st;
}

static ac_status
keep(const char *folder, const ac_config *config, const ac_mining_options *options,
     const char *fingerprint, const ac_mined *mined, const ac_mining_report *report)
{
    char now[33];
    ac_status st = ac_mined_fingerprint(options, config->input.path, now);

    if (st == AC_OK && strcmp(now, fingerprint) != 0)
        st = ac_error_set(AC_E_IO,
                          "%s: changed while it was read; run again when it no longer changes",
                          config->input.path);
    return st == AC_OK && fingerprint[0] ? ac_mined_save(folder, fingerprint, mined, report)
                                         : st;
}

ac_status
ac_mine_all(const ac_comm *comm, const ac_config *config, const char *folder, ac_texts *entries)
{
    const char *input = config->input.path;
    ac_mining_options options;
    ac_mining_report report;
    ac_mined mined = { 0 };
    char *scratch = NULL, *progress = NULL, fingerprint[33] = "", found = 0;
    ac_status st = AC_OK;

    st = ac_path_format(&scratch, "%s/mining", folder);
    if (st == AC_OK)
        st = ac_path_format(&progress, "%s/progress.json", folder);
    AC_TRY(ac_agree_all(comm, st));
    AC_CHECK(scratch && progress);
    options = options_of(comm, config, scratch);
    if (!options.wanted[0] && !options.wanted[1] && !options.wanted[2] && !options.wanted[3])
        AC_FAIL(AC_E_ARG, "no entries are requested: switch on ngrams.lines, ngrams.unigrams, "
                          "ngrams.bigrams or ngrams.trigrams");
    if (comm->rank == 0)
        st = load_kept(folder, config, &options, fingerprint, entries, &found);
    AC_TRY(ac_agree_all(comm, st));
    ac_broadcast_bytes_all(comm, &found, sizeof found, 0);
    if (found)
        goto out;
    AC_TRY(ac_mine_inputs_all(comm, config, &input, 1, &options, progress, &mined, &report));
    if (comm->rank == 0) {
        rmdir(scratch); /* where nothing else is in it */
        st = keep(folder, config, &options, fingerprint, &mined, &report);
        ac_texts_free(entries);
        *entries = mined.entries;
        mined.entries = (ac_texts){ 0 };
    }
    st = ac_agree_all(comm, st);
out:
    ac_mined_free(&mined);
    free(scratch);
    free(progress);
    return st;
}

/* Mining in one process. */
#include "cache_builder/mining/mining.h"

#include <stdlib.h>

#include "engine/base/memory.h"

static ac_status
prepare(ac_miner *self, const char *const *inputs, int64_t count)
{
    ac_texts sources = { 0 }, skipped = { 0 };
    ac_skip skip = { 0 };
    ac_text_document *documents = NULL;
    char *spool = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_skip_init(&skip, self->options->skip));
    AC_TRY(ac_text_sources_list(&sources, inputs, count, &skip));
    ac_skip_log(&skip, "text");
    AC_TRY(ac_alloc(&documents, sources.count, sizeof *documents));
    for (int64_t i = 0; i < sources.count; i++) {
        free(spool);
        AC_TRY(ac_miner_spool_path(self->options, i, &spool));
        AC_TRY(ac_text_source_prepare(ac_texts_at(&sources, i), spool,
                                      self->options->member_extension, self->options->unpack,
                                      &documents[i], &skipped, self->options->heartbeat));
    }
    AC_TRY(ac_miner_take_skipped(self, skipped.bytes.data, skipped.bytes.size));
    st = ac_miner_arrange(self, &sources, documents);
    documents = NULL;
out:
    free(documents);
    free(spool);
    ac_skip_free(&skip);
    ac_texts_free(&sources);
    ac_texts_free(&skipped);
    return st;
}

static ac_status
merge_kind(ac_miner *self, int kind)
{
    int bounds[AC_NGRAM_PREFIXES + 1];
    const int buckets =
        ac_miner_plan(self->runs.costs[kind], ac_miner_bucket_budget(self->options), 1, bounds);
    ac_buffer records = { 0 };
    ac_status st = AC_OK;

    for (int b = 0; b < buckets; b++) {
        ac_buffer_reset(&records);
        AC_TRY(ac_ngram_runs_read(&self->runs, kind, bounds[b], bounds[b + 1], &records));
        AC_TRY(ac_ngram_merge_add(&self->merge, records.data, records.size));
        AC_TRY(ac_miner_take(self, kind, self->report.words));
    }
    if (kind == 0) {
        AC_TRY(ac_ngram_merge_add(&self->vocabulary, self->words.data, self->words.size));
        ac_buffer_free(&self->words);
    }
out:
    ac_buffer_free(&records);
    return st;
}

ac_status
ac_mine(ac_mined *out, ac_mining_report *report, const char *const *inputs, int64_t count,
        const ac_mining_options *options)
{
    ac_miner miner;
    ac_status st = AC_OK;

    AC_TRY(ac_miner_init(&miner, options));
    AC_TRY(prepare(&miner, inputs, count));
    if (ac_miner_counts(options)) {
        for (int64_t piece = 0; piece < miner.corpus.pieces; piece++)
            AC_TRY(ac_miner_count(&miner, piece));
        AC_TRY(ac_miner_join(&miner, &miner.edges));
        if (!ac_miner_is_whole(&miner))
            AC_TRY(ac_miner_finish(&miner));
        for (int kind = 0; kind < AC_NGRAM_KINDS; kind++)
            AC_TRY(ac_miner_is_whole(&miner)
                       ? ac_miner_take_whole(&miner, kind, miner.report.words)
                       : merge_kind(&miner, kind));
    }
    AC_TRY(ac_miner_entries(&miner, out));
    *report = miner.report;
out:
    ac_miner_free(&miner);
    ac_mining_clean(options->scratch);
    return st;
}

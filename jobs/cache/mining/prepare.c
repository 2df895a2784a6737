#include "jobs/cache/mining/prepare.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/comm/queue.h"
#include "jobs/runtime/memory_limit.h"
#include "jobs/runtime/progress.h"
#include "jobs/runtime/signals.h"
#include "jobs/runtime/visible.h"

enum { SUMMED_AT_ONCE = 1 << 20 };

typedef struct preparer {
    ac_texts sources;
    ac_text_document *documents; /* [sources.count]; zeroed but for those this rank prepared */
    ac_texts skipped;            /* names, by this rank */
    int64_t memory;              /* bytes to unpack a source in */
} preparer;

static bool
is_standard_input(const ac_texts *sources, int64_t i)
{
    return strcmp(ac_texts_at(sources, i), "-") == 0;
}

static ac_status
prepare_source(preparer *self, const ac_mining_options *options, int64_t i)
{
    char *spool = NULL;
    ac_status st = ac_miner_spool_path(options, i, &spool);

    if (st == AC_OK)
        st = ac_text_source_prepare(ac_texts_at(&self->sources, i), spool,
                                    options->member_extension, self->memory,
                                    &self->documents[i], &self->skipped, options->heartbeat);
    free(spool);
    return st;
}

static ac_status
prepare_sources_all(preparer *self, const ac_comm *comm, const ac_mining_options *options,
                    const char *progress_path)
{
    ac_queue queue = { 0 };
    ac_progress progress = { 0 };
    ac_status st = AC_OK;

    AC_TRY(
        ac_agree_all(comm, ac_progress_begin_all(&progress, comm, progress_path, "build-cache",
                                                 "check", "texts", 0, 0, self->sources.count)));
    AC_TRY(ac_queue_open_all(&queue, comm, self->sources.count));
    for (int64_t i = 0; i < self->sources.count && comm->rank == 0 && st == AC_OK; i++)
        if (is_standard_input(&self->sources, i))
            st = prepare_source(self, options, i);
    for (int64_t i; st == AC_OK && ac_queue_claim(&queue, &i);) {
        if (ac_signals_stopped())
            st = ac_error_set(AC_E_STOPPED, "stopped on request while texts were checked; the "
                                            "same command starts the check again");
        else if (!is_standard_input(&self->sources, i))
            st = prepare_source(self, options, i);
        ac_progress_add(&progress, 1, 0);
    }
    if (st != AC_OK)
        ac_queue_fail(&queue);
    ac_queue_close_all(&queue);
    ac_progress_end_all(&progress);
    st = ac_agree_all(comm, st);
out:
    return st;
}

/* Each document was filled in by one rank; the others have zeros. */
static void
share_documents_all(preparer *self, const ac_comm *comm)
{
    int64_t *numbers = (int64_t *) self->documents;
    const int64_t total =
        self->sources.count * (int64_t) (sizeof *self->documents / sizeof *numbers);

    for (int64_t at = 0; at < total; at += SUMMED_AT_ONCE)
        ac_sum_int64_all(comm, numbers + at,
                         (int) (total - at < SUMMED_AT_ONCE ? total - at : SUMMED_AT_ONCE));
}

/* Rank 0 gets the names of all texts that were left out. */
static ac_status
gather_skipped_all(const preparer *self, const ac_comm *comm, ac_miner *miner)
{
    ac_buffer all = { 0 };
    int64_t *bounds = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_agree_all(comm, ac_alloc(&bounds, comm->size + 1, sizeof *bounds)));
    AC_TRY(ac_gather_bytes_all(comm, self->skipped.bytes.data, self->skipped.bytes.size, 0,
                               &all, bounds));
    if (comm->rank == 0)
        st = ac_miner_take_skipped(miner, all.data, all.size);
    st = ac_agree_all(comm, st);
out:
    ac_buffer_free(&all);
    free(bounds);
    return st;
}

/* Text that some rank has unpacked. */
static ac_status
await_spooled(const ac_text_corpus *corpus, const ac_comm *comm, const ac_config *config)
{
    ac_status st = AC_OK;

    for (int64_t i = 0; i < corpus->count && st == AC_OK; i++)
        if (corpus->documents[i].spooled)
            st = ac_visible_wait(ac_texts_at(&corpus->paths, i), config, comm->heartbeat);
    return st;
}

ac_status
ac_mining_prepare_all(ac_miner *miner, const ac_comm *comm, const ac_config *config,
                      const char *const *inputs, int64_t count, const char *progress_path)
{
    preparer p = { 0 };
    ac_skip skip = { 0 };
    ac_status st = AC_OK;

    if (comm->rank == 0)
        st = ac_skip_init(&skip, miner->options->skip);
    if (comm->rank == 0 && st == AC_OK)
        st = ac_text_sources_list(&p.sources, inputs, count, &skip);
    ac_skip_log(&skip, "text");
    AC_TRY(ac_agree_all(comm, st));
    AC_TRY(ac_broadcast_texts_all(comm, &p.sources, 0));
    AC_TRY(ac_agree_all(comm, ac_alloc(&p.documents, p.sources.count, sizeof *p.documents)));
    p.memory = ac_memory_for_task(comm, config ? config->limits.memory : 0, p.sources.count);
    AC_TRY(prepare_sources_all(&p, comm, miner->options, progress_path));
    share_documents_all(&p, comm);
    AC_TRY(gather_skipped_all(&p, comm, miner));
    st = ac_miner_arrange(miner, &p.sources, p.documents);
    p.documents = NULL;
    if (st == AC_OK)
        st = await_spooled(&miner->corpus, comm, config);
    st = ac_agree_all(comm, st);
out:
    free(p.documents);
    ac_skip_free(&skip);
    ac_texts_free(&p.sources);
    ac_texts_free(&p.skipped);
    return st;
}

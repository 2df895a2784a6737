/**
 * A run: its folder, and what is done in it. (Who works there: attempt.h.)
 *
 * Life: ac_run_open_all (config compared, journals replayed, finished shards verified) -> a
 * stage at a time: ac_run_stage_begin_all, ac_run_claim until false, ac_run_publish for each
 * shard, ac_run_stage_end_all -> ac_run_finish_all. Every function ending in _all is collective
 * over comm; the others are local.
 *
 * Where compute.parts > 1 this is one of several runs that share a folder at the same time:
 * each stage works on this part's shards alone and remembers them in journals of its own; the
 * manifest, the merge and DONE are left to a last run without parts.
 */
#ifndef AC_JOBS_RUNTIME_RUN_H
#define AC_JOBS_RUNTIME_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/comm/comm.h"
#include "engine/comm/queue.h"
#include "io/config/config.h"
#include "io/source/image_list.h"
#include "jobs/runtime/inflight.h"
#include "jobs/runtime/manifest.h"
#include "jobs/runtime/progress.h"

typedef struct ac_run {
    const ac_comm *comm;
    const ac_config *config;
    char *folder;
    ac_manifest manifest;
    const char *const *stage_names; /* the identity's: they live as long as the program */
    int stage;                      /* the one in hand */
    int64_t *todo;                  /* [todo_count] shards of this stage that are not done */
    int64_t todo_count;
    ac_shard_record *mine; /* [shard_count]: published by this rank in this stage */
    ac_queue queue;
    ac_progress progress;
    char *progress_path;
    int journal;             /* file descriptor; -1: none */
    ac_hand hand;            /* what this rank has in hand */
    ac_hand_items *suspects; /* [suspect_count]: in hand when an earlier attempt died; the same
                                on all ranks */
    int64_t suspect_count;
    bool *crashed;        /* [items]: quarantined; the same on all ranks */
    char prefix[16];      /* of this part's own files; "" for a whole run */
    bool finished_before; /* DONE is there and nothing changed */
    double stage_started;
} ac_run;

/** What identifies the run's inputs, beside the config. Fingerprints "" where the job has no
 * such thing. */
typedef struct ac_run_identity {
    const char *job;
    const char *const *stages; /* string literals */
    int stage_count;
    int64_t items;
    const char *input, *clip, *cache, *bart;
    const char *kernels;
    const char *unit;
    unsigned temporary; /* bit s: the shards of stage s are removed once the run is done (by the
                           job), and then not missed */
} ac_run_identity;

/**
 * Open or resume the run folder (rank 0 makes it). Refuses a folder whose config or input
 * differ, saying what differs, and one where another process works.
 */
AC_MUST_CHECK ac_status ac_run_open_all(ac_run *self, const ac_comm *comm,
                                        const ac_config *config, const char *folder,
                                        const ac_run_identity *identity);
void ac_run_free(ac_run *self);

/** AC_E_ARG, saying what differs, where the run with the manifest `old` was of another job, or
 * had other settings. */
AC_MUST_CHECK ac_status ac_run_check_config(const char *folder, const ac_manifest *old,
                                            const ac_config *config, const char *job);

/** "embed" -> "embeddings": the folder in which a stage keeps its shards. */
const char *ac_run_stage_folder(const char *stage);

/** mkdir -p. */
AC_MUST_CHECK ac_status ac_run_make_folder(const char *path);

/** The file of a stage's shard; free with free(). */
AC_MUST_CHECK ac_status ac_run_shard_path(const ac_run *self, int stage, int64_t shard,
                                          char **out);

/** Rank 0, within ac_run_open_all: what was quarantined and what died hands held; then for all
 * ranks. */
AC_MUST_CHECK ac_status ac_run_read_crashed(ac_run *self);
AC_MUST_CHECK ac_status ac_run_share_crashed_all(ac_run *self);

/** records [shard_count], each filled in on at most one rank and zero elsewhere: the same on
 * all ranks afterwards. */
void ac_run_join_records_all(const ac_run *self, ac_shard_record *records);

/** FOLDER/relative; free with free(). */
AC_MUST_CHECK ac_status ac_run_path(const ac_run *self, char **out, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

AC_MUST_CHECK ac_status ac_run_stage_begin_all(ac_run *self, int stage, const char *unit);
/** The next shard for this rank; false: none is left, a stop was asked for, or ac_run_fail was
 * called. */
bool ac_run_claim(ac_run *self, int64_t *shard);
/** Items [first, first + count) make up a shard. */
void ac_run_shard_items(const ac_run *self, int64_t shard, int64_t *first, int64_t *count);
/** Between micro-batches: progress, and MPI for the other ranks' claims. AC_E_STOPPED, once
 * half of a stop's time of grace is over: the shard in hand is to be dropped. */
AC_MUST_CHECK ac_status ac_run_tick(ac_run *self);
/** On whichever thread (its number is the slot) begins and ends with items [first, first +
 * count). */
void ac_run_take(ac_run *self, int slot, int64_t first, int64_t count);
void ac_run_put(ac_run *self, int slot);
/**
 * Collective, after ac_run_open_all. Rank 0 remembers the items marked in crashed [items] on
 * any rank; then every rank has them all. The shards that hold a new one are made again without
 * it, from the first stage on: their files are removed.
 * @param[in,out] crashed  replaced by the new ones of all ranks
 * @param[in] all          where there is a new one all shards are made again: what a shard
 * holds depends on which items are left out
 */
AC_MUST_CHECK ac_status ac_run_quarantine_all(ac_run *self, bool *crashed, const ac_texts *keys,
                                              bool all);
/** The shard's file is under its final name: write it into the journal, count it. */
AC_MUST_CHECK ac_status ac_run_publish(ac_run *self, int64_t shard, int64_t rows, int64_t bad,
                                       const char *checksum);
/** After a failure neither this rank nor any other claims anything more; what is in hand
 * elsewhere is finished. */
void ac_run_fail(ac_run *self);
/** Agree on `st`, share what was published, save the manifest. AC_E_STOPPED where a stop left
 * shards undone. */
AC_MUST_CHECK ac_status ac_run_stage_end_all(ac_run *self, ac_status st);

/** Is this one of several parts of a run, so that the merge is not ours? */
static inline bool
ac_run_is_part(const ac_run *self)
{
    return self->prefix[0] != '\0';
}

/** Rank 0: DONE, last of all; for a part its own. Collective. */
AC_MUST_CHECK ac_status ac_run_finish_all(ac_run *self);

int64_t ac_run_rows(const ac_run *self, int stage); /* of the done shards */
int64_t ac_run_bad(const ac_run *self, int stage);

#endif

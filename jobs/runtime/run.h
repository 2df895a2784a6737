/**
 * A run: its folder, what is done in it, and who works there.
 *
 * Life: ac_run_open_all (lock, config compared, journals replayed, finished shards verified) -> a stage at a time:
 * ac_run_stage_begin_all, ac_run_claim until false, ac_run_publish for each shard, ac_run_stage_end_all ->
 * ac_run_finish_all. Every function ending in _all is collective over comm; the others are local.
 */
#ifndef AC_JOBS_RUNTIME_RUN_H
#define AC_JOBS_RUNTIME_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/comm/comm.h"
#include "engine/comm/queue.h"
#include "io/config.h"
#include "io/picture_list.h"
#include "jobs/runtime/manifest.h"
#include "jobs/runtime/progress.h"

typedef struct ac_run {
    const ac_comm *comm;
    const ac_config *config;
    char *folder;
    ac_manifest manifest;
    int stage;            /* the one in hand */
    int64_t *todo;        /* [todo_count] shards of this stage that are not done */
    int64_t todo_count;
    ac_shard_record *mine; /* [shard_count]: published by this rank in this stage */
    ac_queue queue;
    ac_progress progress;
    char *progress_path;
    int journal; /* file descriptor; -1: none */
    bool finished_before; /* DONE is there and nothing changed */
    bool locked;
    double started;
    double stage_started;
} ac_run;

/** What identifies the run's inputs, beside the config. Fingerprints "" where the job has no such thing. */
typedef struct ac_run_identity {
    const char *job;
    const char *const *stages;
    int stage_count;
    int64_t items;
    const char *input, *clip, *cache, *bart;
    const char *kernels;
    const char *unit;
    unsigned temporary; /* bit s: the shards of stage s are removed once the run is done (by the job), and then not missed */
} ac_run_identity;

/**
 * Open or resume the run folder (rank 0 makes it). Refuses a folder whose config or input differ, saying what differs,
 * and one where another process works.
 */
ac_status ac_run_open_all(ac_run *self, const ac_comm *comm, const ac_config *config, const char *folder,
                          const ac_run_identity *identity);
void ac_run_free(ac_run *self);

/** "embed" -> "embeddings": the folder in which a stage keeps its shards. */
const char *ac_run_stage_folder(const char *stage);

/** mkdir -p. */
ac_status ac_run_make_folder(const char *path);

/** The file of a stage's shard; free with free(). */
ac_status ac_run_shard_path(const ac_run *self, int stage, int64_t shard, char **out);

/** records [shard_count], each filled in on at most one rank and zero elsewhere: the same on all ranks afterwards. */
void ac_run_join_records_all(const ac_run *self, ac_shard_record *records);

/** FOLDER/relative; free with free(). */
ac_status ac_run_path(const ac_run *self, char **out, const char *format, ...) __attribute__((format(printf, 3, 4)));

ac_status ac_run_stage_begin_all(ac_run *self, int stage, const char *unit);
/** The next shard for this rank; false: none is left, a stop was asked for, or ac_run_fail was called. */
bool ac_run_claim(ac_run *self, int64_t *shard);
/** Items [first, first + count) make up a shard. */
void ac_run_shard_items(const ac_run *self, int64_t shard, int64_t *first, int64_t *count);
/** Between micro-batches: progress, and MPI for the other ranks' claims. */
void ac_run_tick(ac_run *self);
/** The shard's file is under its final name: write it into the journal, count it. */
ac_status ac_run_publish(ac_run *self, int64_t shard, int64_t rows, int64_t bad, const char *checksum);
/** After a failure a rank claims nothing more. */
void ac_run_fail(ac_run *self);
/** Agree on `st`, share what was published, save the manifest. AC_E_STOPPED where a stop left shards undone. */
ac_status ac_run_stage_end_all(ac_run *self, ac_status st);

/** Rank 0: DONE, last of all. Collective. */
ac_status ac_run_finish_all(ac_run *self);

int64_t ac_run_rows(const ac_run *self, int stage); /* of the done shards */
int64_t ac_run_bad(const ac_run *self, int stage);

#endif

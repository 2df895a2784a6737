/**
 * A run: its folder, its config, and what is done in it. (Who works there: attempt.h; how its
 * shards are made: stage.h.)
 *
 * Life: ac_run_open_all (config compared, journals replayed, finished shards verified) ->
 * ac_stage_run_all for each stage -> ac_run_finish_all. Every function ending in _all is
 * collective over comm; the others are local.
 *
 * Where compute.parts > 1 this is one of several runs that share a folder at the same time:
 * each stage works on only this part's shards and remembers them in journals of its own; the
 * manifest, the merge and DONE are left to a last run without parts.
 */
#ifndef AC_JOBS_RUNTIME_RUN_H
#define AC_JOBS_RUNTIME_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "cache_builder/cache_set.h"
#include "engine/base/buffer.h"
#include "engine/comm/comm.h"
#include "io/config/config.h"
#include "io/source/image_source.h"
#include "io/file/text_file.h"
#include "jobs/runtime/inflight.h"
#include "jobs/runtime/manifest.h"
#include "jobs/runtime/quarantine.h"
#include "jobs/runtime/stage_type.h"

/** Usable when zeroed, by ac_run_free alone. */
typedef struct ac_run {
    const ac_comm *comm;
    const ac_config *config;
    char *folder;
    ac_manifest manifest;
    const ac_stage_type *const *stages; /* rows, in the order of the manifest's stages */
    ac_quarantine quarantine;
    ac_inflight inflight; /* what this rank has in flight */
    char prefix[16];      /* of this part's own files; "" for a whole run */
    bool listed;          /* its items are images that an update may ask for again */
    bool finished_before; /* DONE is there and nothing changed */
    bool fresh; /* another host has worked here a moment ago: its shards may be seen late */
    /* of an updated run: the input's item for each item of the run, or -1 */
    int64_t *numbers; /* [ac_manifest_numbers]; NULL: they are the same */
    ac_image_source selected;
    int64_t rows, bad; /* of the input's items, once the embed stage was merged */
} ac_run;

/** What identifies the run's inputs, beside the config. Fingerprints "" where the job has no
 * such thing. */
typedef struct ac_run_identity {
    const char *job;
    const ac_stage_type *const *stages; /* rows, in order; NULL at the end */
    int64_t items;
    const char *input, *clip, *cache, *bart;
    const char *deny;           /* fingerprint of the file of retrieval.deny; "", NULL: none */
    const ac_cache_set *caches; /* where there are several; NULL: none */
    const char *kernels;
    const char *content;                            /* of the manifest; NULL: none */
    const char *key_prefix, *validation_key_prefix; /* the same */
    const char *pixels; /* of the manifest, with pixel_size; NULL: none */
    int64_t pixel_size;
    int64_t shard_items;           /* 0: output.shard_items */
    const ac_image_source *images; /* the items; NULL: a run that cannot be updated */
} ac_run_identity;

/**
 * Open or resume the run folder (rank 0 makes it). Refuses a folder whose config or input
 * differ, saying what differs, and one where another process works. With config->update a
 * changed input is an update (update.h). `id->images` stays the caller's, and stays there.
 */
AC_MUST_CHECK ac_status ac_run_open_all(ac_run *self, const ac_comm *comm,
                                        const ac_config *config, const char *folder,
                                        const ac_run_identity *identity);
void ac_run_free(ac_run *self);

/** AC_E_ARG, saying what differs, where the run with the manifest `old` was of another job, or
 * had other settings. */
AC_MUST_CHECK ac_status ac_run_check_config(const char *folder, const ac_manifest *old,
                                            const ac_config *config, const char *job);

/** The same for models and cache; a warning where the kernels differ. */
AC_MUST_CHECK ac_status ac_run_check_models(const char *folder, const ac_manifest *old,
                                            const ac_run_identity *id);
/** What to do where a run folder is refused. */
extern const char ac_run_advice[];

/** AC_E_ARG where anything but the input differs. */
AC_MUST_CHECK ac_status ac_run_check_same(const char *folder, const ac_manifest *old,
                                          const ac_config *config, const ac_run_identity *id);

/** The run's items as its stages number them: `images`, of a run that was never updated. */
static inline const ac_image_source *
ac_run_images(const ac_run *self, const ac_image_source *images)
{
    return self->numbers ? &self->selected : images;
}

/** mkdir -p. */
AC_MUST_CHECK ac_status ac_run_make_folder(const char *path);

/** FOLDER/relative; free with free(). */
AC_MUST_CHECK ac_status ac_run_path(const ac_run *self, char **out, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** A file of the run folder, written to be published whole (io/file/text_file.h). */
AC_MUST_CHECK ac_status ac_run_create_file(const ac_run *self, ac_text_file *file,
                                           const char *name);
/** The file of a stage's shard; free with free(). */
AC_MUST_CHECK ac_status ac_run_shard_path(const ac_run *self, int stage, int64_t shard,
                                          char **out);
/** The same of a shard that is done, made by whatever rank: waits until it is seen here
 * (jobs/runtime/visible.h). */
AC_MUST_CHECK ac_status ac_run_published_shard(const ac_run *self, int stage, int64_t shard,
                                               char **out);
/** ac_visible_wait for a file or folder of this run. */
AC_MUST_CHECK ac_status ac_run_await(const ac_run *self, const char *path);
/** progress.json, a part's in the journal folder; free with free(). */
AC_MUST_CHECK ac_status ac_run_progress_path(const ac_run *self, char **out);

/** The number of this row among the run's stages, which it must be one of. */
int ac_run_stage_number(const ac_run *self, const ac_stage_type *type);
/** Items [first, first + count) make up a shard. */
void ac_run_shard_items(const ac_run *self, int64_t shard, int64_t *first, int64_t *count);
/** Of a stage's finished shards. */
int64_t ac_run_rows(const ac_run *self, int stage);
int64_t ac_run_bad(const ac_run *self, int stage);

/** Local, on all ranks: a shard is done no longer, from the first stage on. Rank 0 removes its
 * files, those of the last stage first, so that a kill in between leaves none without what it
 * was made from. */
AC_MUST_CHECK ac_status ac_run_forget_shard(ac_run *self, int64_t shard);

/** Collective. records [shard_count], each filled in on at most one rank and zero elsewhere:
 * the same on all ranks afterwards. */
void ac_run_join_records_all(const ac_run *self, ac_shard_record *records);

/**
 * Collective, between ac_run_open_all and the stages. Rank 0 remembers the items marked in
 * crashed [items] on any rank; then every rank has them all. The shards that hold a new one are
 * made again without it, from the first stage on: their files are removed.
 * @param[in,out] crashed  replaced by the new ones of all ranks
 * @param[in] all          where there is a new one all shards are made again: what a shard
 *                         holds depends on which items are left out
 */
AC_MUST_CHECK ac_status ac_run_quarantine_all(ac_run *self, bool *crashed,
                                              const ac_item_names *names, bool all);

/** Is this one of several parts of a run, so that the merge is not ours? */
static inline bool
ac_run_is_part(const ac_run *self)
{
    return self->prefix[0] != '\0';
}

/** Local, rank 0: a warning where ranks are more than shards, so that some have nothing to do,
 * with the output.shard_items that gives each a shard. */
void ac_run_warn_of_idle_ranks(const ac_run *self);

/** Local, rank 0: the run is not done until ac_run_finish_all. Its results may be replaced. */
AC_MUST_CHECK ac_status ac_run_reopen(const ac_run *self);

/** Rank 0: DONE, last of all; for a part its own. Collective. */
AC_MUST_CHECK ac_status ac_run_finish_all(ac_run *self);

#endif

/**
 * Entries -> shards of a cache, in two stages of a run:
 *
 * embed: a unit is output.shard_items entries in the order of their token ids, so that those
 *     that begin alike are embedded together over a prefix tree. Any rank computes any unit.
 *     The result, in that order, is embeddings/00000.h5.
 * cache: rows are put into the order of the cache and written with their texts to
 *     shards/00000.h5. Each rank has a range of shards.
 *
 * What a unit or shard holds follows from the entries and the config alone, so the bytes depend
 * on neither ranks nor threads. Each is published and journaled by itself, so a killed run
 * loses only what was in flight. Once the run is done, embeddings/ is removed.
 */
#ifndef AC_JOBS_CACHE_EMBED_H
#define AC_JOBS_CACHE_EMBED_H

#include "jobs/cache/tokens.h"
#include "jobs/runtime/stage.h"

/* The rows: embed, and two of the stage cache: its shards are those of a cache that is built
 * (write), or are handed on to one that grows (join). */
enum { AC_CACHE_STAGE_EMBED = 0 };
extern const ac_stage_type ac_stage_cache_embed, ac_stage_cache_write, ac_stage_cache_join;
/** The stages of the jobs build-cache and extend-cache, in order; NULL at the end. */
extern const ac_stage_type *const ac_build_cache_stages[], *const ac_extend_cache_stages[];

/** What the stages work on. Borrows everything but the plan. */
typedef struct ac_entry_work {
    ac_run *run;
    ac_clip_model *clip;
    const ac_texts *entries;
    const char *prefix;
    ac_entry_plan plan;
    struct ac_entry_embedder *embedder; /* stage embed's own memory */
} ac_entry_work;

/** Rows [first, first + count) of the new entries, in cache order -> y [count, D]. Local. */
typedef ac_status (*ac_row_reader)(void *context, int64_t first, int64_t count, float *y);

/** Collective: crash probes, the plan, and stage embed. */
AC_MUST_CHECK ac_status ac_entries_embed_all(ac_entry_work *self);

/** Rows in cache order from the shards of stage embed: an ac_row_reader; context: the
 * ac_entry_work. */
AC_MUST_CHECK ac_status ac_entries_embedded_rows(void *work, int64_t first, int64_t count,
                                                 float *y);

/** Collective: the stage of row `type` (write or join) writes the shards of `entries` with the
 * rows that `read` gives. D: their width. */
AC_MUST_CHECK ac_status ac_entries_write_all(ac_run *run, const ac_stage_type *type,
                                             const ac_texts *entries, int64_t D,
                                             ac_row_reader read, void *context);

/** Local: remove FOLDER/part and the files in it, where it is there; temporary: only its
 * temporary files, which a kill left (not those under which a living process waits for a lock).
 */
AC_MUST_CHECK ac_status ac_remove_files(const char *folder, const char *part, bool temporary);

void ac_entry_work_free(ac_entry_work *self);

#endif

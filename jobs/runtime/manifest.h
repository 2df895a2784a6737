/**
 * What a run has finished: manifest.json (rank 0, whole, replaced atomically) and one
 * append-only journal a rank, read at the next start. A shard counts as done only where one of
 * them holds its checksum and the file has it.
 */
#ifndef AC_JOBS_RUNTIME_MANIFEST_H
#define AC_JOBS_RUNTIME_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/status.h"

typedef struct ac_shard_record {
    int64_t rows, bad;
    char checksum[33]; /* XXH3-128 of the whole file, hexadecimal */
    bool done;
} ac_shard_record;

enum { AC_MAX_STAGES = 4 };

typedef struct ac_stage_record {
    char name[16];
    double seconds;
    ac_shard_record *shards; /* [shard_count], owned */
} ac_stage_record;

/** Items that came to a run at one time: at its beginning, or with an update. Its shards follow
 * those of the generation before. */
typedef struct ac_generation {
    int64_t items, first_shard;
} ac_generation;

enum { AC_MAX_GENERATIONS = 100000 };

/**
 * Items are numbered so that item / shard_items is the shard. Of a run that was never updated
 * they are those of its input. Each update adds a generation of new and changed items, whose
 * first one begins a shard; numbers beyond a generation's last item are no item's.
 */
typedef struct ac_manifest {
    char job[24], version[16];
    char config_fingerprint[33], input_fingerprint[33], clip[33], cache[33], bart[33];
    char deny[33]; /* of the file of retrieval.deny; "": none */
    char *caches;  /* owned; of several caches, a JSON list of them; else NULL */
    char kernels[160], precision[8];
    char *pixels;       /* owned; of an image dataset of CLIP's input, its recipe; else NULL */
    int64_t pixel_size; /* S of [S, S, 3] */
    char content[16];   /* "images": the run is an image dataset; else "" */
    /* of an input of tars: "tar", its keys begin with their names, or "none"; else "" */
    char key_prefix[8], validation_key_prefix[8]; /* of training, the first is its own */
    int64_t items;                                /* of the input as it is */
    int64_t shard_items, shard_count;
    ac_generation *generations; /* [generation_count], owned; NULL, 0: never updated */
    int64_t generation_count;
    ac_stage_record stages[AC_MAX_STAGES];
    int stage_count;
} ac_manifest;

AC_MUST_CHECK ac_status ac_manifest_init(ac_manifest *self, const char *const *stages,
                                         int stage_count, int64_t items, int64_t shard_items);
/** The same with generations [count], count > 0; items: of the input as it is. */
AC_MUST_CHECK ac_status ac_manifest_init_generations(ac_manifest *self,
                                                     const char *const *stages, int stage_count,
                                                     int64_t items, int64_t shard_items,
                                                     const ac_generation *generations,
                                                     int64_t count);
/** An empty manifest of the same stages, items and shards. */
AC_MUST_CHECK ac_status ac_manifest_init_like(ac_manifest *self, const ac_manifest *other);
/** What identifies the run (job, version, fingerprints, kernels, precision) is that of the
 * other.
 */
void ac_manifest_copy_identity(ac_manifest *self, const ac_manifest *other);
void ac_manifest_free(ac_manifest *self);

/** Items [first, first + count) make up a shard. */
void ac_manifest_shard_items(const ac_manifest *self, int64_t shard, int64_t *first,
                             int64_t *count);
/** Numbers of items are below this. */
int64_t ac_manifest_numbers(const ac_manifest *self);
/** The generation that has the shard. */
int64_t ac_manifest_generation_of(const ac_manifest *self, int64_t shard);

/** The number of the last generation; 0: never updated. */
static inline int64_t
ac_manifest_last_generation(const ac_manifest *self)
{
    return self->generation_count ? self->generation_count - 1 : 0;
}

/** manifest.json replaced atomically. */
AC_MUST_CHECK ac_status ac_manifest_save(const ac_manifest *self, const char *path);

/**
 * Read manifest.json into a manifest of the same stages and shards; what does not fit is an
 * error that names it.
 * @param[out] found  false: there is no such file (and nothing is changed)
 */
AC_MUST_CHECK ac_status ac_manifest_load(ac_manifest *self, const char *path, bool *found);

/** Read a manifest as it stands, its stages and shards from the file itself: for commands.
 * AC_E_FORMAT where it is no run's. */
AC_MUST_CHECK ac_status ac_manifest_read(ac_manifest *self, const char *path);

/** Take in every journal of the folder: what the manifest does not know yet. */
AC_MUST_CHECK ac_status ac_manifest_replay_folder(ac_manifest *self, const char *folder);

/** Take in the lines of one journal; a last line cut short by a kill is passed over, and so is
 * what does not fit. */
void ac_manifest_replay(ac_manifest *self, const char *text, size_t n);

/** One journal line for a published shard. */
AC_MUST_CHECK ac_status ac_manifest_journal_line(ac_buffer *out, const ac_manifest *self,
                                                 int stage, int64_t shard,
                                                 const ac_shard_record *record);

#endif

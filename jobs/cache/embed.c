#include "jobs/cache/embed.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_builder/cache.h"
#include "engine/models/clip_prefix.h"
#include "engine/retrieval/topk.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/hdf5/shard_file.h"
#include "jobs/cache/crash_probe.h"
#include "jobs/runtime/lock.h"
#include "jobs/runtime/memory_limit.h"

/* Embeddings that a rank holds while it puts them into the cache's order: each pass over the
 * units' files fills as many. */
enum { GROUP_BYTES = 1 << 28, GROUP_PASSES = 4 };

void
ac_entry_work_free(ac_entry_work *self)
{
    ac_entry_plan_free(&self->plan);
}

/* Those that are left out, of items [first, first + count) or, with an order, of their places
 * in it. */
static int64_t
count_crashed(const ac_run *run, const int64_t *order, int64_t first, int64_t count)
{
    int64_t n = 0;

    for (int64_t i = first; i < first + count; i++)
        n += ac_quarantine_has(&run->quarantine, order ? order[i] : i);
    return n;
}

/* ---- stage embed ---- */

/* What one rank needs for its units; memory is kept between them. */
typedef struct ac_entry_embedder {
    ac_token_lists tokens;
    ac_prefix_tree tree;
    float *rows; /* [shard_items, D] */
} embedder;

static void
embedder_free(embedder *self)
{
    ac_token_lists_free(&self->tokens);
    ac_prefix_tree_free(&self->tree);
    free(self->rows);
}

/* SigLIP: what comes later in a text changes what came before, so nothing is shared. */
static ac_status
embed_each(embedder *self, ac_clip_model *clip, ac_stage *stage)
{
    const ac_token_lists *t = &self->tokens;
    const int64_t D = clip->net.config.projection_dim;
    ac_status st = AC_OK;

    for (int64_t first = 0; first < t->count; first += AC_ENTRY_BATCH) {
        const int64_t left = t->count - first;
        AC_TRY(ac_clip_model_embed_ids(clip, self->rows + first * D, t->ids, t->offsets + first,
                                       left < AC_ENTRY_BATCH ? left : AC_ENTRY_BATCH));
        AC_TRY(ac_stage_tick(stage, first + (left < AC_ENTRY_BATCH ? left : AC_ENTRY_BATCH)));
    }
out:
    return st;
}

static ac_status
embed_trees(embedder *self, ac_clip_model *clip, ac_stage *stage)
{
    const ac_token_lists *t = &self->tokens;
    const int64_t D = clip->net.config.projection_dim;
    int64_t nodes;
    ac_status st = AC_OK;

    for (int64_t first = 0; first < t->count; first += self->tree.texts) {
        const int64_t n = ac_prefix_tree_fit(t->ids, t->offsets + first, t->count - first,
                                             AC_ENTRY_TREE_NODES, &nodes);
        AC_TRY(ac_prefix_tree_build(&self->tree, t->ids, t->offsets + first, n));
        AC_TRY(ac_scratch_reserve(&clip->scratch,
                                  ac_clip_prefixes_scratch_bytes(&clip->net, &self->tree)));
        ac_clip_embed_prefixes(&clip->net, self->rows + first * D, &self->tree, &clip->scratch);
        AC_TRY(ac_stage_tick(stage, first + n));
    }
out:
    return st;
}

static ac_status
embed_tokens(embedder *self, ac_clip_model *clip, ac_stage *stage)
{
    const int64_t D = clip->net.config.projection_dim;
    int64_t bad;
    ac_status st = AC_OK;

    AC_TRY(clip->net.config.siglip ? embed_each(self, clip, stage)
                                   : embed_trees(self, clip, stage));
    if (!ac_embeddings_check(self->rows, self->tokens.count, D, &bad))
        st = ac_error_set(AC_E_FORMAT,
                          "%s: this model's text tower computes values that are not finite",
                          clip->path);
out:
    return st;
}

static ac_status
open_embedder(void *context, ac_stage *stage)
{
    ac_entry_work *work = context;
    const int64_t D = work->clip->net.config.projection_dim;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&work->embedder, 1, sizeof *work->embedder));
    st = ac_alloc_aligned(&work->embedder->rows, stage->run->manifest.shard_items * D,
                          sizeof(float));
out:
    return st;
}

static ac_status
embed_unit(void *context, ac_stage *stage, ac_stage_shard *unit)
{
    const ac_entry_work *work = context;
    embedder *self = work->embedder;
    ac_run *run = stage->run;
    int64_t cut = 0;
    ac_shard_writer w = { 0 };
    ac_status st = AC_OK;

    unit->bad = count_crashed(run, work->plan.order, unit->first, unit->count);
    unit->rows = unit->count - unit->bad;
    AC_TRY(ac_entry_tokens(run, work->clip, work->entries, work->plan.order, unit->first,
                           unit->count, work->prefix, &self->tokens, &cut));
    AC_TRY(embed_tokens(self, work->clip, stage));
    /* soon read again, then removed */
    AC_TRY(ac_shard_create(&w, unit->path, AC_COMPRESSION_NONE, AC_SHARD_UNIT));
    AC_TRY(ac_shard_write(&w, AC_UNIT_EMBEDDINGS, unit->count,
                          work->clip->net.config.projection_dim, self->rows));
    AC_TRY(ac_shard_commit(&w, unit->checksum));
out:
    ac_shard_abandon(&w);
    return st;
}

static void
close_embedder(void *context)
{
    ac_entry_work *work = context;

    if (work->embedder)
        embedder_free(work->embedder);
    free(work->embedder);
    work->embedder = NULL;
}

const ac_stage_type ac_stage_cache_embed = {
    .name = "embed",
    .folder = "embeddings",
    .unit = "entries",
    .schema = &ac_shard_schemas[AC_SHARD_UNIT],
    .temporary = true,
    .crashes_before_probe = 1,
    .open = open_embedder,
    .shard = embed_unit,
    .close = close_embedder,
};

ac_status
ac_entries_embed_all(ac_entry_work *self)
{
    ac_run *run = self->run;
    ac_status st = AC_OK;

    AC_TRY(ac_entry_probe_all(run, self->clip, self->entries, self->prefix));
    run->inflight.stage = AC_CACHE_STAGE_EMBED;
    AC_TRY(ac_entry_plan_all(&self->plan, run, self->clip, self->entries, self->prefix));
    st = ac_stage_run_all(run, &ac_stage_cache_embed, self);
out:
    return st;
}

/* ---- stage cache ---- */

ac_status
ac_entries_embedded_rows(void *context, int64_t first, int64_t count, float *y)
{
    const ac_entry_work *work = context;
    const ac_run *run = work->run;
    const int64_t D = work->clip->net.config.projection_dim;
    float *rows = NULL;
    ac_h5_reader r = { 0 };
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc_aligned(&rows, run->manifest.shard_items * D, sizeof *rows));
    for (int64_t unit = 0; unit < run->manifest.shard_count; unit++) {
        const int64_t *order = work->plan.order + unit * run->manifest.shard_items;
        int64_t begin, n, wanted = 0;
        ac_run_shard_items(run, unit, &begin, &n);
        for (int64_t i = 0; i < n; i++)
            wanted += order[i] >= first && order[i] < first + count;
        if (!wanted)
            continue;
        AC_TRY(ac_run_published_shard(run, AC_CACHE_STAGE_EMBED, unit, &path));
        AC_TRY(ac_h5_open(&r, path));
        AC_TRY(ac_shard_read(&r, AC_UNIT_EMBEDDINGS, n, D, rows));
        for (int64_t i = 0; i < n; i++)
            if (order[i] >= first && order[i] < first + count)
                memcpy(y + (order[i] - first) * D, rows + i * D, (size_t) D * sizeof *y);
        ac_h5_close(&r);
        free(path);
        path = NULL;
    }
out:
    ac_h5_close(&r);
    free(path);
    free(rows);
    return st;
}

/* Without those that are left out: their texts into `kept`, the rows moved together. */
static ac_status
keep_good(const ac_run *run, const ac_texts *entries, int64_t first, int64_t count, int64_t D,
          float *rows, ac_texts *kept)
{
    ac_status st = AC_OK;

    for (int64_t i = 0; i < count; i++) {
        if (ac_quarantine_has(&run->quarantine, first + i))
            continue;
        memmove(rows + kept->count * D, rows + i * D, (size_t) D * sizeof *rows);
        AC_TRY(ac_texts_push(kept, ac_texts_at(entries, first + i),
                             ac_texts_size(entries, first + i)));
    }
out:
    return st;
}

/* Shards that a rank with `span` of them puts in order at once: in a few passes, or more where
 * memory is short. */
static int64_t
group_shards(const ac_run *run, int64_t span, int64_t D)
{
    const int64_t shard_bytes = run->manifest.shard_items * D * (int64_t) sizeof(float);
    const int64_t node =
        run->config->limits.memory ? run->config->limits.memory : ac_machine_memory();
    const int64_t half = node / run->comm->node_size / 2;
    int64_t bytes = span * shard_bytes / GROUP_PASSES, shards;

    bytes = bytes < GROUP_BYTES ? GROUP_BYTES : bytes;
    bytes = bytes < half ? bytes : half;
    shards = bytes / shard_bytes;
    shards = shards < span ? shards : span;
    return shards > 1 ? shards : 1;
}

/* Where the rows come from, and those of some shards that lie close together, read together. */
typedef struct writer {
    const ac_texts *entries;
    int64_t D;
    ac_row_reader read;
    void *context;
    int64_t most;         /* shards read together */
    int64_t first, count; /* rows in memory */
    float *rows;          /* [most * shard_items, D] */
} writer;

static ac_status
open_writer(void *context, ac_stage *stage)
{
    writer *self = context;
    const ac_run *run = stage->run;
    const int64_t span = stage->at < stage->end
                             ? stage->todo[stage->end - 1] - stage->todo[stage->at] + 1
                             : 0; /* in shards, those that are done included */

    self->most = group_shards(run, span, self->D);
    return ac_alloc_aligned(&self->rows, self->most * run->manifest.shard_items * self->D,
                            sizeof *self->rows);
}

/* The rows of the present shard and of those of this rank's that follow it closely. */
static ac_status
read_group(writer *self, const ac_stage *stage)
{
    const int64_t *todo = stage->todo, begin = stage->at;
    int64_t next = begin + 1, last, count;

    while (next < stage->end && todo[next] - todo[begin] < self->most)
        next++;
    ac_run_shard_items(stage->run, todo[begin], &self->first, &count);
    ac_run_shard_items(stage->run, todo[next - 1], &last, &count);
    self->count = last + count - self->first;
    return self->read(self->context, self->first, self->count, self->rows);
}

/* Uses up the shard's rows. */
static ac_status
write_shard(void *context, ac_stage *stage, ac_stage_shard *shard)
{
    writer *self = context;
    const ac_run *run = stage->run;
    ac_texts kept = { 0 };
    float *rows;
    ac_status st = AC_OK;

    if (shard->first >= self->first + self->count)
        AC_TRY(read_group(self, stage));
    rows = self->rows + (shard->first - self->first) * self->D;
    shard->bad = count_crashed(run, NULL, shard->first, shard->count);
    shard->rows = shard->count - shard->bad;
    if (shard->bad)
        AC_TRY(keep_good(run, self->entries, shard->first, shard->count, self->D, rows, &kept));
    st =
        ac_cache_shard_write(shard->path, shard->bad ? &kept : self->entries,
                             shard->bad ? 0 : shard->first, shard->rows, rows, self->D,
                             (ac_compression) run->config->output.compression, shard->checksum);
out:
    ac_texts_free(&kept);
    return st;
}

static void
close_writer(void *context)
{
    writer *self = context;

    free(self->rows);
    self->rows = NULL;
}

const ac_stage_type ac_stage_cache_write = {
    .name = "cache",
    .folder = "shards",
    .unit = "entries",
    .schema = &ac_shard_schemas[AC_SHARD_CACHE],
    .sharing = AC_SHARDS_RANGES,
    .crashes_before_probe = 1,
    .open = open_writer,
    .shard = write_shard,
    .close = close_writer,
};

const ac_stage_type ac_stage_cache_join = {
    .name = "cache",
    .folder = "shards",
    .unit = "entries",
    .schema = &ac_shard_schemas[AC_SHARD_CACHE],
    .sharing = AC_SHARDS_RANGES,
    .temporary = true,
    .crashes_before_probe = 1,
    .open = open_writer,
    .shard = write_shard,
    .close = close_writer,
};

const ac_stage_type *const ac_build_cache_stages[] = { &ac_stage_cache_embed,
                                                       &ac_stage_cache_write, NULL };
const ac_stage_type *const ac_extend_cache_stages[] = { &ac_stage_cache_embed,
                                                        &ac_stage_cache_join, NULL };

ac_status
ac_entries_write_all(ac_run *run, const ac_stage_type *type, const ac_texts *entries, int64_t D,
                     ac_row_reader read, void *context)
{
    writer w = { .entries = entries, .D = D, .read = read, .context = context };

    return ac_stage_run_all(run, type, &w);
}

ac_status
ac_remove_files(const char *folder, const char *part, bool temporary)
{
    char *inner = NULL, *path = NULL;
    struct dirent *entry;
    DIR *d;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&inner, "%s/%s", folder, part));
    if (!(d = ac_folder_open(inner)))
        goto out;
    while (st == AC_OK && (st = ac_folder_next(&entry, d, inner)) == AC_OK && entry) {
        if (entry->d_name[0] == '.' || (temporary && !strstr(entry->d_name, ".tmp")))
            continue;
        st = ac_path_format(&path, "%s/%s", inner, entry->d_name);
        if (st == AC_OK && !ac_lock_is_awaited(path) && unlink(path) != 0 && errno != ENOENT)
            st = ac_error_set(ac_io_failure(errno), "%s: cannot be removed: %s", path,
                              strerror(errno));
        free(path);
        path = NULL;
    }
    closedir(d);
    if (st == AC_OK && !temporary && rmdir(inner) != 0)
        st = ac_error_set(ac_io_failure(errno), "%s: cannot be removed: %s", inner,
                          strerror(errno));
    if (st == AC_OK && !temporary)
        st = ac_publish_sync_name(inner);
out:
    free(inner);
    return st;
}

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
#include "io/file/path.h"
#include "io/hdf5/h5.h"
#include "jobs/cache/crash_probe.h"
#include "jobs/runtime/lock.h"
#include "jobs/runtime/memory_limit.h"
#include "jobs/runtime/signals.h"

const char *const ac_cache_stages[AC_CACHE_STAGES] = { "embed", "cache" };

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
        n += run->crashed[order ? order[i] : i];
    return n;
}

/* ---- stage embed ---- */

/* What one rank needs for its units; memory is kept between them. */
typedef struct embedder {
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

static ac_status
embed_tokens(embedder *self, ac_entry_work *work)
{
    ac_clip_model *clip = work->clip;
    const ac_token_lists *t = &self->tokens;
    const int64_t D = clip->net.config.projection_dim;
    int64_t bad, nodes;
    ac_status st = AC_OK;

    for (int64_t first = 0; first < t->count; first += self->tree.texts) {
        const int64_t n = ac_prefix_tree_fit(t->ids, t->offsets + first, t->count - first,
                                             AC_ENTRY_TREE_NODES, &nodes);
        AC_TRY(ac_prefix_tree_build(&self->tree, t->ids, t->offsets + first, n));
        AC_TRY(ac_scratch_reserve(&clip->scratch,
                                  ac_clip_prefixes_scratch_bytes(&clip->net, &self->tree)));
        ac_clip_embed_prefixes(&clip->net, self->rows + first * D, &self->tree, &clip->scratch);
        AC_TRY(ac_run_tick(work->run));
    }
    if (!ac_embeddings_check(self->rows, t->count, D, &bad))
        st = ac_error_set(AC_E_FORMAT,
                          "%s: this model's text tower gives numbers that are not finite",
                          clip->path);
out:
    return st;
}

static ac_status
embed_unit(embedder *self, ac_entry_work *work, int64_t unit)
{
    ac_run *run = work->run;
    int64_t first, count, crashed, cut = 0;
    char *path = NULL, checksum[33];
    ac_h5_writer w = { 0 };
    ac_status st = AC_OK;

    ac_run_shard_items(run, unit, &first, &count);
    crashed = count_crashed(run, work->plan.order, first, count);
    AC_TRY(ac_entry_tokens(run, work->clip, work->entries, work->plan.order, first, count,
                           work->prefix, &self->tokens, &cut));
    AC_TRY(embed_tokens(self, work));
    AC_TRY(ac_run_shard_path(run, AC_CACHE_STAGE_EMBED, unit, &path));
    AC_TRY(ac_h5_create(&w, path, AC_COMPRESSION_NONE)); /* soon read again, then removed */
    AC_TRY(ac_h5_write_text_attribute(&w, "content", "embeddings in the order of token ids"));
    AC_TRY(ac_h5_write(&w, "embeddings", AC_F32, 2,
                       (int64_t[]){ count, work->clip->net.config.projection_dim },
                       self->rows));
    AC_TRY(ac_h5_commit(&w, checksum));
    AC_TRY(ac_run_publish(run, unit, count - crashed, crashed, checksum));
out:
    ac_h5_abandon(&w);
    free(path);
    return st;
}

ac_status
ac_entries_embed_all(ac_entry_work *self)
{
    ac_run *run = self->run;
    embedder e = { 0 };
    ac_status st;

    AC_TRY(ac_entry_trial_all(run, self->clip, self->entries, self->prefix));
    AC_TRY(ac_entry_plan_all(&self->plan, run, self->clip, self->entries, self->prefix));
    AC_TRY(ac_run_stage_begin_all(run, AC_CACHE_STAGE_EMBED, "entries"));
    st = ac_alloc_aligned(&e.rows,
                          run->manifest.shard_items * self->clip->net.config.projection_dim,
                          sizeof(float));
    for (int64_t unit; st == AC_OK && ac_run_claim(run, &unit);)
        st = embed_unit(&e, self, unit);
    if (st != AC_OK)
        ac_run_fail(run);
    st = ac_run_stage_end_all(run, st);
out:
    embedder_free(&e);
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
        AC_TRY(ac_run_shard_path(run, AC_CACHE_STAGE_EMBED, unit, &path));
        AC_TRY(ac_h5_open(&r, path));
        AC_TRY(ac_h5_read(&r, "embeddings", AC_F32, 2, (int64_t[]){ n, D }, rows));
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
        if (run->crashed[first + i])
            continue;
        memmove(rows + kept->count * D, rows + i * D, (size_t) D * sizeof *rows);
        AC_TRY(ac_texts_push(kept, ac_texts_at(entries, first + i),
                             ac_texts_size(entries, first + i)));
    }
out:
    return st;
}

/* rows [count, D]: used up. */
static ac_status
write_shard(ac_run *run, int stage, int64_t shard, const ac_texts *entries, int64_t D,
            float *rows)
{
    int64_t first, count, crashed;
    char *path = NULL, checksum[33];
    ac_texts kept = { 0 };
    ac_status st = AC_OK;

    ac_run_shard_items(run, shard, &first, &count);
    crashed = count_crashed(run, NULL, first, count);
    AC_TRY(ac_run_shard_path(run, stage, shard, &path));
    if (crashed)
        AC_TRY(keep_good(run, entries, first, count, D, rows, &kept));
    AC_TRY(ac_cache_shard_write(path, crashed ? &kept : entries, crashed ? 0 : first,
                                count - crashed, rows, D,
                                (ac_compression) run->config->output.compression, checksum));
    AC_TRY(ac_run_publish(run, shard, count - crashed, crashed, checksum));
    st = ac_run_tick(run);
out:
    ac_texts_free(&kept);
    free(path);
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

/* Shards todo[begin .. end): those that lie close together are read together. */
static ac_status
write_shards(ac_run *run, int stage, int64_t begin, int64_t end, const ac_texts *entries,
             int64_t D, ac_row_reader read, void *context)
{
    const int64_t items = run->manifest.shard_items;
    const int64_t span = begin < end ? run->todo[end - 1] - run->todo[begin] + 1
                                     : 0; /* in shards, those that are done included */
    const int64_t most = group_shards(run, span, D);
    float *rows = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc_aligned(&rows, most * items * D, sizeof *rows));
    while (begin < end && !ac_signals_stopped()) {
        int64_t next = begin + 1, first, last, count;
        while (next < end && run->todo[next] - run->todo[begin] < most)
            next++;
        ac_run_shard_items(run, run->todo[begin], &first, &count);
        ac_run_shard_items(run, run->todo[next - 1], &last, &count);
        AC_TRY(read(context, first, last + count - first, rows));
        for (; begin < next && !ac_signals_stopped(); begin++)
            AC_TRY(write_shard(run, stage, run->todo[begin], entries, D,
                               rows + (run->todo[begin] * items - first) * D));
    }
out:
    free(rows);
    return st;
}

ac_status
ac_entries_write_all(ac_run *run, int stage, const ac_texts *entries, int64_t D,
                     ac_row_reader read, void *context)
{
    const ac_comm *comm = run->comm;
    ac_status st = ac_run_stage_begin_all(run, stage, "entries");

    if (st != AC_OK)
        return st;
    st = write_shards(run, stage, run->todo_count * comm->rank / comm->size,
                      run->todo_count * (comm->rank + 1) / comm->size, entries, D, read,
                      context);
    if (st != AC_OK)
        ac_run_fail(run);
    return ac_run_stage_end_all(run, st);
}

ac_status
ac_remove_files(const char *folder, const char *part, bool temporary)
{
    char *inner = NULL, *path = NULL;
    struct dirent *entry;
    DIR *d;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&inner, "%s/%s", folder, part));
    if (!(d = opendir(inner)))
        goto out;
    while (st == AC_OK && (entry = readdir(d))) {
        if (entry->d_name[0] == '.' || (temporary && !strstr(entry->d_name, ".tmp")))
            continue;
        st = ac_path_format(&path, "%s/%s", inner, entry->d_name);
        if (st == AC_OK && !ac_lock_is_awaited(path) && unlink(path) != 0 && errno != ENOENT)
            st = ac_error_set(AC_E_IO, "%s: cannot be removed: %s", path, strerror(errno));
        free(path);
        path = NULL;
    }
    closedir(d);
    if (st == AC_OK && !temporary && rmdir(inner) != 0)
        st = ac_error_set(AC_E_IO, "%s: cannot be removed: %s", inner, strerror(errno));
out:
    free(inner);
    return st;
}

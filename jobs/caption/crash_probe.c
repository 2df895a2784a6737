#include "jobs/caption/crash_probe.h"

#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "io/file/publish.h"
#include "jobs/caption/stages.h"
#include "jobs/runtime/crash_probe.h"

enum { IMAGE_SECONDS = 120, SILENT_MINUTES = 30 /* where limits.stall_minutes is off */ };

/* What a rank probes with. */
typedef struct prober {
    const ac_run *run;
    const ac_image_source *images;
    int nodes, node; /* of the nodes' first ranks: how many there are, and which of them this is
                        (-1: none of them) */
} prober;

/* ---- an image's file ---- */

/* The item as a file for the child: its own, or (where it has none) one made of its bytes. A
 * page of it is then probed with the whole. @param[out] made  to be removed */
static ac_status
image_file(const prober *p, int64_t item, char **path, bool *made)
{
    ac_buffer bytes = { 0 };
    ac_item_status status;
    ac_status st = ac_image_source_file(p->images, item, path);

    *made = false;
    if (st != AC_E_ARG) /* of joined sources one may have files, and another not */
        return st;
    AC_TRY(ac_run_path(p->run, path, "journal/%sprobe.tmp.%d", p->run->prefix,
                       p->run->comm->rank));
    AC_TRY(ac_image_source_read(p->images, item, &bytes, &status));
    st = ac_publish_file(*path, bytes.data ? bytes.data : "", bytes.size);
    *made = st == AC_OK;
out:
    ac_buffer_free(&bytes);
    return st;
}

/* A run that has no CLIP model decodes images only; the size is any. */
static ac_status
probe_image(const prober *p, int64_t item, bool *crashes)
{
    ac_status st = AC_OK;
    char *path = NULL, *out = NULL, pixels[32];
    char *model = p->run->config->clip.model, *model_config = p->run->config->clip.model_config;
    bool made;

    if (p->images->pixels[0]) /* nothing is decoded */
        return AC_OK;
    AC_TRY(image_file(p, item, &path, &made));
    AC_TRY(ac_run_path(p->run, &out, "journal/%sprobe.tmp.%d.npy", p->run->prefix,
                       p->run->comm->rank));
    snprintf(pixels, sizeof pixels, "%lld", (long long) p->run->config->limits.max_pixels);
    {
        char *words[] = { "antarctic",
                          "preprocess",
                          "--threads",
                          "1",
                          model ? "--model" : "--size",
                          model ? model : "224",
                          "--max-pixels",
                          pixels,
                          "--out",
                          out,
                          model_config ? "--model-config" : "--",
                          model_config ? model_config : path,
                          model_config ? "--" : NULL,
                          path,
                          NULL };
        const ac_child child = { .words = words,
                                 .silence = IMAGE_SECONDS,
                                 .heartbeat = p->run->comm->heartbeat };
        const ac_child_end end = ac_child_run(&child, NULL);
        crashes[item] =
            end == AC_CHILD_CRASHED || end == AC_CHILD_KILLED || end == AC_CHILD_SILENT;
    }
    unlink(out);
    if (made)
        unlink(path);
out:
    free(path);
    free(out);
    return st;
}

/* ---- tables that were being captioned ---- */

enum { FIXED_WORDS = 10 };

/* The suspects of one shard, for children that are this program's command `recaption`. */
typedef struct suspects {
    const ac_run *run;
    char shard[32], threads[32];
    int64_t *items; /* [count] */
    char **keys;    /* [count], owned */
    char **words;   /* [FIXED_WORDS + count + 1] of the present child */
    int64_t count;
} suspects;

static void
suspects_free(suspects *self)
{
    for (int64_t i = 0; self->keys && i < self->count; i++)
        free(self->keys[i]);
    free(self->items);
    free(self->keys);
    free(self->words);
}

/* The node's other ranks wait meanwhile: their cores too, as far as this process may use them.
 */
static int
node_threads(const ac_comm *comm)
{
    const int threads = omp_get_max_threads() * comm->node_size;
    cpu_set_t bound;

    if (sched_getaffinity(0, sizeof bound, &bound) == 0 && CPU_COUNT(&bound) > 0 &&
        CPU_COUNT(&bound) < threads)
        return CPU_COUNT(&bound);
    return threads;
}

static ac_status
suspects_init(suspects *self, const prober *p, const ac_inflight_items *items)
{
    const int64_t shard_items = p->run->manifest.shard_items;
    const int64_t shard = items->first / shard_items;
    ac_buffer key = { 0 };
    ac_status st = AC_OK;

    self->run = p->run;
    snprintf(self->shard, sizeof self->shard, "%lld", (long long) shard);
    snprintf(self->threads, sizeof self->threads, "%d", node_threads(p->run->comm));
    AC_TRY(ac_alloc(&self->items, items->count, sizeof *self->items));
    AC_TRY(ac_alloc(&self->keys, items->count, sizeof *self->keys));
    AC_TRY(ac_alloc(&self->words, FIXED_WORDS + items->count + 1, sizeof *self->words));
    for (int64_t i = items->first; i < items->first + items->count; i++) {
        ac_item_status status;
        if (ac_quarantine_has(&p->run->quarantine, i) || i / shard_items != shard)
            continue;
        AC_TRY(ac_image_source_check(p->images, i, &status));
        if (status.reason != AC_GOOD)
            continue;
        AC_TRY(ac_image_source_key(p->images, i, &key));
        AC_TRY(ac_duplicate(&self->keys[self->count], key.data, key.size));
        self->items[self->count++] = i;
    }
out:
    ac_buffer_free(&key);
    return st;
}

/* An ac_crash_probe_child. */
static ac_child_end
caption_suspects(void *context, int64_t first, int64_t n, int64_t *lines)
{
    suspects *self = context;
    const ac_run *run = self->run;
    const double minutes = run->config->limits.stall_minutes;
    /* this run has compared the files just now; its journals may still know older ones */
    char *fixed[FIXED_WORDS] = { "antarctic", "recaption",   "--probe", "--unchecked",
                                 "--threads", self->threads, "--shard", self->shard,
                                 "--",        run->folder };
    const ac_child child = { .words = self->words,
                             .silence = 60 * (minutes > 0 ? minutes : SILENT_MINUTES),
                             .first_to_go = true,
                             .heartbeat = run->comm->heartbeat };

    memcpy(self->words, fixed, sizeof fixed);
    memcpy(self->words + FIXED_WORDS, self->keys + first, (size_t) n * sizeof *self->keys);
    self->words[FIXED_WORDS + n] = NULL;
    return ac_child_run(&child, lines);
}

static ac_status
probe_tables(const prober *p, const ac_inflight_items *items, bool *crashes)
{
    suspects a = { 0 };
    bool *confirmed = NULL;
    char what[64];
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&confirmed, items->count, sizeof *confirmed));
    AC_TRY(suspects_init(&a, p, items));
    snprintf(what, sizeof what, "%lld images of shard %s", (long long) a.count, a.shard);
    ac_crash_probe_each(a.count, caption_suspects, &a, what, confirmed);
    for (int64_t i = 0; i < a.count; i++)
        crashes[a.items[i]] = crashes[a.items[i]] || confirmed[i];
out:
    suspects_free(&a);
    free(confirmed);
    return st;
}

/* ---- all suspects ---- */

static void
count_nodes_all(const ac_comm *comm, int *nodes, int *which)
{
    const int first = comm->node_rank == 0;
    int before = 0;

    AC_MPI(MPI_Allreduce(&first, nodes, 1, MPI_INT, MPI_SUM, comm->mpi));
    AC_MPI(MPI_Exscan(&first, &before, 1, MPI_INT, MPI_SUM, comm->mpi));
    *which = first ? (comm->rank == 0 ? 0 : before) : -1;
}

static bool
is_done(const ac_run *run, int stage, int64_t shard)
{
    return run->manifest.stages[stage].shards[shard].done;
}

/* An ac_crash_probe. A reader is small: each rank probes its share. A captioner holds models of
 * its own: one per node at a time. */
static ac_status
probe_share(void *context, bool *crashes)
{
    const prober *p = context;
    const ac_run *run = p->run;
    const ac_quarantine *q = &run->quarantine;
    int64_t images = 0, tables = 0;
    ac_status st = AC_OK;

    if (run->comm->rank == 0)
        ac_log(AC_LOG_INFO, "an earlier attempt died; each item that was in flight is probed "
                            "in a process of its own");
    for (int64_t i = 0; st == AC_OK && i < q->suspect_count; i++) {
        const ac_inflight_items *s = &q->suspects[i];
        const int64_t shard = s->first / run->manifest.shard_items;
        if (s->stage == AC_STAGE_EMBED && !is_done(run, AC_STAGE_EMBED, shard)) {
            if (!ac_quarantine_has(q, s->first) &&
                images++ % run->comm->size == run->comm->rank)
                st = probe_image(p, s->first, crashes);
        } else if (s->stage == AC_STAGE_GENERATE && is_done(run, AC_STAGE_RETRIEVE, shard) &&
                   !is_done(run, AC_STAGE_GENERATE, shard)) {
            if (tables++ % p->nodes == p->node)
                st = probe_tables(p, s, crashes);
        }
    }
    return st;
}

ac_status
ac_image_probe_all(ac_run *run, const ac_image_source *images)
{
    prober p = { .run = run, .images = images };
    const ac_item_names names = ac_item_names_of_images(images);

    count_nodes_all(run->comm, &p.nodes, &p.node);
    return ac_crash_probe_all(run, probe_share, &p, &names, false);
}

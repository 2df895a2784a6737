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

enum { IMAGE_SECONDS = 120 };

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

/* Those of a range that are of its shard, are images, and are not quarantined. */
static ac_status
gather_suspects(const prober *p, const ac_inflight_items *range, ac_texts *keys, int64_t *items)
{
    const int64_t shard_items = p->run->manifest.shard_items;
    ac_buffer key = { 0 };
    ac_status st = AC_OK;

    for (int64_t i = range->first; i < range->first + range->count; i++) {
        ac_item_status status;
        if (ac_quarantine_has(&p->run->quarantine, i) ||
            i / shard_items != range->first / shard_items)
            continue;
        AC_TRY(ac_image_source_check(p->images, i, &status));
        if (status.reason != AC_GOOD)
            continue;
        AC_TRY(ac_image_source_key(p->images, i, &key));
        items[keys->count] = i;
        AC_TRY(ac_texts_push(keys, key.data, key.size));
    }
out:
    ac_buffer_free(&key);
    return st;
}

static ac_status
probe_tables(const prober *p, const ac_inflight_items *range, bool *crashes)
{
    char shard[32], threads[32], what[96];
    /* this run has compared the files just now; its journals may still know older ones */
    char *words[] = { "antarctic", "recaption", "--probe", "--unchecked",  "--threads", threads,
                      "--shard",   shard,       "--",      p->run->folder, NULL };
    ac_texts keys = { 0 };
    int64_t *items = NULL;
    ac_status st = AC_OK;

    snprintf(shard, sizeof shard, "%lld",
             (long long) (range->first / p->run->manifest.shard_items));
    snprintf(threads, sizeof threads, "%d", node_threads(p->run->comm));
    AC_TRY(ac_alloc(&items, range->count, sizeof *items));
    AC_TRY(gather_suspects(p, range, &keys, items));
    snprintf(what, sizeof what, "%lld images of shard %s", (long long) keys.count, shard);
    st = ac_crash_probe_items(p->run, words, &keys, items, what, crashes);
out:
    ac_texts_free(&keys);
    free(items);
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

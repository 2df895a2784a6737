#include "jobs/caption/crash_probe.h"

#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "jobs/runtime/child.h"

enum { IMAGE_SECONDS = 120, SILENT_MINUTES = 30 /* where limits.stall_minutes is off */ };

/* ---- an image's file ---- */

static ac_status
try_image(const ac_pipeline *p, int64_t item, bool *crashes)
{
    ac_status st = AC_OK;
    char *path = NULL, *out = NULL, size[32], pixels[32];

    AC_TRY(ac_duplicate(&path, ac_texts_at(&p->images.paths, item),
                        ac_texts_size(&p->images.paths, item)));
    AC_TRY(
        ac_run_path(&p->run, &out, "journal/%strial.tmp.%d.npy", p->run.prefix, p->comm->rank));
    snprintf(size, sizeof size, "%lld", (long long) p->clip.net.config.image_size);
    snprintf(pixels, sizeof pixels, "%lld", (long long) p->config->limits.max_pixels);
    {
        char *words[] = { "antarctic", "preprocess",   "--threads", "1",     "--size",
                          size,        "--max-pixels", pixels,      "--out", out,
                          "--",        path,           NULL };
        const ac_child child = { .words = words,
                                 .silence = IMAGE_SECONDS,
                                 .heartbeat = p->comm->heartbeat };
        const ac_child_end end = ac_child_run(&child, NULL);
        crashes[item] =
            end == AC_CHILD_CRASHED || end == AC_CHILD_KILLED || end == AC_CHILD_SILENT;
    }
    unlink(out);
out:
    free(path);
    free(out);
    return st;
}

/* ---- tables that were being captioned ---- */

enum { FIXED_WORDS = 10 };

/* The suspects of one shard, for children that are this program's command `recaption`. */
typedef struct accused {
    const ac_pipeline *pipeline;
    char shard[32], threads[32];
    int64_t *items; /* [count] */
    char **keys;    /* [count], owned */
    char **words;   /* [FIXED_WORDS + count + 1] of the present child */
    int64_t count;
} accused;

static void
accused_free(accused *self)
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
accused_init(accused *self, const ac_pipeline *p, const ac_hand_items *suspects)
{
    const ac_texts *keys = &p->images.keys;
    const int64_t shard = suspects->first / p->run.manifest.shard_items;
    ac_status st = AC_OK;

    self->pipeline = p;
    snprintf(self->shard, sizeof self->shard, "%lld", (long long) shard);
    snprintf(self->threads, sizeof self->threads, "%d", node_threads(p->comm));
    AC_TRY(ac_alloc(&self->items, suspects->count, sizeof *self->items));
    AC_TRY(ac_alloc(&self->keys, suspects->count, sizeof *self->keys));
    AC_TRY(ac_alloc(&self->words, FIXED_WORDS + suspects->count + 1, sizeof *self->words));
    for (int64_t i = suspects->first; i < suspects->first + suspects->count; i++) {
        if (p->run.crashed[i] || ac_image_list_is_duplicate(&p->images, i) ||
            i / p->run.manifest.shard_items != shard)
            continue;
        AC_TRY(ac_duplicate(&self->keys[self->count], ac_texts_at(keys, i),
                            ac_texts_size(keys, i)));
        self->items[self->count++] = i;
    }
out:
    return st;
}

/* An ac_child_trial. */
static ac_child_end
try_accused(void *context, int64_t first, int64_t n, int64_t *lines)
{
    accused *self = context;
    const ac_pipeline *p = self->pipeline;
    const double minutes = p->config->limits.stall_minutes;
    /* this run has compared the files just now; its journals may still know older ones */
    char *fixed[FIXED_WORDS] = { "antarctic", "recaption",   "--probe", "--unchecked",
                                 "--threads", self->threads, "--shard", self->shard,
                                 "--",        p->run.folder };
    const ac_child child = { .words = self->words,
                             .silence = 60 * (minutes > 0 ? minutes : SILENT_MINUTES),
                             .first_to_go = true,
                             .heartbeat = p->comm->heartbeat };

    memcpy(self->words, fixed, sizeof fixed);
    memcpy(self->words + FIXED_WORDS, self->keys + first, (size_t) n * sizeof *self->keys);
    self->words[FIXED_WORDS + n] = NULL;
    return ac_child_run(&child, lines);
}

static ac_status
try_tables(const ac_pipeline *p, const ac_hand_items *suspects, bool *crashes)
{
    accused a = { 0 };
    bool *guilty = NULL;
    char what[64];
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&guilty, suspects->count, sizeof *guilty));
    AC_TRY(accused_init(&a, p, suspects));
    snprintf(what, sizeof what, "%lld images of shard %s", (long long) a.count, a.shard);
    ac_child_try(a.count, try_accused, &a, what, guilty);
    for (int64_t i = 0; i < a.count; i++)
        crashes[a.items[i]] = crashes[a.items[i]] || guilty[i];
out:
    accused_free(&a);
    free(guilty);
    return st;
}

/* ---- all suspects ---- */

/* Of the nodes' first ranks: how many there are, and which of them this is (-1: none of them).
 */
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

/* A reader is small: each rank tries its share. A captioner holds models of its own: one a node
 * at a time. */
static ac_status
try_share(const ac_pipeline *p, int nodes, int node, bool *crashes)
{
    const ac_run *run = &p->run;
    int64_t images = 0, tables = 0;
    ac_status st = AC_OK;

    for (int64_t i = 0; st == AC_OK && i < run->suspect_count; i++) {
        const ac_hand_items *s = &run->suspects[i];
        const int64_t shard = s->first / run->manifest.shard_items;
        if (s->stage == AC_STAGE_EMBED && !is_done(run, AC_STAGE_EMBED, shard)) {
            if (!run->crashed[s->first] && images++ % p->comm->size == p->comm->rank)
                st = try_image(p, s->first, crashes);
        } else if (s->stage == AC_STAGE_GENERATE && is_done(run, AC_STAGE_RETRIEVE, shard) &&
                   !is_done(run, AC_STAGE_GENERATE, shard)) {
            if (tables++ % nodes == node)
                st = try_tables(p, s, crashes);
        }
    }
    return st;
}

ac_status
ac_trial_all(ac_pipeline *p)
{
    ac_run *run = &p->run;
    bool *crashes = NULL;
    int nodes, node;
    ac_status st = AC_OK;

    if (run->suspect_count == 0) /* the same on all ranks */
        return AC_OK;
    ac_heartbeat_phase(p->comm->heartbeat, "trial of suspects");
    if (p->comm->rank == 0)
        ac_log(
            AC_LOG_INFO,
            "an earlier attempt died; what it had in hand is tried in processes of their own");
    count_nodes_all(p->comm, &nodes, &node);
    st = ac_alloc(&crashes, run->manifest.items, sizeof *crashes);
    if (st == AC_OK)
        st = try_share(p, nodes, node, crashes);
    AC_TRY(ac_agree_all(p->comm, st));
    AC_TRY(ac_run_quarantine_all(run, crashes, &p->images.keys, false));
out:
    free(crashes);
    return st;
}

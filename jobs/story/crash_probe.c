#include "jobs/story/crash_probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "jobs/runtime/crash_probe.h"

enum { FIXED_WORDS = 5, SILENT_MINUTES = 30 /* where limits.stall_minutes is off */ };

/* What was in flight on one rank. */
typedef struct suspects {
    const ac_run *run;
    const ac_story_captions *captions;
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

/* Those whose shards are not done, and that are not quarantined. */
static ac_status
suspects_init(suspects *self, const ac_inflight_items *items)
{
    const ac_texts *keys = &self->captions->keys;
    const ac_manifest *m = &self->run->manifest;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self->items, items->count, sizeof *self->items));
    AC_TRY(ac_alloc(&self->keys, items->count, sizeof *self->keys));
    AC_TRY(ac_alloc(&self->words, FIXED_WORDS + items->count + 1, sizeof *self->words));
    for (int64_t i = items->first; i < items->first + items->count && i < keys->count; i++) {
        if (ac_quarantine_has(&self->run->quarantine, i) ||
            m->stages[0].shards[i / m->shard_items].done)
            continue;
        AC_TRY(ac_duplicate(&self->keys[self->count], ac_texts_at(keys, i),
                            ac_texts_size(keys, i)));
        self->items[self->count++] = i;
    }
out:
    return st;
}

/* An ac_crash_probe_child. */
static ac_child_end
tell_suspects(void *context, int64_t first, int64_t n, int64_t *lines)
{
    suspects *self = context;
    const ac_run *run = self->run;
    const double minutes = run->config->limits.stall_minutes;
    char *fixed[FIXED_WORDS] = { "antarctic", "retell", "--probe", "--", run->folder };
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
probe_range(const ac_run *run, const ac_story_captions *captions,
            const ac_inflight_items *items, bool *crashes)
{
    suspects s = { .run = run, .captions = captions };
    bool *confirmed = NULL;
    char what[64];
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&confirmed, items->count, sizeof *confirmed));
    AC_TRY(suspects_init(&s, items));
    snprintf(what, sizeof what, "%lld captions", (long long) s.count);
    ac_crash_probe_each(s.count, tell_suspects, &s, what, confirmed);
    for (int64_t i = 0; i < s.count; i++)
        crashes[s.items[i]] = crashes[s.items[i]] || confirmed[i];
out:
    suspects_free(&s);
    free(confirmed);
    return st;
}

typedef struct prober {
    const ac_run *run;
    const ac_story_captions *captions;
} prober;

/* An ac_crash_probe. A child holds a model of its own: one at a time, of rank 0. */
static ac_status
probe_captions(void *context, bool *crashes)
{
    const prober *p = context;
    const ac_quarantine *q = &p->run->quarantine;
    ac_status st = AC_OK;

    if (p->run->comm->rank != 0)
        return AC_OK;
    ac_log(AC_LOG_INFO, "an earlier attempt died; the captions that were in flight are "
                        "continued in a process of their own");
    for (int64_t i = 0; st == AC_OK && i < q->suspect_count; i++)
        st = probe_range(p->run, p->captions, &q->suspects[i], crashes);
    return st;
}

ac_status
ac_story_probe_all(ac_run *run, const ac_story_captions *captions)
{
    prober p = { .run = run, .captions = captions };
    const ac_item_names names = ac_item_names_of_texts(&captions->keys);

    return ac_crash_probe_all(run, probe_captions, &p, &names, false);
}

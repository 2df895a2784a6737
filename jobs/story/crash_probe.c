#include "jobs/story/crash_probe.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "jobs/runtime/crash_probe.h"

/* What was in flight on one rank. Those of its captions whose shards are not done, and that are
 * not quarantined, are probed. */
static ac_status
probe_range(const ac_run *run, const ac_story_captions *captions,
            const ac_inflight_items *range, bool *crashes)
{
    char *words[] = { "antarctic", "retell", "--probe", "--", run->folder, NULL };
    const ac_manifest *m = &run->manifest;
    ac_texts keys = { 0 };
    int64_t *items = NULL;
    char what[64];
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&items, range->count, sizeof *items));
    for (int64_t i = range->first; i < range->first + range->count && i < captions->keys.count;
         i++) {
        if (ac_quarantine_has(&run->quarantine, i) ||
            m->stages[0].shards[i / m->shard_items].done)
            continue;
        items[keys.count] = i;
        AC_TRY(ac_texts_push(&keys, ac_texts_at(&captions->keys, i),
                             ac_texts_size(&captions->keys, i)));
    }
    snprintf(what, sizeof what, "%lld captions", (long long) keys.count);
    st = ac_crash_probe_items(run, words, &keys, items, what, crashes);
out:
    ac_texts_free(&keys);
    free(items);
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

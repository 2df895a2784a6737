#include "jobs/cache/crash_probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "io/file/json_write.h"
#include "io/file/text_file.h"
#include "jobs/runtime/crash_probe.h"

/* The suspects' numbers, and their texts as the tokenizer gets them. */
static ac_status
collect(const ac_run *run, const ac_texts *entries, const char *prefix, ac_texts *texts,
        int64_t **items)
{
    const ac_quarantine *q = &run->quarantine;
    ac_buffer whole = { 0 };
    int64_t capacity = 0;
    ac_status st = AC_OK;

    for (int64_t s = 0; s < q->suspect_count; s++) {
        const ac_inflight_items *suspects = &q->suspects[s];
        AC_TRY(ac_grow(items, &capacity, texts->count + suspects->count, sizeof **items));
        for (int64_t i = suspects->first; i < suspects->first + suspects->count; i++) {
            if (ac_quarantine_has(q, i))
                continue;
            ac_buffer_reset(&whole);
            ac_buffer_push_text(&whole, prefix);
            AC_TRY(ac_buffer_push(&whole, ac_texts_at(entries, i), ac_texts_size(entries, i)));
            (*items)[texts->count] = i;
            AC_TRY(ac_texts_push(texts, whole.data ? whole.data : "", whole.size));
        }
    }
out:
    ac_buffer_free(&whole);
    return st;
}

/* What rank 0 probes with. */
typedef struct prober {
    const ac_run *run;
    const ac_clip_model *clip;
    const ac_texts *entries;
    const char *prefix;
} prober;

/* An ac_crash_probe. */
static ac_status
probe_entries(void *context, bool *crashes)
{
    const prober *p = context;
    ac_texts texts = { 0 };
    int64_t *items = NULL;
    bool *confirmed = NULL;
    ac_status st = AC_OK;

    if (p->run->comm->rank != 0)
        return AC_OK;
    AC_TRY(collect(p->run, p->entries, p->prefix, &texts, &items));
    AC_TRY(ac_alloc(&confirmed, texts.count, sizeof *confirmed));
    AC_TRY(ac_crash_probe_texts(p->run, p->clip->path, "clip", &texts, "entries", confirmed));
    for (int64_t i = 0; i < texts.count; i++)
        crashes[items[i]] = crashes[items[i]] || confirmed[i];
out:
    ac_texts_free(&texts);
    free(items);
    free(confirmed);
    return st;
}

/* Rank 0. */
static ac_status
write_bad_items(const ac_run *run, const ac_texts *entries)
{
    ac_text_file f = { 0 };
    ac_buffer lines = { 0 };
    char *path = NULL;
    ac_status st = ac_run_path(run, &path, "bad_items.jsonl");

    AC_TRY(st);
    for (int64_t i = 0; i < run->manifest.items; i++) {
        if (!ac_quarantine_has(&run->quarantine, i))
            continue;
        ac_buffer_push_text(&lines, "{\"key\": ");
        ac_json_string(&lines, ac_texts_at(entries, i), ac_texts_size(entries, i));
        ac_buffer_printf(&lines,
                         ", \"reason\": \"crashed\", \"detail\": \"entry %lld (from 0) ended "
                         "the program, and again when it was tried alone\"}\n",
                         (long long) i);
    }
    AC_TRY(lines.status);
    AC_TRY(ac_text_file_create(&f, path));
    ac_text_file_write(&f, lines.data ? lines.data : "", lines.size);
    st = ac_text_file_commit(&f);
out:
    ac_text_file_abandon(&f);
    ac_buffer_free(&lines);
    free(path);
    return st;
}

ac_status
ac_entry_probe_all(ac_run *run, const ac_clip_model *clip, const ac_texts *entries,
                   const char *prefix)
{
    const ac_comm *comm = run->comm;
    const int64_t items = run->manifest.items,
                  most = ac_config_max_bad_items(run->config, items);
    const ac_item_names names = ac_item_names_of_texts(entries);
    prober p = { run, clip, entries, prefix };
    int64_t bad = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_crash_probe_all(run, probe_entries, &p, &names, true));
    for (int64_t i = 0; i < items; i++)
        bad += ac_quarantine_has(&run->quarantine, i);
    if (!bad)
        goto out;
    AC_TRY(ac_agree_all(comm, comm->rank == 0 ? write_bad_items(run, entries) : AC_OK));
    if (bad > most || bad == items)
        st = ac_error_set(
            AC_E_BAD_ITEMS,
            "%lld of %lld entries crash the program, %s; %s/bad_items.jsonl names them",
            (long long) bad, (long long) items,
            bad == items ? "and none is left" : "more than limits.max_bad_items allows",
            run->folder);
out:
    return st;
}

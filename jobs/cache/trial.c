#include "jobs/cache/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "io/json_write.h"
#include "io/text_file.h"
#include "jobs/runtime/child.h"

enum { SILENT_SECONDS = 120 };

/* Entries in hand at an earlier death, for children that are this program's tool `tokenize`. */
typedef struct accused {
    const ac_run *run;
    const ac_texts *entries;
    const char *prefix;
    char *model, *input; /* CLIP's folder or file; the file of texts */
    int64_t *items;      /* [count] */
    int64_t count, capacity;
} accused;

static ac_status
accused_init(accused *self, const ac_clip_model *clip)
{
    const ac_run *run = self->run;
    ac_status st = AC_OK;

    AC_TRY(ac_duplicate(&self->model, clip->path, strlen(clip->path)));
    AC_TRY(ac_run_path(run, &self->input, "journal/trial.tmp.%d.jsonl", run->comm->rank));
    for (int64_t s = 0; s < run->suspect_count; s++) {
        const ac_hand_items *suspects = &run->suspects[s];
        AC_TRY(ac_grow(&self->items, &self->capacity, self->count + suspects->count, sizeof *self->items));
        for (int64_t i = suspects->first; i < suspects->first + suspects->count; i++)
            if (!run->crashed[i])
                self->items[self->count++] = i;
    }
out:
    return st;
}

static void
push_text(ac_buffer *out, const char *prefix, const char *text, size_t n)
{
    ac_buffer whole = { 0 };

    ac_buffer_push_text(&whole, prefix);
    ac_buffer_push(&whole, text, n);
    ac_buffer_push_text(out, "{\"text\": ");
    if (whole.status == AC_OK)
        ac_json_string(out, whole.data ? whole.data : "", whole.size);
    ac_buffer_push_text(out, "}\n");
    ac_buffer_free(&whole);
}

/* The probe is an empty entry. */
static ac_status
write_input(const accused *self, int64_t first, int64_t n)
{
    ac_text_file f = { 0 };
    ac_buffer lines = { 0 };
    ac_status st = AC_OK;

    push_text(&lines, self->prefix, "", 0);
    for (int64_t i = first; i < first + n; i++)
        push_text(&lines, self->prefix, ac_texts_at(self->entries, self->items[i]), ac_texts_size(self->entries, self->items[i]));
    AC_TRY(lines.status);
    AC_TRY(ac_text_file_create(&f, self->input));
    ac_text_file_write(&f, lines.data, lines.size);
    st = ac_text_file_commit(&f);
out:
    ac_text_file_abandon(&f);
    ac_buffer_free(&lines);
    return st;
}

/* An ac_child_trial. */
static ac_child_end
try_accused(void *context, int64_t first, int64_t n, int64_t *lines)
{
    accused *self = context;
    char *words[] = { "antarctic", "tokenize", "--kind", "clip", "--model", self->model, NULL };
    const ac_child child = { .words = words, .input = self->input, .silence = SILENT_SECONDS, .pulse = self->run->comm->pulse };

    *lines = 0;
    if (write_input(self, first, n) != AC_OK) {
        ac_log(AC_LOG_WARNING, "%s", ac_error_message());
        return AC_CHILD_UNKNOWN;
    }
    return ac_child_run(&child, lines);
}

/* Rank 0. */
static ac_status
try_suspects(const ac_run *run, const ac_clip_model *clip, const ac_texts *entries, const char *prefix, bool *crashes)
{
    accused a = { .run = run, .entries = entries, .prefix = prefix };
    bool *guilty = NULL;
    char what[64];
    ac_status st = AC_OK;

    ac_log(AC_LOG_INFO, "an earlier attempt died; what it had in hand is tried in a process of its own");
    AC_TRY(accused_init(&a, clip));
    AC_TRY(ac_alloc(&guilty, a.count, sizeof *guilty));
    snprintf(what, sizeof what, "%lld entries", (long long) a.count);
    ac_child_try(a.count, try_accused, &a, what, guilty);
    unlink(a.input);
    for (int64_t i = 0; i < a.count; i++)
        crashes[a.items[i]] = crashes[a.items[i]] || guilty[i];
out:
    free(a.model);
    free(a.input);
    free(a.items);
    free(guilty);
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
        if (!run->crashed[i])
            continue;
        ac_buffer_push_text(&lines, "{\"key\": ");
        ac_json_string(&lines, ac_texts_at(entries, i), ac_texts_size(entries, i));
        ac_buffer_printf(&lines, ", \"reason\": \"crashed\", \"detail\": \"entry %lld (from 0) ended the program, and again when it was tried alone\"}\n",
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
ac_entry_trial_all(ac_run *run, const ac_clip_model *clip, const ac_texts *entries, const char *prefix)
{
    const ac_comm *comm = run->comm;
    const int64_t items = run->manifest.items, most = ac_config_max_bad_items(run->config, items);
    bool *crashes = NULL;
    int64_t bad = 0;
    ac_status st = AC_OK;

    if (run->suspect_count) { /* the same on all ranks */
        ac_pulse_phase(comm->pulse, "trial of suspects");
        st = ac_alloc(&crashes, items, sizeof *crashes);
        if (st == AC_OK && comm->rank == 0)
            st = try_suspects(run, clip, entries, prefix, crashes);
        AC_TRY(ac_agree_all(comm, st));
        AC_TRY(ac_run_quarantine_all(run, crashes, entries, true));
    }
    for (int64_t i = 0; i < items; i++)
        bad += run->crashed[i];
    if (!bad)
        goto out;
    AC_TRY(ac_agree_all(comm, comm->rank == 0 ? write_bad_items(run, entries) : AC_OK));
    if (bad > most || bad == items)
        st = ac_error_set(AC_E_BAD_ITEMS, "%lld of %lld entries end the program, %s; %s/bad_items.jsonl names them", (long long) bad, (long long) items,
                          bad == items ? "and none is left" : "more than limits.max_bad_items allows", run->folder);
out:
    free(crashes);
    return st;
}

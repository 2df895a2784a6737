#include "jobs/runtime/crash_probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "io/file/json_write.h"
#include "io/file/text_file.h"

enum { SILENT_SECONDS = 120, SILENT_MINUTES = 30 /* where limits.stall_minutes is off */ };

ac_status
ac_crash_probe_all(ac_run *run, ac_crash_probe probe, void *context, const ac_item_names *names,
                   bool all)
{
    bool *crashes = NULL;
    ac_status st = AC_OK;

    if (run->quarantine.suspect_count == 0) /* the same on all ranks */
        return AC_OK;
    ac_heartbeat_phase(run->comm->heartbeat, "crash probe");
    st = ac_alloc(&crashes, ac_manifest_numbers(&run->manifest), sizeof *crashes);
    if (st == AC_OK)
        st = probe(context, crashes);
    AC_TRY(ac_agree_all(run->comm, st));
    st = ac_run_quarantine_all(run, crashes, names, all);
out:
    free(crashes);
    return st;
}

void
ac_crash_probe_each(int64_t count, ac_crash_probe_child child, void *context, const char *what,
                    bool *confirmed)
{
    int64_t lines, alone;

    for (int64_t at = 0; at < count;
         at += lines) { /* lines: the first, and one per suspect that it came through */
        ac_child_end end = child(context, at, count - at, &lines);
        if (end == AC_CHILD_DONE)
            return;
        if (end != AC_CHILD_CRASHED || lines < 1) {
            ac_log(AC_LOG_WARNING,
                   "%s: in flight when an earlier attempt died; the crash probe %s, so nothing "
                   "is rejected",
                   what,
                   end == AC_CHILD_CRASHED  ? "dies before it reaches them"
                   : end == AC_CHILD_SILENT ? "makes no progress"
                                            : "was killed from outside");
            return;
        }
        if (at + lines - 1 < count) {
            end = child(context, at + lines - 1, 1, &alone);
            confirmed[at + lines - 1] = end == AC_CHILD_CRASHED && alone == 1;
        }
    }
}

/* ---- items ---- */

typedef struct item_probe {
    const ac_run *run;
    char **words; /* [fixed + count + 1]: the present child's; the first `fixed` stay */
    char **keys;  /* [count], owned */
    int64_t fixed, count;
} item_probe;

static void
item_probe_free(item_probe *self)
{
    for (int64_t i = 0; self->keys && i < self->count; i++)
        free(self->keys[i]);
    free(self->keys);
    free(self->words);
}

static ac_status
item_probe_init(item_probe *self, char *const *words, const ac_texts *keys)
{
    ac_status st = AC_OK;

    while (words[self->fixed])
        self->fixed++;
    AC_TRY(ac_alloc(&self->words, self->fixed + keys->count + 1, sizeof *self->words));
    AC_TRY(ac_alloc(&self->keys, keys->count, sizeof *self->keys));
    memcpy(self->words, words, (size_t) self->fixed * sizeof *words);
    for (; self->count < keys->count; self->count++)
        AC_TRY(ac_duplicate(&self->keys[self->count], ac_texts_at(keys, self->count),
                            ac_texts_size(keys, self->count)));
out:
    return st;
}

/* An ac_crash_probe_child. */
static ac_child_end
work_on_items(void *context, int64_t first, int64_t n, int64_t *lines)
{
    item_probe *self = context;
    const double minutes = self->run->config->limits.stall_minutes;
    const ac_child child = { .words = self->words,
                             .silence = 60 * (minutes > 0 ? minutes : SILENT_MINUTES),
                             .first_to_go = true,
                             .heartbeat = self->run->comm->heartbeat };

    memcpy(self->words + self->fixed, self->keys + first, (size_t) n * sizeof *self->keys);
    self->words[self->fixed + n] = NULL;
    return ac_child_run(&child, lines);
}

ac_status
ac_crash_probe_items(const ac_run *run, char *const *words, const ac_texts *keys,
                     const int64_t *items, const char *what, bool *crashes)
{
    item_probe p = { .run = run };
    bool *confirmed = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&confirmed, keys->count, sizeof *confirmed));
    AC_TRY(item_probe_init(&p, words, keys));
    ac_crash_probe_each(keys->count, work_on_items, &p, what, confirmed);
    for (int64_t i = 0; i < keys->count; i++)
        crashes[items[i]] = crashes[items[i]] || confirmed[i];
out:
    item_probe_free(&p);
    free(confirmed);
    return st;
}

/* ---- texts ---- */

typedef struct text_probe {
    const ac_run *run;
    const ac_texts *texts;
    const char *kind;
    char *model, *input; /* owned; input: the file that the child reads */
} text_probe;

static void
push_line(ac_buffer *out, const char *text, size_t n)
{
    ac_buffer_push_text(out, "{\"text\": ");
    ac_json_string(out, text, n);
    ac_buffer_push_text(out, "}\n");
}

static ac_status
write_input(const text_probe *self, int64_t first, int64_t n)
{
    ac_text_file f = { 0 };
    ac_buffer lines = { 0 };
    ac_status st = AC_OK;

    push_line(&lines, "", 0);
    for (int64_t i = first; i < first + n; i++)
        push_line(&lines, ac_texts_at(self->texts, i), ac_texts_size(self->texts, i));
    AC_TRY(lines.status);
    AC_TRY(ac_text_file_create(&f, self->input));
    ac_text_file_write(&f, lines.data, lines.size);
    st = ac_text_file_commit(&f);
out:
    ac_text_file_abandon(&f);
    ac_buffer_free(&lines);
    return st;
}

/* An ac_crash_probe_child. */
static ac_child_end
tokenize(void *context, int64_t first, int64_t n, int64_t *lines)
{
    const text_probe *self = context;
    char *words[] = { "antarctic", "tokenize",  "--kind", (char *) (uintptr_t) self->kind,
                      "--model",   self->model, NULL };
    const ac_child child = { .words = words,
                             .input = self->input,
                             .silence = SILENT_SECONDS,
                             .heartbeat = self->run->comm->heartbeat };

    *lines = 0;
    if (write_input(self, first, n) != AC_OK) {
        ac_log(AC_LOG_WARNING, "%s", ac_error_message());
        return AC_CHILD_UNKNOWN;
    }
    return ac_child_run(&child, lines);
}

ac_status
ac_crash_probe_texts(const ac_run *run, const char *model, const char *kind,
                     const ac_texts *texts, const char *what, bool *confirmed)
{
    text_probe p = { .run = run, .texts = texts, .kind = kind };
    char whole[96];
    ac_status st = AC_OK;

    AC_TRY(ac_duplicate(&p.model, model, strlen(model)));
    AC_TRY(ac_run_path(run, &p.input, "journal/%sprobe.tmp.%d.jsonl", run->prefix,
                       run->comm->rank));
    snprintf(whole, sizeof whole, "%lld %s", (long long) texts->count, what);
    ac_log(AC_LOG_INFO,
           "an earlier attempt died; what was in flight is probed in a process of its own: %s",
           whole);
    ac_crash_probe_each(texts->count, tokenize, &p, whole, confirmed);
    unlink(p.input);
out:
    free(p.model);
    free(p.input);
    return st;
}

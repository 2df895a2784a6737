#include "jobs/runtime/crash_probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "io/file/json_write.h"
#include "io/file/text_file.h"
#include "jobs/runtime/child.h"

enum { SILENT_SECONDS = 120 };

typedef struct trial {
    const ac_run *run;
    const ac_texts *texts;
    const char *kind;
    char *model, *input; /* owned; input: the file that the child reads */
} trial;

static void
push_line(ac_buffer *out, const char *text, size_t n)
{
    ac_buffer_push_text(out, "{\"text\": ");
    ac_json_string(out, text, n);
    ac_buffer_push_text(out, "}\n");
}

static ac_status
write_input(const trial *self, int64_t first, int64_t n)
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

/* An ac_child_trial. */
static ac_child_end
hold(void *context, int64_t first, int64_t n, int64_t *lines)
{
    const trial *self = context;
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
ac_text_trial(const ac_run *run, const char *model, const char *kind, const ac_texts *texts,
              const char *what, bool *guilty)
{
    trial t = { .run = run, .texts = texts, .kind = kind };
    char whole[96];
    ac_status st = AC_OK;

    AC_TRY(ac_duplicate(&t.model, model, strlen(model)));
    AC_TRY(ac_run_path(run, &t.input, "journal/%strial.tmp.%d.jsonl", run->prefix,
                       run->comm->rank));
    snprintf(whole, sizeof whole, "%lld %s", (long long) texts->count, what);
    ac_log(AC_LOG_INFO,
           "an earlier attempt died; what it had in hand is tried in a process of its own: %s",
           whole);
    ac_child_try(texts->count, hold, &t, whole, guilty);
    unlink(t.input);
out:
    free(t.model);
    free(t.input);
    return st;
}

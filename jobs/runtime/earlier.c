#include "jobs/runtime/earlier.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/file_look.h"
#include "io/file/json_lines.h"
#include "io/file/path.h"
#include "jobs/runtime/visible.h"

enum { LATE_SECONDS = 60 }; /* after which names are no longer seen late, as a rule */

/* One start of the run, here or elsewhere. */
typedef struct earlier_start {
    int64_t pid, ranks, part, parts;
    int64_t ended; /* seconds since 1970; 0: it has not */
    bool here, done, stopped;
} earlier_start;

typedef struct history {
    char host[256]; /* this one */
    earlier_start *starts;
    int64_t count, capacity;
} history;

/* An ac_json_line of attempts.jsonl. */
static ac_status
take_event(void *context, json_t *record)
{
    history *self = context;
    const char *event = json_string_value(json_object_get(record, "event")),
               *host = json_string_value(json_object_get(record, "host")),
               *state = json_string_value(json_object_get(record, "state"));
    const int64_t pid = json_integer_value(json_object_get(record, "pid"));
    ac_status st = AC_OK;

    if (event && host && strcmp(event, "start") == 0) {
        st = ac_grow(&self->starts, &self->capacity, self->count + 1, sizeof *self->starts);
        if (st == AC_OK)
            self->starts[self->count++] = (earlier_start){
                .pid = pid,
                .ranks = json_integer_value(json_object_get(record, "ranks")),
                .part = json_integer_value(json_object_get(record, "part")),
                .parts = json_integer_value(json_object_get(record, "parts")),
                .here = strcmp(host, self->host) == 0,
            };
        return st;
    }
    if (!event || !state || strcmp(event, "end") != 0)
        return AC_OK;
    for (int64_t i = self->count - 1; i >= 0; i--) {
        earlier_start *s = &self->starts[i];
        if (s->pid != pid || s->ended)
            continue;
        s->ended = json_integer_value(json_object_get(record, "time"));
        s->done = strcmp(state, "done") == 0;
        s->stopped = strcmp(state, "stopped") == 0;
        break;
    }
    return AC_OK;
}

/* RUN/name; `needed`: it was published for certain. */
static ac_status
await(const char *folder, const char *name, const ac_config *config, ac_heartbeat *heartbeat,
      bool needed)
{
    char *path = NULL;
    ac_status st = ac_path_format(&path, "%s/%s", folder, name);

    if (st == AC_OK)
        st = ac_visible_wait(path, config, heartbeat);
    free(path);
    return st == AC_E_RETRY && !needed ? AC_OK : st;
}

static ac_status
await_start(const earlier_start *s, const char *folder, const ac_config *config,
            ac_heartbeat *heartbeat)
{
    const bool part = s->parts > 1;
    char name[64];
    ac_status st = AC_OK;

    AC_TRY(await(folder, "manifest.json", config, heartbeat, s->done));
    if (!part && s->done)
        return await(folder, "DONE", config, heartbeat, true);
    for (int64_t rank = 0; rank < s->ranks; rank++) {
        char prefix[32] = "";
        if (part)
            snprintf(prefix, sizeof prefix, "p%lld-", (long long) s->part);
        snprintf(name, sizeof name, "journal/%s%04d.jsonl", prefix, (int) rank);
        AC_TRY(await(folder, name, config, heartbeat, s->done));
    }
    if (part && s->done) {
        snprintf(name, sizeof name, "journal/p%lld-DONE", (long long) s->part);
        st = await(folder, name, config, heartbeat, true);
    }
out:
    return st;
}

ac_status
ac_earlier_await(const char *folder, const ac_config *config, ac_heartbeat *heartbeat,
                 bool *fresh)
{
    const double seconds = config->limits.visibility_seconds;
    const int64_t oldest =
        (int64_t) time(NULL) - (seconds > LATE_SECONDS ? (int64_t) seconds : LATE_SECONDS);
    history self = { 0 };
    struct stat info;
    char *path = NULL;
    ac_status st = AC_OK;

    *fresh = false;
    gethostname(self.host, sizeof self.host - 1);
    AC_TRY(ac_path_format(&path, "%s/DONE", folder));
    if (ac_file_stat(path, &info) == 0) /* all else was published before it */
        goto out;
    free(path);
    AC_TRY(ac_path_format(&path, "%s/attempts.jsonl", folder));
    AC_TRY(ac_json_lines_read(path, take_event, &self));
    for (int64_t i = 0; i < self.count; i++) {
        const earlier_start *s = &self.starts[i];
        if (s->here || !(s->done || s->stopped) || s->ended < oldest)
            continue;
        *fresh = true;
        AC_TRY(await_start(s, folder, config, heartbeat));
    }
out:
    free(self.starts);
    free(path);
    return st;
}

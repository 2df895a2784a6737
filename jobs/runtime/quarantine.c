#include "jobs/runtime/quarantine.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/file_look.h"
#include "io/file/json_lines.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "io/file/publish.h"

ac_status
ac_quarantine_init(ac_quarantine *self, int64_t items)
{
    ac_status st;

    *self = (ac_quarantine){ 0 };
    st = ac_alloc(&self->crashed, items, sizeof *self->crashed);
    if (st == AC_OK)
        self->items = items;
    return st;
}

void
ac_quarantine_free(ac_quarantine *self)
{
    free(self->crashed);
    free(self->suspects);
    *self = (ac_quarantine){ 0 };
}

/* ---- what earlier attempts left ---- */

/* An ac_json_line of crashed.jsonl. */
static ac_status
take_quarantined(void *context, json_t *record)
{
    ac_quarantine *self = context;
    const json_t *item = json_object_get(record, "item");

    if (json_is_integer(item) && json_integer_value(item) >= 0 &&
        json_integer_value(item) < self->items)
        self->crashed[json_integer_value(item)] = true;
    return AC_OK;
}

/* Read and removed: by a part its own files, by a whole run all. */
static ac_status
read_inflight(ac_quarantine *self, const char *name, const char *path, const char *prefix,
              int64_t *capacity)
{
    ac_status st;

    if (strncmp(name, prefix, strlen(prefix)) != 0)
        return AC_OK;
    st = ac_inflight_read(path, &self->suspects, &self->suspect_count, capacity);
    if (st == AC_OK)
        unlink(path);
    return st;
}

static ac_status
read_files(ac_quarantine *self, const char *journal, const char *prefix)
{
    ac_status st = AC_OK;
    int64_t capacity = 0;
    struct dirent *entry;
    char *path = NULL;
    DIR *d = ac_folder_open(journal);

    if (!d)
        return ac_error_set(ac_io_failure(errno), "%s: the folder cannot be read: %s", journal,
                            strerror(errno));
    while (st == AC_OK && (st = ac_folder_next(&entry, d, journal)) == AC_OK && entry) {
        st = ac_path_format(&path, "%s/%s", journal, entry->d_name);
        if (st == AC_OK && ac_text_ends_with(entry->d_name, "crashed.jsonl"))
            st = ac_json_lines_read(path, take_quarantined, self);
        else if (st == AC_OK && ac_text_ends_with(entry->d_name, ".hand"))
            st = read_inflight(self, entry->d_name, path, prefix, &capacity);
        free(path);
        path = NULL;
    }
    closedir(d);
    return st;
}

/* The files are not trusted. */
static void
keep_valid(ac_quarantine *self, int64_t stage_count)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < self->suspect_count; i++) {
        const ac_inflight_items *s = &self->suspects[i];
        if (s->stage >= 0 && s->stage < stage_count && s->first < self->items &&
            s->count <= self->items - s->first)
            self->suspects[kept++] = *s;
    }
    self->suspect_count = kept;
}

/* At how many deaths before this one it was in flight. */
static int64_t
count_deaths(const ac_inflight_items *s, const ac_inflight_items *before, int64_t count)
{
    int64_t n = 0;

    for (int64_t i = 0; i < count; i++)
        n += before[i].stage == s->stage && before[i].first < s->first + s->count &&
             s->first - before[i].first < before[i].count;
    return n;
}

/* Those that were not in flight at enough deaths yet are remembered, and are no suspects. */
static ac_status
remember_first_deaths(ac_quarantine *self, const char *path, const ac_stage_type *const *stages)
{
    ac_inflight_items *once = NULL;
    int64_t before = 0, count, capacity = 0, kept = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_inflight_read(path, &once, &before, &capacity));
    count = before;
    for (int64_t i = 0; i < self->suspect_count; i++) {
        const ac_inflight_items *s = &self->suspects[i];
        const int needed = stages[s->stage]->crashes_before_probe;
        if (needed <= 1 || count_deaths(s, once, before) >= needed - 1) {
            self->suspects[kept++] = *s;
            continue;
        }
        AC_TRY(ac_grow(&once, &capacity, count + 1, sizeof *once));
        once[count++] = *s;
    }
    self->suspect_count = kept;
    if (count > before)
        st = ac_publish_file(path, (const char *) once, (size_t) count * sizeof *once);
out:
    free(once);
    return st;
}

ac_status
ac_quarantine_read(ac_quarantine *self, const char *journal, const char *prefix,
                   const ac_stage_type *const *stages)
{
    ac_status st = AC_OK;
    char *once = NULL;
    int64_t stage_count = 0;

    while (stages[stage_count])
        stage_count++;
    AC_TRY(read_files(self, journal, prefix));
    keep_valid(self, stage_count);
    AC_TRY(ac_path_format(&once, "%s/%sonce", journal, prefix));
    st = remember_first_deaths(self, once, stages);
out:
    free(once);
    return st;
}

ac_status
ac_quarantine_share_all(ac_quarantine *self, const ac_comm *comm)
{
    ac_status st = AC_OK;

    ac_broadcast_bytes_all(comm, self->crashed, (size_t) self->items * sizeof *self->crashed,
                           0);
    ac_broadcast_bytes_all(comm, &self->suspect_count, sizeof self->suspect_count, 0);
    if (comm->rank != 0)
        st = ac_alloc(&self->suspects, self->suspect_count, sizeof *self->suspects);
    AC_TRY(ac_agree_all(comm, st));
    ac_broadcast_bytes_all(comm, self->suspects,
                           (size_t) self->suspect_count * sizeof *self->suspects, 0);
out:
    return st;
}

/* ---- what is confirmed ---- */

int64_t
ac_quarantine_add_all(ac_quarantine *self, const ac_comm *comm, bool *crashed)
{
    int64_t added = 0;

    for (int64_t at = 0; at < self->items; at += 1 << 28)
        AC_MPI(MPI_Allreduce(MPI_IN_PLACE, crashed + at,
                             (int) (self->items - at < 1 << 28 ? self->items - at : 1 << 28),
                             MPI_C_BOOL, MPI_LOR, comm->mpi));
    for (int64_t i = 0; i < self->items; i++) {
        crashed[i] = crashed[i] && !self->crashed[i];
        self->crashed[i] = self->crashed[i] || crashed[i];
        added += crashed[i];
    }
    return added;
}

ac_status
ac_quarantine_write(const ac_quarantine *self, const char *journal, const char *prefix,
                    const ac_item_names *names)
{
    ac_status st = AC_OK;
    ac_buffer text = { 0 }, name = { 0 };
    char *path = NULL;

    for (int64_t i = 0; i < self->items; i++) {
        if (!self->crashed[i])
            continue;
        ac_buffer_printf(&text, "{\"item\": %lld, \"key\": ", (long long) i);
        AC_TRY(names->name(names->of, i, &name));
        ac_json_string(&text, name.data, name.size);
        ac_buffer_push_text(&text, "}\n");
    }
    AC_TRY(text.status);
    AC_TRY(ac_path_format(&path, "%s/%scrashed.jsonl", journal, prefix));
    st = ac_publish_file(path, text.data ? text.data : "", text.size);
out:
    ac_buffer_free(&text);
    ac_buffer_free(&name);
    free(path);
    return st;
}

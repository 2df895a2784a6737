/* A run's memory of what killed it: items in hand at a death are suspects, items that kill
 * their trial too are quarantined. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "io/file/json_lines.h"
#include "io/file/json_write.h"
#include "io/file/publish.h"
#include "jobs/runtime/run.h"

/* An ac_json_line. */
static ac_status
take_quarantined(void *context, json_t *record)
{
    ac_run *self = context;
    const json_t *item = json_object_get(record, "item");

    if (json_is_integer(item) && json_integer_value(item) >= 0 &&
        json_integer_value(item) < self->manifest.items)
        self->crashed[json_integer_value(item)] = true;
    return AC_OK;
}

static bool
ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), e = strlen(end);

    return n >= e && strcmp(name + n - e, end) == 0;
}

/* The hands of earlier attempts are read and removed: a part its own, a whole run all. */
static ac_status
read_hand(ac_run *self, const char *name, const char *path, int64_t *capacity)
{
    const size_t prefix = strlen(self->prefix);
    ac_status st;

    if (strncmp(name, self->prefix, prefix) != 0)
        return AC_OK;
    st = ac_hand_read(path, &self->suspects, &self->suspect_count, capacity);
    if (st == AC_OK)
        unlink(path);
    return st;
}

/* A trial in stage generate costs about what was in hand, so there one death is not enough: a
 * node's end is no image's fault. */
static bool
needs_two_deaths(const ac_run *self, const ac_hand_items *s)
{
    return strcmp(self->manifest.stages[s->stage].name, "generate") == 0;
}

static bool
overlaps(const ac_hand_items *s, const ac_hand_items *others, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (others[i].stage == s->stage && others[i].first < s->first + s->count &&
            s->first - others[i].first < others[i].count)
            return true;
    return false;
}

/* Those that were in hand at one death so far are remembered in journal/once, and are no
 * suspects yet. */
static ac_status
remember_first_deaths(ac_run *self)
{
    ac_hand_items *once = NULL;
    int64_t before = 0, count, capacity = 0, kept = 0;
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_run_path(self, &path, "journal/%sonce", self->prefix));
    AC_TRY(ac_hand_read(path, &once, &before, &capacity));
    count = before;
    for (int64_t i = 0; i < self->suspect_count; i++) {
        const ac_hand_items *s = &self->suspects[i];
        if (!needs_two_deaths(self, s) || overlaps(s, once, before)) {
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
    free(path);
    return st;
}

ac_status
ac_run_read_crashed(ac_run *self)
{
    ac_status st = AC_OK;
    char *folder = NULL, *path = NULL;
    int64_t capacity = 0, kept = 0;
    struct dirent *entry;
    DIR *d;

    AC_TRY(ac_run_path(self, &folder, "journal"));
    if (!(d = opendir(folder)))
        AC_FAIL(AC_E_IO, "%s: the folder cannot be read: %s", folder, strerror(errno));
    while (st == AC_OK && (entry = readdir(d))) {
        st = ac_run_path(self, &path, "journal/%s", entry->d_name);
        if (st == AC_OK && ends_with(entry->d_name, "crashed.jsonl"))
            st = ac_json_lines_read(path, take_quarantined, self);
        else if (st == AC_OK && ends_with(entry->d_name, ".hand"))
            st = read_hand(self, entry->d_name, path, &capacity);
        free(path);
        path = NULL;
    }
    closedir(d);
    for (int64_t i = 0; i < self->suspect_count; i++) { /* the files are not trusted */
        const ac_hand_items *s = &self->suspects[i];
        const int64_t items = self->manifest.items;
        if (s->stage >= 0 && s->stage < self->manifest.stage_count && s->first < items &&
            s->count <= items - s->first)
            self->suspects[kept++] = *s;
    }
    self->suspect_count = kept;
    AC_TRY(st);
    st = remember_first_deaths(self);
out:
    free(folder);
    return st;
}

ac_status
ac_run_share_crashed_all(ac_run *self)
{
    ac_status st = AC_OK;
    const ac_comm *comm = self->comm;

    ac_broadcast_bytes_all(comm, self->crashed,
                           (size_t) self->manifest.items * sizeof *self->crashed, 0);
    ac_broadcast_bytes_all(comm, &self->suspect_count, sizeof self->suspect_count, 0);
    if (comm->rank != 0)
        st = ac_alloc(&self->suspects, self->suspect_count, sizeof *self->suspects);
    AC_TRY(ac_agree_all(comm, st));
    ac_broadcast_bytes_all(comm, self->suspects,
                           (size_t) self->suspect_count * sizeof *self->suspects, 0);
out:
    return st;
}

/* Rank 0: the whole list again, published whole. */
static ac_status
write_quarantined(const ac_run *self, const ac_texts *keys)
{
    ac_status st = AC_OK;
    ac_buffer text = { 0 };
    char *path = NULL;

    for (int64_t i = 0; i < self->manifest.items; i++) {
        if (!self->crashed[i])
            continue;
        ac_buffer_printf(&text, "{\"item\": %lld, \"key\": ", (long long) i);
        ac_json_string(&text, ac_texts_at(keys, i), ac_texts_size(keys, i));
        ac_buffer_push_text(&text, "}\n");
    }
    AC_TRY(text.status);
    AC_TRY(ac_run_path(self, &path, "journal/%scrashed.jsonl", self->prefix));
    st = ac_publish_file(path, text.data ? text.data : "", text.size);
out:
    ac_buffer_free(&text);
    free(path);
    return st;
}

/* A shard is done no longer. Rank 0 removes its files, those of the last stage first, so that a
 * kill in between leaves none without what it was made from. */
static ac_status
forget_shard(ac_run *self, int64_t shard)
{
    ac_status st = AC_OK;
    char *path = NULL;

    for (int s = self->manifest.stage_count - 1; s >= 0; s--) {
        self->manifest.stages[s].shards[shard] = (ac_shard_record){ 0 };
        if (self->comm->rank != 0)
            continue;
        free(path);
        AC_TRY(ac_run_shard_path(self, s, shard, &path));
        if (unlink(path) != 0 && errno != ENOENT)
            AC_FAIL(AC_E_IO, "%s: cannot be removed: %s", path, strerror(errno));
    }
out:
    free(path);
    return st;
}

ac_status
ac_run_quarantine_all(ac_run *self, bool *crashed, const ac_texts *keys, bool all)
{
    const ac_manifest *m = &self->manifest;
    const int64_t items = m->items;
    int64_t new_ones = 0;
    ac_status st = AC_OK;

    for (int64_t at = 0; at < items; at += 1 << 28)
        AC_MPI(MPI_Allreduce(MPI_IN_PLACE, crashed + at,
                             (int) (items - at < 1 << 28 ? items - at : 1 << 28), MPI_C_BOOL,
                             MPI_LOR, self->comm->mpi));
    for (int64_t i = 0; i < items; i++) {
        crashed[i] = crashed[i] && !self->crashed[i];
        if (!crashed[i])
            continue;
        new_ones++;
        self->crashed[i] = true;
        if (st == AC_OK && !all)
            st = forget_shard(self, i / m->shard_items);
    }
    for (int64_t s = 0; st == AC_OK && all && new_ones && s < m->shard_count; s++)
        st = forget_shard(self, s);
    if (self->comm->rank == 0 && st == AC_OK &&
        new_ones) { /* last: until an item is on the list its shard is made with it */
        ac_log(AC_LOG_WARNING,
               "%lld item%s the program ended with %s set aside (bad items: crashed)",
               (long long) new_ones, new_ones == 1 ? "" : "s", new_ones == 1 ? "is" : "are");
        st = write_quarantined(self, keys);
    }
    return ac_agree_all(self->comm, st);
}

void
ac_run_take(ac_run *self, int slot, int64_t first, int64_t count)
{
    ac_hand_take(&self->hand, slot, self->stage, first, count);
}

void
ac_run_put(ac_run *self, int slot)
{
    ac_hand_put(&self->hand, slot);
}

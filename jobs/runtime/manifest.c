#include "jobs/runtime/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/linear/compute.h"
#include "io/file/json_file.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"

enum { MANIFEST_FORMAT = 1, MAX_SHARDS = 1 << 24 /* what a manifest may ask memory for */ };

ac_status
ac_manifest_init(ac_manifest *self, const char *const *stages, int stage_count, int64_t items,
                 int64_t shard_items)
{
    ac_status st = AC_OK;

    AC_CHECK(stage_count <= AC_MAX_STAGES && shard_items > 0);
    *self = (ac_manifest){ .items = items,
                           .shard_items = shard_items,
                           .shard_count = (items + shard_items - 1) / shard_items,
                           .stage_count = stage_count };
    for (int s = 0; s < stage_count; s++) {
        snprintf(self->stages[s].name, sizeof self->stages[s].name, "%s", stages[s]);
        AC_TRY(ac_alloc(&self->stages[s].shards, self->shard_count, sizeof(ac_shard_record)));
    }
    return AC_OK;
out:
    ac_manifest_free(self);
    return st;
}

void
ac_manifest_free(ac_manifest *self)
{
    for (int s = 0; s < self->stage_count; s++)
        free(self->stages[s].shards);
    free(self->pixels);
    *self = (ac_manifest){ 0 };
}

static void
push_field(ac_buffer *b, const char *name, const char *value)
{
    ac_buffer_printf(b, "  \"%s\": ", name);
    ac_json_text(b, value);
    ac_buffer_push_text(b, ",\n");
}

ac_status
ac_manifest_save(const ac_manifest *self, const char *path)
{
    ac_buffer b = { 0 };
    ac_status st;

    ac_buffer_printf(&b, "{\n  \"format\": %d,\n", MANIFEST_FORMAT);
    push_field(&b, "job", self->job);
    push_field(&b, "version", self->version);
    if (self->content[0])
        push_field(&b, "content", self->content);
    if (self->pixels) {
        ac_buffer_printf(
            &b, "  \"pixels\": {\"size\": %lld, \"recipe\": ", (long long) self->pixel_size);
        ac_json_text(&b, self->pixels);
        ac_buffer_push_text(&b, "},\n");
    }
    push_field(&b, "config_fingerprint", self->config_fingerprint);
    push_field(&b, "input_fingerprint", self->input_fingerprint);
    push_field(&b, "clip_fingerprint", self->clip);
    push_field(&b, "cache_fingerprint", self->cache);
    push_field(&b, "bart_fingerprint", self->bart);
    push_field(&b, "kernels", self->kernels);
    ac_buffer_printf(&b, "  \"equal_bytes\": %s,\n",
                     !*self->kernels || ac_compute_is_portable(self->kernels) ? "true"
                                                                              : "false");
    push_field(&b, "precision", self->precision);
    ac_buffer_printf(&b, "  \"items\": %lld,\n  \"shard_items\": %lld,\n  \"stages\": [",
                     (long long) self->items, (long long) self->shard_items);
    for (int s = 0; s < self->stage_count; s++) {
        const ac_stage_record *stage = &self->stages[s];
        bool first = true;
        ac_buffer_printf(&b, "%s\n    {\"name\": \"%s\", \"seconds\": %.3f, \"shards\": [",
                         s ? "," : "", stage->name, stage->seconds);
        for (int64_t i = 0; i < self->shard_count; i++) {
            const ac_shard_record *r = &stage->shards[i];
            if (!r->done)
                continue;
            ac_buffer_printf(&b,
                             "%s\n      {\"shard\": %lld, \"rows\": %lld, \"bad\": %lld, "
                             "\"checksum\": \"%s\"}",
                             first ? "" : ",", (long long) i, (long long) r->rows,
                             (long long) r->bad, r->checksum);
            first = false;
        }
        ac_buffer_push_text(&b, "]}");
    }
    ac_buffer_push_text(&b, "\n  ]\n}\n");
    st = b.status == AC_OK ? ac_publish_file(path, b.data, b.size) : b.status;
    ac_buffer_free(&b);
    return st;
}

static void
take_shard(ac_manifest *self, ac_stage_record *stage, const json_t *line)
{
    json_int_t shard = -1, rows = -1, bad = -1;
    const char *checksum = NULL;

    if (json_unpack((json_t *) line, "{s:I, s:I, s:I, s:s}", "shard", &shard, "rows", &rows,
                    "bad", &bad, "checksum", &checksum) != 0 ||
        shard < 0 || shard >= self->shard_count || rows < 0 || bad < 0 ||
        strlen(checksum) != 32)
        return;
    stage->shards[shard] = (ac_shard_record){ .rows = rows, .bad = bad, .done = true };
    memcpy(stage->shards[shard].checksum, checksum, 33);
}

static ac_stage_record *
find_stage(ac_manifest *self, const char *name)
{
    for (int s = 0; name && s < self->stage_count; s++)
        if (strcmp(self->stages[s].name, name) == 0)
            return &self->stages[s];
    return NULL;
}

static void
copy_text(char *out, size_t size, const json_t *root, const char *key)
{
    const char *text = json_string_value(json_object_get(root, key));

    snprintf(out, size, "%s", text ? text : "");
}

ac_status
ac_manifest_load(ac_manifest *self, const char *path, bool *found)
{
    ac_status st = AC_OK;
    json_t *root = NULL, *stages, *stage, *line;
    size_t i, j;

    *found = false;
    if (access(path, F_OK) != 0)
        return AC_OK;
    if (ac_json_file_read(&root, path, 0) != AC_OK)
        return ac_error_set(AC_E_FORMAT,
                            "%s; restore it, or start afresh with another --run folder",
                            ac_error_message());
    if (json_integer_value(json_object_get(root, "format")) != MANIFEST_FORMAT)
        AC_FAIL(AC_E_FORMAT,
                "%s: written by another version of this program; use that one, or another "
                "--run folder",
                path);
    *found = true;
    copy_text(self->job, sizeof self->job, root, "job");
    copy_text(self->version, sizeof self->version, root, "version");
    copy_text(self->config_fingerprint, sizeof self->config_fingerprint, root,
              "config_fingerprint");
    copy_text(self->input_fingerprint, sizeof self->input_fingerprint, root,
              "input_fingerprint");
    copy_text(self->clip, sizeof self->clip, root, "clip_fingerprint");
    copy_text(self->cache, sizeof self->cache, root, "cache_fingerprint");
    copy_text(self->bart, sizeof self->bart, root, "bart_fingerprint");
    copy_text(self->kernels, sizeof self->kernels, root, "kernels");
    copy_text(self->precision, sizeof self->precision, root, "precision");
    copy_text(self->content, sizeof self->content, root, "content");
    if (json_integer_value(json_object_get(root, "items")) != self->items ||
        json_integer_value(json_object_get(root, "shard_items")) != self->shard_items)
        goto out; /* another input: the fingerprints differ too, and the caller says so */
    stages = json_object_get(root, "stages");
    json_array_foreach(stages, i, stage)
    {
        ac_stage_record *mine =
            find_stage(self, json_string_value(json_object_get(stage, "name")));
        if (!mine)
            continue;
        mine->seconds = json_number_value(json_object_get(stage, "seconds"));
        json_array_foreach(json_object_get(stage, "shards"), j, line)
            take_shard(self, mine, line);
    }
out:
    json_decref(root);
    return st;
}

void
ac_manifest_replay(ac_manifest *self, const char *text, size_t n)
{
    const char *end = text + n, *newline;

    for (; text < end && (newline = memchr(text, '\n', (size_t) (end - text)));
         text = newline + 1) {
        json_t *line = json_loadb(text, (size_t) (newline - text), 0, NULL);
        ac_stage_record *stage =
            find_stage(self, json_string_value(json_object_get(line, "stage")));
        if (stage)
            take_shard(self, stage, line);
        json_decref(line);
    }
}

static ac_status
replay_files(ac_manifest *self, DIR *d, const char *folder)
{
    ac_status st = AC_OK;
    struct dirent *entry;

    while (st == AC_OK && (entry = readdir(d))) {
        ac_buffer text = { 0 };
        char *path = NULL;
        if (!strstr(entry->d_name, ".jsonl") || strstr(entry->d_name, ".tmp"))
            continue;
        st = ac_path_format(&path, "%s/%s", folder, entry->d_name);
        if (st == AC_OK && (st = ac_text_file_read(path, &text)) == AC_OK && text.size)
            ac_manifest_replay(self, text.data, text.size);
        ac_buffer_free(&text);
        free(path);
    }
    return st;
}

/* The manifest is saved after the journals' lines: where both know a shard, the journals may
 * tell of a file that was made again since. */
ac_status
ac_manifest_replay_folder(ac_manifest *self, const char *folder)
{
    ac_manifest journals = { 0 };
    const char *names[AC_MAX_STAGES];
    ac_status st = AC_OK;
    DIR *d = opendir(folder);

    if (!d)
        return errno == ENOENT ? AC_OK
                               : ac_error_set(AC_E_IO, "%s: the folder cannot be read: %s",
                                              folder, strerror(errno));
    for (int s = 0; s < self->stage_count; s++)
        names[s] = self->stages[s].name;
    AC_TRY(
        ac_manifest_init(&journals, names, self->stage_count, self->items, self->shard_items));
    AC_TRY(replay_files(&journals, d, folder));
    for (int s = 0; s < self->stage_count; s++)
        for (int64_t i = 0; i < self->shard_count; i++)
            if (!self->stages[s].shards[i].done)
                self->stages[s].shards[i] = journals.stages[s].shards[i];
out:
    ac_manifest_free(&journals);
    closedir(d);
    return st;
}

ac_status
ac_manifest_read(ac_manifest *self, const char *path)
{
    ac_status st = AC_OK;
    json_t *root = NULL, *stages, *stage;
    const char *names[AC_MAX_STAGES];
    json_int_t items, shard_items;
    bool found;
    size_t i;

    *self = (ac_manifest){ 0 };
    AC_TRY(ac_json_file_read(&root, path, 0));
    stages = json_object_get(root, "stages");
    items = json_integer_value(json_object_get(root, "items"));
    shard_items = json_integer_value(json_object_get(root, "shard_items"));
    if (!json_is_array(stages) || json_array_size(stages) > AC_MAX_STAGES || items < 0 ||
        shard_items < 1 || items > INT64_MAX / 2 || shard_items > INT64_MAX / 2 ||
        items / shard_items > MAX_SHARDS)
        AC_FAIL(AC_E_FORMAT, "%s: not a run's manifest", path);
    json_array_foreach(stages, i, stage)
    {
        if (!(names[i] = json_string_value(json_object_get(stage, "name"))))
            AC_FAIL(AC_E_FORMAT, "%s: stage %zu has no name", path, i);
    }
    AC_TRY(ac_manifest_init(self, names, (int) i, items, shard_items));
    st = ac_manifest_load(self, path, &found);
out:
    json_decref(root);
    if (st != AC_OK)
        ac_manifest_free(self);
    return st;
}

ac_status
ac_manifest_journal_line(ac_buffer *out, const ac_manifest *self, int stage, int64_t shard,
                         const ac_shard_record *r)
{
    return ac_buffer_printf(out,
                            "{\"stage\": \"%s\", \"shard\": %lld, \"rows\": %lld, \"bad\": "
                            "%lld, \"checksum\": \"%s\"}\n",
                            self->stages[stage].name, (long long) shard, (long long) r->rows,
                            (long long) r->bad, r->checksum);
}

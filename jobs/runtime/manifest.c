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
#include "io/file/file_look.h"
#include "io/file/json_file.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"

enum { MANIFEST_FORMAT = 1, MAX_SHARDS = 1 << 24 /* what a manifest may ask memory for */ };

static ac_status
init_shards(ac_manifest *self, const char *const *stages, int stage_count)
{
    ac_status st = AC_OK;

    self->stage_count = stage_count;
    for (int s = 0; s < stage_count; s++) {
        snprintf(self->stages[s].name, sizeof self->stages[s].name, "%s", stages[s]);
        AC_TRY(ac_alloc(&self->stages[s].shards, self->shard_count, sizeof(ac_shard_record)));
    }
out:
    if (st != AC_OK)
        ac_manifest_free(self);
    return st;
}

static int64_t
shards_of(int64_t items, int64_t shard_items)
{
    return (items + shard_items - 1) / shard_items;
}

ac_status
ac_manifest_init(ac_manifest *self, const char *const *stages, int stage_count, int64_t items,
                 int64_t shard_items)
{
    AC_CHECK(stage_count <= AC_MAX_STAGES && shard_items > 0);
    *self = (ac_manifest){ .items = items,
                           .shard_items = shard_items,
                           .shard_count = shards_of(items, shard_items) };
    return init_shards(self, stages, stage_count);
}

ac_status
ac_manifest_init_generations(ac_manifest *self, const char *const *stages, int stage_count,
                             int64_t items, int64_t shard_items,
                             const ac_generation *generations, int64_t count)
{
    const ac_generation *last = generations + count - 1;
    ac_status st = AC_OK;

    AC_CHECK(stage_count <= AC_MAX_STAGES && shard_items > 0 && count > 0);
    *self =
        (ac_manifest){ .items = items,
                       .shard_items = shard_items,
                       .shard_count = last->first_shard + shards_of(last->items, shard_items) };
    AC_TRY(ac_alloc(&self->generations, count, sizeof *self->generations));
    memcpy(self->generations, generations, (size_t) count * sizeof *generations);
    self->generation_count = count;
    st = init_shards(self, stages, stage_count);
out:
    return st;
}

ac_status
ac_manifest_init_like(ac_manifest *self, const ac_manifest *other)
{
    const char *names[AC_MAX_STAGES];

    for (int s = 0; s < other->stage_count; s++)
        names[s] = other->stages[s].name;
    return other->generation_count
               ? ac_manifest_init_generations(self, names, other->stage_count, other->items,
                                              other->shard_items, other->generations,
                                              other->generation_count)
               : ac_manifest_init(self, names, other->stage_count, other->items,
                                  other->shard_items);
}

void
ac_manifest_copy_identity(ac_manifest *self, const ac_manifest *other)
{
    ac_manifest copy = *other;

    copy.pixels = self->pixels; /* owned */
    copy.caches = self->caches;
    copy.pixel_size = self->pixel_size;
    copy.items = self->items;
    copy.shard_items = self->shard_items;
    copy.shard_count = self->shard_count;
    copy.generations = self->generations;
    copy.generation_count = self->generation_count;
    memcpy(copy.stages, self->stages, sizeof copy.stages);
    copy.stage_count = self->stage_count;
    *self = copy;
}

void
ac_manifest_free(ac_manifest *self)
{
    for (int s = 0; s < self->stage_count; s++)
        free(self->stages[s].shards);
    free(self->generations);
    free(self->pixels);
    free(self->caches);
    *self = (ac_manifest){ 0 };
}

int64_t
ac_manifest_generation_of(const ac_manifest *self, int64_t shard)
{
    int64_t low = 0, high = self->generation_count;

    while (high - low > 1) { /* the last one that begins at the shard or before it */
        const int64_t middle = low + (high - low) / 2;
        if (self->generations[middle].first_shard <= shard)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void
ac_manifest_shard_items(const ac_manifest *self, int64_t shard, int64_t *first, int64_t *count)
{
    int64_t end = self->items;

    if (self->generation_count) {
        const ac_generation *g = &self->generations[ac_manifest_generation_of(self, shard)];
        end = g->first_shard * self->shard_items + g->items;
    }
    *first = shard * self->shard_items;
    *count = end - *first < self->shard_items ? end - *first : self->shard_items;
}

int64_t
ac_manifest_numbers(const ac_manifest *self)
{
    return self->generation_count ? self->shard_count * self->shard_items : self->items;
}

static void
push_field(ac_buffer *b, const char *name, const char *value)
{
    ac_buffer_printf(b, "  \"%s\": ", name);
    ac_json_text(b, value);
    ac_buffer_push_text(b, ",\n");
}

/* Nothing for a run that was never updated. */
static void
push_generations(ac_buffer *b, const ac_manifest *self)
{
    if (!self->generation_count)
        return;
    ac_buffer_push_text(b, "  \"generations\": [");
    for (int64_t g = 0; g < self->generation_count; g++)
        ac_buffer_printf(b, "%s\n    {\"items\": %lld, \"first_shard\": %lld}", g ? "," : "",
                         (long long) self->generations[g].items,
                         (long long) self->generations[g].first_shard);
    ac_buffer_push_text(b, "\n  ],\n");
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
    if (self->key_prefix[0])
        push_field(&b, "key_prefix", self->key_prefix);
    if (self->validation_key_prefix[0])
        push_field(&b, "validation_key_prefix", self->validation_key_prefix);
    push_field(&b, "config_fingerprint", self->config_fingerprint);
    push_field(&b, "input_fingerprint", self->input_fingerprint);
    push_field(&b, "clip_fingerprint", self->clip);
    push_field(&b, "cache_fingerprint", self->cache);
    if (self->caches)
        ac_buffer_printf(&b, "  \"caches\": %s,\n", self->caches);
    if (self->deny[0])
        push_field(&b, "deny_fingerprint", self->deny);
    push_field(&b, "bart_fingerprint", self->bart);
    push_field(&b, "kernels", self->kernels);
    ac_buffer_printf(&b, "  \"equal_bytes\": %s,\n",
                     !*self->kernels || ac_compute_is_portable(self->kernels) ? "true"
                                                                              : "false");
    push_field(&b, "precision", self->precision);
    ac_buffer_printf(&b, "  \"items\": %lld,\n  \"shard_items\": %lld,\n",
                     (long long) self->items, (long long) self->shard_items);
    push_generations(&b, self);
    ac_buffer_push_text(&b, "  \"stages\": [");
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

/* The file is not trusted: the generations' shards follow each other, and are not too many. */
static ac_status
read_generations(const json_t *root, const char *path, ac_generation **generations,
                 int64_t *count)
{
    const json_t *list = json_object_get(root, "generations"), *one;
    const json_int_t shard_items = json_integer_value(json_object_get(root, "shard_items"));
    int64_t shards = 0;
    ac_status st = AC_OK;
    size_t i;

    *generations = NULL;
    *count = 0;
    if (!list)
        return AC_OK;
    if (!json_is_array(list) || json_array_size(list) == 0 ||
        json_array_size(list) > AC_MAX_GENERATIONS || shard_items < 1)
        AC_FAIL(AC_E_FORMAT, "%s: its generations are no list of them", path);
    AC_TRY(ac_alloc(generations, (int64_t) json_array_size(list), sizeof **generations));
    json_array_foreach(list, i, one)
    {
        ac_generation *g = &(*generations)[i];
        g->items = json_integer_value(json_object_get(one, "items"));
        g->first_shard = json_integer_value(json_object_get(one, "first_shard"));
        if (g->items < 0 || g->items / shard_items > MAX_SHARDS || g->first_shard != shards ||
            shards > MAX_SHARDS)
            AC_FAIL(AC_E_FORMAT, "%s: generation %zu does not follow the one before", path, i);
        shards += shards_of(g->items, shard_items);
    }
    *count = (int64_t) i;
out:
    return st;
}

ac_status
ac_manifest_load(ac_manifest *self, const char *path, bool *found)
{
    ac_status st = AC_OK;
    json_t *root = NULL, *stages, *stage, *line;
    ac_generation *generations = NULL;
    int64_t generation_count = 0;
    size_t i, j;

    *found = false;
    if (!ac_file_is_there(path))
        return AC_OK;
    if ((st = ac_json_file_read(&root, path, 0)) != AC_OK)
        return ac_error_set(st == AC_E_RETRY || st == AC_E_NOMEM ? st : AC_E_FORMAT,
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
    copy_text(self->deny, sizeof self->deny, root, "deny_fingerprint");
    copy_text(self->bart, sizeof self->bart, root, "bart_fingerprint");
    copy_text(self->kernels, sizeof self->kernels, root, "kernels");
    copy_text(self->precision, sizeof self->precision, root, "precision");
    AC_TRY(read_generations(root, path, &generations, &generation_count));
    copy_text(self->content, sizeof self->content, root, "content");
    copy_text(self->key_prefix, sizeof self->key_prefix, root, "key_prefix");
    copy_text(self->validation_key_prefix, sizeof self->validation_key_prefix, root,
              "validation_key_prefix");
    if (json_integer_value(json_object_get(root, "items")) != self->items ||
        json_integer_value(json_object_get(root, "shard_items")) != self->shard_items ||
        generation_count != self->generation_count ||
        (generation_count && memcmp(generations, self->generations,
                                    (size_t) generation_count * sizeof *generations) != 0))
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
    free(generations);
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

    while (st == AC_OK && (st = ac_folder_next(&entry, d, folder)) == AC_OK && entry) {
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
    ac_status st = AC_OK;
    DIR *d = ac_folder_open(folder);

    if (!d)
        return errno == ENOENT
                   ? AC_OK
                   : ac_error_set(ac_io_failure(errno), "%s: the folder cannot be read: %s",
                                  folder, strerror(errno));
    AC_TRY(ac_manifest_init_like(&journals, self));
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
    ac_generation *generations = NULL;
    json_int_t items, shard_items;
    int64_t count;
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
    AC_TRY(read_generations(root, path, &generations, &count));
    if (count)
        AC_TRY(ac_manifest_init_generations(self, names, (int) i, items, shard_items,
                                            generations, count));
    else
        AC_TRY(ac_manifest_init(self, names, (int) i, items, shard_items));
    st = ac_manifest_load(self, path, &found);
out:
    json_decref(root);
    free(generations);
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

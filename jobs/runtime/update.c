#include "jobs/runtime/update.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/checksum.h"
#include "io/file/file_look.h"
#include "io/file/json_lines.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"
#include "jobs/runtime/hash_log.h"
#include "jobs/runtime/item_list.h"

/* What happened to an item, and how it is called. */
typedef enum change { NEW = 0, CHANGED, REMOVED, CHANGES } change;
static const char *const change_names[CHANGES] = { "new", "changed", "removed" };

enum { KEYS_SHOWN = 10 };

/* The input as it is against the last list. Starts zeroed. */
typedef struct comparison {
    const ac_image_source *images;
    const ac_config *config;
    ac_item_list_reader list;
    ac_listed_item before, now;
    bool has_before;           /* `before` is an item of the list */
    bool listed;               /* there is a list */
    ac_texts unreadable;       /* keys of items that could not be read, as JSON shows them */
    int64_t *unreadable_order; /* [unreadable.count]: sorted */
    ac_buffer bytes;           /* of one image, for its hash */
    ac_buffer shown;           /* scratch: a key as JSON shows it */
    ac_image_hash
        *hashes; /* [hash_count]: what the run has read, by number; NULL: not wanted */
    int64_t hash_count;

    ac_item_list_writer *writer;       /* NULL: nothing is written */
    int64_t next_number;               /* of the next item that is computed */
    int64_t computed, same, refreshed; /* refreshed: the same with another stamp or hash */

    /* items of the present key that are only in the list, or only in the input */
    ac_buffer key;
    int64_t only_before, only_now;
    int64_t counts[CHANGES];
    ac_buffer keys[CHANGES]; /* JSON strings, separated by ", " */
    int64_t most_keys;       /* of each; more are only counted */
} comparison;

static void
comparison_free(comparison *self)
{
    ac_item_list_close(&self->list);
    ac_listed_item_free(&self->before);
    ac_listed_item_free(&self->now);
    ac_texts_free(&self->unreadable);
    free(self->unreadable_order);
    ac_buffer_free(&self->bytes);
    ac_buffer_free(&self->shown);
    free(self->hashes);
    ac_buffer_free(&self->key);
    for (int c = 0; c < CHANGES; c++)
        ac_buffer_free(&self->keys[c]);
}

/* An ac_json_line of bad_items.jsonl. */
static ac_status
take_unreadable(void *context, json_t *record)
{
    comparison *self = context;
    const char *key = json_string_value(json_object_get(record, "key")),
               *reason = json_string_value(json_object_get(record, "reason"));

    if (!key || !reason || strcmp(reason, ac_reject_reason_name(AC_REJECT_UNREADABLE)) != 0)
        return AC_OK;
    return ac_texts_push(&self->unreadable, key, strlen(key));
}

static int
compare_unreadable(const void *a, const void *b, void *of)
{
    const ac_texts *keys = of;
    const int64_t i = *(const int64_t *) a, k = *(const int64_t *) b;

    return ac_bytes_compare(ac_texts_at(keys, i), ac_texts_size(keys, i), ac_texts_at(keys, k),
                            ac_texts_size(keys, k));
}

/* bad_items.jsonl is in the order of keys; but in JSON those that are not UTF-8 are others. */
static ac_status
read_unreadable(comparison *self, const char *folder)
{
    const size_t size = sizeof *self->unreadable_order;
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/bad_items.jsonl", folder));
    AC_TRY(ac_json_lines_read(path, take_unreadable, self));
    AC_TRY(ac_alloc(&self->unreadable_order, self->unreadable.count, size));
    for (int64_t i = 0; i < self->unreadable.count; i++)
        self->unreadable_order[i] = i;
    if (self->unreadable.count)
        qsort_r(self->unreadable_order, (size_t) self->unreadable.count, size,
                compare_unreadable, &self->unreadable);
out:
    free(path);
    return st;
}

static ac_status
next_before(comparison *self)
{
    ac_listed_item *before = &self->before;
    ac_status st = AC_OK;

    self->has_before = false;
    if (self->listed)
        st = ac_item_list_next(&self->list, before, &self->has_before);
    if (st == AC_OK && self->has_before && !before->hash[0] &&
        before->number < self->hash_count)
        memcpy(before->hash, self->hashes[before->number].hex, sizeof before->hash);
    return st;
}

static ac_status
comparison_init(comparison *self, const char *folder, const ac_manifest *old)
{
    ac_status st = AC_OK;

    if (self->config->update == AC_UPDATE_BY_HASH) {
        self->hash_count = ac_manifest_numbers(old);
        AC_TRY(ac_alloc(&self->hashes, self->hash_count, sizeof *self->hashes));
        AC_TRY(ac_hash_log_read(folder, old->shard_items, self->hashes, self->hash_count));
    }
    AC_TRY(ac_item_list_open(&self->list, folder, ac_manifest_last_generation(old),
                             &self->listed));
    AC_TRY(next_before(self));
    st = read_unreadable(self, folder);
out:
    return st;
}

/* Are metadata of the images part of the results? */
static bool
wants_metadata(const ac_config *config)
{
    return config->output.metadata || config->output.exif;
}

/* ---- what changed ---- */

static void
count(comparison *self, change what)
{
    ac_buffer *keys = &self->keys[what];

    if (self->counts[what]++ >= self->most_keys)
        return;
    if (keys->size)
        ac_buffer_push_text(keys, ", ");
    ac_json_string(keys, self->key.data, self->key.size);
}

/* The items of a key that are only in the list and only in the input: pairs of them are an
 * image that changed (a.png in place of a.jpg). */
static void
end_key(comparison *self)
{
    for (; self->only_before && self->only_now; self->only_before--, self->only_now--)
        count(self, CHANGED);
    for (; self->only_now; self->only_now--)
        count(self, NEW);
    for (; self->only_before; self->only_before--)
        count(self, REMOVED);
}

static ac_status
begin_key(comparison *self, const ac_buffer *key)
{
    if (ac_bytes_compare(self->key.data, self->key.size, key->data, key->size) == 0)
        return AC_OK;
    end_key(self);
    ac_buffer_reset(&self->key);
    return ac_buffer_push(&self->key, key->data, key->size);
}

/* Could the item not be read, though it is a file? It may be readable by now, which its size
 * and time do not tell. */
static ac_status
was_unreadable(comparison *self, bool *was)
{
    ac_buffer *shown = &self->shown;
    int64_t low = 0, high = self->unreadable.count;
    ac_status st = AC_OK;

    *was = false;
    if (self->now.stamp.size < 0 || high == 0)
        return AC_OK;
    ac_buffer_reset(shown);
    AC_TRY(ac_text_push_utf8(shown, self->now.key.data, self->now.key.size));
    while (low < high && !*was) {
        const int64_t middle = low + (high - low) / 2, i = self->unreadable_order[middle];
        const int order =
            ac_bytes_compare(ac_texts_at(&self->unreadable, i),
                             ac_texts_size(&self->unreadable, i), shown->data, shown->size);
        *was = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
out:
    return st;
}

static ac_status
hash_item(comparison *self, int64_t i)
{
    ac_item_status status;
    ac_status st = ac_image_source_read(self->images, i, &self->bytes, &status);

    if (st == AC_OK && status.reason == AC_GOOD)
        ac_checksum_bytes(self->bytes.data ? self->bytes.data : "", self->bytes.size,
                          self->now.hash);
    return st;
}

/* Do `before` and `now` lie in the same place? Members of tars and rows of datasets are found
 * by their keys: one that moved to another shard, as the hash shows, stays what it was. */
static bool
is_in_place(const comparison *self)
{
    const ac_listed_item *now = &self->now, *before = &self->before;

    if (!self->has_before)
        return false;
    if (ac_listed_item_compare(before, now) == 0)
        return true;
    return !self->images->type->file && now->hash[0] && strcmp(now->hash, before->hash) == 0 &&
           now->status.reason == AC_GOOD && before->status.reason == AC_GOOD &&
           ac_bytes_compare(before->key.data, before->key.size, now->key.data, now->key.size) ==
               0;
}

/* The same place, before and now: the same image? */
static bool
is_same(const comparison *self)
{
    const ac_listed_item *now = &self->now;
    const ac_listed_item *before = &self->before;
    const bool stamped =
        now->stamp.size == before->stamp.size && now->stamp.mtime == before->stamp.mtime;

    if (now->status.reason != before->status.reason ||
        strcmp(now->status.detail, before->status.detail) != 0)
        return false;
    if (now->status.reason != AC_GOOD) /* it is not read */
        return true;
    if (strcmp(now->metadata, before->metadata) != 0)
        return false;
    if (before->hash[0] &&
        (self->config->update == AC_UPDATE_BY_HASH || !self->images->type->stamp))
        return strcmp(now->hash, before->hash) == 0;
    return stamped && self->images->type->stamp;
}

/* Item i of the input, the present one: `now` gets its number. */
static ac_status
place_now(comparison *self, int64_t i)
{
    ac_listed_item *now = &self->now, *before = &self->before;
    bool unreadable = false;
    ac_status st = AC_OK;

    AC_TRY(ac_listed_item_of(now, self->images, i, wants_metadata(self->config)));
    if (self->config->update == AC_UPDATE_BY_HASH && now->status.reason == AC_GOOD &&
        !now->hash[0])
        AC_TRY(hash_item(self, i));
    while (self->has_before && ac_listed_item_compare(before, now) < 0 && !is_in_place(self)) {
        AC_TRY(begin_key(self, &before->key));
        self->only_before++;
        AC_TRY(next_before(self));
    }
    AC_TRY(begin_key(self, &now->key));
    if (is_in_place(self)) {
        if (now->status.reason == AC_GOOD)
            AC_TRY(was_unreadable(self, &unreadable));
        if (is_same(self) && !unreadable) {
            now->number = before->number;
            self->same++;
            if (!now->hash[0])
                memcpy(now->hash, before->hash, sizeof now->hash);
            self->refreshed += now->stamp.size != before->stamp.size ||
                               now->stamp.mtime != before->stamp.mtime ||
                               ac_listed_item_compare(before, now) != 0 ||
                               strcmp(now->hash, before->hash) != 0;
        } else {
            count(self, CHANGED);
        }
        AC_TRY(next_before(self));
    } else {
        self->only_now++;
    }
    if (now->number < 0) {
        now->number = self->next_number++;
        self->computed++;
    }
out:
    return st;
}

static ac_status
compare_all(comparison *self)
{
    ac_status st = AC_OK;

    for (int64_t i = 0; i < self->images->count; i++) {
        AC_TRY(place_now(self, i));
        if (self->writer)
            AC_TRY(ac_item_list_push(self->writer, &self->now));
    }
    while (self->has_before) {
        AC_TRY(begin_key(self, &self->before.key));
        self->only_before++;
        AC_TRY(next_before(self));
    }
    end_key(self);
    for (int c = 0; c < CHANGES; c++)
        AC_TRY(self->keys[c].status);
out:
    return st;
}

static bool
is_changed(const comparison *self)
{
    return self->computed || self->counts[CHANGED] || self->counts[REMOVED];
}

/* ---- the plan ---- */

static ac_status
push_line(ac_buffer *out, int64_t generation, const comparison *c)
{
    ac_buffer_printf(out, "{\"generation\": %lld", (long long) generation);
    for (int i = 0; i < CHANGES; i++)
        ac_buffer_printf(out, ", \"%s\": %lld", change_names[i], (long long) c->counts[i]);
    ac_buffer_printf(out, ", \"unchanged\": %lld, \"keys\": {", (long long) c->same);
    for (int i = 0; i < CHANGES; i++) {
        ac_buffer_printf(out, "%s\"%s\": [", i ? ", " : "", change_names[i]);
        ac_buffer_push(out, c->keys[i].data, c->keys[i].size);
        ac_buffer_push_text(out, "]");
    }
    return ac_buffer_push_text(out, "}}\n");
}

/* generations/NNNNN.json: the line of updates.jsonl, until the update is done. */
static ac_status
publish_line(const char *folder, int64_t generation, const comparison *c)
{
    ac_buffer line = { 0 };
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(push_line(&line, generation, c));
    AC_TRY(ac_path_format(&path, "%s/generations/%05lld.json", folder, (long long) generation));
    st = ac_publish_file(path, line.data, line.size);
out:
    ac_buffer_free(&line);
    free(path);
    return st;
}

static ac_status
remove_done(const char *folder)
{
    char *path = NULL;
    ac_status st = ac_path_format(&path, "%s/DONE", folder);

    if (st == AC_OK)
        st = ac_publish_remove(path);
    free(path);
    return st;
}

/* manifest.json with one generation more. This is what makes the update: before it there are
 * only files that nothing refers to. */
static ac_status
save_manifest(const char *path, const ac_manifest *old, const ac_run_identity *id,
              int64_t computed)
{
    const int64_t before = old->generation_count ? old->generation_count : 1;
    ac_generation *generations = NULL;
    const char *names[AC_MAX_STAGES];
    ac_manifest m = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&generations, before + 1, sizeof *generations));
    generations[0] = (ac_generation){ .items = old->items };
    if (old->generation_count)
        memcpy(generations, old->generations, (size_t) before * sizeof *generations);
    generations[before] = (ac_generation){ .items = computed, .first_shard = old->shard_count };
    for (int s = 0; s < old->stage_count; s++)
        names[s] = old->stages[s].name;
    AC_TRY(ac_manifest_init_generations(&m, names, old->stage_count, id->images->count,
                                        old->shard_items, generations, before + 1));
    ac_manifest_copy_identity(&m, old);
    snprintf(m.input_fingerprint, sizeof m.input_fingerprint, "%s", id->input);
    for (int s = 0; s < old->stage_count; s++) {
        m.stages[s].seconds = old->stages[s].seconds;
        memcpy(m.stages[s].shards, old->stages[s].shards,
               (size_t) old->shard_count * sizeof *old->stages[s].shards);
    }
    st = ac_manifest_save(&m, path);
out:
    ac_manifest_free(&m);
    free(generations);
    return st;
}

static void
log_plan(const comparison *c, const char *folder)
{
    if (!c->listed)
        ac_log(AC_LOG_WARNING,
               "%s: the run does not know the sizes and times of its images (a version without "
               "--update made it): every image is computed again",
               folder);
    ac_log(AC_LOG_INFO, "update: %lld new, %lld changed, %lld removed, %lld unchanged",
           (long long) c->counts[NEW], (long long) c->counts[CHANGED],
           (long long) c->counts[REMOVED], (long long) c->same);
}

ac_status
ac_update_plan(const char *folder, const ac_config *config, const ac_run_identity *id)
{
    comparison c = { .images = id->images, .config = config, .most_keys = INT64_MAX };
    ac_item_list_writer writer = { 0 };
    ac_manifest old = { 0 };
    char *path = NULL;
    int64_t last;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/manifest.json", folder));
    if (!ac_file_is_there(path))
        goto out; /* the run's first start */
    AC_TRY(ac_manifest_read(&old, path));
    AC_TRY(ac_run_check_same(folder, &old, config, id));
    if (!old.generation_count && strcmp(old.input_fingerprint, id->input) == 0)
        AC_TRY(ac_update_adopt(folder, config, id->images));
    last = ac_manifest_last_generation(&old);
    AC_TRY(comparison_init(&c, folder, &old));
    c.next_number = old.shard_count * old.shard_items;
    c.writer = &writer;
    AC_TRY(ac_item_list_create(&writer, folder, last + 1, id->images->count));
    AC_TRY(compare_all(&c));
    log_plan(&c, folder);
    if (is_changed(&c)) {
        AC_TRY(ac_item_list_commit(&writer));
        AC_TRY(publish_line(folder, last + 1, &c));
        AC_TRY(remove_done(folder));
        AC_TRY(save_manifest(path, &old, id, c.computed));
        goto out;
    }
    if (c.refreshed)
        AC_TRY(ac_item_list_commit_as(&writer, folder, last));
    if (strcmp(old.input_fingerprint, id->input) != 0) { /* other tars, the same images */
        snprintf(old.input_fingerprint, sizeof old.input_fingerprint, "%s", id->input);
        st = ac_manifest_save(&old, path);
    }
out:
    ac_item_list_abandon(&writer);
    comparison_free(&c);
    ac_manifest_free(&old);
    free(path);
    return st;
}

/* keys: JSON strings. */
static ac_status
show_keys(const ac_buffer *keys, const char *name, bool more, FILE *out)
{
    ac_buffer seen = { 0 };
    const ac_status st = ac_json_push_visible(&seen, keys->data, keys->size);

    if (st == AC_OK)
        fprintf(out, "%s: %s%s\n", name, seen.data, more ? ", …" : "");
    ac_buffer_free(&seen);
    return st;
}

ac_status
ac_update_show(const char *folder, const ac_config *config, const char *job,
               const ac_image_source *images, FILE *out)
{
    comparison c = { .images = images, .config = config, .most_keys = KEYS_SHOWN };
    ac_manifest old = { 0 };
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/manifest.json", folder));
    if (ac_file_is_there(path)) {
        AC_TRY(ac_manifest_read(&old, path));
        AC_TRY(ac_run_check_config(folder, &old, config, job));
        AC_TRY(comparison_init(&c, folder, &old));
        /* a run of before there were lists, whose input has the names and sizes of then */
        if (!c.listed && !old.generation_count &&
            strcmp(old.input_fingerprint, images->fingerprint) == 0) {
            fprintf(out, "0 new, 0 changed, 0 removed, %lld unchanged\n",
                    (long long) images->count);
            goto out;
        }
    }
    AC_TRY(compare_all(&c));
    fprintf(out, "%lld new, %lld changed, %lld removed, %lld unchanged\n",
            (long long) c.counts[NEW], (long long) c.counts[CHANGED],
            (long long) c.counts[REMOVED], (long long) c.same);
    for (int i = 0; i < CHANGES; i++)
        if (c.counts[i])
            AC_TRY(show_keys(&c.keys[i], change_names[i], c.counts[i] > KEYS_SHOWN, out));
out:
    comparison_free(&c);
    ac_manifest_free(&old);
    free(path);
    return st;
}

/* mtime: of the first change after the run began; the stamps of such files are not known. */
static ac_status
write_first_list(const char *folder, const ac_config *config, const ac_image_source *images,
                 int64_t mtime)
{
    ac_item_list_writer writer = { 0 };
    ac_listed_item item = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_item_list_create(&writer, folder, 0, images->count));
    for (int64_t i = 0; i < images->count; i++) {
        AC_TRY(ac_listed_item_of(&item, images, i, wants_metadata(config)));
        item.number = i;
        if (item.stamp.mtime >= mtime)
            item.stamp = (ac_image_stamp){ -1, -1 };
        AC_TRY(ac_item_list_push(&writer, &item));
    }
    st = ac_item_list_commit(&writer);
out:
    ac_item_list_abandon(&writer);
    ac_listed_item_free(&item);
    return st;
}

ac_status
ac_update_begin_list(const char *folder, const ac_config *config, const ac_image_source *images)
{
    return write_first_list(folder, config, images, INT64_MAX);
}

ac_status
ac_update_adopt(const char *folder, const ac_config *config, const ac_image_source *images)
{
    ac_item_list_reader list = { 0 };
    char *path = NULL;
    struct stat begun;
    bool found;
    ac_status st = AC_OK;

    AC_TRY(ac_item_list_open(&list, folder, 0, &found));
    if (found)
        goto out;
    AC_TRY(ac_path_format(&path, "%s/config.yaml", folder)); /* a run's first file */
    if (ac_file_stat(path, &begun) != 0)
        AC_FAIL(ac_io_failure(errno), "%s: %s", path, strerror(errno));
    st = write_first_list(folder, config, images,
                          (int64_t) begun.st_mtim.tv_sec * 1000000000 + begun.st_mtim.tv_nsec);
out:
    ac_item_list_close(&list);
    free(path);
    return st;
}

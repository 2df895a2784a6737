#include "jobs/cli/commands/export_dataset.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"
#include "io/hdf5/image_shard.h"
#include "io/source/sample_name.h"
#include "jobs/cli/commands/dropped_keys.h"
#include "jobs/cli/commands/export_files.h"
#include "jobs/cli/commands/export_targets.h"
#include "jobs/cli/commands/webdataset.h"
#include "jobs/job_table.h"
#include "jobs/runtime/run.h"
#include "jobs/runtime/run_view.h"

enum { EXTENSION_BYTES = 16 };

typedef struct exporter {
    ac_run_view run;
    const char *out;
    bool is_folder;
    ac_webdataset tars;
    ac_image_shard shard;
    ac_buffer image, text;
    int64_t written, pages, dropped;
    ac_dropped_keys without;
    ac_texts paged;            /* keys of files of which a further page stays */
    ac_export_targets targets; /* of a folder */
    int64_t seen, wanted[2];   /* items so far; two of them */
    ac_buffer names[2];        /* the keys of these */
} exporter;

static void
exporter_free(exporter *self)
{
    ac_run_view_close(&self->run);
    ac_webdataset_close(&self->tars);
    ac_image_shard_close(&self->shard);
    ac_buffer_free(&self->image);
    ac_buffer_free(&self->text);
    ac_export_targets_free(&self->targets);
    ac_dropped_keys_free(&self->without);
    ac_texts_free(&self->paged);
    for (int w = 0; w < 2; w++)
        ac_buffer_free(&self->names[w]);
}

bool
ac_is_image_dataset(const char *folder)
{
    ac_manifest manifest = { 0 };
    char *path = NULL;
    bool found = ac_path_format(&path, "%s/manifest.json", folder) == AC_OK &&
                 ac_file_is_readable(path) && ac_manifest_read(&manifest, path) == AC_OK &&
                 strcmp(manifest.content, "images") == 0;

    ac_manifest_free(&manifest);
    free(path);
    return found;
}

/* The image's captions, one per line. */
static ac_status
gather_text(exporter *self, int64_t i)
{
    const ac_image_shard *s = &self->shard;

    ac_buffer_reset(&self->text);
    for (int64_t c = s->caption_offsets[i]; c < s->caption_offsets[i + 1]; c++)
        ac_text_push_line(&self->text, ac_texts_at(&s->captions, c),
                          ac_texts_size(&s->captions, c));
    return self->text.status;
}

static void
find_extension(const exporter *self, int64_t i, char out[EXTENSION_BYTES])
{
    const ac_image_shard *s = &self->shard;
    char format[32];

    snprintf(format, sizeof format, "%.*s", (int) ac_texts_size(&s->format, i),
             ac_texts_at(&s->format, i));
    ac_sample_extension(ac_texts_at(&s->source, i), ac_texts_size(&s->source, i), format,
                        !self->is_folder, out);
}

static ac_status
write_sample(exporter *self, int64_t i)
{
    const ac_image_shard *s = &self->shard;
    char extension[EXTENSION_BYTES];
    ac_sample sample = { .key = ac_texts_at(&s->keys, i),
                         .key_size = ac_texts_size(&s->keys, i),
                         .extension = extension,
                         .image = &self->image,
                         .text = self->text.size ? &self->text : NULL,
                         .metadata = ac_texts_at(&s->metadata, i),
                         .metadata_size = ac_texts_size(&s->metadata, i) };

    find_extension(self, i, extension);
    return ac_webdataset_add(&self->tars, &sample);
}

/* ---- a folder: OUT/KEY.extension ---- */

static ac_status
file_path(const exporter *self, int64_t i, const char *extension, char **path)
{
    const ac_texts *keys = &self->shard.keys;

    return ac_path_format(path, "%s/%.*s.%s", self->out, (int) ac_texts_size(keys, i),
                          ac_texts_at(keys, i), extension);
}

/* Looked at beforehand: it can be written, and what is there already is the same. */
static ac_status
look_at_file(exporter *self, int64_t i, const char *extension, const ac_buffer *content)
{
    char *path = NULL;
    bool same;
    ac_status st = AC_OK;

    AC_TRY(file_path(self, i, extension, &path));
    AC_TRY(ac_export_targets_add(&self->targets, self->seen, path, content));
    if (!ac_file_is_there(path))
        goto out;
    if (content == &self->image) /* read where it is to be compared */
        AC_TRY(ac_image_shard_read(&self->shard, i, &self->image));
    st = ac_export_check(path, content->size ? content->data : "", content->size, &same);
out:
    free(path);
    return st;
}

static ac_status
write_file(exporter *self, int64_t i, const char *extension, const ac_buffer *content)
{
    char *path = NULL;
    ac_status st = file_path(self, i, extension, &path);

    if (st == AC_OK)
        st = ac_export_file(path, content->size ? content->data : "", content->size);
    free(path);
    return st;
}

typedef ac_status (*use_file)(exporter *self, int64_t i, const char *extension,
                              const ac_buffer *content);

/* Each file of an item. */
static ac_status
each_file(exporter *self, int64_t i, use_file use)
{
    const ac_texts *metadata = &self->shard.metadata;
    char extension[EXTENSION_BYTES];
    ac_status st = AC_OK;

    find_extension(self, i, extension);
    AC_TRY(use(self, i, extension, &self->image));
    AC_TRY(gather_text(self, i));
    if (self->text.size)
        AC_TRY(use(self, i, "txt", &self->text));
    ac_buffer_reset(&self->text);
    AC_TRY(ac_buffer_push(&self->text, ac_texts_at(metadata, i), ac_texts_size(metadata, i)));
    if (self->text.size)
        st = use(self, i, "json", &self->text);
out:
    return st;
}

static ac_status
look_at_item(exporter *self, int64_t i)
{
    const char *key = ac_texts_at(&self->shard.keys, i);
    const size_t n = ac_texts_size(&self->shard.keys, i);
    ac_status st = AC_OK;

    if (ac_export_climbs(key, n))
        AC_FAIL(AC_E_ARG,
                "%.*s: this key leads out of %s; --format webdataset can hold it (encoded)",
                (int) n, key, self->out);
    if (self->shard.has_pixels) /* refused */
        AC_TRY(ac_image_shard_read(&self->shard, i, &self->image));
    ac_buffer_reset(&self->image);
    st = each_file(self, i, look_at_file);
    self->seen++;
out:
    return st;
}

static ac_status
write_item(exporter *self, int64_t i)
{
    ac_status st = AC_OK;

    AC_TRY(ac_image_shard_read(&self->shard, i, &self->image));
    if (self->is_folder) {
        st = each_file(self, i, write_file);
    } else {
        AC_TRY(gather_text(self, i));
        st = write_sample(self, i);
    }
    self->written++;
out:
    return st;
}

/* Two keys that give one file are named. */
static ac_status
take_wanted(exporter *self, int64_t i)
{
    const ac_texts *keys = &self->shard.keys;

    for (int w = 0; w < 2; w++)
        if (self->seen == self->wanted[w])
            ac_buffer_printf(&self->names[w], "%.*s", (int) ac_texts_size(keys, i),
                             ac_texts_at(keys, i));
    self->seen++;
    return AC_OK;
}

/* ---- over all items ---- */

typedef ac_status (*use_item)(exporter *self, int64_t i);

static ac_status
is_dropped(const exporter *self, int64_t i, bool *dropped)
{
    const ac_texts *keys = &self->shard.keys;

    return ac_dropped_keys_has(&self->without, ac_texts_at(keys, i), ac_texts_size(keys, i),
                               dropped);
}

/* Before the export: what is dropped may be told in another way than the dataset's keys, and a
 * file stays when one of its pages does. */
static ac_status
look_at_key(exporter *self, int64_t i)
{
    const ac_texts *keys = &self->shard.keys;
    const char *key = ac_texts_at(keys, i), *mark;
    const size_t n = ac_texts_size(keys, i);
    bool dropped;
    ac_status st = AC_OK;

    AC_TRY(ac_dropped_keys_count(&self->without, key, n));
    mark = self->shard.page[i] ? memrchr(key, '#', n) : NULL; /* KEY#2 */
    if (!mark)
        goto out;
    AC_TRY(is_dropped(self, i, &dropped));
    if (!dropped)
        st = ac_texts_push(&self->paged, key, (size_t) (mark - key));
out:
    return st;
}

static ac_status
each_item_of(exporter *self, int64_t number, use_item use)
{
    const ac_shard_record *record = &self->run.manifest.stages[0].shards[number];
    char *path = NULL;
    bool dropped = false;
    ac_status st = AC_OK;

    AC_TRY(ac_run_view_shard_path(&self->run, 0, number, &path));
    AC_TRY(ac_image_shard_open(&self->shard, path, record->rows));
    AC_TRY(ac_image_shard_read_rest(&self->shard));
    for (int64_t i = 0; i < record->rows; i++) {
        if (use != look_at_key)
            AC_TRY(is_dropped(self, i, &dropped));
        if (dropped)
            self->dropped += use == write_item;
        else if (self->shard.page[i] == 0 ||
                 use == look_at_key) /* the first page has the whole file */
            AC_TRY(use(self, i));
        else if (use == write_item)
            self->pages++;
    }
out:
    ac_image_shard_close(&self->shard);
    free(path);
    return st;
}

static ac_status
each_item(exporter *self, use_item use)
{
    ac_status st = AC_OK;

    self->seen = 0;
    for (int64_t s = 0; s < self->run.manifest.shard_count && st == AC_OK; s++)
        st = each_item_of(self, s, use);
    return st;
}

static ac_status
read_dropped(exporter *self, const char *without)
{
    int64_t listed;
    ac_status st = AC_OK;

    AC_TRY(ac_dropped_keys_read(&self->without, without));
    listed = self->without.keys.count;
    AC_TRY(each_item(self, look_at_key));
    AC_TRY(ac_dropped_keys_check(&self->without, without));
    if (self->paged.count)
        AC_TRY(ac_dropped_keys_spare(&self->without, &self->paged));
    if (self->without.keys.count < listed)
        ac_log(AC_LOG_WARNING,
               "%lld first pages that %s drops stay: further pages of their files are kept",
               (long long) (listed - self->without.keys.count), without);
out:
    return st;
}

static ac_status
export_folder(exporter *self)
{
    ac_status st = AC_OK;

    AC_TRY(each_item(self, look_at_item));
    ac_export_targets_clash(&self->targets, &self->wanted[0], &self->wanted[1]);
    if (self->wanted[0] >= 0) {
        AC_TRY(each_item(self, take_wanted));
        AC_FAIL(AC_E_ARG,
                "the keys \"%s\" and \"%s\" would have the same file (or one a folder where "
                "the other has a file); nothing is written. webdataset keeps both",
                self->names[0].data, self->names[1].data);
    }
    AC_TRY(ac_run_make_folder(self->out));
    st = each_item(self, write_item);
out:
    return st;
}

static ac_status
export_tars(exporter *self)
{
    ac_status st = AC_OK;

    AC_TRY(ac_webdataset_open(&self->tars, self->out));
    for (int64_t s = 0; s < self->run.manifest.shard_count; s++) {
        AC_TRY(ac_webdataset_begin(&self->tars, s));
        AC_TRY(each_item_of(self, s, write_item));
        AC_TRY(ac_webdataset_end(&self->tars));
    }
out:
    return st;
}

ac_status
ac_export_dataset(const char *folder, const char *format, const char *out, const char *without)
{
    exporter e = { .out = out, .is_folder = strcmp(format, "folder") == 0 };
    ac_status st = AC_OK;

    if (!e.is_folder && strcmp(format, "webdataset") != 0)
        AC_FAIL(AC_E_ARG,
                "--format: \"%s\" is none of webdataset, folder, which an image dataset can be "
                "exported as",
                format);
    if (!out)
        AC_FAIL(AC_E_ARG, "--out is missing: the folder to write");
    AC_TRY(ac_run_view_open(&e.run, folder, ac_job_table));
    if (!e.run.done)
        AC_FAIL(AC_E_ARG, "%s: the ingest is not finished; the same command resumes it",
                folder);
    if (without)
        AC_TRY(read_dropped(&e, without));
    AC_TRY(e.is_folder ? export_folder(&e) : export_tars(&e));
    if (e.pages)
        ac_log(AC_LOG_WARNING,
               "%lld items are further pages of a file, which is exported once, under the key "
               "of its first page",
               (long long) e.pages);
    if (without)
        ac_log(AC_LOG_INFO, "%lld images that %s drops are left out", (long long) e.dropped,
               without);
    if (e.dropped < e.without.keys.count)
        ac_log(AC_LOG_WARNING, "%lld images that %s drops are none of %s",
               (long long) (e.without.keys.count - e.dropped), without, folder);
    ac_log(AC_LOG_INFO, "%lld images: %s", (long long) e.written, out);
out:
    exporter_free(&e);
    return st;
}

#include "jobs/cli/commands/export_dataset.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"
#include "io/hdf5/image_shard.h"
#include "io/source/sample_name.h"
#include "jobs/cli/commands/export_files.h"
#include "jobs/cli/commands/webdataset.h"
#include "jobs/job_table.h"
#include "jobs/runtime/run_view.h"

enum { EXTENSION_BYTES = 16 };

typedef struct exporter {
    ac_run_view run;
    const char *out;
    bool is_folder;
    ac_webdataset tars;
    ac_image_shard shard;
    ac_buffer image, text;
    int64_t written, pages;
} exporter;

static void
exporter_free(exporter *self)
{
    ac_run_view_close(&self->run);
    ac_webdataset_close(&self->tars);
    ac_image_shard_close(&self->shard);
    ac_buffer_free(&self->image);
    ac_buffer_free(&self->text);
}

bool
ac_is_image_dataset(const char *folder)
{
    ac_manifest manifest = { 0 };
    char *path = NULL;
    bool found = ac_path_format(&path, "%s/manifest.json", folder) == AC_OK &&
                 access(path, R_OK) == 0 && ac_manifest_read(&manifest, path) == AC_OK &&
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

/* OUT/KEY.extension, where it is not there yet. */
static ac_status
write_file(const exporter *self, int64_t i, const char *extension, const char *bytes, size_t n)
{
    const ac_texts *keys = &self->shard.keys;
    char *path = NULL;
    ac_status st = ac_path_format(&path, "%s/%.*s.%s", self->out, (int) ac_texts_size(keys, i),
                                  ac_texts_at(keys, i), extension);

    if (st == AC_OK)
        st = ac_export_file(path, bytes, n);
    free(path);
    return st;
}

static ac_status
write_files(exporter *self, int64_t i)
{
    const ac_image_shard *s = &self->shard;
    const char *key = ac_texts_at(&s->keys, i);
    const size_t n = ac_texts_size(&s->keys, i);
    char extension[EXTENSION_BYTES];
    ac_status st = AC_OK;

    if (ac_export_climbs(key, n))
        AC_FAIL(AC_E_ARG,
                "%.*s: this key leads out of %s; --format webdataset can hold it (encoded)",
                (int) n, key, self->out);
    find_extension(self, i, extension);
    AC_TRY(write_file(self, i, extension, self->image.data, self->image.size));
    if (self->text.size)
        AC_TRY(write_file(self, i, "txt", self->text.data, self->text.size));
    if (ac_texts_size(&s->metadata, i))
        AC_TRY(write_file(self, i, "json", ac_texts_at(&s->metadata, i),
                          ac_texts_size(&s->metadata, i)));
out:
    return st;
}

static ac_status
export_shard(exporter *self, int64_t number)
{
    const ac_shard_record *record = &self->run.manifest.stages[0].shards[number];
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_run_view_shard_path(&self->run, 0, number, &path));
    AC_TRY(ac_image_shard_open(&self->shard, path, record->rows));
    AC_TRY(ac_image_shard_read_rest(&self->shard));
    if (!self->is_folder)
        AC_TRY(ac_webdataset_begin(&self->tars, number));
    for (int64_t i = 0; i < record->rows; i++) {
        if (self->shard.page[i] > 0) { /* the first page has the whole file */
            self->pages++;
            continue;
        }
        AC_TRY(ac_image_shard_read(&self->shard, i, &self->image));
        AC_TRY(gather_text(self, i));
        AC_TRY(self->is_folder ? write_files(self, i) : write_sample(self, i));
        self->written++;
    }
    if (!self->is_folder)
        st = ac_webdataset_end(&self->tars);
out:
    ac_image_shard_close(&self->shard);
    free(path);
    return st;
}

ac_status
ac_export_dataset(const char *folder, const char *format, const char *out)
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
    if (!e.is_folder)
        AC_TRY(ac_webdataset_open(&e.tars, out));
    for (int64_t s = 0; s < e.run.manifest.shard_count; s++)
        AC_TRY(export_shard(&e, s));
    if (e.pages)
        ac_log(AC_LOG_WARNING,
               "%lld items are further pages of a file, which is exported once, under the key "
               "of its first page",
               (long long) e.pages);
    ac_log(AC_LOG_INFO, "%lld images: %s", (long long) e.written, out);
out:
    exporter_free(&e);
    return st;
}

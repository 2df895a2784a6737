#include "jobs/cli/commands/export_samples.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/text.h"
#include "io/config/config.h"
#include "io/file/json_value.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "io/image/decode.h"
#include "io/source/sample_name.h"
#include "jobs/caption/record.h"
#include "jobs/cli/commands/webdataset.h"
#include "jobs/runtime/images.h"
#include "jobs/runtime/tar_input.h"

enum { EXTENSION_BYTES = 16 };

typedef struct exporter {
    const ac_reviews *reviews; /* that count; NULL: none */
    ac_buffer scratch;
    int64_t rejected; /* left out */
    const ac_run_view *run;
    ac_config config;
    ac_image_source images;
    ac_item_walk walk; /* at the present image */
    ac_webdataset tars;
    ac_buffer image, text, fields, metadata, key, location;
    int64_t written;
} exporter;

static void
exporter_free(exporter *self)
{
    ac_buffer_free(&self->scratch);
    ac_config_free(&self->config);
    ac_image_source_free(&self->images);
    ac_item_walk_close(&self->walk);
    ac_webdataset_close(&self->tars);
    ac_buffer_free(&self->image);
    ac_buffer_free(&self->text);
    ac_buffer_free(&self->fields);
    ac_buffer_free(&self->metadata);
    ac_buffer_free(&self->key);
    ac_buffer_free(&self->location);
}

/* The run's input, which must be what it was. */
static ac_status
open_input(exporter *self)
{
    char *path = NULL;
    bool is_tars;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/config.yaml", self->run->folder));
    AC_TRY(ac_config_init(&self->config));
    AC_TRY(ac_config_read(&self->config, path));
    AC_TRY(ac_tar_input_open_index(&self->images, &self->config, "input.path",
                                   self->run->folder, &is_tars));
    if (!is_tars)
        AC_TRY(ac_images_open_input(&self->images, &self->config, NULL));
    if (strcmp(self->images.fingerprint, self->run->manifest.input_fingerprint) != 0)
        st = ac_error_set(AC_E_ARG,
                          "%s: is not the input that %s was made from (names or sizes "
                          "differ), so its images cannot be exported with the captions",
                          ac_images_place(&self->config), self->run->folder);
out:
    free(path);
    return st;
}

/* The first item with the key of row i: a second one was rejected. */
static ac_status
find_item(exporter *self, int64_t i, int64_t *item)
{
    const char *key = ac_texts_at(&self->walk.view->keys, i);
    const size_t n = ac_texts_size(&self->walk.view->keys, i);
    int64_t low = 0, high = self->images.count;
    ac_status st = AC_OK;

    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        AC_TRY(ac_image_source_key(&self->images, middle, &self->key));
        if (ac_bytes_compare(self->key.data, self->key.size, key, n) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *item = low;
    if (low < self->images.count)
        AC_TRY(ac_image_source_key(&self->images, low, &self->key));
    if (low == self->images.count ||
        ac_bytes_compare(self->key.data, self->key.size, key, n) != 0)
        st = ac_error_set(AC_E_FORMAT, "%s: the input has no image %.*s any more",
                          self->run->folder, (int) n, key);
out:
    return st;
}

/* Fields of output.exif that the metadata does not have: what is asked for from the metadata is
 * there already. */
static ac_status
push_further(exporter *self, int64_t i)
{
    const ac_texts *kept = &self->walk.view->metadata;
    json_t *fields, *object, *value;
    const char *name;
    ac_status st = AC_OK;

    if (!kept->count)
        return AC_OK;
    fields = ac_json_parse(ac_texts_at(kept, i), ac_texts_size(kept, i), 0, NULL);
    object = self->metadata.size
                 ? ac_json_parse_metadata(self->metadata.data, self->metadata.size)
                 : NULL;
    json_object_foreach(fields, name, value)
    {
        if (json_is_null(value) || json_object_get(object, name) ||
            strncmp(name, "original_", strlen("original_")) == 0)
            continue;
        ac_buffer_push_text(&self->fields, ", ");
        ac_json_text(&self->fields, name);
        ac_buffer_push_text(&self->fields, ": ");
        AC_TRY(ac_json_push(&self->fields, value));
    }
out:
    json_decref(fields);
    json_decref(object);
    return st;
}

static ac_status
write_sample(exporter *self, int64_t i)
{
    static const char *const names[] = { "caption",    "clip_score", "table",
                                         "candidates", "reviewed",   NULL };
    const ac_shard_view *v = self->walk.view;
    char extension[EXTENSION_BYTES];
    const char *format;
    ac_item_status status;
    const int64_t review =
        self->reviews ? ac_reviews_of(self->reviews, v, i, &self->scratch) : -1;
    const char *caption = v->captions.count ? ac_texts_at(&v->captions, i) : "";
    size_t n = v->captions.count ? ac_texts_size(&v->captions, i) : 0;
    int64_t item;
    ac_status st = AC_OK;

    if (review >= 0 && !ac_reviews_caption(self->reviews, review, v, i, &caption, &n)) {
        self->rejected++;
        return AC_OK;
    }
    AC_TRY(find_item(self, i, &item));
    AC_TRY(ac_image_source_read(&self->images, item, &self->image, &status));
    if (status.reason != AC_GOOD)
        AC_FAIL(AC_E_IO, "%.*s: %s: %s", (int) self->key.size, self->key.data,
                ac_reject_reason_name(status.reason), status.detail);
    format = ac_image_format_name(self->image.data, self->image.size);
    AC_TRY(ac_image_source_locate(&self->images, item, &self->location));
    AC_TRY(ac_image_source_metadata(&self->images, item, &self->metadata));
    AC_TRY(ac_sample_strip(&self->metadata));
    ac_sample_extension(self->location.data, self->location.size, format ? format : "", true,
                        extension);
    ac_buffer_reset(&self->fields);
    ac_buffer_reset(&self->text);
    ac_record_push_fields(&self->fields, v, i, self->run->manifest.stage_count);
    ac_buffer_push(&self->text, caption, n);
    if (review >= 0)
        ac_reviews_push(self->reviews, review, &self->fields, v, i);
    AC_TRY(self->fields.status);
    AC_TRY(self->text.status);
    AC_TRY(push_further(self, i));
    st = ac_webdataset_add(&self->tars,
                           &(ac_sample){ .key = self->key.data,
                                         .key_size = self->key.size,
                                         .extension = extension,
                                         .image = &self->image,
                                         .text = v->captions.count ? &self->text : NULL,
                                         .metadata = self->metadata.data,
                                         .metadata_size = self->metadata.size,
                                         .fields = &self->fields,
                                         .names = names });
    self->written++;
out:
    return st;
}

/* Does the run have a tar of this number: one for each shard that a run of its input has? */
static bool
has_tar(const ac_run_view *run, int64_t number)
{
    return run->manifest.generation_count ||
           ac_run_view_has(run, number, run->manifest.stage_count);
}

ac_status
ac_export_samples(const ac_run_view *run, const ac_reviews *reviews, const char *out,
                  int64_t *written, int64_t *rejected)
{
    const int64_t tars =
        (run->manifest.items + run->manifest.shard_items - 1) / run->manifest.shard_items;
    exporter e = { .run = run, .reviews = reviews };
    ac_status st = AC_OK;
    bool found;

    AC_TRY(open_input(&e));
    AC_TRY(ac_webdataset_open(&e.tars, out));
    AC_TRY(ac_run_view_walk(run, &e.walk, ac_run_view_parts(run), run->manifest.stage_count,
                            true, false));
    AC_TRY(ac_item_walk_next(&e.walk, &found));
    for (int64_t t = 0; t < tars; t++) {
        if (!has_tar(run, t))
            continue;
        AC_TRY(ac_webdataset_begin(&e.tars, t));
        while (found && e.walk.place == t) {
            AC_TRY(write_sample(&e, e.walk.row));
            AC_TRY(ac_item_walk_next(&e.walk, &found));
        }
        AC_TRY(ac_webdataset_end(&e.tars));
    }
    *written = e.written;
    *rejected = e.rejected;
out:
    exporter_free(&e);
    return st;
}

#include "jobs/ingest/stage.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/image/preprocess.h"
#include "io/file/checksum.h"
#include "io/hdf5/shard_file.h"
#include "io/image/decode.h"
#include "io/source/sample_name.h"
#include "jobs/caption/fields.h"
#include "jobs/ingest/read_ahead.h"

enum { ITEMS_PER_THREAD = 8 };

/* An image between reading and writing. */
typedef struct item {
    ac_item_status status;
    ac_buffer bytes, metadata;
    uint8_t *rgb; /* [S, S, 3], where pixels are stored */
    ac_texts captions;
    const char *format;
    int64_t width, height, page;
    char hash[33];
} item;

/* What is read of the items of a shard, and what the shard has gathered so far. */
typedef struct ac_ingester {
    const ac_run *run;                  /* borrowed */
    const ac_image_source *images;      /* borrowed */
    const ac_preprocess_recipe *recipe; /* borrowed; NULL: original bytes are stored */
    ac_resizer *resizers;               /* [threads] */
    int threads;
    item *items; /* [ring]: read, and not yet written */
    int64_t ring;
    ac_stage *stage; /* borrowed */
    ac_buffer text;  /* a key or a location */
    ac_h5_stream stream;
    ac_texts keys, formats, captions, metadata, sources, hashes;
    ac_texts bad_keys, bad_reasons, bad_details;
    int64_t *width, *height, *page, *caption_counts; /* [shard_items] */
    int64_t *offsets;                                /* [shard_items + 1] */
} ingester;

static void
ingester_free(ingester *self)
{
    for (int64_t i = 0; self->items && i < self->ring; i++) {
        ac_buffer_free(&self->items[i].bytes);
        ac_buffer_free(&self->items[i].metadata);
        ac_texts_free(&self->items[i].captions);
        free(self->items[i].rgb);
    }
    free(self->items);
    for (int t = 0; self->resizers && t < self->threads; t++)
        ac_resizer_free(&self->resizers[t]);
    free(self->resizers);
    ac_buffer_free(&self->text);
    ac_h5_stream_free(&self->stream);
    ac_texts_free(&self->keys);
    ac_texts_free(&self->formats);
    ac_texts_free(&self->captions);
    ac_texts_free(&self->metadata);
    ac_texts_free(&self->sources);
    ac_texts_free(&self->hashes);
    ac_texts_free(&self->bad_keys);
    ac_texts_free(&self->bad_reasons);
    ac_texts_free(&self->bad_details);
    free(self->width);
    free(self->height);
    free(self->page);
    free(self->caption_counts);
    free(self->offsets);
}

static ac_status
ingester_init(ingester *self, const ac_ingest_work *work, const ac_run *run)
{
    const bool pixels = run->config->ingest.store == AC_STORE_PIXELS;
    const int64_t wanted = run->config->compute.batch, n = run->manifest.shard_items;
    ac_status st = AC_OK;

    *self = (ingester){ .run = run,
                        .images = work->images,
                        .recipe = pixels ? &work->recipe : NULL,
                        .threads = omp_get_max_threads() };
    self->ring = 2 * (wanted > 0 ? wanted : ITEMS_PER_THREAD * self->threads);
    AC_TRY(ac_alloc(&self->items, self->ring, sizeof *self->items));
    AC_TRY(ac_alloc(&self->resizers, self->threads, sizeof *self->resizers));
    for (int64_t i = 0; pixels && i < self->ring; i++)
        AC_TRY(ac_alloc(&self->items[i].rgb, work->recipe.size * work->recipe.size, 3));
    AC_TRY(ac_alloc(&self->width, n, sizeof *self->width));
    AC_TRY(ac_alloc(&self->height, n, sizeof *self->height));
    AC_TRY(ac_alloc(&self->page, n, sizeof *self->page));
    AC_TRY(ac_alloc(&self->caption_counts, n, sizeof *self->caption_counts));
    AC_TRY(ac_alloc(&self->offsets, n + 1, sizeof *self->offsets));
out:
    return st;
}

/* ---- reading, on several threads ---- */

static ac_status
look_at(const ingester *self, item *x, int slot)
{
    const int64_t most = self->run->config->limits.max_pixels;
    ac_image image = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_image_read_size(x->bytes.data, x->bytes.size, x->page, most, &x->width,
                              &x->height, &x->status));
    if (x->status.reason != AC_GOOD ||
        (self->run->config->ingest.check != AC_CHECK_DECODE && !self->recipe))
        goto out;
    AC_TRY(ac_image_decode_for(&image, x->bytes.data, x->bytes.size, x->page,
                               self->run->config->input.apply_exif ? NULL : self->recipe, most,
                               &x->status));
    if (x->status.reason != AC_GOOD || !self->recipe)
        goto out;
    if (self->run->config->input.apply_exif)
        AC_TRY(ac_image_orient(&image));
    st = ac_image_preprocess(x->rgb, &image, self->recipe, &self->resizers[slot]);
out:
    ac_image_free(&image);
    return st;
}

/* What came with the image, without the key that our own exports put there, and with the EXIF
 * that is asked for. */
static ac_status
read_metadata(const ingester *self, int64_t i, item *x)
{
    ac_buffer *m = &x->metadata;
    ac_status st = ac_image_source_metadata(self->images, i, m);

    if (st == AC_OK)
        st = ac_sample_strip(m);
    if (st == AC_OK && self->run->config->output.exif)
        st = ac_fields_add_exif(m, self->run->config, x->bytes.data, x->bytes.size);
    return st;
}

/* Everything about one item but where it lies; whatever is wrong with it goes to its status. */
static ac_status
read_item(void *context, int64_t i, int64_t at, int slot)
{
    const ingester *self = context;
    item *x = &self->items[at];
    ac_status st = AC_OK;

    AC_TRY(ac_image_source_check(self->images, i, &x->status));
    if (x->status.reason != AC_GOOD)
        return AC_OK;
    if (ac_quarantine_has(&self->run->quarantine, i))
        return ac_item_status_set(&x->status, AC_REJECT_CRASHED,
                                  "ended the program, and again when it was tried alone");
    ac_inflight_begin(&self->run->inflight, slot, i, 1);
    AC_TRY(ac_image_source_read(self->images, i, &x->bytes, &x->status));
    x->page = ac_image_source_page(self->images, i);
    if (x->status.reason == AC_GOOD)
        AC_TRY(look_at(self, x, slot));
    if (x->status.reason == AC_GOOD) {
        x->format = ac_image_format_name(x->bytes.data, x->bytes.size);
        ac_checksum_bytes(x->bytes.data, x->bytes.size, x->hash);
        AC_TRY(ac_image_source_captions(self->images, i, &x->captions));
        AC_TRY(read_metadata(self, i, x));
    }
    ac_inflight_end(&self->run->inflight, slot);
out:
    return st;
}

/* ---- writing, on one ---- */

static ac_status
push_bad(ingester *self, int64_t i, const ac_item_status *status)
{
    const char *reason = ac_reject_reason_name(status->reason);
    ac_status st = AC_OK;

    AC_TRY(ac_image_source_key(self->images, i, &self->text));
    AC_TRY(ac_texts_push(&self->bad_keys, self->text.data, self->text.size));
    AC_TRY(ac_texts_push(&self->bad_reasons, reason, strlen(reason)));
    st = ac_texts_push(&self->bad_details, status->detail, strlen(status->detail));
out:
    return st;
}

static ac_status
push_good(ingester *self, int64_t i, const item *x)
{
    const int64_t row = self->keys.count;
    ac_status st = AC_OK;

    AC_TRY(ac_image_source_key(self->images, i, &self->text));
    AC_TRY(ac_texts_push(&self->keys, self->text.data, self->text.size));
    AC_TRY(ac_image_source_locate(self->images, i, &self->text));
    AC_TRY(ac_texts_push(&self->sources, self->text.data, self->text.size));
    AC_TRY(ac_texts_push(&self->formats, x->format, strlen(x->format)));
    AC_TRY(ac_texts_push(&self->hashes, x->hash, strlen(x->hash)));
    AC_TRY(ac_texts_push(&self->metadata, x->metadata.size ? x->metadata.data : "",
                         x->metadata.size));
    for (int64_t c = 0; c < x->captions.count; c++)
        AC_TRY(ac_texts_push(&self->captions, ac_texts_at(&x->captions, c),
                             ac_texts_size(&x->captions, c)));
    self->caption_counts[row] = x->captions.count;
    self->width[row] = x->width;
    self->height[row] = x->height;
    self->page[row] = x->page;
    if (self->recipe) {
        const size_t S = (size_t) self->recipe->size;
        st = ac_h5_stream_push(&self->stream, x->rgb, S * S * 3);
        goto out;
    }
    self->offsets[row + 1] = self->offsets[row] + (int64_t) x->bytes.size;
    st = ac_h5_stream_push(&self->stream, x->bytes.data, x->bytes.size);
out:
    return st;
}

static ac_status
write_item(void *context, int64_t i, int64_t at)
{
    ingester *self = context;
    const item *x = &self->items[at];
    ac_status st = AC_OK;

    AC_TRY(x->status.reason == AC_GOOD ? push_good(self, i, x) : push_bad(self, i, &x->status));
    if ((self->keys.count + self->bad_keys.count) % (self->ring / 2) == 0)
        st = ac_stage_tick(self->stage, self->keys.count + self->bad_keys.count);
out:
    return st;
}

static ac_status
begin_shard(ingester *self, ac_shard_writer *w, const char *path)
{
    ac_texts *const texts[] = { &self->keys,     &self->formats,     &self->captions,
                                &self->metadata, &self->sources,     &self->hashes,
                                &self->bad_keys, &self->bad_reasons, &self->bad_details };
    ac_status st = AC_OK;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ac_texts_reset(texts[i]);
    AC_TRY(ac_shard_create(w, path, AC_COMPRESSION_NONE, AC_SHARD_IMAGES));
    if (self->recipe)
        st = ac_shard_stream(w, AC_IMAGES_PIXELS, &self->stream,
                             (const int64_t[]){ 0, self->recipe->size, self->recipe->size, 3 });
    else
        st = ac_shard_stream(w, AC_IMAGES_IMAGES, &self->stream, NULL);
out:
    return st;
}

static ac_status
end_shard(ingester *self, ac_shard_writer *w, char checksum[33])
{
    const int64_t n = self->keys.count;
    ac_status st = AC_OK;

    AC_TRY(ac_h5_stream_end(&self->stream));
    if (!self->recipe)
        AC_TRY(ac_shard_write_offsets(w, AC_IMAGES_IMAGES, n, self->offsets));
    AC_TRY(ac_shard_write_int_attribute(w, AC_IMAGES_ITEMS, n + self->bad_keys.count));
    AC_TRY(ac_shard_write_texts(w, AC_IMAGES_KEYS, &self->keys));
    AC_TRY(ac_shard_write_texts(w, AC_IMAGES_FORMAT, &self->formats));
    AC_TRY(ac_shard_write(w, AC_IMAGES_WIDTH, n, 0, self->width));
    AC_TRY(ac_shard_write(w, AC_IMAGES_HEIGHT, n, 0, self->height));
    AC_TRY(ac_shard_write(w, AC_IMAGES_PAGE, n, 0, self->page));
    AC_TRY(ac_shard_write_texts(w, AC_IMAGES_CAPTIONS, &self->captions));
    AC_TRY(ac_shard_write(w, AC_IMAGES_CAPTION_COUNTS, n, 0, self->caption_counts));
    AC_TRY(ac_shard_write_texts(w, AC_IMAGES_METADATA, &self->metadata));
    AC_TRY(ac_shard_write_texts(w, AC_IMAGES_SOURCE, &self->sources));
    AC_TRY(ac_shard_write_texts(w, AC_IMAGES_CONTENT_HASH, &self->hashes));
    AC_TRY(ac_shard_write_texts(w, AC_IMAGES_REJECTED_KEYS, &self->bad_keys));
    AC_TRY(ac_shard_write_texts(w, AC_IMAGES_REJECTED_REASONS, &self->bad_reasons));
    AC_TRY(ac_shard_write_texts(w, AC_IMAGES_REJECTED_DETAILS, &self->bad_details));
    st = ac_shard_commit(w, checksum);
out:
    return st;
}

/* ---- the row ---- */

static ac_status
open_ingester(void *context, ac_stage *stage)
{
    ac_ingest_work *work = context;
    ac_status st = ac_alloc(&work->ingester, 1, sizeof *work->ingester);

    return st == AC_OK ? ingester_init(work->ingester, work, stage->run) : st;
}

static ac_status
ingest_shard(void *context, ac_stage *stage, ac_stage_shard *shard)
{
    ingester *self = ((ac_ingest_work *) context)->ingester;
    ac_shard_writer w = { 0 };
    const ac_read_ahead reading = { .context = self,
                                    .read = read_item,
                                    .take = write_item,
                                    .ring = self->ring,
                                    .threads = self->threads,
                                    /* only one thread may use HDF5 */
                                    .apart = self->images->type->hash ||
                                             self->images->type->pixels };
    ac_status st = AC_OK;

    self->stage = stage;
    AC_TRY(begin_shard(self, &w, shard->path));
    AC_TRY(ac_read_ahead_run(&reading, shard->first, shard->count));
    AC_TRY(end_shard(self, &w, shard->checksum));
    shard->rows = self->keys.count;
    shard->bad = self->bad_keys.count;
out:
    ac_h5_stream_free(&self->stream);
    ac_shard_abandon(&w);
    return st;
}

static void
close_ingester(void *context)
{
    ac_ingest_work *work = context;

    if (work->ingester)
        ingester_free(work->ingester);
    free(work->ingester);
    work->ingester = NULL;
}

const ac_stage_type ac_stage_ingest = {
    .name = "ingest",
    .folder = "shards",
    .unit = "images",
    .schema = &ac_shard_schemas[AC_SHARD_IMAGES],
    .crashes_before_probe = 1,
    .open = open_ingester,
    .shard = ingest_shard,
    .close = close_ingester,
};

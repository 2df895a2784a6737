#include "jobs/ingest/stage.h"

#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/image/preprocess.h"
#include "io/file/checksum.h"
#include "io/hdf5/shard_file.h"
#include "io/image/decode.h"
#include "io/source/sample_name.h"
#include "jobs/caption/fields.h"

enum { BATCH_PER_THREAD = 8 };

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

/* Items that are read together, and then written one after the other. */
typedef struct batch {
    int64_t first, n; /* of the images */
    item *items;      /* [batch_size] */
} batch;

/* A thread's part of a batch. */
typedef struct worker {
    struct ac_ingester *ingester;
    const batch *of;
    atomic_llong *next; /* the item of the batch that is read next, by any of them */
    int slot;
    ac_status status;
    char message[1024]; /* each thread has its own */
} worker;

/* Two batches in memory, of which one is read while the other is written, and what a shard has
 * gathered so far. */
typedef struct ac_ingester {
    const ac_run *run;                  /* borrowed */
    const ac_image_source *images;      /* borrowed */
    const ac_preprocess_recipe *recipe; /* borrowed; NULL: original bytes are stored */
    ac_resizer *resizers;               /* [threads] */
    int threads;
    worker *workers;    /* [threads] */
    pthread_t *handles; /* [threads] */
    int64_t batch_size;
    batch batches[2];
    bool overlaps;  /* the source reads without HDF5, which only one thread may use */
    ac_buffer text; /* a key or a location */
    ac_h5_stream stream;
    ac_texts keys, formats, captions, metadata, sources, hashes;
    ac_texts bad_keys, bad_reasons, bad_details;
    int64_t *width, *height, *page, *caption_counts; /* [shard_items] */
    int64_t *offsets;                                /* [shard_items + 1] */
} ingester;

static void
ingester_free(ingester *self)
{
    for (int b = 0; b < 2; b++) {
        item *items = self->batches[b].items;
        for (int64_t i = 0; items && i < self->batch_size; i++) {
            ac_buffer_free(&items[i].bytes);
            ac_buffer_free(&items[i].metadata);
            ac_texts_free(&items[i].captions);
            free(items[i].rgb);
        }
        free(items);
    }
    for (int t = 0; self->resizers && t < self->threads; t++)
        ac_resizer_free(&self->resizers[t]);
    free(self->resizers);
    free(self->workers);
    free(self->handles);
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
                        .threads = omp_get_max_threads(),
                        .overlaps = !work->images->type->hash && !work->images->type->pixels };
    self->batch_size = wanted > 0 ? wanted : BATCH_PER_THREAD * self->threads;
    for (int b = 0; b < 2; b++)
        AC_TRY(ac_alloc(&self->batches[b].items, self->batch_size, sizeof(item)));
    AC_TRY(ac_alloc(&self->resizers, self->threads, sizeof *self->resizers));
    AC_TRY(ac_alloc(&self->workers, self->threads, sizeof *self->workers));
    AC_TRY(ac_alloc(&self->handles, self->threads, sizeof *self->handles));
    for (int64_t i = 0; pixels && i < 2 * self->batch_size; i++)
        AC_TRY(ac_alloc(&self->batches[i % 2].items[i / 2].rgb,
                        work->recipe.size * work->recipe.size, 3));
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
    AC_TRY(
        ac_image_decode_page(&image, x->bytes.data, x->bytes.size, x->page, most, &x->status));
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
read_item(const ingester *self, int64_t i, item *x, int slot)
{
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

static void *
read_items(void *context)
{
    worker *self = context;
    const batch *of = self->of;

    for (int64_t i; self->status == AC_OK && (i = atomic_fetch_add(self->next, 1)) < of->n;) {
        self->status = read_item(self->ingester, of->first + i, &of->items[i], self->slot);
        if (self->status != AC_OK)
            snprintf(self->message, sizeof self->message, "%s", ac_error_message());
    }
    return NULL;
}

static ac_status write_batch(ingester *self, const batch *of);

/* The batch `of` is read by all threads; this one first writes the batch before it (n 0: there
 * is none). Threads of our own: OpenMP's would spin while this one writes, on cores that others
 * want. What cannot be started, this thread does. */
static ac_status
read_batch(ingester *self, const batch *of, const batch *before)
{
    atomic_llong next = 0;
    int started = 0;
    ac_status st = AC_OK;

    for (int t = 0; t < self->threads; t++)
        self->workers[t] = (worker){ .ingester = self, .of = of, .next = &next, .slot = t };
    if (!self->overlaps)
        AC_TRY(write_batch(self, before));
    while (started < self->threads - 1 && started < of->n - (self->overlaps ? 0 : 1) &&
           pthread_create(&self->handles[started], NULL, read_items,
                          &self->workers[started + 1]) == 0)
        started++;
    if (self->overlaps)
        st = write_batch(self, before);
    if (st == AC_OK)
        read_items(&self->workers[0]);
    for (int t = 0; t < started; t++)
        pthread_join(self->handles[t], NULL);
    for (int t = 0; t <= started && st == AC_OK; t++)
        if (self->workers[t].status != AC_OK)
            st = ac_error_set(self->workers[t].status, "%s", self->workers[t].message);
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
write_batch(ingester *self, const batch *of)
{
    ac_status st = AC_OK;

    for (int64_t i = 0; i < of->n && st == AC_OK; i++) {
        const item *x = &of->items[i];
        st = x->status.reason == AC_GOOD ? push_good(self, of->first + i, x)
                                         : push_bad(self, of->first + i, &x->status);
    }
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
    int last = 1; /* the batch that was read last */
    ac_status st = AC_OK;

    AC_TRY(begin_shard(self, &w, shard->path));
    self->batches[1].n = 0;
    for (int64_t done = 0; done < shard->count; done += self->batch_size, last = !last) {
        batch *of = &self->batches[!last];
        of->first = shard->first + done;
        of->n = shard->count - done < self->batch_size ? shard->count - done : self->batch_size;
        AC_TRY(read_batch(self, of, &self->batches[last]));
        AC_TRY(ac_stage_tick(stage));
    }
    AC_TRY(write_batch(self, &self->batches[last]));
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

/* Stage embed: images -> CLIP's unit vectors, a shard at a time. */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/image/crop.h"
#include "engine/image/preprocess.h"
#include "io/file/checksum.h"
#include "io/hdf5/shard_file.h"
#include "io/image/decode.h"
#include "jobs/caption/equal_images.h"
#include "jobs/caption/equal_rows.h"
#include "jobs/caption/fields.h"
#include "jobs/caption/stages.h"
#include "jobs/runtime/hash_log.h"

enum { MICRO_BATCH = 32, THUMBNAIL_LEAST = 112, THUMBNAIL_QUALITY = 82 };

/* A thread's memory for the image that it reads. */
typedef struct reader {
    ac_resizer resizer;
    ac_buffer bytes, key, metadata;
} reader;

/* Buffers for micro-batches, and what a shard has gathered so far. */
typedef struct ac_embedder {
    const ac_run *run;          /* borrowed */
    int64_t size, width, batch; /* image size, embedding width, images a micro-batch */
    int threads;
    reader *readers;     /* [threads] */
    ac_buffer text;      /* one item's key or location */
    uint8_t *rgb;        /* [batch, S, S, 3] */
    ac_item_status *bad; /* [batch] */
    /* Of the batch [batch]: what the bytes hash to ("": not to be shared), and whose embedding
     * an image shares: row of the shard, shard_items + item of the batch, or -1 */
    char (*hashes)[33];
    int64_t *pages, *same;
    float *fresh; /* [batch, D] */
    ac_equal_images equal;
    int64_t shared; /* images of the shard that share one */
    /* Of the shard [shard_items]: which of the images below, that earlier shards have, is equal
     * to this one; -1: none */
    int64_t *elsewhere;
    float *there; /* [thumbnails_there.count, D] */
    ac_texts thumbnails_there;
    ac_buffer *fields; /* [batch], of output.metadata and output.exif; NULL: none are wanted */
    uint8_t *small;    /* one thumbnail's pixels */
    float *embeddings; /* [shard_items, D] */
    ac_image_hash *listed; /* [shard_items]: of the items' bytes, for the log of hashes */
    ac_texts keys, paths, thumbnails, metadata, bad_keys, bad_reasons, bad_details;
} embedder;

static void
embedder_free(embedder *self)
{
    for (int t = 0; self->readers && t < self->threads; t++) {
        ac_resizer_free(&self->readers[t].resizer);
        ac_buffer_free(&self->readers[t].bytes);
        ac_buffer_free(&self->readers[t].key);
        ac_buffer_free(&self->readers[t].metadata);
    }
    free(self->readers);
    for (int64_t i = 0; self->fields && i < self->batch; i++)
        ac_buffer_free(&self->fields[i]);
    free(self->fields);
    free(self->hashes);
    free(self->pages);
    free(self->same);
    free(self->fresh);
    ac_equal_images_free(&self->equal);
    ac_buffer_free(&self->text);
    free(self->rgb);
    free(self->bad);
    free(self->small);
    free(self->embeddings);
    free(self->listed);
    free(self->elsewhere);
    free(self->there);
    ac_texts_free(&self->thumbnails_there);
    ac_texts_free(&self->keys);
    ac_texts_free(&self->paths);
    ac_texts_free(&self->thumbnails);
    ac_texts_free(&self->metadata);
    ac_texts_free(&self->bad_keys);
    ac_texts_free(&self->bad_reasons);
    ac_texts_free(&self->bad_details);
}

static ac_status
embedder_init(embedder *self, const ac_embed_work *p, const ac_run *run)
{
    ac_status st = AC_OK;
    int64_t S = p->clip->net.config.image_size;

    *self = (embedder){ .run = run,
                        .size = S,
                        .width = p->clip->net.config.projection_dim,
                        .threads = omp_get_max_threads(),
                        .batch = run->config->compute.batch > 0 ? run->config->compute.batch
                                                                : MICRO_BATCH };
    AC_TRY(ac_alloc(&self->readers, self->threads, sizeof *self->readers));
    AC_TRY(ac_alloc(&self->rgb, self->batch * S * S, 3));
    AC_TRY(ac_alloc(&self->bad, self->batch, sizeof *self->bad));
    AC_TRY(ac_alloc(&self->hashes, self->batch, sizeof *self->hashes));
    AC_TRY(ac_alloc(&self->pages, self->batch, sizeof *self->pages));
    AC_TRY(ac_alloc(&self->same, self->batch, sizeof *self->same));
    AC_TRY(ac_alloc(&self->fresh, self->batch * self->width, sizeof *self->fresh));
    AC_TRY(ac_equal_images_init(&self->equal, run->manifest.shard_items));
    if (ac_fields_wanted(run->config))
        AC_TRY(ac_alloc(&self->fields, self->batch, sizeof *self->fields));
    AC_TRY(ac_alloc(&self->small, S * S, 3));
    AC_TRY(ac_alloc(&self->listed, run->manifest.shard_items, sizeof *self->listed));
    AC_TRY(ac_alloc(&self->elsewhere, run->manifest.shard_items, sizeof *self->elsewhere));
    if (p->equal && p->equal->count)
        AC_TRY(ac_alloc(&self->there, run->manifest.shard_items * self->width, sizeof(float)));
    AC_TRY(ac_alloc(&self->embeddings, run->manifest.shard_items * self->width, sizeof(float)));
out:
    return st;
}

/* Training's items are random crops, whose numbers follow from the item's key; all others
 * CLIP's own pre-processing. */
static ac_status
resize_image(const embedder *self, reader *own, const ac_embed_work *p, int64_t item,
             uint8_t *rgb, const ac_image *image)
{
    ac_crop crop;
    ac_status st;

    if (item >= p->random_crops)
        return ac_image_preprocess(rgb, image, &p->clip->recipe, &own->resizer);
    AC_TRY(ac_image_source_key(p->images, item, &own->key));
    crop = ac_crop_draw(image->width, image->height, (uint64_t) self->run->config->seed,
                        ac_random_stream(own->key.data, own->key.size), 0);
    st = ac_image_crop_resize(rgb, image, &crop, self->size, &own->resizer);
out:
    return st;
}

/* What came with the item, and of its EXIF, where that is asked for; bytes [size], or none. */
static ac_status
make_fields(embedder *self, const ac_embed_work *p, int64_t item, int64_t i,
            const ac_buffer *bytes)
{
    reader *own = &self->readers[omp_get_thread_num()];
    ac_status st = AC_OK;

    if (!self->fields)
        return AC_OK;
    AC_TRY(ac_image_source_metadata(p->images, item, &own->metadata));
    st =
        ac_fields_make(&self->fields[i], self->run->config, own->metadata.data,
                       own->metadata.size, bytes ? bytes->data : NULL, bytes ? bytes->size : 0);
out:
    return st;
}

/* Which of the images of earlier shards the item is equal to; -1: none. */
static int64_t
elsewhere(const embedder *self, int64_t item)
{
    return self->elsewhere[item % self->run->manifest.shard_items];
}

/* Is image i of the batch one of those that the shard has? Its hash is known. */
static bool
is_equal(embedder *self, int64_t i)
{
    self->same[i] = self->hashes[i][0]
                        ? ac_equal_images_find(&self->equal, self->hashes[i], self->pages[i])
                        : -1;
    return self->same[i] >= 0;
}

/* Read the bytes, and decode and resize them, unless the shard has the same image already. */
static ac_status
decode_image(embedder *self, const ac_embed_work *p, int64_t item, int64_t i,
             ac_item_status *bad)
{
    reader *own = &self->readers[omp_get_thread_num()];
    uint8_t *rgb = self->rgb + i * self->size * self->size * 3;
    const bool whole = item < p->random_crops || self->run->config->input.apply_exif;
    ac_status st = AC_OK;
    ac_image image = { 0 };

    AC_TRY(ac_image_source_read(p->images, item, &own->bytes, bad));
    if (bad->reason == AC_GOOD && item >= p->random_crops)
        ac_checksum_bytes(own->bytes.data, own->bytes.size, self->hashes[i]);
    if (bad->reason == AC_GOOD && !is_equal(self, i) && elsewhere(self, item) < 0) {
        AC_TRY(ac_image_decode_for(&image, own->bytes.data, own->bytes.size, self->pages[i],
                                   whole ? NULL : &p->clip->recipe,
                                   self->run->config->limits.max_pixels, bad));
        if (bad->reason == AC_GOOD && self->run->config->input.apply_exif)
            AC_TRY(ac_image_orient(&image));
        if (bad->reason == AC_GOOD)
            AC_TRY(resize_image(self, own, p, item, rgb, &image));
    }
    if (bad->reason == AC_GOOD)
        st = make_fields(self, p, item, i, &own->bytes);
out:
    ac_image_free(&image);
    return st;
}

/* Image i of the batch: its pixels, or whose embedding it shares; whatever is wrong with it
 * goes to its status. */
static ac_status
read_image(embedder *self, const ac_embed_work *p, int64_t item, int64_t i)
{
    ac_item_status *bad = &self->bad[i];
    uint8_t *rgb = self->rgb + i * self->size * self->size * 3;
    ac_status st = AC_OK;
    bool is_prepared;

    self->same[i] = -1;
    self->hashes[i][0] = '\0';
    AC_TRY(ac_image_source_check(p->images, item, bad));
    if (bad->reason != AC_GOOD)
        return AC_OK;
    if (ac_quarantine_has(&self->run->quarantine, item))
        return ac_item_status_set(bad, AC_REJECT_CRASHED,
                                  "ended the program, and again when it was tried alone");
    self->pages[i] = ac_image_source_page(p->images, item);
    if (item >= p->random_crops)
        AC_TRY(ac_image_source_hash(p->images, item, self->hashes[i]));
    if (!self->fields && (is_equal(self, i) || elsewhere(self, item) >= 0))
        return AC_OK; /* EXIF would need the bytes */
    AC_TRY(ac_image_source_pixels(p->images, item, rgb, &is_prepared));
    if (is_prepared) {
        is_equal(self, i);
        return make_fields(self, p, item, i, NULL);
    }
    ac_inflight_begin(&self->run->inflight, omp_get_thread_num(), item, 1);
    st = decode_image(self, p, item, i, bad);
    if (st == AC_OK)
        ac_inflight_end(&self->run->inflight, omp_get_thread_num());
out:
    return st;
}

/* Halve by 2 x 2 means while the side stays at least THUMBNAIL_LEAST, then JPEG. */
static ac_status
push_thumbnail(embedder *self, const uint8_t *rgb)
{
    ac_buffer jpeg = { 0 };
    int64_t S = self->size;
    ac_status st;

    memcpy(self->small, rgb, (size_t) (S * S * 3));
    for (; S / 2 >= THUMBNAIL_LEAST; S /= 2) {
        int64_t half = S / 2;
        for (int64_t y = 0; y < half; y++)
            for (int64_t i = 0; i < half * 3; i++) {
                const uint8_t *s = self->small + 2 * y * S * 3 + i / 3 * 6 + i % 3;
                self->small[y * half * 3 + i] =
                    (uint8_t) ((s[0] + s[3] + s[S * 3] + s[S * 3 + 3] + 2) / 4);
            }
    }
    st = ac_image_thumbnail_jpeg(&jpeg, self->small, S, THUMBNAIL_QUALITY);
    if (st == AC_OK)
        st = ac_texts_push(&self->thumbnails, jpeg.data, jpeg.size);
    ac_buffer_free(&jpeg);
    return st;
}

static ac_status
push_bad(embedder *self, const ac_embed_work *p, int64_t item, const ac_item_status *bad)
{
    ac_status st = AC_OK;
    const char *reason = ac_reject_reason_name(bad->reason);

    AC_TRY(ac_image_source_key(p->images, item, &self->text));
    AC_TRY(ac_texts_push(&self->bad_keys, self->text.data, self->text.size));
    AC_TRY(ac_texts_push(&self->bad_reasons, reason, strlen(reason)));
    AC_TRY(ac_texts_push(&self->bad_details, bad->detail, strlen(bad->detail)));
out:
    return st;
}

/* Image i of the batch; same: the row whose embedding it shares, or -1; rgb: of an image that
 * is new, not of one of another shard. */
static ac_status
push_good(embedder *self, const ac_embed_work *p, int64_t item, int64_t i, int64_t same,
          const uint8_t *rgb)
{
    const ac_texts *thumbnails = &self->thumbnails;
    ac_buffer copy = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_image_source_key(p->images, item, &self->text));
    AC_TRY(ac_texts_push(&self->keys, self->text.data, self->text.size));
    AC_TRY(ac_image_source_locate(p->images, item, &self->text));
    AC_TRY(ac_texts_push(&self->paths, self->text.data, self->text.size));
    if (self->fields)
        AC_TRY(ac_texts_push(&self->metadata, self->fields[i].data, self->fields[i].size));
    if (same < 0 && elsewhere(self, item) >= 0)
        AC_TRY(ac_texts_push(&self->thumbnails,
                             ac_texts_at(&self->thumbnails_there, elsewhere(self, item)),
                             ac_texts_size(&self->thumbnails_there, elsewhere(self, item))));
    else if (same < 0 && self->run->config->output.thumbnails)
        AC_TRY(push_thumbnail(self, rgb));
    else if (same < 0)
        AC_TRY(ac_texts_push(&self->thumbnails, "", 0));
    else { /* a copy first: pushing moves the texts */
        AC_TRY(ac_buffer_push(&copy, ac_texts_at(thumbnails, same),
                              ac_texts_size(thumbnails, same)));
        st = ac_texts_push(&self->thumbnails, copy.data, copy.size);
    }
out:
    ac_buffer_free(&copy);
    return st;
}

static bool
is_finite(const float *x, int64_t n)
{
    bool finite = true;

    for (int64_t i = 0; i < n; i++)
        finite = finite && isfinite(x[i]);
    return finite;
}

/* Items [first, first + n) on several threads. */
static ac_status
read_batch(embedder *self, const ac_embed_work *p, int64_t first, int64_t n)
{
    ac_status worst = AC_OK;
    char message[1024] = "";

#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t i = 0; i < n; i++) {
        const ac_status one = read_image(self, p, first + i, i);
        if (one != AC_OK) {
#pragma omp critical
            {
                worst = one;
                snprintf(message, sizeof message, "%s", ac_error_message());
            }
        }
    }
    return worst == AC_OK ? AC_OK : ac_error_set(worst, "%s", message);
}

/* The pixels that are to be embedded move together; what comes again within the batch is left
 * out. Returns how many are left. */
static int64_t
gather_batch(embedder *self, int64_t first, int64_t n)
{
    const int64_t bytes = self->size * self->size * 3;
    int64_t count = 0;

    for (int64_t i = 0; i < n; i++) {
        if (self->bad[i].reason != AC_GOOD || self->same[i] >= 0 || is_equal(self, i))
            continue;
        if (self->hashes[i][0])
            ac_equal_images_set(&self->equal, self->hashes[i], self->pages[i],
                                self->run->manifest.shard_items + i);
        if (elsewhere(self, first + i) >= 0)
            continue;
        if (count++ != i)
            memcpy(self->rgb + (count - 1) * bytes, self->rgb + i * bytes, (size_t) bytes);
    }
    return count;
}

/* Image i of the batch gets its row, or is rejected. *fresh: how many of the batch's own
 * embeddings were used. */
static ac_status
place_image(embedder *self, const ac_embed_work *p, int64_t item, int64_t i, int64_t *fresh)
{
    const int64_t row = self->keys.count, most = self->run->manifest.shard_items;
    int64_t same = self->same[i];
    const float *y = self->fresh + *fresh * self->width;
    const uint8_t *rgb = self->rgb + *fresh * self->size * self->size * 3;
    ac_status st = AC_OK;

    if (same >= most) { /* of this batch: by now it has its row, or was rejected */
        const int64_t other = same - most;
        same = ac_equal_images_find(&self->equal, self->hashes[i], self->pages[i]);
        if (same < 0) {
            self->bad[i] = self->bad[other];
            return AC_OK;
        }
    }
    if (same >= 0) {
        y = self->embeddings + same * self->width;
        self->shared++;
    } else if (elsewhere(self, item) >= 0) {
        y = self->there + elsewhere(self, item) * self->width;
        ac_equal_images_set(&self->equal, self->hashes[i], self->pages[i], row);
    } else {
        ++*fresh;
        if (!is_finite(y, self->width)) {
            if (self->hashes[i][0])
                ac_equal_images_set(&self->equal, self->hashes[i], self->pages[i], -1);
            return ac_item_status_set(&self->bad[i], AC_REJECT_NOT_FINITE,
                                      "its CLIP embedding has a NaN or an infinity");
        }
        if (self->hashes[i][0])
            ac_equal_images_set(&self->equal, self->hashes[i], self->pages[i], row);
    }
    memcpy(self->embeddings + row * self->width, y, (size_t) self->width * sizeof *y);
    st = push_good(self, p, item, i, same, rgb);
    return st;
}

static ac_status
embed_batch(embedder *self, const ac_embed_work *p, int64_t first, int64_t n)
{
    int64_t fresh = 0;
    ac_status st = AC_OK;

    AC_TRY(read_batch(self, p, first, n));
    for (int64_t i = 0; i < n; i++) /* of whole files: pages share them */
        memcpy(self->listed[(first + i) % self->run->manifest.shard_items].hex, self->hashes[i],
               sizeof self->hashes[i]);
    AC_TRY(ac_clip_model_embed_images(p->clip, self->fresh, self->rgb,
                                      gather_batch(self, first, n)));
    for (int64_t i = 0; i < n; i++) {
        if (self->bad[i].reason == AC_GOOD)
            AC_TRY(place_image(self, p, first + i, i, &fresh));
        if (self->bad[i].reason != AC_GOOD)
            AC_TRY(push_bad(self, p, first + i, &self->bad[i]));
    }
out:
    return st;
}

static ac_status
write_shard(const embedder *self, const ac_embed_work *p, const char *path, char checksum[33])
{
    ac_status st = AC_OK;
    ac_shard_writer w = { 0 };

    AC_TRY(ac_shard_create(&w, path, (ac_compression) self->run->config->output.compression,
                           AC_SHARD_EMBEDDINGS));
    AC_TRY(ac_shard_write_text_attribute(&w, AC_EMBED_MODEL, p->clip->fingerprint));
    AC_TRY(ac_shard_write_int_attribute(&w, AC_EMBED_ITEMS,
                                        self->keys.count + self->bad_keys.count));
    if (self->shared)
        AC_TRY(ac_shard_write_int_attribute(&w, AC_EMBED_EQUAL, self->shared));
    AC_TRY(ac_shard_write_texts(&w, AC_EMBED_KEYS, &self->keys));
    AC_TRY(ac_shard_write_texts(&w, AC_EMBED_PATHS, &self->paths));
    AC_TRY(ac_shard_write(&w, AC_EMBED_EMBEDDINGS, self->keys.count, self->width,
                          self->embeddings));
    AC_TRY(ac_shard_write_texts(&w, AC_EMBED_THUMBNAILS, &self->thumbnails));
    if (self->fields)
        AC_TRY(ac_shard_write_texts(&w, AC_EMBED_METADATA, &self->metadata));
    AC_TRY(ac_shard_write_texts(&w, AC_EMBED_REJECTED_KEYS, &self->bad_keys));
    AC_TRY(ac_shard_write_texts(&w, AC_EMBED_REJECTED_REASONS, &self->bad_reasons));
    AC_TRY(ac_shard_write_texts(&w, AC_EMBED_REJECTED_DETAILS, &self->bad_details));
    AC_TRY(ac_shard_commit(&w, checksum));
out:
    ac_shard_abandon(&w);
    return st;
}

/* ---- the row ---- */

static ac_status
open_embedder(void *context, ac_stage *stage)
{
    ac_embed_work *work = context;
    ac_status st = ac_alloc(&work->embedder, 1, sizeof *work->embedder);

    return st == AC_OK ? embedder_init(work->embedder, work, stage->run) : st;
}

/* An image that is equal to one of an earlier shard: that one's embedding and thumbnail. */
static ac_status
take_row(void *context, const ac_h5_reader *shard, int64_t row, int64_t item)
{
    embedder *self = context;
    const int64_t at = self->thumbnails_there.count;
    ac_status st = AC_OK;

    AC_TRY(ac_shard_read_rows(shard, AC_EMBED_EMBEDDINGS, row, 1, self->width,
                              self->there + at * self->width));
    if (!is_finite(self->there + at * self->width, self->width))
        AC_FAIL(AC_E_FORMAT, "%s: an embedding is not finite", shard->path);
    AC_TRY(
        ac_shard_read_text_rows(shard, AC_EMBED_THUMBNAILS, row, 1, &self->thumbnails_there));
    self->elsewhere[item % self->run->manifest.shard_items] = at;
out:
    return st;
}

static ac_status
find_elsewhere(embedder *self, const ac_embed_work *work, const ac_stage_shard *shard)
{
    const ac_equal_rows rows = { .run = self->run,
                                 .items = work->equal,
                                 .images = work->images,
                                 .stage = AC_STAGE_EMBED,
                                 .keys = AC_EMBED_KEYS,
                                 .first = shard->first,
                                 .count = shard->count,
                                 .take = take_row,
                                 .context = self };

    ac_texts_reset(&self->thumbnails_there);
    for (int64_t i = 0; i < shard->count; i++)
        self->elsewhere[i] = -1;
    return ac_equal_rows_find(&rows);
}

static ac_status
embed_shard(void *context, ac_stage *stage, ac_stage_shard *shard)
{
    ac_embed_work *work = context;
    embedder *self = work->embedder;
    ac_status st = AC_OK;

    ac_equal_images_reset(&self->equal);
    self->shared = 0;
    ac_texts_reset(&self->keys);
    ac_texts_reset(&self->paths);
    ac_texts_reset(&self->thumbnails);
    ac_texts_reset(&self->metadata);
    ac_texts_reset(&self->bad_keys);
    ac_texts_reset(&self->bad_reasons);
    ac_texts_reset(&self->bad_details);
    memset(self->listed, 0, (size_t) shard->count * sizeof *self->listed);
    AC_TRY(find_elsewhere(self, work, shard));
    for (int64_t i = 0; i < shard->count; i += self->batch) {
        const int64_t n = shard->count - i < self->batch ? shard->count - i : self->batch;
        AC_TRY(embed_batch(self, work, shard->first + i, n));
        AC_TRY(ac_stage_tick(stage, i + n));
    }
    if (stage->run->listed) /* before the shard: one that is published has its hashes */
        ac_hash_log_append(stage->run, shard->number, self->listed, shard->count);
    AC_TRY(write_shard(self, work, shard->path, shard->checksum));
    work->taken += self->thumbnails_there.count;
    shard->rows = self->keys.count;
    shard->bad = self->bad_keys.count;
out:
    return st;
}

static void
close_embedder(void *context)
{
    ac_embed_work *work = context;

    if (work->embedder)
        embedder_free(work->embedder);
    free(work->embedder);
    work->embedder = NULL;
}

const ac_stage_type ac_stage_embed = {
    .name = "embed",
    .folder = "embeddings",
    .unit = "images",
    .schema = &ac_shard_schemas[AC_SHARD_EMBEDDINGS],
    .crashes_before_probe = 1,
    .open = open_embedder,
    .shard = embed_shard,
    .close = close_embedder,
};

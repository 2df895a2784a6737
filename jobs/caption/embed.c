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
#include "jobs/caption/stages.h"
#include "jobs/runtime/hash_log.h"

enum { MICRO_BATCH = 32, THUMBNAIL_LEAST = 112, THUMBNAIL_QUALITY = 82 };

/* A thread's memory for the image that it reads. */
typedef struct reader {
    ac_resizer resizer;
    ac_buffer bytes, key;
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
    uint8_t *small;      /* one thumbnail's pixels */
    float *embeddings;   /* [shard_items, D] */
    ac_image_hash *hashes; /* [shard_items]: of the items' bytes */
    ac_texts keys, paths, thumbnails, bad_keys, bad_reasons, bad_details;
} embedder;

static void
embedder_free(embedder *self)
{
    for (int t = 0; self->readers && t < self->threads; t++) {
        ac_resizer_free(&self->readers[t].resizer);
        ac_buffer_free(&self->readers[t].bytes);
        ac_buffer_free(&self->readers[t].key);
    }
    free(self->readers);
    ac_buffer_free(&self->text);
    free(self->rgb);
    free(self->bad);
    free(self->small);
    free(self->embeddings);
    free(self->hashes);
    ac_texts_free(&self->keys);
    ac_texts_free(&self->paths);
    ac_texts_free(&self->thumbnails);
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
    AC_TRY(ac_alloc(&self->small, S * S, 3));
    AC_TRY(ac_alloc(&self->hashes, run->manifest.shard_items, sizeof *self->hashes));
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

/* Read, decode and resize one image into rgb [S, S, 3]; whatever is wrong with it goes to *bad.
 */
static ac_status
read_image(embedder *self, const ac_embed_work *p, int64_t item, uint8_t *rgb,
           ac_item_status *bad)
{
    reader *own = &self->readers[omp_get_thread_num()];
    ac_status st = AC_OK;
    ac_image image = { 0 };
    bool is_prepared;

    AC_TRY(ac_image_source_check(p->images, item, bad));
    if (bad->reason != AC_GOOD)
        return AC_OK;
    if (ac_quarantine_has(&self->run->quarantine, item))
        return ac_item_status_set(bad, AC_REJECT_CRASHED,
                                  "ended the program, and again when it was tried alone");
    AC_TRY(ac_image_source_pixels(p->images, item, rgb, &is_prepared));
    if (is_prepared)
        return AC_OK;
    ac_inflight_begin(&self->run->inflight, omp_get_thread_num(), item, 1);
    AC_TRY(ac_image_source_read(p->images, item, &own->bytes, bad));
    if (self->run->listed && bad->reason == AC_GOOD)
        ac_checksum_bytes(own->bytes.data ? own->bytes.data : "", own->bytes.size,
                          self->hashes[item % self->run->manifest.shard_items].hex);
    if (bad->reason == AC_GOOD)
        AC_TRY(ac_image_decode_page(&image, own->bytes.data, own->bytes.size,
                                    ac_image_source_page(p->images, item),
                                    self->run->config->limits.max_pixels, bad));
    if (bad->reason == AC_GOOD && self->run->config->input.apply_exif)
        AC_TRY(ac_image_orient(&image));
    if (bad->reason == AC_GOOD)
        AC_TRY(resize_image(self, own, p, item, rgb, &image));
    ac_inflight_end(&self->run->inflight, omp_get_thread_num());
out:
    ac_image_free(&image);
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

static ac_status
push_good(embedder *self, const ac_embed_work *p, int64_t item, const uint8_t *rgb)
{
    ac_status st = AC_OK;

    AC_TRY(ac_image_source_key(p->images, item, &self->text));
    AC_TRY(ac_texts_push(&self->keys, self->text.data, self->text.size));
    AC_TRY(ac_image_source_locate(p->images, item, &self->text));
    AC_TRY(ac_texts_push(&self->paths, self->text.data, self->text.size));
    st = self->run->config->output.thumbnails ? push_thumbnail(self, rgb)
                                              : ac_texts_push(&self->thumbnails, "", 0);
out:
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

static ac_status
embed_batch(embedder *self, const ac_embed_work *p, int64_t first, int64_t n)
{
    ac_status st = AC_OK, worst = AC_OK;
    const int64_t bytes = self->size * self->size * 3;
    char message[1024] = "";
    int64_t good = 0;
    float *y;

#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t i = 0; i < n; i++) {
        ac_status one = read_image(self, p, first + i, self->rgb + i * bytes, &self->bad[i]);
        if (one != AC_OK) {
#pragma omp critical
            {
                worst = one;
                snprintf(message, sizeof message, "%s", ac_error_message());
            }
        }
    }
    if (worst != AC_OK)
        return ac_error_set(worst, "%s", message);
    for (int64_t i = 0; i < n; i++) /* the good ones move together */
        if (self->bad[i].reason == AC_GOOD && good++ != i)
            memcpy(self->rgb + (good - 1) * bytes, self->rgb + i * bytes, (size_t) bytes);
    y = self->embeddings + self->keys.count * self->width;
    AC_TRY(ac_clip_model_embed_images(p->clip, y, self->rgb, good));
    for (int64_t i = 0, row = 0, kept = 0; i < n; i++) {
        if (self->bad[i].reason == AC_GOOD) {
            if (is_finite(y + row * self->width, self->width)) {
                memmove(y + kept * self->width, y + row * self->width,
                        (size_t) self->width * sizeof *y);
                AC_TRY(push_good(self, p, first + i, self->rgb + row * bytes));
                kept++;
            } else {
                ac_item_status_set(&self->bad[i], AC_REJECT_NOT_FINITE,
                                   "its CLIP embedding has a NaN or an infinity");
            }
            row++;
        }
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
    AC_TRY(ac_shard_write_texts(&w, AC_EMBED_KEYS, &self->keys));
    AC_TRY(ac_shard_write_texts(&w, AC_EMBED_PATHS, &self->paths));
    AC_TRY(ac_shard_write(&w, AC_EMBED_EMBEDDINGS, self->keys.count, self->width,
                          self->embeddings));
    AC_TRY(ac_shard_write_texts(&w, AC_EMBED_THUMBNAILS, &self->thumbnails));
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

static ac_status
embed_shard(void *context, ac_stage *stage, ac_stage_shard *shard)
{
    const ac_embed_work *work = context;
    embedder *self = work->embedder;
    ac_status st = AC_OK;

    ac_texts_reset(&self->keys);
    ac_texts_reset(&self->paths);
    ac_texts_reset(&self->thumbnails);
    ac_texts_reset(&self->bad_keys);
    ac_texts_reset(&self->bad_reasons);
    ac_texts_reset(&self->bad_details);
    memset(self->hashes, 0, (size_t) shard->count * sizeof *self->hashes);
    for (int64_t i = 0; i < shard->count; i += self->batch) {
        AC_TRY(embed_batch(self, work, shard->first + i,
                           shard->count - i < self->batch ? shard->count - i : self->batch));
        AC_TRY(ac_stage_tick(stage));
    }
    if (stage->run->listed) /* before the shard: one that is published has its hashes */
        ac_hash_log_append(stage->run, shard->number, self->hashes, shard->count);
    AC_TRY(write_shard(self, work, shard->path, shard->checksum));
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

ac_status
ac_check_pixels(const ac_image_source *images, const ac_config *config,
                const ac_clip_model *clip, const char *what, bool crops)
{
    ac_buffer wanted = { 0 };
    ac_status st = AC_OK;

    if (!images->pixels[0])
        return AC_OK;
    if (crops)
        AC_FAIL(
            AC_E_ARG,
            "%s: this dataset holds CLIP's input (ingest.store: pixels), and no random crop "
            "can be taken of that: ingest it with store: original, or set "
            "train.crops_per_image to 0",
            what);
    ac_preprocess_print(&clip->recipe, config->input.apply_exif, &wanted);
    AC_TRY(wanted.status);
    if (strcmp(wanted.data, images->pixels) != 0)
        st = ac_error_set(AC_E_ARG,
                          "%s: this dataset holds CLIP's input (ingest.store: pixels), made by "
                          "another recipe (%s) than %s wants (%s): ingest it for this model "
                          "(--set clip.model=…), or with store: original",
                          what, images->pixels, config->clip.model, wanted.data);
out:
    ac_buffer_free(&wanted);
    return st;
}

ac_status
ac_check_bad_items(const ac_run *run)
{
    /* of a part what its own shards have; of its update not even that: they hold items that
     * left */
    const int64_t items = run->manifest.items,
                  bad = !ac_run_is_part(run) ? run->bad
                        : run->numbers       ? 0
                                             : ac_run_bad(run, AC_STAGE_EMBED);
    const int64_t most = ac_config_max_bad_items(run->config, items);

    if (items && bad == items)
        return ac_error_set(AC_E_BAD_ITEMS,
                            "all of the %lld items are rejected, so there is no result. "
                            "%s/bad_items.jsonl says why",
                            (long long) items, run->folder);
    if (bad <= most)
        return AC_OK;
    return ac_error_set(AC_E_BAD_ITEMS,
                        "%lld of %lld items are rejected, more than limits.max_bad_items "
                        "allows (%lld). %s/bad_items.jsonl names them. Correct them, or run "
                        "again with a higher limit: finished shards stay",
                        (long long) bad, (long long) items, (long long) most, run->folder);
}

#include "jobs/train/data.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "engine/base/log.h"
#include "engine/base/random.h"
#include "io/hdf5/h5.h"
#include "jobs/models/prompt.h"

/* ---- small objects ---- */

void
ac_id_lists_free(ac_id_lists *self)
{
    free(self->ids);
    free(self->offsets);
    *self = (ac_id_lists){ 0 };
}

ac_status
ac_id_lists_push(ac_id_lists *self, const int32_t *ids, int64_t n)
{
    const int64_t used = self->count ? self->offsets[self->count] : 0;
    ac_status st;

    AC_TRY(ac_grow(&self->offsets, &self->offsets_capacity, self->count + 2,
                   sizeof *self->offsets));
    AC_TRY(ac_grow(&self->ids, &self->ids_capacity, used + n, sizeof *self->ids));
    if (n)
        memcpy(self->ids + used, ids, (size_t) n * sizeof *ids);
    self->offsets[0] = 0;
    self->offsets[++self->count] = used + n;
out:
    return st;
}

void
ac_captioned_set_free(ac_captioned_set *self)
{
    ac_texts_free(&self->keys);
    ac_id_lists_free(&self->tables);
    ac_id_lists_free(&self->captions);
    free(self->streams);
    free(self->caption_offsets);
    free(self->items);
    *self = (ac_captioned_set){ 0 };
}

void
ac_training_items_free(ac_training_items *self)
{
    ac_captioned_list_free(&self->lists[0]);
    ac_captioned_list_free(&self->lists[1]);
    free(self->known_bad);
    *self = (ac_training_items){ 0 };
}

void
ac_training_data_free(ac_training_data *self)
{
    ac_captioned_set_free(&self->train);
    ac_captioned_set_free(&self->validation);
}

/* ---- the list of items ---- */

static const char *const set_names[2] = { "train", "validation" };

static ac_status
read_list(ac_captioned_list *list, int which, const ac_config *config)
{
    const char *folder = which ? config->input.validation : config->input.train;
    const char *annotations =
        which ? config->input.validation_annotations : config->input.train_annotations;
    const char *images = which ? config->input.validation_images : config->input.train_images;
    char what[32];
    ac_status st;

    snprintf(what, sizeof what, "input.%s", set_names[which]);
    st = folder ? ac_captioned_list_read(list, folder, what)
                : ac_captioned_list_read_coco(list, annotations, images);
    if (st != AC_OK)
        return st;
    if (list->without_image) {
        ac_buffer names = { 0 };
        for (int64_t i = 0; i < list->names_without_image.count; i++)
            ac_buffer_printf(&names, "%s%.*s", i ? ", " : "",
                             (int) ac_texts_size(&list->names_without_image, i),
                             ac_texts_at(&list->names_without_image, i));
        ac_log(AC_LOG_WARNING, "%s: %lld captions belong to no image and are left out: %s%s",
               what, (long long) list->without_image, names.data ? names.data : "",
               list->without_image > list->names_without_image.count ? ", …" : "");
        ac_buffer_free(&names);
    }
    if (list->empty_captions)
        ac_log(AC_LOG_WARNING, "%s: %lld empty captions are left out", what,
               (long long) list->empty_captions);
    return AC_OK;
}

/* The items of one folder's images, `crops` an image (0: one without a number). */
static ac_status
push_items(ac_training_items *self, ac_image_list *images, int which, int64_t *at)
{
    const ac_captioned_list *list = &self->lists[which];
    const int64_t each = which ? 1 : self->crops;
    ac_buffer key = { 0 };
    ac_status st = AC_OK;

    for (int64_t i = 0; i < list->count; i++) {
        for (int64_t c = 0; c < each; c++) {
            ac_buffer_reset(&key);
            ac_buffer_printf(&key, "%s/", set_names[which]);
            ac_buffer_push(&key, ac_texts_at(&list->keys, i), ac_texts_size(&list->keys, i));
            if (each > 1)
                ac_buffer_printf(&key, "#%lld", (long long) c);
            AC_TRY(key.status);
            AC_TRY(ac_texts_push(&images->keys, key.data, key.size));
            AC_TRY(ac_texts_push(&images->paths, ac_texts_at(&list->paths, i),
                                 ac_texts_size(&list->paths, i)));
            self->known_bad[(*at)++] = list->bad[i];
        }
    }
out:
    ac_buffer_free(&key);
    return st;
}

static ac_status
read_items(ac_training_items *self, ac_image_list *images, const ac_config *config)
{
    ac_status st = AC_OK;
    char both[80];
    XXH128_hash_t h;
    int64_t at = 0;
    int n;

    for (int which = 0; which < 2; which++)
        AC_TRY(read_list(&self->lists[which], which, config));
    self->training = self->lists[0].count * self->crops;
    AC_TRY(ac_alloc(&self->known_bad, self->training + self->lists[1].count, 1));
    for (int which = 0; which < 2; which++)
        AC_TRY(push_items(self, images, which, &at));
    n = snprintf(both, sizeof both, "%s %s", self->lists[0].fingerprint,
                 self->lists[1].fingerprint);
    h = XXH3_128bits(both, (size_t) n);
    snprintf(self->fingerprint, sizeof self->fingerprint, "%016llx%016llx",
             (unsigned long long) h.high64, (unsigned long long) h.low64);
out:
    return st;
}

ac_status
ac_training_items_read_all(ac_training_items *self, ac_image_list *images, const ac_comm *comm,
                           const ac_config *config)
{
    const int64_t crops = config->train.crops_per_image;
    ac_status st = AC_OK;

    *self = (ac_training_items){ .crops = crops ? crops : 1 };
    if (comm->rank == 0)
        st = read_items(self, images, config);
    AC_TRY(ac_agree_all(comm, st));
    AC_TRY(ac_broadcast_texts_all(comm, &images->keys, 0));
    AC_TRY(ac_broadcast_texts_all(comm, &images->paths, 0));
    images->count = images->keys.count;
    if (comm->rank != 0)
        st = ac_alloc(&self->known_bad, images->count, 1);
    AC_TRY(ac_agree_all(comm, st));
    ac_broadcast_bytes_all(comm, self->known_bad, (size_t) images->count, 0);
    ac_broadcast_bytes_all(comm, &self->training, sizeof self->training, 0);
    ac_broadcast_bytes_all(comm, self->fingerprint, sizeof self->fingerprint, 0);
    self->random_crops = crops ? self->training : 0;
out:
    return st;
}

/* ---- token ids, on rank 0 ---- */

/* Reads the shards of both stages in order; the good items of a shard are a subsequence of its
 * items. */
typedef struct loader {
    const ac_run *run;
    const ac_bart_model *bart;
    const ac_image_list *images;
    const ac_training_items *items;
    ac_training_data *data;
    ac_prompt prompt;
    ac_encoding encoding; /* of a caption */
    ac_texts keys, entries;
    int64_t *ids;
    int64_t ids_capacity;
    int64_t tables_pushed; /* of the image in hand */
} loader;

static ac_status
read_shard(loader *self, int64_t shard)
{
    const int64_t K = self->run->config->retrieval.topk;
    ac_h5_reader r = { 0 };
    char *path = NULL;
    ac_status st;

    AC_TRY(ac_run_shard_path(self->run, AC_STAGE_RETRIEVE, shard, &path));
    AC_TRY(ac_h5_open(&r, path));
    AC_TRY(ac_h5_read_texts(&r, "keys", &self->keys));
    AC_TRY(ac_h5_read_texts(&r, "entries", &self->entries));
    if (self->entries.count != self->keys.count * K)
        AC_FAIL(AC_E_FORMAT, "%s: %lld entries for %lld tables; remove the file and run again",
                path, (long long) self->entries.count, (long long) self->keys.count);
    AC_TRY(ac_grow(&self->ids, &self->ids_capacity, self->keys.count * K, sizeof *self->ids));
    AC_TRY(ac_h5_read(&r, "ids", AC_I64, 2, (int64_t[]){ self->keys.count, K }, self->ids));
out:
    ac_h5_close(&r);
    free(path);
    return st;
}

static ac_status
push_table(loader *self, ac_captioned_set *set, int64_t row)
{
    const ac_config *config = self->run->config;
    const ac_bart_model *bart = self->bart;
    const ac_encoding *e = &self->prompt.encoding;
    const int64_t K = config->retrieval.topk, limit = bart->net.config.max_position_embeddings;
    const int64_t most =
        config->train.max_source_tokens < limit ? config->train.max_source_tokens : limit;
    ac_status st = AC_OK;

    AC_TRY(ac_prompt_join(&self->prompt, &self->entries, row * K, self->ids + row * K, K));
    AC_TRY(ac_prompt_encode(&self->prompt, &bart->tokenizer, most));
    self->data->cut_tables += e->length > e->count;
    AC_TRY(ac_id_lists_push(&set->tables, e->ids, e->count));
out:
    return st;
}

/* Image i of the list is complete: its key, stream and captions. */
static ac_status
push_image(loader *self, ac_captioned_set *set, const ac_captioned_list *list, int64_t i,
           int64_t item)
{
    const ac_config *config = self->run->config;
    const ac_bart_model *bart = self->bart;
    const int64_t limit =
        bart->net.config.max_position_embeddings + 1; /* the decoder reads one less */
    const int64_t most =
        config->train.max_target_tokens < limit ? config->train.max_target_tokens : limit;
    ac_status st;

    AC_TRY(
        ac_texts_push(&set->keys, ac_texts_at(&list->keys, i), ac_texts_size(&list->keys, i)));
    set->streams[set->count] =
        ac_random_stream(ac_texts_at(&list->keys, i), ac_texts_size(&list->keys, i));
    set->items[set->count] = item;
    for (int64_t c = list->caption_offsets[i]; c < list->caption_offsets[i + 1]; c++) {
        AC_TRY(ac_tokenizer_encode(&bart->tokenizer, ac_texts_at(&list->captions, c),
                                   ac_texts_size(&list->captions, c), most, true,
                                   &self->encoding));
        self->data->cut_captions += self->encoding.length > self->encoding.count;
        AC_TRY(ac_id_lists_push(&set->captions, self->encoding.ids, self->encoding.count));
    }
    set->caption_offsets[++set->count] = set->captions.count;
out:
    return st;
}

/* Is row `row` of the shard the item's? */
static bool
row_is(const loader *self, int64_t row, int64_t item)
{
    const ac_texts *keys = &self->images->keys;

    return row < self->keys.count &&
           ac_texts_size(keys, item) == ac_texts_size(&self->keys, row) &&
           memcmp(ac_texts_at(keys, item), ac_texts_at(&self->keys, row),
                  ac_texts_size(keys, item)) == 0;
}

/* Of an image that has not all its crops (one of them a bad item) nothing stays: tables are
 * found by the image's number. */
static void
drop_half_images(ac_captioned_set *set)
{
    set->tables.count = set->count * set->tables_each;
}

static ac_status
load_item(loader *self, int64_t item, int64_t *row)
{
    const bool validation = item >= self->items->training;
    ac_captioned_set *set = validation ? &self->data->validation : &self->data->train;
    const ac_captioned_list *list = &self->items->lists[validation];
    const int64_t within = validation ? item - self->items->training : item,
                  image = within / set->tables_each;
    ac_status st = AC_OK;

    if (within % set->tables_each == 0) {
        self->tables_pushed = 0;
        drop_half_images(set);
    }
    if (self->items->known_bad[item] != AC_GOOD || !row_is(self, *row, item))
        return AC_OK;
    ac_inflight_begin(&self->run->inflight, 0, item, 1);
    AC_TRY(push_table(self, set, (*row)++));
    if (++self->tables_pushed == set->tables_each)
        AC_TRY(push_image(self, set, list, image, item - set->tables_each + 1));
out:
    return st;
}

static ac_status
set_init(ac_captioned_set *self, int64_t images, int64_t tables_each)
{
    ac_status st = AC_OK;

    self->tables_each = tables_each;
    AC_TRY(ac_alloc(&self->streams, images, sizeof *self->streams));
    AC_TRY(ac_alloc(&self->items, images, sizeof *self->items));
    AC_TRY(ac_alloc(&self->caption_offsets, images + 1, sizeof *self->caption_offsets));
out:
    return st;
}

static ac_status
load(loader *self)
{
    const ac_run *run = self->run;
    ac_status st = AC_OK;

    AC_TRY(set_init(&self->data->train, self->items->lists[0].count, self->items->crops));
    AC_TRY(set_init(&self->data->validation, self->items->lists[1].count, 1));
    for (int64_t s = 0; s < run->manifest.shard_count; s++) {
        int64_t first, count, row = 0;
        AC_TRY(read_shard(self, s));
        ac_run_shard_items(run, s, &first, &count);
        for (int64_t item = first; item < first + count; item++)
            AC_TRY(load_item(self, item, &row));
        AC_CHECK(row == self->keys.count);
    }
    drop_half_images(&self->data->train);
out:
    ac_inflight_end(&self->run->inflight, 0);
    ac_encoding_free(&self->encoding);
    ac_prompt_free(&self->prompt);
    ac_texts_free(&self->keys);
    ac_texts_free(&self->entries);
    free(self->ids);
    return st;
}

/* ---- to all ranks ---- */

static ac_status
broadcast_lists_all(const ac_comm *comm, ac_id_lists *lists)
{
    int64_t sizes[2] = { lists->count, lists->count ? lists->offsets[lists->count] : 0 };
    ac_status st = AC_OK;

    ac_broadcast_bytes_all(comm, sizes, sizeof sizes, 0);
    if (comm->rank != 0) {
        st = ac_grow(&lists->offsets, &lists->offsets_capacity, sizes[0] + 1,
                     sizeof *lists->offsets);
        if (st == AC_OK)
            st = ac_grow(&lists->ids, &lists->ids_capacity, sizes[1], sizeof *lists->ids);
    }
    AC_TRY(ac_agree_all(comm, st));
    if (!sizes[0])
        goto out;
    ac_broadcast_bytes_all(comm, lists->offsets,
                           (size_t) (sizes[0] + 1) * sizeof *lists->offsets, 0);
    ac_broadcast_bytes_all(comm, lists->ids, (size_t) sizes[1] * sizeof *lists->ids, 0);
    lists->count = sizes[0];
out:
    return st;
}

static ac_status
broadcast_set_all(const ac_comm *comm, ac_captioned_set *set, int64_t tables_each)
{
    int64_t count = set->count;
    ac_status st = AC_OK;

    ac_broadcast_bytes_all(comm, &count, sizeof count, 0);
    if (comm->rank != 0)
        st = set_init(set, count, tables_each);
    AC_TRY(ac_agree_all(comm, st));
    set->count = count;
    ac_broadcast_bytes_all(comm, set->streams, (size_t) count * sizeof *set->streams, 0);
    ac_broadcast_bytes_all(comm, set->caption_offsets,
                           (size_t) (count + 1) * sizeof *set->caption_offsets, 0);
    AC_TRY(ac_broadcast_texts_all(comm, &set->keys, 0));
    AC_TRY(broadcast_lists_all(comm, &set->tables));
    AC_TRY(broadcast_lists_all(comm, &set->captions));
out:
    return st;
}

ac_status
ac_training_data_load_all(ac_training_data *self, const ac_training_items *items,
                          const ac_image_list *images, ac_run *run, const ac_bart_model *bart)
{
    loader l = { .run = run, .bart = bart, .images = images, .items = items, .data = self };
    const ac_comm *comm = run->comm;
    ac_status st = AC_OK;

    run->inflight.stage = AC_STAGE_RETRIEVE; /* which made the tables */
    if (comm->rank == 0)
        st = load(&l);
    AC_TRY(ac_agree_all(comm, st));
    AC_TRY(broadcast_set_all(comm, &self->train, items->crops));
    AC_TRY(broadcast_set_all(comm, &self->validation, 1));
out:
    return st;
}

#include "jobs/train/data.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/random.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/hdf5/shard_file.h"
#include "io/source/captioned_images.h"
#include "io/source/image_dataset.h"
#include "io/source/joined_images.h"
#include "io/source/place_list.h"
#include "jobs/models/prompt.h"
#include "jobs/runtime/images.h"
#include "jobs/runtime/tar_input.h"
#include "jobs/runtime/visible.h"

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
ac_training_items_free(ac_training_items *self)
{
    ac_image_source_free(&self->images);
    ac_image_source_free(&self->sets[0]);
    ac_image_source_free(&self->sets[1]);
    *self = (ac_training_items){ 0 };
}

void
ac_training_data_free(ac_training_data *self)
{
    ac_map_close(&self->map);
    free(self->path);
    *self = (ac_training_data){ 0 };
}

/* ---- the list of items ---- */

/* Rank 0. run: its folder. */
static ac_status
open_set(ac_image_source *set, const ac_config *config, const char *run, const char *what,
         const char *split)
{
    const bool validation = strcmp(what, "input.validation") == 0;
    const char *folder = validation ? config->input.validation : config->input.train;
    const char *annotations =
        validation ? config->input.validation_annotations : config->input.train_annotations;
    const char *images =
        validation ? config->input.validation_images : config->input.train_images;
    ac_image_options options = ac_images_options(config);
    char *index = NULL;
    ac_caption_notes notes = { 0 };
    char *dataset = NULL;
    bool is_dataset = false;
    ac_status st = AC_OK;

    if (*split)
        options.split = split;
    AC_TRY(ac_images_index_path(config, run, what, &index));
    options.index = index;
    if (folder)
        AC_TRY(ac_place_dataset_find(folder, what, &is_dataset, &dataset));
    if (is_dataset) {
        AC_TRY(ac_captioned_dataset_open(set, dataset));
        AC_TRY(ac_place_list_select(set, folder, what));
    } else {
        AC_TRY(folder ? ac_captioned_folder_open(set, folder, what, &options, &notes)
                      : ac_captioned_coco_open(set, annotations, images, &options, &notes));
    }
    ac_images_log_notes(&notes, what);
    ac_images_log_passed_over(set, what);
out:
    free(index);
    free(dataset);
    ac_caption_notes_free(&notes);
    return st;
}

/* Collective. */
static ac_status
open_tars_all(ac_image_source *set, const ac_comm *comm, const ac_config *config,
              const char *what, const char *path, const char *folder, bool *is_tars)
{
    const ac_tar_input input = {
        .path = path, .what = what, .folder = folder, .captioned = true
    };

    *is_tars = false;
    return path ? ac_tar_input_open_all(set, comm, config, &input, is_tars) : AC_OK;
}

/* Captions of other sources are where their kind has them. */
static ac_status
check_captions(const ac_config *config, const bool tars[2])
{
    static const char *const what[] = { "input.train", "input.validation" };
    const char *captions = config->input.captions;

    for (int set = 0; captions && strcmp(captions, "txt") != 0 && set < 2; set++)
        if (!tars[set])
            return ac_error_set(AC_E_ARG,
                                "input.captions: %s is for training from tars, and %s is none; "
                                "its captions are where its kind has them: leave "
                                "input.captions out",
                                captions, what[set]);
    return AC_OK;
}

ac_status
ac_training_items_open_all(ac_training_items *self, const ac_comm *comm,
                           const ac_config *config, const char *folder)
{
    const int64_t crops = config->train.crops_per_image;
    const ac_joined_part parts[2] = { { &self->sets[0], "train/", crops ? crops : 1 },
                                      { &self->sets[1], "validation/", 1 } };
    bool tars[2];
    ac_status st = AC_OK;

    *self = (ac_training_items){ .crops = crops ? crops : 1 };
    AC_TRY(open_tars_all(&self->sets[0], comm, config, "input.train", config->input.train,
                         folder, &tars[0]));
    AC_TRY(open_tars_all(&self->sets[1], comm, config, "input.validation",
                         config->input.validation, folder, &tars[1]));
    AC_TRY(check_captions(config, tars));
    if (comm->rank == 0 && !tars[0])
        st = open_set(&self->sets[0], config, folder, "input.train", config->input.train_split);
    if (comm->rank == 0 && st == AC_OK && !tars[1])
        st = open_set(&self->sets[1], config, folder, "input.validation",
                      config->input.validation_split);
    st = ac_agree_all(comm, st);
    if (!tars[0] && st == AC_OK)
        st = ac_images_share_all(&self->sets[0], comm, config, AC_OK);
    if (!tars[1] && st == AC_OK)
        st = ac_images_share_all(&self->sets[1], comm, config, AC_OK);
    AC_TRY(st);
    AC_TRY(ac_agree_all(comm, ac_joined_images_open(&self->images, parts, 2)));
    self->training = self->sets[0].count * self->crops;
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
    const ac_training_items *items;
    ac_training_data *data;
    ac_set_builder sets[AC_SETS]; /* training, validation */
    ac_prompt prompt;
    ac_encoding encoding; /* of a caption */
    ac_texts keys, entries;
    ac_texts captions; /* of one image */
    ac_buffer key;     /* of one item or image */
    int64_t *ids;
    int64_t ids_capacity;
    int64_t tables_pushed; /* of the present image */
} loader;

static ac_status
read_shard(loader *self, int64_t shard)
{
    const int64_t K = self->run->config->retrieval.topk;
    ac_h5_reader r = { 0 };
    char *path = NULL;
    ac_status st;

    AC_TRY(ac_run_published_shard(self->run, AC_STAGE_RETRIEVE, shard, &path));
    AC_TRY(ac_h5_open(&r, path));
    AC_TRY(ac_shard_read_texts(&r, AC_TABLES_KEYS, &self->keys));
    AC_TRY(ac_shard_read_texts(&r, AC_TABLES_ENTRIES, &self->entries));
    if (self->entries.count != self->keys.count * K)
        AC_FAIL(AC_E_FORMAT, "%s: %lld entries for %lld tables; remove the file and run again",
                path, (long long) self->entries.count, (long long) self->keys.count);
    AC_TRY(ac_grow(&self->ids, &self->ids_capacity, self->keys.count * K, sizeof *self->ids));
    AC_TRY(ac_shard_read(&r, AC_TABLES_IDS, self->keys.count, K, self->ids));
out:
    ac_h5_close(&r);
    free(path);
    return st;
}

static ac_status
push_table(loader *self, ac_set_builder *set, int64_t row)
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
    st = ac_set_builder_push_table(set, e->ids, e->count);
out:
    return st;
}

/* Image i of its set is complete: its key, stream and captions. */
static ac_status
push_image(loader *self, ac_set_builder *set, const ac_image_source *images, int64_t i)
{
    const ac_config *config = self->run->config;
    const ac_bart_model *bart = self->bart;
    const int64_t limit =
        bart->net.config.max_position_embeddings + 1; /* the decoder reads one less */
    const int64_t most =
        config->train.max_target_tokens < limit ? config->train.max_target_tokens : limit;
    ac_status st;

    AC_TRY(ac_image_source_captions(images, i, &self->captions));
    for (int64_t c = 0; c < self->captions.count; c++) {
        AC_TRY(ac_tokenizer_encode(&bart->tokenizer, ac_texts_at(&self->captions, c),
                                   ac_texts_size(&self->captions, c), most, true,
                                   &self->encoding));
        self->data->cut_captions += self->encoding.length > self->encoding.count;
        AC_TRY(ac_set_builder_push_caption(set, self->encoding.ids, self->encoding.count));
    }
    AC_TRY(ac_image_source_key(images, i, &self->key));
    st = ac_set_builder_push_image(set, self->key.data, self->key.size,
                                   ac_random_stream(self->key.data, self->key.size));
out:
    return st;
}

/* Is row `row` of the shard the item's? */
static ac_status
row_is(loader *self, int64_t row, int64_t item, bool *same)
{
    ac_item_status status;
    ac_status st = AC_OK;

    *same = false;
    AC_TRY(ac_image_source_check(&self->items->images, item, &status));
    if (row < self->keys.count && status.reason == AC_GOOD)
        st = ac_image_source_key_is(&self->items->images, item, &self->keys, row, &self->key,
                                    same);
out:
    return st;
}

static ac_status
load_item(loader *self, int64_t item, int64_t *row)
{
    const bool validation = item >= self->items->training;
    ac_set_builder *set = &self->sets[validation];
    const int64_t within = validation ? item - self->items->training : item,
                  image = within / set->tables_each;
    bool same;
    ac_status st = AC_OK;

    if (within % set->tables_each == 0) {
        self->tables_pushed = 0;
        ac_set_builder_drop_tables(set);
    }
    AC_TRY(row_is(self, *row, item, &same));
    if (!same)
        return AC_OK;
    ac_inflight_begin(&self->run->inflight, 0, item, 1);
    AC_TRY(push_table(self, set, (*row)++));
    if (++self->tables_pushed == set->tables_each)
        AC_TRY(push_image(self, set, &self->items->sets[validation], image));
out:
    return st;
}

static ac_status
load(loader *self)
{
    const ac_run *run = self->run;
    ac_status st = AC_OK;

    for (int64_t s = 0; s < run->manifest.shard_count; s++) {
        int64_t first, count, row = 0;
        AC_TRY(read_shard(self, s));
        ac_run_shard_items(run, s, &first, &count);
        for (int64_t item = first; item < first + count; item++)
            AC_TRY(load_item(self, item, &row));
        AC_CHECK(row == self->keys.count);
    }
    ac_set_builder_drop_tables(&self->sets[0]);
out:
    ac_inflight_end(&self->run->inflight, 0);
    ac_encoding_free(&self->encoding);
    ac_prompt_free(&self->prompt);
    ac_texts_free(&self->keys);
    ac_texts_free(&self->entries);
    ac_texts_free(&self->captions);
    ac_buffer_free(&self->key);
    free(self->ids);
    return st;
}

/* ---- to all ranks ---- */

/* Rank 0: read all, and write the file. folder: where files without a name lie. */
static ac_status
write_file(loader *self, const char *folder, ac_set_size sizes[AC_SETS])
{
    ac_status st = AC_OK;

    ac_set_builder_init(&self->sets[0], self->items->crops, folder);
    ac_set_builder_init(&self->sets[1], 1, folder);
    AC_TRY(load(self));
    st = ac_captioned_sets_write(self->sets, self->data->path, sizes);
out:
    for (int s = 0; s < AC_SETS; s++)
        ac_set_builder_free(&self->sets[s]);
    return st;
}

ac_status
ac_training_data_load_all(ac_training_data *self, const ac_training_items *items, ac_run *run,
                          const ac_bart_model *bart)
{
    loader l = { .run = run, .bart = bart, .items = items, .data = self };
    const ac_comm *comm = run->comm;
    ac_captioned_set *const sets[AC_SETS] = { &self->train, &self->validation };
    ac_set_size sizes[AC_SETS] = { { 0 } };
    char *folder = NULL;
    ac_status st;

    run->inflight.stage = AC_STAGE_RETRIEVE; /* which made the tables */
    st = ac_run_path(run, &folder, "journal");
    if (st == AC_OK)
        st = ac_path_format(&self->path, "%s/training.data", folder);
    if (st == AC_OK && comm->rank == 0)
        st = write_file(&l, folder, sizes);
    AC_TRY(ac_agree_all(comm, st));
    ac_broadcast_bytes_all(comm, sizes, sizeof sizes, 0);
    st = ac_visible_wait(self->path, comm->rank == 0 ? NULL : run->config, comm->heartbeat);
    if (st == AC_OK)
        st = ac_captioned_sets_open(sets, &self->map, self->path, sizes);
    st = ac_agree_all(comm, st);
out:
    free(folder);
    return st;
}

void
ac_training_data_remove(const ac_training_data *self)
{
    if (self->path && ac_publish_remove(self->path) != AC_OK)
        ac_log(AC_LOG_DEBUG, "%s", ac_error_message());
}

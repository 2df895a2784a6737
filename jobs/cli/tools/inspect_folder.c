/* Folders: runs, caches, models, images. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_builder/cache.h"
#include "engine/base/memory.h"
#include "io/file/file_open.h"
#include "io/file/path.h"
#include "io/hdf5/image_shard.h"
#include "io/source/open_images.h"
#include "io/source/tar_images.h"
#include "io/file/text_file.h"
#include "io/checkpoint/open_clip.h"
#include "io/file/json_file.h"
#include "jobs/models/bart_model.h"
#include "jobs/models/clip_model.h"
#include "jobs/job_table.h"
#include "jobs/runtime/run_view.h"
#include "jobs/cli/tools/inspect.h"

/* The JSON file FOLDER/name; NULL where there is none, or it is none. */
static json_t *
load_json(const char *folder, const char *name)
{
    char *path = NULL;
    json_t *root = NULL;

    if (ac_path_format(&path, "%s/%s", folder, name) != AC_OK ||
        ac_json_file_read(&root, path, 0) != AC_OK)
        root = NULL;
    free(path);
    return root;
}

/* ---- caches ---- */

static ac_status
inspect_cache(json_t *out, const char *path)
{
    ac_cache cache = { 0 };
    ac_texts entries = { 0 };
    json_t *sources = json_array(), *shards = json_array();
    ac_status st = AC_OK;

    ac_inspect_put_text(out, "kind", "cache");
    AC_TRY(ac_cache_open(&cache, path));
    ac_inspect_put(out, "entries", json_integer(cache.entries));
    ac_inspect_put(out, "dimension", json_integer(cache.dimension));
    ac_inspect_put_text(out, "model", cache.model);
    ac_inspect_put_text(out, "model_path", cache.model_path);
    ac_inspect_put_text(out, "prefix", cache.prefix);
    ac_inspect_put_text(out, "fingerprint", cache.fingerprint);
    for (int64_t i = 0; i < cache.source_count; i++) {
        const ac_cache_source *s = &cache.sources[i];
        json_t *one = json_object();
        ac_inspect_put_text(one, "name", s->path);
        ac_inspect_put_text(one, "of", s->kind);
        ac_inspect_put(one, "entries", json_integer(s->entries));
        ac_inspect_put(one, "duplicates", json_integer(s->duplicates));
        ac_inspect_put(one, "cut", json_integer(s->cut));
        ac_inspect_put_text(one, "input", s->input);
        json_array_append_new(sources, one);
    }
    for (int64_t i = 0; i < cache.shard_count; i++) {
        json_t *one = json_object();
        ac_inspect_put(one, "rows", json_integer(cache.shards[i].rows));
        ac_inspect_put_text(one, "checksum", cache.shards[i].checksum);
        json_array_append_new(shards, one);
    }
    if (json_array_size(sources))
        ac_inspect_put(out, "sources", json_incref(sources));
    ac_inspect_put(out, "shards", json_incref(shards));
    AC_TRY(ac_cache_read_slice(
        &cache, 0, cache.entries < AC_INSPECT_SAMPLE ? cache.entries : AC_INSPECT_SAMPLE, NULL,
        &entries));
    ac_inspect_put(out, "sample", ac_inspect_texts(&entries, AC_INSPECT_SAMPLE));
out:
    json_decref(sources);
    json_decref(shards);
    ac_texts_free(&entries);
    ac_cache_close(&cache);
    return st;
}

/* ---- runs ---- */

/* The first lines of FOLDER/name, where it is there. */
static ac_status
put_sample(json_t *out, const char *key, const char *folder, const char *name)
{
    char *path = NULL, *line = NULL;
    size_t room = 0;
    ssize_t n;
    json_t *sample = json_array();
    FILE *f;

    const ac_status st = ac_path_format(&path, "%s/%s", folder, name);

    if (st != AC_OK) {
        json_decref(sample);
        return st;
    }
    if (ac_file_open_stream(&f, path) == AC_OK) {
        while (json_array_size(sample) < AC_INSPECT_SAMPLE &&
               (n = getline(&line, &room, f)) > 0)
            json_array_append_new(sample,
                                  ac_inspect_string(line, (size_t) n - (line[n - 1] == '\n')));
        fclose(f);
    }
    if (json_array_size(sample))
        ac_inspect_put(out, key, json_incref(sample));
    json_decref(sample);
    free(line);
    free(path);
    return AC_OK;
}

static void
put_stages(json_t *out, const ac_manifest *m)
{
    json_t *stages = json_array();

    for (int s = 0; s < m->stage_count; s++) {
        json_t *one = json_object();
        int64_t done = 0, rows = 0, bad = 0;
        for (int64_t i = 0; i < m->shard_count; i++) {
            const ac_shard_record *r = &m->stages[s].shards[i];
            done += r->done;
            rows += r->done ? r->rows : 0;
            bad += r->done ? r->bad : 0;
        }
        ac_inspect_put_text(one, "name", m->stages[s].name);
        ac_inspect_put(one, "shards_done", json_integer(done));
        ac_inspect_put(one, "of", json_integer(m->shard_count));
        ac_inspect_put(one, "rows", json_integer(rows));
        ac_inspect_put(one, "bad", json_integer(bad));
        json_array_append_new(stages, one);
    }
    ac_inspect_put(out, "stages", stages);
}

/* ---- image datasets ---- */

/* "keys": the first images, each with its format, size and captions. */
static ac_status
put_images(json_t *out, const ac_image_shard *shard)
{
    json_t *list = json_array();

    for (int64_t i = 0; i < shard->keys.count && i < AC_INSPECT_SAMPLE; i++) {
        ac_texts captions = { 0 };
        json_t *one = json_object();
        ac_status st = AC_OK;
        for (int64_t c = shard->caption_offsets[i];
             st == AC_OK && c < shard->caption_offsets[i + 1]; c++)
            st = ac_texts_push(&captions, ac_texts_at(&shard->captions, c),
                               ac_texts_size(&shard->captions, c));
        ac_inspect_put(
            one, "key",
            ac_inspect_string(ac_texts_at(&shard->keys, i), ac_texts_size(&shard->keys, i)));
        ac_inspect_put(one, "format",
                       ac_inspect_string(ac_texts_at(&shard->format, i),
                                         ac_texts_size(&shard->format, i)));
        ac_inspect_put(one, "width", json_integer(shard->width[i]));
        ac_inspect_put(one, "height", json_integer(shard->height[i]));
        ac_inspect_put(one, "bytes", json_integer(ac_image_shard_bytes(shard, i)));
        ac_inspect_put(one, "captions", json_integer(captions.count));
        if (captions.count)
            ac_inspect_put(
                one, "caption",
                ac_inspect_string(ac_texts_at(&captions, 0), ac_texts_size(&captions, 0)));
        json_array_append_new(list, one);
        ac_texts_free(&captions);
        if (st != AC_OK) {
            json_decref(list);
            return st;
        }
    }
    ac_inspect_put(out, "images", list);
    return AC_OK;
}

/* Counts over all shards, and the first shard's first images. */
static ac_status
put_dataset(json_t *out, const ac_run_view *view)
{
    const ac_stage_record *stage = &view->manifest.stages[0];
    ac_image_shard shard = { 0 };
    int64_t bytes = 0, captions = 0, with_metadata = 0;
    char *path = NULL;
    ac_status st = AC_OK;

    for (int64_t s = 0; s < view->manifest.shard_count; s++) {
        if (!stage->shards[s].done)
            continue;
        free(path);
        AC_TRY(ac_run_view_shard_path(view, 0, s, &path));
        AC_TRY(ac_image_shard_open(&shard, path, stage->shards[s].rows));
        AC_TRY(ac_image_shard_read_rest(&shard));
        if (!json_object_get(out, "images") && shard.keys.count)
            AC_TRY(put_images(out, &shard));
        for (int64_t i = 0; i < shard.keys.count; i++) {
            bytes += ac_image_shard_bytes(&shard, i);
            with_metadata += ac_texts_size(&shard.metadata, i) > 0;
        }
        captions += shard.captions.count;
        ac_image_shard_close(&shard);
    }
    ac_inspect_put(out, "bytes", json_integer(bytes));
    ac_inspect_put(out, "captions", json_integer(captions));
    ac_inspect_put(out, "with_metadata", json_integer(with_metadata));
out:
    ac_image_shard_close(&shard);
    free(path);
    return st;
}

static bool
is_dataset(const ac_manifest *m)
{
    return strcmp(m->content, "images") == 0;
}

static ac_status
inspect_run(json_t *out, const char *path)
{
    ac_run_view view = { 0 };
    const ac_manifest *m = &view.manifest;
    ac_status st = AC_OK;

    ac_inspect_put_text(out, "kind", "run");
    AC_TRY(ac_run_view_open(&view, path, ac_job_table));
    if (is_dataset(m))
        ac_inspect_put_text(out, "kind", "image dataset");
    ac_inspect_put_text(out, "job", m->job);
    ac_inspect_put_text(out, "version", m->version);
    ac_inspect_put(out, "done", json_boolean(view.done));
    ac_inspect_put(out, "items", json_integer(m->items));
    put_stages(out, m);
    ac_inspect_put_text(out, "precision", m->precision);
    ac_inspect_put_text(out, "kernels", m->kernels);
    ac_inspect_put_text(out, "config", m->config_fingerprint);
    ac_inspect_put_text(out, "input", m->input_fingerprint);
    ac_inspect_put_text(out, "clip", m->clip);
    ac_inspect_put_text(out, "cache", m->cache);
    ac_inspect_put_text(out, "bart", m->bart);
    if (is_dataset(m))
        AC_TRY(put_dataset(out, &view));
    else
        AC_TRY(put_sample(out, "keys", path, "keys.txt"));
    AC_TRY(put_sample(out, "captions", path, "preds.txt"));
    st = put_sample(out, "bad_items", path, "bad_items.jsonl");
out:
    ac_run_view_close(&view);
    return st;
}

/* ---- models ---- */

static void
put_weights(json_t *out, const ac_weights *weights)
{
    json_t *files = json_array();

    for (int64_t i = 0; i < weights->file_count; i++) {
        const ac_weights_file *f = &weights->files[i];
        const char *file = f->is_torch ? f->torch.path : f->safetensors.path;
        json_array_append_new(files, ac_inspect_string(file, strlen(file)));
    }
    ac_inspect_put(out, "files", files);
}

static json_t *
three(const float x[3])
{
    return json_pack("[f, f, f]", (double) x[0], (double) x[1], (double) x[2]);
}

static void
put_recipe(json_t *out, const ac_preprocess_recipe *r)
{
    static const char *const rules[] = { "none", "shortest", "longest", "exact" },
                             *const filters[] = { "nearest", "lanczos", "bilinear",
                                                  "bicubic", "box",     "hamming" };
    json_t *one = json_object();

    ac_inspect_put_text(one, "resize", rules[r->resize]);
    ac_inspect_put(one, "height", json_integer(r->height));
    ac_inspect_put(one, "width", json_integer(r->width));
    ac_inspect_put_text(one, "filter", filters[r->resample]);
    ac_inspect_put(one, "rgb_first", json_boolean(r->rgb_first));
    ac_inspect_put(one, "crop", json_integer(r->size));
    ac_inspect_put(one, "rescale", json_real(r->rescale));
    ac_inspect_put(one, "mean", three(r->mean));
    ac_inspect_put(one, "std", three(r->std));
    ac_inspect_put(out, "preprocessing", one);
}

/* A model is made whole, so that what does not fit is found; its fingerprints are those that
 * caches and runs record. */
static ac_status
put_clip(json_t *out, const char *path)
{
    const ac_clip_options o = { .model = path, .towers = AC_CLIP_TEXT | AC_CLIP_VISION };
    ac_clip_model clip = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_clip_model_open(&clip, &o));
    put_weights(out, &clip.files.weights);
    if (clip.files.config_path)
        ac_inspect_put_text(out, "config", clip.files.config_path);
    ac_inspect_put_text(out, "fingerprint", clip.fingerprint);
    ac_inspect_put_text(out, "text_fingerprint", clip.text_fingerprint); /* caches record it */
    ac_inspect_put(out, "image_size", json_integer(clip.net.config.image_size));
    ac_inspect_put(out, "patch_size", json_integer(clip.net.config.patch_size));
    ac_inspect_put(out, "context", json_integer(clip.net.config.max_position_embeddings));
    ac_inspect_put(out, "dimension", json_integer(clip.net.config.projection_dim));
    put_recipe(out, &clip.recipe);
    ac_inspect_put_tensors(out, &clip.files.weights.tensors);
out:
    ac_clip_model_free(&clip);
    return st;
}

static ac_status
put_bart(json_t *out, const char *path)
{
    const ac_bart_options o = { .model = path };
    ac_bart_model bart = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_bart_model_open(&bart, &o));
    ac_inspect_put_text(out, "fingerprint", bart.fingerprint);
    ac_inspect_put(out, "width", json_integer(bart.net.config.d_model));
    ac_inspect_put(out, "encoder_layers", json_integer(bart.net.config.encoder_layers));
    ac_inspect_put(out, "decoder_layers", json_integer(bart.net.config.decoder_layers));
    ac_inspect_put(out, "positions", json_integer(bart.net.config.max_position_embeddings));
out:
    ac_bart_model_free(&bart);
    return st;
}

static ac_status
inspect_model(json_t *out, const char *path, const char *type)
{
    ac_weights weights = { 0 };
    char kind[64];
    ac_status st = AC_OK;

    snprintf(kind, sizeof kind, "model (%.40s)", type);
    ac_inspect_put_text(out, "kind", kind);
    AC_TRY(ac_inspect_put_tokenizer(out, path, NULL));
    if (strcmp(type, "clip") == 0 || strcmp(type, "siglip") == 0) {
        st = put_clip(out, path);
        goto out;
    }
    AC_TRY(ac_weights_open(&weights, path));
    put_weights(out, &weights);
    if (strcmp(type, "bart") == 0)
        AC_TRY(put_bart(out, path));
    ac_inspect_put_tensors(out, &weights.tensors);
out:
    ac_weights_close(&weights);
    return st;
}

/* ---- images, and which it is ---- */

ac_status
ac_inspect_images(json_t *out, const char *path)
{
    const ac_image_options options = { .skip = ac_skip_default };
    ac_image_source images = { 0 };
    ac_texts sample = { 0 };
    ac_buffer location = { 0 };
    char *file = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_images_open(&images, path, "input.path", &options));
    for (int64_t i = 0; i < images.count && i < AC_INSPECT_SAMPLE; i++) {
        if (images.type->file) {
            free(file);
            AC_TRY(ac_image_source_file(&images, i, &file));
            AC_TRY(ac_texts_push(&sample, file, strlen(file)));
        } else {
            AC_TRY(ac_image_source_locate(&images, i, &location));
            AC_TRY(ac_texts_push(&sample, location.data, location.size));
        }
    }
    if (ac_tar_images_count(&images)) {
        ac_inspect_put(out, "tars", json_integer(ac_tar_images_count(&images)));
        ac_inspect_put(out, "notes", json_loads(ac_tar_images_notes(&images), 0, NULL));
    }
    ac_inspect_put_text(out, "kind", "pictures");
    ac_inspect_put(out, "pictures", json_integer(images.count));
    ac_inspect_put_text(out, "fingerprint", images.fingerprint);
    ac_inspect_put(out, "sample", ac_inspect_texts(&sample, AC_INSPECT_SAMPLE));
out:
    ac_image_source_free(&images);
    ac_texts_free(&sample);
    ac_buffer_free(&location);
    free(file);
    return st;
}

ac_status
ac_inspect_folder(json_t *out, const char *path)
{
    json_t *manifest = load_json(path, "manifest.json"),
           *config = load_json(path, "config.json"),
           *open_clip = load_json(path, AC_OPEN_CLIP_CONFIG),
           *tokenizer = load_json(path, "tokenizer.json");
    const char *type = json_string_value(json_object_get(config, "model_type"));
    ac_status st;

    type = !type && open_clip ? "clip" : type;
    if (json_object_get(manifest, "cache"))
        st = inspect_cache(out, path);
    else if (manifest)
        st = inspect_run(out, path);
    else if (type)
        st = inspect_model(out, path, type);
    else if (tokenizer) {
        ac_inspect_put_text(out, "kind", "tokenizer");
        st = ac_inspect_put_tokenizer(out, path, NULL);
    } else
        st = ac_inspect_images(out, path);
    json_decref(manifest);
    json_decref(config);
    json_decref(open_clip);
    json_decref(tokenizer);
    return st;
}

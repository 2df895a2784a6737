#include "jobs/runtime/sizing.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache_builder/cache.h"
#include "engine/base/memory.h"
#include "engine/training/bart_train.h"
#include "engine/generation/generate.h"
#include "io/checkpoint/clip_files.h"
#include "io/checkpoint/model_config.h"

#include "io/file/file_look.h"
#include "io/file/file_open.h"
#include "io/file/path.h"
#include "jobs/models/causal_model.h"

/* As the stages have them; measured where no formula says it (docs/CLUSTER.md). */
enum {
    PROGRAM_BYTES = 120 << 20, /* measured: 90 to 110 MB of a rank that does nothing */
    IMAGE_BATCH = 16,          /* images that CLIP computes together */
    VALUES_PER_TOKEN = 12,     /* of a layer's width that live at the same time */
    CHUNK_IMAGES = 64,         /* images that BART computes together */
    CHUNK_CANDIDATES = 2048,
    THUMBNAIL_BYTES = 6000,
    ENTRY_BYTES = 40, /* an entry's text with its offset */
};

static int64_t
least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Bytes of a file, or of the weights' files in a folder. */
static int64_t
weight_bytes(const char *path)
{
    struct stat info;
    struct dirent *entry;
    int64_t bytes = 0;
    DIR *d;

    if (ac_file_stat(path, &info) != 0)
        return 0;
    if (!S_ISDIR(info.st_mode))
        return info.st_size;
    if (!(d = ac_folder_open(path)))
        return 0;
    while ((entry = readdir(d))) {
        char *file = NULL;
        const char *dot = strrchr(entry->d_name, '.');
        if (dot && (strcmp(dot, ".safetensors") == 0 || strcmp(dot, ".bin") == 0) &&
            ac_path_format(&file, "%s/%s", path, entry->d_name) == AC_OK) {
            if (ac_file_stat(file, &info) == 0)
                bytes += info.st_size;
            free(file);
        }
    }
    closedir(d);
    return bytes;
}

ac_status
ac_sizing_add_clip(ac_sizing *self, const ac_config *config, unsigned towers)
{
    const ac_compute compute = ac_config_compute(config);
    ac_clip_files files;
    ac_clip_config c;
    int64_t tokens, work;
    ac_status st = ac_clip_files_open(&files, config->clip.model, config->clip.model_config);

    if (st != AC_OK)
        return st;
    c = files.config;
    ac_clip_files_close(&files);
    self->mapped += weight_bytes(config->clip.model);
    self->packed += (int64_t) ac_clip_packed_bytes(&c, &compute, towers);
    tokens = (c.image_size / c.patch_size) * (c.image_size / c.patch_size) + 1;
    work = IMAGE_BATCH * tokens * c.vision.hidden_size * VALUES_PER_TOKEN *
           (int64_t) sizeof(float);
    work += config->output.shard_items * (c.projection_dim * (int64_t) sizeof(float) +
                                          (config->output.thumbnails ? THUMBNAIL_BYTES : 0));
    self->work = work > self->work ? work : self->work;
    self->width = c.projection_dim;
    return AC_OK;
}

/* Are the weights stored in 16 bits? The backward pass then makes a copy in 32; of a file in 32
 * it takes the file's own. */
static bool
is_half(const char *model, const ac_bart_config *b)
{
    const ac_compute fp32 = { AC_BACKEND_NATIVE, AC_PRECISION_FP32 };

    return weight_bytes(model) < (int64_t) ac_bart_packed_bytes(b, &fp32) * 3 / 4;
}

/* Training: what the forward pass saves of a replica's batch, were every text as long as it may
 * be (a norm's input each, the projections of attention, the input of the activation:
 * engine/training/bart_train.h), and half as much again for what a layer needs meanwhile. */
static int64_t
training_bytes(const ac_config *config, const ac_bart_config *b)
{
    const int64_t C = b->d_model,
                  source = least(config->train.max_source_tokens, b->max_position_embeddings);
    const int64_t encoder = b->encoder_layers * (5 * C + b->encoder_ffn_dim),
                  decoder = b->decoder_layers * (9 * C + b->decoder_ffn_dim);

    return config->train.batch *
           (source * encoder + config->train.max_target_tokens * decoder) *
           (int64_t) sizeof(float) * 3 / 2;
}

ac_status
ac_sizing_add_bart(ac_sizing *self, const ac_config *config)
{
    const ac_compute compute = ac_config_compute(config);
    ac_bart_config b;
    ac_generation_config g = { 0 };
    int64_t images, slots, work;
    ac_status st = AC_OK;

    AC_TRY(ac_bart_config_load(&b, config->bart.model));
    AC_TRY(ac_generation_config_load(&g, config->bart.model));
    AC_TRY(ac_config_generation(config, &g));
    self->mapped += weight_bytes(config->bart.model);
    self->packed += (int64_t) ac_bart_packed_bytes(&b, &compute);
    images = least(least(CHUNK_IMAGES, config->output.shard_items),
                   CHUNK_CANDIDATES / g.num_return_sequences);
    images = images < 1 ? 1 : images;
    slots = images * (g.do_sample ? g.num_return_sequences * g.num_beams : g.num_beams);
    slots = least(slots, g.num_beams > AC_GENERATE_ROWS
                             ? g.num_beams
                             : AC_GENERATE_ROWS); /* ac_generate takes them in groups */
    work = b.decoder_layers * 2 * b.d_model * (int64_t) sizeof(float) *
           (slots * ac_generation_config_most(&g, 1, b.max_position_embeddings) +
            images * ac_config_max_tokens(config, b.max_position_embeddings));
    work += slots * (b.vocab_size + VALUES_PER_TOKEN * b.d_model) * (int64_t) sizeof(float);
    self->work = work > self->work ? work : self->work;
out:
    ac_generation_config_free(&g);
    return st;
}

ac_status
ac_sizing_add_bart_trainer(ac_sizing *self, const ac_config *config)
{
    const ac_compute compute = ac_config_compute(config);
    ac_bart_config b;
    int64_t work;
    ac_status st = AC_OK;

    AC_TRY(ac_bart_config_load(&b, config->bart.model));
    self->mapped += weight_bytes(config->bart.model);
    self->packed += (int64_t) ac_bart_packed_bytes(&b, &compute);
    work =
        training_bytes(config, &b) + (is_half(config->bart.model, &b)
                                          ? (int64_t) ac_bart_trainer_packed_bytes(&b, &compute)
                                          : 0);
    self->work = work > self->work ? work : self->work;
out:
    return st;
}

ac_status
ac_sizing_add_causal(ac_sizing *self, const ac_config *config, int64_t cache_bytes)
{
    const ac_compute compute = ac_config_compute(config);
    const char *model = config->story.model;
    ac_causal_config c;
    size_t packed;
    int64_t work, longest;
    ac_status st = AC_OK;

    AC_TRY(ac_causal_model_sizes(&c, &packed, model, &compute));
    longest = 2 * c.layers * c.key_heads * c.head_size * c.max_position_embeddings *
              (int64_t) sizeof(float);
    if (cache_bytes / longest > AC_GENERATE_ROWS)
        cache_bytes = AC_GENERATE_ROWS * longest;
    self->mapped += weight_bytes(model);
    self->packed += (int64_t) packed;
    work = cache_bytes +
           AC_GENERATE_ROWS *
               (c.vocab_size + VALUES_PER_TOKEN * c.hidden_size + 2 * c.intermediate_size) *
               (int64_t) sizeof(float);
    self->work = work > self->work ? work : self->work;
out:
    return st;
}

/* The entries of a cache, or lines of a text file; -1: not known. */
static int64_t
count_entries(const char *path)
{
    struct stat info;
    ac_cache cache = { 0 };
    int64_t entries = 0;
    FILE *f;
    int c;

    if (ac_file_stat(path, &info) != 0)
        return -1;
    if (S_ISDIR(info.st_mode)) {
        if (ac_cache_open(&cache, path) != AC_OK)
            return -1;
        entries = cache.entries;
        ac_cache_close(&cache);
    } else if (ac_file_open_stream(&f, path) == AC_OK) {
        while ((c = getc(f)) != EOF)
            entries += c == '\n';
        fclose(f);
    }
    return entries;
}

void
ac_sizing_add_cache(ac_sizing *self, const ac_config *config)
{
    ac_texts paths = { 0 };
    int64_t entries = 0;

    self->cache_known = ac_config_paths(config->cache.path, &paths) == AC_OK;
    for (int64_t i = 0; i < paths.count && self->cache_known; i++) {
        char *path = NULL;
        const int64_t count =
            ac_duplicate(&path, ac_texts_at(&paths, i), ac_texts_size(&paths, i)) == AC_OK
                ? count_entries(path)
                : -1;
        self->cache_known = count >= 0;
        entries += count;
        free(path);
    }
    ac_texts_free(&paths);
    if (!self->cache_known)
        return;
    self->cache = entries * (self->width * (int64_t) sizeof(float) * 3 / 2 +
                             ENTRY_BYTES); /* with the scan's copy, at most bf16 */
}

void
ac_sizing_init(ac_sizing *self)
{
    *self = (ac_sizing){ .program = PROGRAM_BYTES, .cache_known = true };
}

int64_t
ac_sizing_node_bytes(const ac_sizing *self, int64_t nodes, int64_t ranks_per_node)
{
    return self->mapped + self->packed + ranks_per_node * (self->work + self->program) +
           self->cache / nodes;
}

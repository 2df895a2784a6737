/* The command recaption: images of a run captioned again from their tables, each by itself,
 * with other settings if wanted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/kernels/kernel_set.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "jobs/cli/commands/commands.h"
#include "jobs/cli/options.h"
#include "jobs/caption/stages.h"
#include "jobs/job_table.h"
#include "jobs/runtime/models.h"
#include "jobs/runtime/run_view.h"
#include "jobs/cli/tools/tools.h"

static const ac_option options[] = {
    { "set", 0, "KEY=VALUE",
      "change a key of the run's config (generation.…, rescore.…, seed, bart.…); may be "
      "repeated" },
    { "shard", 0, "N", "look for the keys in this shard only" },
    { "probe", 0, NULL, "generate from an empty prompt first, to test models and machine" },
    { "unchecked", 0, NULL, "do not check the shards' checksums first" },
    { "threads", 0, "N", "threads (default: compute.threads, else the machine's cores)" },
    { NULL, 0, NULL, NULL },
};

typedef struct place {
    int64_t shard, row;
} place;

typedef struct recaptioner {
    ac_run_view run;
    ac_config config;
    ac_clip_model clip;
    ac_bart_model bart;
    ac_captioner captioner;
    int64_t loaded; /* the shard that captioner holds; -1: none */
    place *places;  /* [keys] */
} recaptioner;

static void
recaptioner_free(recaptioner *self)
{
    ac_captioner_free(&self->captioner);
    ac_clip_model_free(&self->clip);
    ac_bart_model_free(&self->bart);
    ac_run_view_close(&self->run);
    ac_config_free(&self->config);
    free(self->places);
}

static ac_status
open_run(recaptioner *self, const char *folder, const ac_arguments *a)
{
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_run_view_open(&self->run, folder, ac_job_table));
    if (strcmp(self->run.manifest.job, "caption") != 0)
        AC_FAIL(AC_E_ARG, "%s: a run of the job %s; recaption needs one of caption", folder,
                self->run.manifest.job);
    AC_TRY(ac_path_format(&path, "%s/config.yaml", folder));
    AC_TRY(ac_config_init(&self->config));
    AC_TRY(ac_config_read(&self->config, path));
    for (int i = 0; i < a->set_count; i++)
        if (strcmp(a->set[i].option->name, "set") == 0)
            AC_TRY(ac_config_set(&self->config, a->set[i].value));
out:
    free(path);
    return st;
}

static ac_status
open_models(recaptioner *self, int64_t threads)
{
    const ac_config *config = &self->config;
    ac_status st = AC_OK;

    ac_compute_init((int) threads);
    AC_TRY(ac_kernels_use(ac_kernel_set_names[config->compute.kernels]));
    AC_TRY(ac_models_open(config, AC_CLIP_TEXT, &self->clip, &self->bart));
    AC_TRY(ac_models_set_generation(&self->bart, config));
    st = ac_captioner_init(&self->captioner, &self->clip, &self->bart, config,
                           self->run.manifest.shard_items, NULL);
out:
    return st;
}

/* Where the keys lie, of images whose tables are there. shard: the only one to look in, or -1.
 */
static ac_status
find_keys(recaptioner *self, const char *const *keys, int n, int64_t shard, bool checked)
{
    const ac_item_walk_options walked = {
        .folder = self->run.folder,
        .manifest = &self->run.manifest,
        .stages = self->run.stages,
        .parts = AC_VIEW_KEYS | (checked ? AC_VIEW_TABLES : 0),
        .through = AC_STAGE_RETRIEVE + 1,
        .rows = true,
        .checked = checked,
        .share = shard,
        .shares = shard < 0 ? 0 : self->run.manifest.shard_count,
    };
    ac_item_walk walk = { 0 };
    ac_status st = AC_OK;
    bool found = n > 0;

    AC_TRY(ac_alloc(&self->places, n, sizeof *self->places));
    for (int k = 0; k < n; k++)
        self->places[k].shard = -1;
    AC_TRY(ac_item_walk_open(&walk, &walked));
    while (found) {
        AC_TRY(ac_item_walk_next(&walk, &found));
        for (int k = 0; found && k < n; k++)
            if (walk.key.size == strlen(keys[k]) &&
                memcmp(walk.key.bytes, keys[k], walk.key.size) == 0)
                self->places[k] = (place){ walk.shard, walk.row };
    }
out:
    ac_item_walk_close(&walk);
    return st;
}

static void
push_number(ac_buffer *b, const char *name, float x)
{
    ac_buffer_printf(b, ", \"%s\": ", name);
    ac_json_float(b, x);
}

/* Caption a row of the shard that is loaded, and print its line. */
static ac_status
caption_row(recaptioner *self, int64_t row)
{
    ac_captioner *c = &self->captioner;
    ac_buffer line = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_captioner_generate(c, row, 1));
    AC_TRY(ac_captioner_choose(c, row, 1));
    ac_buffer_push_text(&line, "{\"key\": ");
    ac_json_string(&line, ac_texts_at(&c->keys, row), ac_texts_size(&c->keys, row));
    ac_buffer_push_text(&line, ", \"caption\": ");
    ac_json_string(&line, ac_texts_at(&c->captions, c->captions.count - 1),
                   ac_texts_size(&c->captions, c->captions.count - 1));
    push_number(&line, "clip_score", c->clip_scores[row]);
    ac_buffer_push_text(&line, ", \"candidates\": [");
    for (int64_t i = c->offsets[row]; i < c->offsets[row + 1]; i++) {
        ac_buffer_push_text(&line, i > c->offsets[row] ? ", {\"text\": " : "{\"text\": ");
        ac_json_string(&line, ac_texts_at(&c->candidates, i), ac_texts_size(&c->candidates, i));
        push_number(&line, "clip_score", c->candidate_clip_scores[i]);
        push_number(&line, "score", c->candidate_scores[i]);
        ac_buffer_push_char(&line, '}');
    }
    ac_buffer_push_text(&line, "]}");
    AC_TRY(line.status);
    ac_json_put(&line);
out:
    ac_buffer_free(&line);
    return st;
}

static ac_status
refuse(const char *key)
{
    ac_buffer line = { 0 };
    ac_status st;

    ac_buffer_push_text(&line, "{\"key\": ");
    ac_json_text(&line, key);
    ac_buffer_push_text(&line, ", \"error\": \"no image of this key has retrieved entries\"}");
    if ((st = line.status) == AC_OK)
        ac_json_put(&line);
    ac_buffer_free(&line);
    return st;
}

static ac_status
load_shard(recaptioner *self, int64_t shard)
{
    char *embeddings = NULL, *tables = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_run_view_shard_path(&self->run, AC_STAGE_EMBED, shard, &embeddings));
    AC_TRY(ac_run_view_shard_path(&self->run, AC_STAGE_RETRIEVE, shard, &tables));
    st = ac_captioner_read(&self->captioner, embeddings, tables);
out:
    free(embeddings);
    free(tables);
    return st;
}

static ac_status
caption_keys(recaptioner *self, const char *const *keys, int n)
{
    int missing = 0;
    ac_status st = AC_OK;

    self->loaded = -1;
    for (int k = 0; k < n; k++) {
        const int64_t shard = self->places[k].shard;
        if (shard < 0) {
            missing++;
            AC_TRY(refuse(keys[k]));
            continue;
        }
        if (shard != self->loaded)
            AC_TRY(load_shard(self, shard));
        self->loaded = shard;
        AC_TRY(caption_row(self, self->places[k].row));
    }
    if (missing)
        st = ac_error_set(AC_E_ARG, "%s: %d of %d keys have no retrieved entries there",
                          self->run.folder, missing, n);
out:
    return st;
}

ac_status
ac_command_recaption(int argc, char **argv)
{
    ac_arguments a = { 0 };
    recaptioner r = { 0 };
    int64_t shard = -1, threads = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(stdout, "recaption RUN KEY… [--set KEY=VALUE]…",
                        "Captions images of a run again from their retrieved entries, one at a "
                        "time, and prints JSON lines. The run itself is not changed.",
                        options);
        goto out;
    }
    if (a.word_count < 1 || (a.word_count == 1 && !ac_arguments_has(&a, "probe")))
        AC_FAIL(AC_E_ARG,
                "a run folder and the keys of images are needed: antarctic recaption RUN KEY…");
    AC_TRY(open_run(&r, a.words[0], &a));
    AC_TRY(ac_arguments_int(&a, "shard", &shard, 0, r.run.manifest.shard_count - 1));
    threads =
        r.config.compute.threads ? r.config.compute.threads : sysconf(_SC_NPROCESSORS_ONLN);
    AC_TRY(ac_arguments_int(&a, "threads", &threads, 1, 4096));
    AC_TRY(find_keys(&r, a.words + 1, a.word_count - 1, shard,
                     !ac_arguments_has(&a, "unchecked")));
    AC_TRY(open_models(&r, threads));
    if (ac_arguments_has(&a, "probe")) {
        AC_TRY(ac_captioner_read_blank(&r.captioner));
        AC_TRY(caption_row(&r, 0));
    }
    st = caption_keys(&r, a.words + 1, a.word_count - 1);
out:
    recaptioner_free(&r);
    ac_arguments_free(&a);
    return st;
}

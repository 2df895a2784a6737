#include "jobs/cli/commands/recompute.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "io/config/config.h"
#include "io/file/checksum.h"
#include "io/file/file_look.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "jobs/caption/stages.h"
#include "jobs/cli/commands/job_process.h"
#include "jobs/cli/commands/recompute_folder.h"
#include "jobs/cli/commands/recompute_shards.h"
#include "jobs/cli/terminal.h"
#include "jobs/job_table.h"
#include "jobs/runtime/images.h"
#include "jobs/runtime/hash_log.h"
#include "jobs/runtime/tar_input.h"
#include "jobs/runtime/version.h"

enum { MOST_NAMED = 10 }; /* changed files that are named */

typedef struct recomputer {
    const ac_recompute *options;
    ac_run_view run;
    ac_config config;
    int64_t rows;          /* of all shards */
    int64_t drawn;         /* items */
    bool *chosen;          /* [shard_count]: shards that hold an item drawn */
    int64_t shards, items; /* chosen, and in them */
    int64_t troubles;
    char *folder; /* where they are made again */
} recomputer;

static void
recomputer_free(recomputer *self)
{
    ac_job_folder_remove(self->folder);
    ac_run_view_close(&self->run);
    ac_config_free(&self->config);
    free(self->chosen);
    free(self->folder);
}

static void
say(recomputer *self, const char *file, const char *what)
{
    self->troubles++;
    self->options->trouble(self->options->context, file, what);
}

/* ---- what is drawn ---- */

static ac_status
open_run(recomputer *self, const char *folder)
{
    const ac_manifest *m = &self->run.manifest;
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/DONE", folder));
    if (!ac_file_is_there(path))
        AC_FAIL(AC_E_ARG, "%s: only a finished run can be computed again, and there is no DONE",
                folder);
    free(path);
    path = NULL;
    AC_TRY(ac_run_view_open(&self->run, folder, ac_job_table));
    if (m->stage_count == 0 || strcmp(m->job, "train") == 0)
        AC_FAIL(AC_E_ARG, "%s: a run of %s has no items of its own that could be drawn", folder,
                m->job);
    if (m->generation_count > 1)
        AC_FAIL(AC_E_ARG,
                "%s: an updated run holds items that left its input, which cannot be computed "
                "again; a fresh run can",
                folder);
    for (int64_t s = 0; s < m->shard_count; s++)
        self->rows += m->stages[0].shards[s].rows;
    if (self->rows == 0)
        AC_FAIL(AC_E_ARG, "%s: it has no items", folder);
    AC_TRY(ac_path_format(&path, "%s/config.yaml", folder));
    AC_TRY(ac_config_init(&self->config));
    st = ac_config_read(&self->config, path);
out:
    free(path);
    return st;
}

static void
choose_row(recomputer *self, int64_t row)
{
    const ac_manifest *m = &self->run.manifest;
    int64_t s = 0;

    while (row >= m->stages[0].shards[s].rows)
        row -= m->stages[0].shards[s++].rows;
    self->shards += !self->chosen[s];
    self->items += self->chosen[s] ? 0 : m->stages[0].shards[s].rows;
    self->chosen[s] = true;
}

/* Different rows, as many as are wanted and there: the first of a shuffled list, by the seed.
 */
static ac_status
draw(recomputer *self)
{
    int64_t *rows = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&self->chosen, self->run.manifest.shard_count, sizeof *self->chosen));
    AC_TRY(ac_alloc(&rows, self->rows, sizeof *rows));
    self->drawn = self->options->items < self->rows ? self->options->items : self->rows;
    for (int64_t i = 0; i < self->rows; i++)
        rows[i] = i;
    for (int64_t i = 0; i < self->drawn; i++) {
        const double u = ac_random_uniform((uint64_t) self->options->seed, 0x7265636f,
                                           (uint32_t) i, (uint32_t) (i >> 32));
        const int64_t j = i + (int64_t) (u * (double) (self->rows - i)), row = rows[j];
        rows[j] = rows[i];
        choose_row(self, row);
    }
out:
    free(rows);
    return st;
}

/* ---- is the input what it was? ---- */

/* Item i of the input, by the hash of its bytes when the run read it. */
static ac_status
check_item(recomputer *self, const ac_image_source *images, int64_t i,
           const ac_image_hash *hashes, ac_buffer *bytes)
{
    ac_item_status status = { 0 };
    ac_buffer location = { 0 };
    char hex[33];
    ac_status st = AC_OK;

    if (!hashes[i].hex[0])
        return AC_OK;
    ac_buffer_reset(bytes);
    AC_TRY(ac_image_source_read(images, i, bytes, &status));
    ac_checksum_bytes(bytes->data, bytes->size, hex);
    if (status.reason == AC_GOOD && strcmp(hex, hashes[i].hex) == 0)
        goto out;
    AC_TRY(ac_image_source_locate(images, i, &location));
    say(self, location.data ? location.data : "?",
        "the input file is not what the run read: changed, or gone");
out:
    ac_buffer_free(&location);
    return st;
}

/* Of a run of images: those of the chosen shards, or, where names or sizes differ, all. */
static ac_status
check_images(recomputer *self)
{
    const ac_manifest *m = &self->run.manifest;
    ac_image_source images = { 0 };
    ac_image_hash *hashes = NULL;
    ac_buffer bytes = { 0 };
    bool is_tars, same;
    ac_status st = AC_OK;

    if (self->run.stages[0] != &ac_stage_embed || !ac_images_place(&self->config))
        return AC_OK;
    st = ac_tar_input_open_index(&images, &self->config, "input.path", self->run.folder,
                                 &is_tars);
    if (st == AC_OK && !is_tars)
        st = ac_images_open_input(&images, &self->config, NULL);
    if (st != AC_OK && st != AC_E_NOMEM) {
        say(self, ac_images_place(&self->config), ac_error_message());
        st = AC_OK;
        goto out;
    }
    AC_TRY(st);
    same = strcmp(images.fingerprint, m->input_fingerprint) == 0;
    AC_TRY(ac_alloc(&hashes, ac_manifest_numbers(m), sizeof *hashes));
    AC_TRY(ac_hash_log_read(self->run.folder, m->shard_items, hashes, ac_manifest_numbers(m)));
    for (int64_t i = 0; i < m->items && i < images.count && self->troubles < MOST_NAMED; i++)
        if (images.count == m->items && (!same || self->chosen[i / m->shard_items]))
            AC_TRY(check_item(self, &images, i, hashes, &bytes));
    if (!same && self->troubles == 0)
        say(self, ac_images_place(&self->config),
            images.count != m->items
                ? "the input has another number of images than the run had"
                : "names, sizes or captions of the input are not those that the run had");
out:
    ac_image_source_free(&images);
    ac_buffer_free(&bytes);
    free(hashes);
    return st;
}

/* ---- the comparison ---- */

static ac_status
compare_shard(recomputer *self, int stage, int64_t shard)
{
    const ac_stage_type *type = self->run.stages[stage];
    char *old = NULL, *new = NULL, found[33], what[400];
    ac_status st = AC_OK;

    AC_TRY(ac_run_view_shard_path(&self->run, stage, shard, &old));
    AC_TRY(
        ac_path_format(&new, "%s/%s/%05lld.h5", self->folder, type->folder, (long long) shard));
    if (ac_file_checksum(new, found) != AC_OK) {
        say(self, old, "it was not made again");
        goto out;
    }
    if (strcmp(found, self->run.manifest.stages[stage].shards[shard].checksum) == 0)
        goto out;
    AC_TRY(ac_recompute_difference(old, new, what, sizeof what));
    say(self, old, what);
out:
    free(old);
    free(new);
    return st;
}

/* The job itself makes what is missing in the folder. */
static ac_status
make_again(recomputer *self)
{
    const ac_manifest *m = &self->run.manifest;
    ac_buffer said = { 0 };
    int code = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_recompute_folder_make(&self->folder, &self->run, self->chosen));
    AC_TRY(ac_recompute_folder_run(self->folder, m->job, &code, &said));
    if (code != 0) {
        say(self, self->run.folder, said.data ? said.data : "the job could not be run again");
        goto out;
    }
    for (int s = 0; s < m->stage_count; s++)
        for (int64_t i = 0; i < m->shard_count; i++)
            if (self->chosen[i] && self->run.stages[s] && !self->run.stages[s]->temporary)
                AC_TRY(compare_shard(self, s, i));
out:
    ac_buffer_free(&said);
    return st;
}

/* ---- the line ---- */

/* Of all shards of the run: what was certified. */
static ac_status
hash_result(const recomputer *self, char hex[33])
{
    const ac_manifest *m = &self->run.manifest;
    ac_checksum sum = { 0 };
    const ac_status st = ac_checksum_init(&sum);

    if (st != AC_OK)
        return st;
    for (int s = 0; s < m->stage_count; s++)
        for (int64_t i = 0; i < m->shard_count; i++)
            if (!self->run.stages[s] || !self->run.stages[s]->temporary)
                ac_checksum_update(&sum, m->stages[s].shards[i].checksum, 33);
    ac_checksum_digest(&sum, hex);
    ac_checksum_free(&sum);
    return AC_OK;
}

static void
push_hash(ac_buffer *out, bool json, const char *name, const char *hash)
{
    if (!*hash)
        return;
    ac_buffer_printf(out, json ? ", \"%s\": \"%s\"" : " %s=%s", name, hash);
}

static void
push_hashes(const recomputer *self, ac_buffer *out, const char *result)
{
    const ac_manifest *m = &self->run.manifest;
    const bool json = self->options->json;

    push_hash(out, json, "clip", m->clip);
    push_hash(out, json, strcmp(m->job, "story") == 0 ? "model" : "bart", m->bart);
    push_hash(out, json, "cache", m->cache);
    push_hash(out, json, "config", m->config_fingerprint);
    push_hash(out, json, "input", m->input_fingerprint);
    push_hash(out, json, "result", result);
}

static ac_status
print_line(const recomputer *self)
{
    const ac_manifest *m = &self->run.manifest;
    const ac_compute compute = ac_config_compute(&self->config);
    const char *kernels = ac_compute_describe(&compute);
    ac_buffer out = { 0 };
    char result[33];
    ac_status st = hash_result(self, result);

    AC_TRY(st);
    if (self->options->json) {
        ac_buffer_printf(&out,
                         "{\"recomputed\": %lld, \"shards\": %lld, \"items\": %lld, \"of\": "
                         "%lld, \"seed\": %lld, \"equal\": %s, \"job\": \"%s\", \"version\": "
                         "\"%s\", \"made_by\": \"%s\", \"kernels\": \"%s\", \"precision\": "
                         "\"%s\"",
                         (long long) self->drawn, (long long) self->shards,
                         (long long) self->items, (long long) self->rows,
                         (long long) self->options->seed, self->troubles ? "false" : "true",
                         m->job, AC_VERSION, m->version, kernels, m->precision);
        push_hashes(self, &out, result);
        ac_buffer_push_char(&out, '}');
    } else {
        ac_buffer_printf(
            &out,
            "%s: antarctic %s computed %lld of %lld items of %s again (seed %lld; all %lld "
            "items "
            "of their %lld shard%s): %s; made by version %s, kernels %s, precision %s;",
            self->troubles ? "DIFFERS" : "CERTIFIED", AC_VERSION, (long long) self->drawn,
            (long long) self->rows, m->job, (long long) self->options->seed,
            (long long) self->items, (long long) self->shards, self->shards == 1 ? "" : "s",
            self->troubles ? "not the same" : "the same to the byte", m->version, kernels,
            m->precision);
        push_hashes(self, &out, result);
    }
    AC_TRY(out.status);
    if (self->options->json)
        ac_terminal_json(out.data, out.size);
    else
        ac_terminal_print("%s", out.data);
    ac_terminal_print("\n");
out:
    ac_buffer_free(&out);
    return st;
}

ac_status
ac_recompute_run(const ac_recompute *options, const char *folder)
{
    recomputer self = { .options = options };
    ac_status st = AC_OK;

    AC_TRY(open_run(&self, folder));
    AC_TRY(draw(&self));
    AC_TRY(check_images(&self));
    if (self.troubles == 0)
        AC_TRY(make_again(&self));
    st = print_line(&self);
out:
    recomputer_free(&self);
    return st;
}

/* verify: runs. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/file/checksum.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/hdf5/image_shard.h"
#include "io/hdf5/shard_file.h"
#include "jobs/cli/commands/verifier.h"
#include "jobs/job_table.h"
#include "jobs/runtime/manifest.h"
#include "jobs/runtime/run_view.h"

/* Counts inside a shard whose checksum is right: rows as recorded, and, where the shard names
 * rejected items, in = ok + rejected. */
static void
check_shard_counts(ac_verifier *self, const char *path, const ac_shard_record *r, int stage,
                   int64_t items, int64_t rows_before)
{
    const ac_shard_schema *schema = NULL;
    ac_h5_reader h5 = { 0 };
    ac_texts keys = { 0 }, rejected = { 0 };
    int64_t said = 0;

    if (ac_h5_open(&h5, path) != AC_OK) {
        ac_verifier_trouble_from_error(self, path);
        goto out;
    }
    schema = ac_shard_schema_read(&h5);
    if (!schema) {
        ac_verifier_trouble(self, path, "its attribute content does not say what it is");
    } else if (schema->keys == AC_NO_DATASET) {
        goto out; /* entries of a cache, whose rows verify_cache counts */
    } else if (ac_shard_read_texts(&h5, schema->keys, &keys) != AC_OK) {
        ac_verifier_trouble_from_error(self, path);
    } else if (keys.count != r->rows) {
        ac_verifier_trouble(self, path, "%lld rows, the manifest says %lld",
                            (long long) keys.count, (long long) r->rows);
    } else if (stage > 0 && r->rows != rows_before) {
        ac_verifier_trouble(self, path, "%lld rows, but the stage before it has %lld",
                            (long long) r->rows, (long long) rows_before);
    } else if (schema->rejected == AC_NO_DATASET) {
        goto out;
    } else if (ac_shard_read_texts(&h5, schema->rejected, &rejected) != AC_OK ||
               ac_shard_read_int_attribute(&h5, schema->items, &said) != AC_OK) {
        ac_verifier_trouble_from_error(self, path);
    } else if (rejected.count != r->bad || said != items || r->rows + r->bad != items) {
        ac_verifier_trouble(
            self, path,
            "%lld items in, but %lld rows + %lld rejected items (the manifest: %lld + %lld)",
            (long long) items, (long long) keys.count, (long long) rejected.count,
            (long long) r->rows, (long long) r->bad);
    }
out:
    ac_texts_free(&keys);
    ac_texts_free(&rejected);
    ac_h5_close(&h5);
}

static void
name_damage(void *context, const char *path)
{
    ac_verifier_trouble_from_error(context, path);
}

static ac_status
verify_shard(ac_verifier *self, const char *folder, const ac_manifest *m,
             const ac_stage_type *type, int stage, int64_t shard)
{
    ac_status st = AC_OK;
    const ac_shard_record *r = &m->stages[stage].shards[shard];
    const int64_t before = self->troubles;
    const bool is_images = type->schema && type->schema->kind == AC_SHARD_IMAGES;
    int64_t first, items;
    char *path = NULL, found[33];

    ac_manifest_shard_items(m, shard, &first, &items);
    AC_TRY(ac_path_format(&path, "%s/%s/%05lld.h5", folder, type->folder, (long long) shard));
    self->files++;
    st = ac_file_checksum(path, found);
    if (st == AC_E_NOMEM)
        goto out;
    if (st != AC_OK) {
        ac_verifier_trouble_from_error(self, path);
        st = AC_OK;
        goto out;
    }
    if (strcmp(found, r->checksum) != 0) {
        ac_verifier_trouble(
            self, path,
            "not what was published: checksum %s, recorded %s; the same command makes it again",
            found, r->checksum);
        if (is_images)
            st = ac_image_shard_check(path, r->rows, name_damage, self);
        goto out;
    }
    self->files--; /* counted by its kind */
    ac_verifier_check_file(self, path);
    if (self->troubles == before && type->schema) /* without one the checksum is all */
        check_shard_counts(self, path, r, stage, items,
                           stage ? m->stages[stage - 1].shards[shard].rows : 0);
    if (self->troubles == before && is_images)
        st = ac_image_shard_check(path, r->rows, name_damage, self);
out:
    free(path);
    return st;
}

/* The files for people and tools hold one line per item. */
static ac_status
verify_lines(ac_verifier *self, const char *folder)
{
    const struct {
        const char *name;
        bool jsonl;
        int64_t lines;
    } files[] = { { "captions.jsonl", true, self->ok },
                  { "tags.jsonl", true, self->ok },
                  { "keys.txt", false, self->ok },
                  { "preds.txt", false, self->ok },
                  { "bad_items.jsonl", true, self->bad } };
    ac_status st = AC_OK;
    char *path = NULL;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        int64_t lines;
        free(path);
        AC_TRY(ac_path_format(&path, "%s/%s", folder, files[i].name));
        if (!ac_file_is_there(path)) /* not of this job; DONE knows which must be there */
            continue;
        AC_TRY(ac_verifier_count_lines(self, path, files[i].jsonl, &lines));
        if (lines >= 0 && lines != files[i].lines)
            ac_verifier_trouble(self, path, "%lld lines, but the shards hold %lld",
                                (long long) lines, (long long) files[i].lines);
    }
out:
    free(path);
    return st;
}

static ac_status
verify_summary(ac_verifier *self, const char *folder)
{
    char *path = NULL;
    json_t *root;
    json_int_t items = -1, ok = -1, bad = -1;
    ac_status st = ac_path_format(&path, "%s/summary.json", folder);

    if (st == AC_OK && ac_file_is_there(path)) {
        root = json_load_file(path, 0, NULL);
        if (json_unpack(root, "{s:I, s:I, s:I}", "items", &items, "ok", &ok, "bad", &bad) !=
                0 ||
            items != self->items || ok != self->ok || bad != self->bad)
            ac_verifier_trouble(
                self, path,
                "says %lld items, %lld ok, %lld rejected; the shards hold %lld, %lld, %lld",
                (long long) items, (long long) ok, (long long) bad, (long long) self->items,
                (long long) self->ok, (long long) self->bad);
        json_decref(root);
    }
    free(path);
    return st;
}

static ac_status
verify_shards(ac_verifier *self, const ac_run_view *run, bool is_done, int64_t *undone)
{
    const ac_manifest *m = &run->manifest;
    ac_status st = AC_OK;

    for (int s = 0; s < m->stage_count; s++) {
        const ac_stage_type *type = run->stages[s];
        if (!type)
            ac_verifier_trouble(self, run->folder,
                                "this program does not know stage %s of the job %s",
                                m->stages[s].name, m->job);
        for (int64_t i = 0; i < m->shard_count && type; i++) {
            if (!m->stages[s].shards[i].done) {
                ++*undone;
                continue;
            }
            if (!(is_done && type->temporary))
                AC_TRY(verify_shard(self, run->folder, m, type, s, i));
            self->ok += s == 0 ? m->stages[s].shards[i].rows : 0;
            self->bad += s == 0 ? m->stages[s].shards[i].bad : 0;
        }
    }
out:
    return st;
}

ac_status
ac_verifier_check_run(ac_verifier *self, const char *folder, bool is_done)
{
    ac_status st = AC_OK;
    ac_run_view run = { 0 };
    const ac_manifest *m = &run.manifest;
    int64_t undone = 0, before = self->troubles;

    AC_TRY(ac_run_view_open(&run, folder, ac_job_table));
    self->items = m->items;
    AC_TRY(verify_shards(self, &run, is_done, &undone));
    snprintf(self->note, sizeof self->note, "run of %s, %lld of %lld shards done", m->job,
             (long long) (m->stage_count * m->shard_count - undone),
             (long long) (m->stage_count * m->shard_count));
    /* its shards hold what left the input, too: the list of items tells what counts */
    if (m->generation_count && self->troubles == before)
        AC_TRY(ac_run_view_count(&run, &self->ok, &self->bad));
    if (!is_done || (m->generation_count && self->troubles > before))
        goto out;
    if (undone)
        ac_verifier_trouble(self, folder,
                            "DONE is there, but %lld shards are not recorded as done",
                            (long long) undone);
    else if (self->ok + self->bad != self->items)
        ac_verifier_trouble(self, folder, "%lld items in, but %lld ok + %lld rejected",
                            (long long) self->items, (long long) self->ok,
                            (long long) self->bad);
    AC_TRY(verify_lines(self, folder));
    AC_TRY(verify_summary(self, folder));
out:
    ac_run_view_close(&run);
    return st;
}

/* verify: every checksum and every count of runs, caches, checkpoints and single files. Reads
 * only. Longer than 600 lines: each kind of thing is a function, and all tell one verifier. */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_builder/cache.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/checksum.h"
#include "io/file/file_head.h"
#include "io/file/file_look.h"
#include "io/file/io_failure.h"
#include "io/file/json_value.h"
#include "io/file/line_reader.h"
#include "io/hdf5/h5_check.h"
#include "io/hdf5/joined_file.h"
#include "io/hdf5/image_shard.h"
#include "io/hdf5/shard_file.h"
#include "io/file/json_write.h"
#include "io/checkpoint/npy.h"
#include "io/file/json_file.h"
#include "io/file/path.h"
#include "io/checkpoint/safetensors.h"
#include "jobs/cli/commands/commands.h"
#include "jobs/cli/commands/recompute.h"
#include "jobs/cli/options.h"
#include "jobs/cli/terminal.h"
#include "jobs/job_table.h"
#include "jobs/runtime/done.h"
#include "jobs/runtime/manifest.h"
#include "jobs/runtime/run_view.h"

static const ac_option options[] = {
    { "json", 0, NULL, "print JSON lines: one per problem, then one per path" },
    { "recompute", 0, "N",
      "draw N items of each run, compute the shards that hold them again from the inputs, "
      "compare them to the byte, and print a line to be quoted" },
    { "seed", 0, "S", "of the drawing (default: 0)" },
    { NULL, 0, NULL, NULL },
};

/* What was found below one of the paths given. */
typedef struct verifier {
    const char *root; /* the path given */
    bool json;
    int64_t files, troubles; /* looked at; off */
    int64_t items, ok, bad;  /* of a run */
    char note[200];          /* what it is, and how far it got */
} verifier;

static void __attribute__((format(printf, 3, 4)))
trouble(verifier *self, const char *file, const char *format, ...)
{
    char what[1200];
    ac_buffer line = { 0 };
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    self->troubles++;
    if (!self->json) {
        ac_terminal_print("FAILED  %s: %s\n", file, what);
        return;
    }
    ac_buffer_push_text(&line, "{\"file\": ");
    ac_json_text(&line, file);
    ac_buffer_push_text(&line, ", \"trouble\": ");
    ac_json_text(&line, what);
    ac_buffer_push_text(&line, "}\n");
    ac_terminal_json(line.data ? line.data : "", line.size);
    ac_buffer_free(&line);
}

/* The message of a failed call, without the file's name if it begins with it. */
static void
trouble_from_error(verifier *self, const char *file)
{
    const char *message = ac_error_message();
    const size_t n = strlen(file);

    trouble(self, file, "%s",
            strncmp(message, file, n) == 0 && strncmp(message + n, ": ", 2) == 0
                ? message + n + 2
                : message);
}

/* ---- single files ---- */
#define KINDS "(h5, safetensors, npy, json, jsonl, or a folder of ours)"

/* The file's own rules, where its kind has some. */
static void
check_by_kind(verifier *self, const char *path)
{
    ac_status st;

    if (ac_text_ends_with(path, ".h5")) {
        int64_t datasets;
        st = ac_h5_check(path, &datasets);
        if (st == AC_OK)
            st = ac_joined_check(path);
    } else if (ac_text_ends_with(path, ".safetensors")) {
        ac_safetensors file = { 0 };
        st = ac_safetensors_open(&file, path);
        ac_safetensors_close(&file);
    } else if (ac_text_ends_with(path, ".npy")) {
        ac_npy file = { 0 };
        st = ac_npy_open(&file, path);
        ac_npy_close(&file);
    } else if (ac_text_ends_with(path, ".json")) {
        json_t *root = NULL;
        st = ac_json_file_read(&root, path, 0);
        json_decref(root);
    } else if (path == self->root) {
        st = ac_head_check_file(path);
        if (st == AC_OK)
            st = ac_error_set(AC_E_FORMAT, "not a file of a kind that can be checked " KINDS);
    } else {
        return;
    }
    self->files++;
    if (st != AC_OK)
        trouble_from_error(self, path);
}

/* Lines of a file; -1: cannot be read (which is said). A last line without its end is off.
 * jsonl: each must be JSON. */
static ac_status
count_lines(verifier *self, const char *path, bool jsonl, int64_t *lines)
{
    ac_line_reader reader = { 0 };
    const char *line;
    size_t n;
    int64_t count = 0;
    ac_status st = AC_OK;

    *lines = -1;
    AC_TRY(ac_line_reader_open(&reader, path));
    for (;;) {
        AC_TRY(ac_line_reader_next(&reader, &line, &n));
        if (!line)
            break;
        count++;
        if (jsonl) {
            json_t *record = ac_json_parse(line, n, 0, NULL);
            if (!record)
                trouble(self, path, "line %lld is not JSON", (long long) count);
            json_decref(record);
        }
        if (reader.truncated)
            trouble(self, path, "its last line is truncated");
    }
    *lines = count;
out:
    ac_line_reader_close(&reader);
    if (st == AC_OK || st == AC_E_NOMEM)
        return st;
    trouble_from_error(self, path);
    return AC_OK;
}

/* ---- caches ---- */

static ac_status
verify_cache(verifier *self, const char *folder)
{
    ac_status st = AC_OK;
    ac_cache cache = { 0 };
    char *path = NULL, found[33];
    int64_t rows = 0;

    st = ac_cache_open(&cache, folder);
    if (st == AC_E_NOMEM)
        goto out;
    if (st != AC_OK) {
        trouble_from_error(self, folder);
        st = AC_OK;
        goto out;
    }
    for (int64_t i = 0; i < cache.shard_count; i++) {
        const int64_t from = rows;
        free(path);
        AC_TRY(ac_cache_shard_path(&path, folder, i));
        self->files++;
        rows += cache.shards[i].rows;
        st = ac_file_checksum(path, found);
        if (st != AC_OK) {
            trouble_from_error(self, path);
        } else if (strcmp(found, cache.shards[i].checksum) != 0) {
            trouble(self, path,
                    "not the file that was published: checksum %s, the manifest says %s", found,
                    cache.shards[i].checksum);
        } else { /* the checksum is right, so it can be opened: rows, width, finite values */
            ac_texts entries = { 0 };
            float *embeddings = NULL;
            st = ac_alloc(&embeddings, cache.shards[i].rows * cache.dimension,
                          sizeof *embeddings);
            if (st == AC_OK && (st = ac_cache_read_slice(&cache, from, cache.shards[i].rows,
                                                         embeddings, &entries)) != AC_OK)
                trouble_from_error(self, path);
            free(embeddings);
            ac_texts_free(&entries);
        }
        if (st == AC_E_NOMEM)
            goto out;
        st = AC_OK;
    }
    if (rows != cache.entries)
        trouble(self, folder, "%lld entries in the shards, the manifest says %lld",
                (long long) rows, (long long) cache.entries);
    snprintf(self->note, sizeof self->note, "cache of %lld entries", (long long) cache.entries);
out:
    ac_cache_close(&cache);
    free(path);
    return st;
}

/* ---- runs ---- */

/* Counts inside a shard whose checksum is right: rows as recorded, and, where the shard names
 * rejected items, in = ok + rejected. */
static void
check_shard_counts(verifier *self, const char *path, const ac_shard_record *r, int stage,
                   int64_t items, int64_t rows_before)
{
    const ac_shard_schema *schema = NULL;
    ac_h5_reader h5 = { 0 };
    ac_texts keys = { 0 }, rejected = { 0 };
    int64_t said = 0;

    if (ac_h5_open(&h5, path) != AC_OK) {
        trouble_from_error(self, path);
        goto out;
    }
    schema = ac_shard_schema_read(&h5);
    if (!schema) {
        trouble(self, path, "its attribute content does not say what it is");
    } else if (schema->keys == AC_NO_DATASET) {
        goto out; /* entries of a cache, whose rows verify_cache counts */
    } else if (ac_shard_read_texts(&h5, schema->keys, &keys) != AC_OK) {
        trouble_from_error(self, path);
    } else if (keys.count != r->rows) {
        trouble(self, path, "%lld rows, the manifest says %lld", (long long) keys.count,
                (long long) r->rows);
    } else if (stage > 0 && r->rows != rows_before) {
        trouble(self, path, "%lld rows, but the stage before it has %lld", (long long) r->rows,
                (long long) rows_before);
    } else if (schema->rejected == AC_NO_DATASET) {
        goto out;
    } else if (ac_shard_read_texts(&h5, schema->rejected, &rejected) != AC_OK ||
               ac_shard_read_int_attribute(&h5, schema->items, &said) != AC_OK) {
        trouble_from_error(self, path);
    } else if (rejected.count != r->bad || said != items || r->rows + r->bad != items) {
        trouble(
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
    trouble_from_error(context, path);
}

static ac_status
verify_shard(verifier *self, const char *folder, const ac_manifest *m,
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
        trouble_from_error(self, path);
        st = AC_OK;
        goto out;
    }
    if (strcmp(found, r->checksum) != 0) {
        trouble(
            self, path,
            "not what was published: checksum %s, recorded %s; the same command makes it again",
            found, r->checksum);
        if (is_images)
            st = ac_image_shard_check(path, r->rows, name_damage, self);
        goto out;
    }
    self->files--; /* counted by its kind */
    check_by_kind(self, path);
    if (self->troubles == before && type->schema) /* without one the checksum is all */
        check_shard_counts(self, path, r, stage, items,
                           stage ? m->stages[stage - 1].shards[shard].rows : 0);
    if (self->troubles == before && is_images)
        st = ac_image_shard_check(path, r->rows, name_damage, self);
out:
    free(path);
    return st;
}

static void
visit_result(void *context, const char *name, const char *what)
{
    verifier *self = context;

    self->files++;
    if (what)
        trouble(self, name, "%s; the same command makes it again", what);
}

/* The files for people and tools hold one line per item. */
static ac_status
verify_lines(verifier *self, const char *folder)
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
        AC_TRY(count_lines(self, path, files[i].jsonl, &lines));
        if (lines >= 0 && lines != files[i].lines)
            trouble(self, path, "%lld lines, but the shards hold %lld", (long long) lines,
                    (long long) files[i].lines);
    }
out:
    free(path);
    return st;
}

static ac_status
verify_summary(verifier *self, const char *folder)
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
            trouble(self, path,
                    "says %lld items, %lld ok, %lld rejected; the shards hold %lld, %lld, %lld",
                    (long long) items, (long long) ok, (long long) bad, (long long) self->items,
                    (long long) self->ok, (long long) self->bad);
        json_decref(root);
    }
    free(path);
    return st;
}

static ac_status
verify_shards(verifier *self, const ac_run_view *run, bool is_done, int64_t *undone)
{
    const ac_manifest *m = &run->manifest;
    ac_status st = AC_OK;

    for (int s = 0; s < m->stage_count; s++) {
        const ac_stage_type *type = run->stages[s];
        if (!type)
            trouble(self, run->folder, "this program does not know stage %s of the job %s",
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

static ac_status
verify_run(verifier *self, const char *folder, bool is_done)
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
        trouble(self, folder, "DONE is there, but %lld shards are not recorded as done",
                (long long) undone);
    else if (self->ok + self->bad != self->items)
        trouble(self, folder, "%lld items in, but %lld ok + %lld rejected",
                (long long) self->items, (long long) self->ok, (long long) self->bad);
    AC_TRY(verify_lines(self, folder));
    AC_TRY(verify_summary(self, folder));
out:
    ac_run_view_close(&run);
    return st;
}

/* ---- folders ---- */

static ac_status verify_path(verifier *self, const char *path);

/* A folder that is neither run nor cache (checkpoints, exports): each file by its own rules. */
static ac_status
verify_files(verifier *self, const char *folder)
{
    ac_status st = AC_OK;
    struct dirent **entries = NULL;
    char *path = NULL;
    int n = ac_folder_scan(folder, &entries, NULL);

    if (n < 0)
        return ac_error_set(errno == ENOMEM                      ? AC_E_NOMEM
                            : ac_io_failure(errno) == AC_E_RETRY ? AC_E_RETRY
                                                                 : AC_E_ARG,
                            "%s: cannot be read: %s", folder, strerror(errno));
    for (int i = 0; i < n && st == AC_OK; i++) {
        if (entries[i]->d_name[0] == '.' || strstr(entries[i]->d_name, ".tmp"))
            continue;
        st = ac_path_format(&path, "%s/%s", folder, entries[i]->d_name);
        if (st == AC_OK)
            st = verify_path(self, path);
        free(path);
        path = NULL;
    }
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    return st;
}

/* The caches that a run built from the texts of a list, each in a folder by its number. One of
 * a run at work may not be whole yet. */
static ac_status
verify_built_caches(verifier *self, const char *folder, bool is_done)
{
    struct dirent **entries = NULL;
    char *path = NULL, *manifest = NULL;
    const int n = ac_folder_scan(folder, &entries, NULL);
    ac_status st = AC_OK;

    if (n < 0)
        return errno == ENOENT
                   ? AC_OK
                   : ac_error_set(errno == ENOMEM ? AC_E_NOMEM : ac_io_failure(errno),
                                  "%s: cannot be read: %s", folder, strerror(errno));
    for (int i = 0; i < n && st == AC_OK; i++) {
        if (strspn(entries[i]->d_name, "0123456789") != strlen(entries[i]->d_name))
            continue;
        st = ac_path_format(&path, "%s/%s", folder, entries[i]->d_name);
        if (st == AC_OK)
            st = ac_path_format(&manifest, "%s/manifest.json", path);
        if (st == AC_OK && (is_done || ac_file_is_there(manifest)))
            st = verify_cache(self, path);
        free(path);
        free(manifest);
        path = manifest = NULL;
    }
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    return st;
}

static ac_status
verify_folder(verifier *self, const char *folder)
{
    ac_status st = AC_OK;
    char *manifest = NULL, *done = NULL, *cache = NULL, *caches = NULL, *checkpoints = NULL;
    json_t *root = NULL;
    bool is_done, is_known = false;

    AC_TRY(ac_path_format(&manifest, "%s/manifest.json", folder));
    AC_TRY(ac_path_format(&done, "%s/DONE", folder));
    AC_TRY(ac_path_format(&cache, "%s/cache/manifest.json", folder));
    AC_TRY(ac_path_format(&caches, "%s/caches", folder));
    AC_TRY(ac_path_format(&checkpoints, "%s/checkpoints", folder));
    is_done = ac_file_is_there(done);
    if (!ac_file_is_there(manifest) && !is_done) {
        st = verify_files(self, folder);
        goto out;
    }
    AC_TRY(ac_json_file_find(&root, manifest));
    if (!root)
        trouble(self, manifest, "not JSON: damaged, or gone");
    if ((is_known = json_is_array(json_object_get(root, "stages"))))
        AC_TRY(verify_run(self, folder, is_done));
    if (json_is_object(json_object_get(root, "cache"))) {
        is_known = true;
        AC_TRY(verify_cache(self, folder));
    }
    if (root && !is_known)
        AC_TRY(verify_files(self, folder));
    if (is_done)
        AC_TRY(ac_done_visit(folder, visit_result, self));
    if (ac_file_is_there(checkpoints))
        AC_TRY(verify_files(self, checkpoints));
    if (ac_file_is_there(cache) || ac_file_is_there(caches)) {
        char kept[sizeof self->note];
        memcpy(kept, self->note, sizeof kept);
        *strrchr(cache, '/') = '\0';
        if (ac_file_is_there(cache))
            AC_TRY(verify_cache(self, cache));
        AC_TRY(verify_built_caches(self, caches, is_done));
        memcpy(self->note, kept, sizeof kept);
    }
out:
    free(manifest);
    free(done);
    free(cache);
    free(caches);
    free(checkpoints);
    json_decref(root);
    return st;
}

static ac_status
verify_path(verifier *self, const char *path)
{
    struct stat info;

    if (ac_file_stat(path, &info) != 0) {
        trouble(self, path, "%s", strerror(errno));
        return AC_OK;
    }
    if (S_ISDIR(info.st_mode))
        return verify_folder(self, path);
    if (ac_text_ends_with(path, ".jsonl")) {
        int64_t lines;
        self->files++;
        return count_lines(self, path, true, &lines);
    }
    check_by_kind(self, path);
    return AC_OK;
}

static void
print_result(const verifier *self)
{
    ac_buffer line = { 0 };

    if (!self->json) {
        ac_terminal_print("%s  %s: %s%s%lld files checked, %lld failed",
                          self->troubles ? "FAILED" : "ok    ", self->root, self->note,
                          *self->note ? ", " : "", (long long) self->files,
                          (long long) self->troubles);
        if (self->items)
            ac_terminal_print("; %lld items in, %lld ok + %lld rejected%s",
                              (long long) self->items, (long long) self->ok,
                              (long long) self->bad,
                              self->ok + self->bad < self->items ? " so far" : "");
        ac_terminal_print("\n");
        return;
    }
    ac_buffer_push_text(&line, "{\"path\": ");
    ac_json_text(&line, self->root);
    ac_buffer_printf(&line,
                     ", \"ok\": %s, \"files\": %lld, \"troubles\": %lld, \"items\": %lld, "
                     "\"good\": %lld, \"bad\": %lld, \"note\": ",
                     self->troubles ? "false" : "true", (long long) self->files,
                     (long long) self->troubles, (long long) self->items, (long long) self->ok,
                     (long long) self->bad);
    ac_json_text(&line, self->note);
    ac_buffer_push_text(&line, "}\n");
    ac_terminal_json(line.data ? line.data : "", line.size);
    ac_buffer_free(&line);
}

/* An ac_recompute_trouble. */
static void
name_difference(void *context, const char *file, const char *what)
{
    trouble(context, file, "%s", what);
}

ac_status
ac_command_verify(int argc, char **argv)
{
    ac_arguments a = { 0 };
    ac_recompute recompute = { .trouble = name_difference };
    int64_t troubles = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(stdout, "verify PATH… [--json] [--recompute N]",
                        "Checks every checksum and every count of runs, caches, folders of "
                        "checkpoints and single files.",
                        options);
        goto out;
    }
    AC_TRY(ac_arguments_int(&a, "recompute", &recompute.items, 1, INT64_MAX));
    AC_TRY(ac_arguments_int(&a, "seed", &recompute.seed, 0, INT64_MAX));
    recompute.json = ac_arguments_has(&a, "json");
    if (a.word_count == 0)
        AC_FAIL(AC_E_ARG, "needs at least one path; --help shows the usage");
    for (int i = 0; i < a.word_count; i++) {
        verifier v = { .root = a.words[i], .json = ac_arguments_has(&a, "json") };
        AC_TRY(verify_path(&v, a.words[i]));
        if (v.files == 0 && v.troubles == 0)
            trouble(&v, a.words[i], "it holds nothing that can be checked");
        print_result(&v);
        if (recompute.items && v.troubles == 0) {
            recompute.context = &v;
            AC_TRY(ac_recompute_run(&recompute, a.words[i]));
        }
        troubles += v.troubles;
    }
    if (troubles)
        st = ac_error_set(AC_E_FORMAT, "%lld problem%s found", (long long) troubles,
                          troubles == 1 ? " is" : "s are");
out:
    ac_arguments_free(&a);
    return st;
}

/* verify: every checksum and every count of runs, caches, checkpoints and single files. Reads
 * only. */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_builder/cache.h"
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/checksum.h"
#include "io/file/file_look.h"
#include "io/file/io_failure.h"
#include "io/file/json_write.h"
#include "io/file/json_file.h"
#include "io/file/path.h"
#include "jobs/cli/commands/commands.h"
#include "jobs/cli/commands/recompute.h"
#include "jobs/cli/commands/verifier.h"
#include "jobs/cli/options.h"
#include "jobs/cli/terminal.h"
#include "jobs/runtime/done.h"

static const ac_option options[] = {
    { "json", 0, NULL, "print JSON lines: one per problem, then one per path" },
    { "recompute", 0, "N",
      "draw N items of each run, compute the shards that hold them again from the inputs, "
      "compare them to the byte, and print a line to be quoted" },
    { "seed", 0, "S", "of the drawing (default: 0)" },
    { NULL, 0, NULL, NULL },
};

/* ---- caches ---- */

static ac_status
verify_cache(ac_verifier *self, const char *folder)
{
    ac_status st = AC_OK;
    ac_cache cache = { 0 };
    char *path = NULL, found[33];
    int64_t rows = 0;

    st = ac_cache_open(&cache, folder);
    if (st == AC_E_NOMEM)
        goto out;
    if (st != AC_OK) {
        ac_verifier_trouble_from_error(self, folder);
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
            ac_verifier_trouble_from_error(self, path);
        } else if (strcmp(found, cache.shards[i].checksum) != 0) {
            ac_verifier_trouble(
                self, path,
                "not the file that was published: checksum %s, the manifest says %s", found,
                cache.shards[i].checksum);
        } else { /* the checksum is right, so it can be opened: rows, width, finite values */
            ac_texts entries = { 0 };
            float *embeddings = NULL;
            st = ac_alloc(&embeddings, cache.shards[i].rows * cache.dimension,
                          sizeof *embeddings);
            if (st == AC_OK && (st = ac_cache_read_slice(&cache, from, cache.shards[i].rows,
                                                         embeddings, &entries)) != AC_OK)
                ac_verifier_trouble_from_error(self, path);
            free(embeddings);
            ac_texts_free(&entries);
        }
        if (st == AC_E_NOMEM)
            goto out;
        st = AC_OK;
    }
    if (rows != cache.entries)
        ac_verifier_trouble(self, folder, "%lld entries in the shards, the manifest says %lld",
                            (long long) rows, (long long) cache.entries);
    snprintf(self->note, sizeof self->note, "cache of %lld entries", (long long) cache.entries);
out:
    ac_cache_close(&cache);
    free(path);
    return st;
}

/* ---- folders ---- */

static void
visit_result(void *context, const char *name, const char *what)
{
    ac_verifier *self = context;

    self->files++;
    if (what)
        ac_verifier_trouble(self, name, "%s; the same command makes it again", what);
}

static ac_status verify_path(ac_verifier *self, const char *path);

/* A folder that is neither run nor cache (checkpoints, exports): each file by its own rules. */
static ac_status
verify_files(ac_verifier *self, const char *folder)
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
verify_built_caches(ac_verifier *self, const char *folder, bool is_done)
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
verify_folder(ac_verifier *self, const char *folder)
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
        ac_verifier_trouble(self, manifest, "not JSON: damaged, or gone");
    if ((is_known = json_is_array(json_object_get(root, "stages"))))
        AC_TRY(ac_verifier_check_run(self, folder, is_done));
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
verify_path(ac_verifier *self, const char *path)
{
    struct stat info;

    if (ac_file_stat(path, &info) != 0) {
        ac_verifier_trouble(self, path, "%s", strerror(errno));
        return AC_OK;
    }
    if (S_ISDIR(info.st_mode))
        return verify_folder(self, path);
    if (ac_text_ends_with(path, ".jsonl")) {
        int64_t lines;
        self->files++;
        return ac_verifier_count_lines(self, path, true, &lines);
    }
    ac_verifier_check_file(self, path);
    return AC_OK;
}

static void
print_result(const ac_verifier *self)
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
    ac_verifier_trouble(context, file, "%s", what);
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
        ac_verifier v = { .root = a.words[i], .json = ac_arguments_has(&a, "json") };
        AC_TRY(verify_path(&v, a.words[i]));
        if (v.files == 0 && v.troubles == 0)
            ac_verifier_trouble(&v, a.words[i], "it holds nothing that can be checked");
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

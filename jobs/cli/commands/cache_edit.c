/* antarctic cache-edit: a new cache from another, of which nothing is embedded again. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_builder/edit.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/retrieval/index.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "jobs/cache/build.h"
#include "jobs/cache/embed.h"
#include "jobs/cli/commands/commands.h"
#include "jobs/cli/options.h"
#include "jobs/cli/tools/tools.h"
#include "jobs/models/clip_model.h"

static const ac_option options[] = {
    { "remove", 0, "FILE", "entries that leave, one per line" },
    { "merge", 0, "CACHE", "entries of this cache that are not there yet join" },
    { "add", 0, "FILE", "entries that join and are embedded, one per line" },
    { "out", 0, "NEW", "the new cache's folder" },
    { "model", 0, "DIR", "with --add: the CLIP model (default: where the cache's lay)" },
    { "vocabulary", 0, "FILE", "that model's vocabulary, where it is not beside the model" },
    AC_TOOL_COMPUTE_OPTIONS,
    { NULL, 0, NULL, NULL },
};

typedef struct editor {
    const ac_arguments *a;
    const char *out, *add;
    ac_cache cache, merged;
    ac_texts removed, added;
    ac_cache_edit edit;
    float *embeddings; /* of the entries that are added */
    int64_t cut;
} editor;

static void
editor_free(editor *self)
{
    ac_cache_edit_free(&self->edit);
    ac_cache_close(&self->cache);
    ac_cache_close(&self->merged);
    ac_texts_free(&self->removed);
    ac_texts_free(&self->added);
    free(self->embeddings);
}

static ac_status
read_all(editor *self)
{
    const char *remove = ac_arguments_get(self->a, "remove"),
               *merge = ac_arguments_get(self->a, "merge");
    ac_cache_edit *edit = &self->edit;
    ac_status st = AC_OK;

    AC_TRY(ac_cache_open(&self->cache, self->a->words[0]));
    edit->cache = &self->cache;
    edit->shard_items = AC_CACHE_SHARD_ITEMS;
    if (merge) {
        AC_TRY(ac_cache_open(&self->merged, merge));
        edit->merged = &self->merged;
    }
    if (remove) {
        AC_TRY(ac_cache_read_entries(remove, &self->removed));
        edit->removed = &self->removed;
    }
    if (self->add) {
        AC_TRY(ac_cache_read_entries(self->add, &self->added));
        edit->added = &self->added;
    }
    AC_TRY(ac_cache_edit_plan(edit));
    if (edit->unknown)
        ac_log(AC_LOG_WARNING,
               "%s: %lld of its lines are no entry of the cache; the first: %.*s", remove,
               (long long) edit->unknown,
               (int) ac_texts_size(&self->removed, edit->first_unknown),
               ac_texts_at(&self->removed, edit->first_unknown));
out:
    return st;
}

static ac_status
embed(editor *self)
{
    const ac_texts *fresh = &self->edit.fresh;
    ac_clip_options o = { .model = ac_arguments_get(self->a, "model"),
                          .vocabulary = ac_arguments_get(self->a, "vocabulary"),
                          .towers = AC_CLIP_TEXT,
                          .need_tokenizer = true };
    ac_clip_model clip = { 0 };
    int64_t bad;
    ac_status st = AC_OK;

    if (fresh->count == 0)
        return AC_OK;
    AC_TRY(ac_tool_compute(self->a, &o.compute));
    if (!o.model)
        o.model = self->cache.model_path;
    AC_TRY(ac_clip_model_open(&clip, &o));
    AC_TRY(ac_cache_check_model(&self->cache, clip.text_fingerprint, clip.path,
                                clip.net.config.projection_dim));
    AC_TRY(ac_alloc_aligned(&self->embeddings, fresh->count * self->cache.dimension,
                            sizeof *self->embeddings));
    AC_TRY(ac_clip_model_embed_texts(&clip, self->embeddings, fresh, 0, fresh->count,
                                     self->cache.prefix, &self->cut));
    if (!ac_embeddings_check(self->embeddings, fresh->count, self->cache.dimension, &bad))
        AC_FAIL(AC_E_FORMAT, "%s: the embedding of \"%.*s\" is not finite", self->add,
                (int) ac_texts_size(fresh, bad), ac_texts_at(fresh, bad));
out:
    ac_clip_model_free(&clip);
    return st;
}

/* Nothing stands there, or an empty folder, which the new one replaces. */
static ac_status
check_out(const char *out)
{
    struct stat info;
    int64_t inside = 0;
    DIR *d;
    ac_status st = AC_OK;

    if (lstat(out, &info) != 0)
        return errno == ENOENT
                   ? AC_OK
                   : ac_error_set(ac_io_failure(errno), "%s: cannot be accessed: %s", out,
                                  strerror(errno));
    d = S_ISDIR(info.st_mode) ? ac_folder_open(out) : NULL;
    for (struct dirent *entry; d && (st = ac_folder_next(&entry, d, out)) == AC_OK && entry;)
        inside += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (st == AC_OK && (!d || inside))
        st = ac_error_set(AC_E_ARG, "%s: is there already: --out names a new folder", out);
    if (d)
        closedir(d);
    return st;
}

static void
remove_unfinished(const char *folder)
{
    if (ac_remove_files(folder, "shards", false) != AC_OK ||
        ac_remove_files(folder, ".", false) != AC_OK)
        (void) rmdir(folder); /* what cannot be removed stays, and harms nothing */
}

/* A killed call leaves its folder NEW.tmp.HOST.PID. The same host's are removed; another host's
 * may be at work. */
static ac_status
remove_left_over(const char *out)
{
    const char *slash = strrchr(out, '/'), *name = slash ? slash + 1 : out;
    char *folder = NULL, *start = NULL, *path = NULL;
    struct dirent *entry;
    DIR *d = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&folder, "%.*s", slash ? (int) (slash - out) + 1 : 1,
                          slash ? out : "."));
    AC_TRY(ac_path_format(&start, "%s.tmp.", name));
    if (!(d = ac_folder_open(folder)))
        goto out; /* making the new one says what is the matter */
    for (;;) {
        AC_TRY(ac_folder_next(&entry, d, folder));
        if (!entry)
            break;
        if (strncmp(entry->d_name, start, strlen(start)) != 0)
            continue;
        AC_TRY(ac_path_format(&path, "%s/%s", folder, entry->d_name));
        if (ac_publish_is_left_over(entry->d_name + strlen(start))) {
            remove_unfinished(path);
            ac_log(AC_LOG_INFO, "%s: of an earlier call that was killed: removed", path);
        } else {
            ac_log(AC_LOG_WARNING,
                   "%s: another cache-edit is at work there, or was killed on another host",
                   path);
        }
        free(path);
        path = NULL;
    }
out:
    if (d)
        closedir(d);
    free(folder);
    free(start);
    free(path);
    return st;
}

/* Into a folder beside it, which gets the name when it is whole. */
static ac_status
write_cache(const editor *self)
{
    char *folder = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_publish_temporary_folder(&folder, self->out));
    if (mkdir(folder, 0777) != 0)
        AC_FAIL(ac_io_failure(errno), "%s: the folder cannot be made: %s", folder,
                strerror(errno));
    st = ac_cache_edit_write(&self->edit, self->embeddings, self->add ? self->add : "",
                             self->cut, AC_COMPRESSION_ZSTD, folder);
    if (st == AC_OK)
        st = ac_publish_rename(folder, self->out);
    if (st == AC_OK)
        goto out;
    remove_unfinished(folder); /* the failure stands */
out:
    free(folder);
    return st;
}

/* Each names one thing; the folder without slashes behind its name. */
static ac_status
read_options(const ac_arguments *a, char **out)
{
    static const char *const single[] = { "remove", "merge", "add" };
    const char *given;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_need(a, "out", &given));
    AC_TRY(ac_duplicate(out, given, strlen(given)));
    for (size_t n = strlen(*out); n > 1 && (*out)[n - 1] == '/';)
        (*out)[--n] = '\0';
    for (size_t i = 0; i < sizeof single / sizeof *single; i++)
        AC_TRY(ac_arguments_once(a, single[i]));
    if (!ac_arguments_has(a, "remove") && !ac_arguments_has(a, "merge") &&
        !ac_arguments_has(a, "add"))
        st = ac_error_set(AC_E_ARG, "cache-edit needs --remove, --merge or --add");
out:
    return st;
}

static ac_status
run(const ac_arguments *a, const char *out)
{
    editor e = { .a = a, .out = out, .add = ac_arguments_get(a, "add") };
    const ac_cache_edit *edit = &e.edit;
    ac_status st = AC_OK;

    AC_TRY(check_out(out));
    AC_TRY(remove_left_over(out));
    AC_TRY(read_all(&e));
    AC_TRY(embed(&e));
    AC_TRY(write_cache(&e));
    ac_log(AC_LOG_INFO,
           "%s: %lld entries: %lld kept, %lld merged, %lld added and embedded; %lld removed; "
           "%lld were there already",
           out, (long long) (edit->kept + edit->joined + edit->fresh.count),
           (long long) edit->kept, (long long) edit->joined, (long long) edit->fresh.count,
           (long long) edit->dropped, (long long) edit->repeated);
out:
    editor_free(&e);
    return st;
}

ac_status
ac_command_cache_edit(int argc, char **argv)
{
    ac_arguments a = { 0 };
    char *out = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(
            stdout, "cache-edit CACHE [--remove FILE] [--merge CACHE] [--add FILE] --out NEW",
            "Makes a new cache: CACHE without the entries of --remove, then those of --merge "
            "(which --remove concerns too) and those of --add that are not there yet. Only "
            "what "
            "is added is embedded; CACHE stays as it is. Many new entries are embedded faster "
            "by build-cache, on all ranks, and merged then.",
            options);
        goto out;
    }
    if (a.word_count != 1)
        AC_FAIL(AC_E_ARG, "cache-edit needs one cache; cache-edit --help shows the usage");
    AC_TRY(read_options(&a, &out));
    st = run(&a, out);
out:
    free(out);
    ac_arguments_free(&a);
    return st;
}

#include "jobs/runtime/tar_input.h"

#include <errno.h>
#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/heartbeat.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/source/place_list.h"
#include "io/source/tar_images.h"
#include "io/source/tar_notes.h"
#include "io/source/tar_scan.h"
#include "io/source/tar_unpack.h"
#include "jobs/runtime/attempt.h"
#include "jobs/runtime/memory_limit.h"
#include "jobs/runtime/share_images.h"
#include "jobs/runtime/visible.h"

/* What the ranks open together. */
typedef struct opener {
    const ac_comm *comm;
    const ac_config *config;
    const ac_tar_input *input;
    ac_tar_options options;
    ac_tar_inputs tars;
    char prefix[16]; /* of this part's own files */
    char *index;     /* its path */
    bool finished;   /* the run is, and its index is of these tars: nothing will be read */
    char **plain;    /* [tars.count], owned: of compressed ones the plain tar; NULL: itself */
} opener;

static void
opener_free(opener *self)
{
    for (int64_t t = 0; self->plain && t < self->tars.count; t++)
        free(self->plain[t]);
    free(self->plain);
    free(self->index);
    ac_tar_inputs_free(&self->tars);
}

static ac_tar_options
options_of(const ac_config *config, bool captioned, ac_heartbeat *heartbeat)
{
    return (ac_tar_options){ .grouping = (ac_tar_grouping) config->input.grouping,
                             .prefix = (ac_tar_prefix) config->input.key_prefix,
                             .all_pages = config->input.pages == AC_PAGES_ALL,
                             .captioned = captioned,
                             .captions = config->input.captions,
                             .skip = config->input.skip,
                             .heartbeat = heartbeat };
}

/* ---- which tars ---- */

static ac_status
make_folder(const opener *self)
{
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/tars", self->input->folder));
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        st = ac_error_set(ac_io_failure(errno), "%s: the folder cannot be made: %s", path,
                          strerror(errno));
out:
    free(path);
    return st;
}

static int
remove_half_file(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void) info;
    if (kind == FTW_F && strstr(path + walk->base, ".tmp."))
        unlink(path);
    return 0;
}

/* What killed processes left half written. Parts leave it to the last run: their neighbours are
 * at work. */
static void
remove_half_files(const opener *self)
{
    char *path = NULL;

    if (!self->prefix[0] && ac_path_format(&path, "%s/tars", self->input->folder) == AC_OK)
        nftw(path, remove_half_file, 16, FTW_PHYS);
    free(path);
}

static ac_status
refuse_compressed(const opener *self)
{
    const int64_t t = self->tars.first_compressed;

    if (t < 0 || self->input->compressed)
        return AC_OK;
    return ac_error_set(
        AC_E_ARG,
        "%s: %s is a compressed tar, which cannot be read at random: `antarctic "
        "ingest` makes an image dataset of such; or unpack it to a plain .tar",
        self->input->what, self->tars.tars[t].path);
}

/* Rank 0. */
static ac_status
find(opener *self, const ac_config *config)
{
    const char *what = self->input->what;
    char *dataset = NULL;
    bool is_dataset;
    ac_status st = AC_OK;

    AC_TRY(ac_tar_captions_check(config->input.captions));
    AC_TRY(ac_place_dataset_find(self->input->path, what, &is_dataset, &dataset));
    if (!is_dataset)
        AC_TRY(ac_tar_inputs_find(&self->tars, self->input->path, what, config->input.skip));
    if (self->tars.count == 0)
        goto out;
    AC_TRY(refuse_compressed(self));
    st = make_folder(self);
    if (st == AC_OK)
        remove_half_files(self);
out:
    free(dataset);
    return st;
}

/* What another rank has published, or made. */
static ac_status
await(const opener *self, const char *path)
{
    return ac_visible_wait(path, self->config, self->comm->heartbeat);
}

/* The folder that rank 0 has made, in which this rank makes files. */
static ac_status
await_folder(const opener *self)
{
    char *path = NULL;
    ac_status st = ac_path_format(&path, "%s/tars", self->input->folder);

    if (st == AC_OK)
        st = await(self, path);
    free(path);
    return st;
}

static ac_status
share_all(opener *self)
{
    int64_t compressed = self->tars.first_compressed;
    ac_status st = AC_OK;

    ac_broadcast_bytes_all(self->comm, &compressed, sizeof compressed, 0);
    AC_TRY(ac_broadcast_texts_all(self->comm, &self->tars.texts, 0));
    if (self->comm->rank != 0)
        st = ac_tar_inputs_take(&self->tars);
    self->tars.first_compressed = compressed;
    AC_TRY(ac_agree_all(self->comm, st));
    st = ac_path_format(&self->index, "%s/tars/%s%s.index", self->input->folder, self->prefix,
                        self->input->what);
    if (st == AC_OK)
        st = await_folder(self);
    st = ac_agree_all(self->comm, st);
out:
    return st;
}

/* ---- compressed tars ---- */

static ac_status
make_folders_of(char *path, size_t from)
{
    for (char *slash = strchr(path + from, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            return ac_error_set(ac_io_failure(errno), "%s: the folder cannot be made: %s", path,
                                strerror(errno));
        *slash = '/';
    }
    return AC_OK;
}

/* Was the plain tar made of the compressed one as it is now? It has its time. */
static bool
is_made(const char *plain, const char *tar)
{
    struct stat a, b;

    return ac_file_stat(plain, &a) == 0 && ac_file_stat(tar, &b) == 0 &&
           a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

static ac_status
unpack(const ac_tar_place *tar, const char *plain, int64_t memory)
{
    ac_buffer damage = { 0 };
    ac_status st = AC_OK;

    if (!is_made(plain, tar->path))
        st = ac_tar_unpack(tar->path, plain, memory, &damage);
    if (st == AC_OK && damage.size)
        ac_log(AC_LOG_WARNING, "%s", damage.data);
    ac_buffer_free(&damage);
    return st;
}

/* Rank 0. Of a run that is finished the plain tars are gone: an index of compressed ones that
 * are as they were will do. */
static bool
is_finished(const opener *self)
{
    ac_tar_index index;
    char *done = NULL;
    bool is = false;

    if (ac_path_format(&done, "%s/DONE", self->input->folder) == AC_OK &&
        ac_file_is_there(done) && ac_tar_index_open(&index, self->index) == AC_OK) {
        is = index.head->tars == self->tars.count &&
             index.head->options == ac_tar_options_hash(&self->options);
        for (int64_t t = 0; is && t < self->tars.count; t++) {
            const ac_tar_record *r = &index.tars[t];
            struct stat info;
            is = strcmp(ac_tar_index_name(&index, t), self->tars.tars[t].name) == 0 &&
                 ac_file_stat(self->tars.tars[t].given, &info) == 0 &&
                 info.st_mtim.tv_sec == r->seconds && info.st_mtim.tv_nsec == r->nanoseconds;
        }
        ac_tar_index_close(&index);
    }
    free(done);
    return is;
}

/* Each rank unpacks some. From then on a tar's path is the plain one's. */
static ac_status
unpack_all(opener *self)
{
    int64_t finished;
    ac_status st = AC_OK;

    if (self->tars.first_compressed < 0)
        return AC_OK;
    finished = self->comm->rank == 0 && is_finished(self);
    ac_broadcast_bytes_all(self->comm, &finished, sizeof finished, 0);
    self->finished = finished;
    if (finished)
        return AC_OK;
    AC_TRY(ac_agree_all(self->comm,
                        ac_alloc(&self->plain, self->tars.count, sizeof *self->plain)));
    for (int64_t t = 0; t < self->tars.count && st == AC_OK; t++) {
        ac_tar_place *tar = &self->tars.tars[t];
        const char *name = tar->name + (tar->name[0] == '/');
        bool compressed = false;
        st = ac_tar_is_compressed(tar->path, self->input->what, &compressed);
        if (st != AC_OK || !compressed)
            continue;
        st = ac_path_format(&self->plain[t], "%s/tars/plain/%s", self->input->folder, name);
        if (st == AC_OK && t % self->comm->size == self->comm->rank) {
            ac_heartbeat_beat(self->comm->heartbeat);
            st = make_folders_of(self->plain[t], strlen(self->input->folder) + 1);
            if (st == AC_OK)
                st = unpack(tar, self->plain[t],
                            ac_memory_for_task(self->comm, self->config->limits.memory,
                                               self->tars.count));
        }
        tar->path = self->plain[t];
    }
    AC_TRY(ac_agree_all(self->comm, st));
    for (int64_t t = 0; t < self->tars.count && st == AC_OK; t++)
        if (self->plain[t])
            st = await(self, self->plain[t]);
    st = ac_agree_all(self->comm, st);
out:
    return st;
}

static int
remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void) info;
    (void) kind;
    (void) walk;
    return remove(path);
}

void
ac_tar_input_remove_plain(const char *folder)
{
    char *path = NULL;

    if (ac_path_format(&path, "%s/tars/plain", folder) == AC_OK && ac_file_is_there(path))
        nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}

/* ---- the index ---- */

static ac_status
scan_path(const opener *self, int64_t tar, char **path)
{
    return ac_path_format(path, "%s/tars/%s%s.%06lld.scan", self->input->folder, self->prefix,
                          self->input->what, (long long) tar);
}

/* Is there a scan of the tar as it is now, from a start before? */
static bool
is_scanned(const opener *self, int64_t tar, const char *path)
{
    ac_tar_index scan;
    bool is = false;

    if (ac_file_is_there(path) && ac_tar_index_open(&scan, path) == AC_OK) {
        is = ac_tar_index_matches(&scan, &self->tars.tars[tar], 1, &self->options);
        ac_tar_index_close(&scan);
    }
    return is;
}

/* This rank's share of the tars. */
static ac_status
scan_share(const opener *self)
{
    char *path = NULL;
    ac_status st = AC_OK;

    for (int64_t t = self->comm->rank; t < self->tars.count; t += self->comm->size) {
        free(path);
        AC_TRY(scan_path(self, t, &path));
        if (!is_scanned(self, t, path))
            AC_TRY(ac_tar_scan(&self->tars.tars[t], &self->options, path));
        ac_heartbeat_beat(self->comm->heartbeat);
    }
out:
    free(path);
    return st;
}

static ac_status
merge_scans(const opener *self, const ac_tar_options *options)
{
    const int64_t n = self->tars.count;
    ac_tar_index *scans = NULL;
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&scans, n, sizeof *scans));
    for (int64_t t = 0; t < n; t++) {
        free(path);
        AC_TRY(scan_path(self, t, &path));
        AC_TRY(await(self, path));
        AC_TRY(ac_tar_index_open(&scans[t], path));
    }
    AC_TRY(ac_tar_index_merge(self->index, scans, n, options));
    for (int64_t t = 0; t < n; t++) {
        free(path);
        AC_TRY(scan_path(self, t, &path));
        unlink(path);
    }
out:
    for (int64_t t = 0; scans && t < n; t++)
        ac_tar_index_close(&scans[t]);
    free(scans);
    free(path);
    return st;
}

enum { NAMED = 5 };

/* Which of an index's tars are not what they were: the run may refuse them, and people want to
 * know which. */
static void
log_changes(const opener *self, const ac_tar_index *index)
{
    char why[200];
    int named = 0;

    for (int64_t t = 0; t < index->head->tars && named < NAMED; t++)
        if (!ac_tar_index_is_current(index, t, why)) {
            ac_log(AC_LOG_WARNING, "%s: %s is not the tar that was indexed: %s",
                   self->input->what, ac_tar_index_path(index, t), why);
            named++;
        }
}

/* What the run's manifest says of input.key_prefix's choice. */
static ac_tar_prefix
recorded_prefix(const opener *self)
{
    ac_tar_prefix prefix = AC_TAR_PREFIX_AUTO;
    char *path = NULL;
    json_t *root = NULL;
    const char *word;

    if (ac_path_format(&path, "%s/manifest.json", self->input->folder) == AC_OK)
        root = json_load_file(path, 0, NULL);
    word = json_string_value(json_object_get(
        root, strcmp(self->input->what, "input.validation") == 0 ? "validation_key_prefix"
                                                                 : "key_prefix"));
    if (word)
        prefix = strcmp(word, "tar") == 0 ? AC_TAR_PREFIX_TAR : AC_TAR_PREFIX_NONE;
    json_decref(root);
    free(path);
    return prefix;
}

/* Rank 0. Is the index that is there the one? Of an index of other tars input.key_prefix's
 * choice stays: keys that a run has once do not change. */
static bool
look_at_index(opener *self, ac_tar_options *merging)
{
    ac_tar_index index;
    bool matches;

    *merging = self->options;
    if (self->options.prefix == AC_TAR_PREFIX_AUTO)
        merging->keep_prefix = recorded_prefix(self);
    if (!ac_file_is_there(self->index) || ac_tar_index_open(&index, self->index) != AC_OK)
        return false;
    matches = ac_tar_index_matches(&index, self->tars.tars, self->tars.count, &self->options);
    if (!matches)
        log_changes(self, &index);
    if (self->options.prefix == AC_TAR_PREFIX_AUTO &&
        index.head->options == ac_tar_options_hash(&self->options))
        merging->keep_prefix = index.head->prefixed ? AC_TAR_PREFIX_TAR : AC_TAR_PREFIX_NONE;
    ac_tar_index_close(&index);
    return matches;
}

static ac_status
make_index_all(opener *self)
{
    ac_tar_options merging = self->options;
    int64_t matches = self->comm->rank == 0 && look_at_index(self, &merging);
    ac_status st = AC_OK;

    ac_broadcast_bytes_all(self->comm, &matches, sizeof matches, 0);
    if (matches)
        return AC_OK;
    if (self->comm->rank == 0)
        ac_log(AC_LOG_INFO, "%s: reading the headers of %lld tar%s", self->input->what,
               (long long) self->tars.count, self->tars.count == 1 ? "" : "s");
    AC_TRY(ac_agree_all(self->comm, scan_share(self)));
    st = ac_agree_all(self->comm, self->comm->rank == 0 ? merge_scans(self, &merging) : AC_OK);
out:
    return st;
}

/* ---- what they hold besides items ---- */

static ac_status
log_notes(const ac_image_source *images, const char *what)
{
    ac_tar_notes notes = { 0 };
    ac_texts lines = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_tar_notes_read(&notes, ac_tar_images_notes(images)));
    AC_TRY(ac_tar_notes_describe(&notes, &lines));
    ac_log(AC_LOG_INFO, "%s: %lld items in %lld tar%s", what, (long long) images->count,
           (long long) ac_tar_images_count(images),
           ac_tar_images_count(images) == 1 ? "" : "s");
    for (int64_t i = 0; i < lines.count; i++)
        ac_log(AC_LOG_INFO, "%s: %.*s", what, (int) ac_texts_size(&lines, i),
               ac_texts_at(&lines, i));
    if (ac_tar_images_prefixed(images))
        ac_log(AC_LOG_INFO,
               "%s: each key begins with its tar's name (input.key_prefix): keys come in more "
               "than one tar, or this was asked for",
               what);
out:
    ac_tar_notes_free(&notes);
    ac_texts_free(&lines);
    return st;
}

const char *
ac_tar_input_key_prefix(const ac_image_source *images)
{
    return !ac_tar_images_notes(images)     ? NULL
           : ac_tar_images_prefixed(images) ? "tar"
                                            : "none";
}

ac_status
ac_tar_input_push_json(const ac_image_source *images, ac_buffer *out)
{
    const char *notes = ac_tar_images_notes(images);

    if (notes)
        ac_buffer_printf(
            out, "  \"tars\": {\"count\": %lld, \"key_prefix\": \"%s\", \"notes\": %s},\n",
            (long long) ac_tar_images_count(images), ac_tar_input_key_prefix(images), notes);
    return out->status;
}

ac_status
ac_tar_input_open_alone(ac_image_source *images, const ac_config *config, const char *path,
                        const char *what, bool *is_tars)
{
    const ac_tar_options options = options_of(config, false, NULL);
    ac_tar_inputs tars = { 0 };
    char *dataset = NULL;
    bool is_dataset;
    ac_status st = AC_OK;

    *is_tars = false;
    AC_TRY(ac_place_dataset_find(path, what, &is_dataset, &dataset));
    if (!is_dataset)
        AC_TRY(ac_tar_inputs_find(&tars, path, what, config->input.skip));
    *is_tars = tars.count > 0;
    if (*is_tars) {
        AC_TRY(ac_tar_images_open_alone(images, &tars, &options));
        st = ac_place_list_select(images, path, what);
    }
out:
    free(dataset);
    ac_tar_inputs_free(&tars);
    return st;
}

ac_status
ac_tar_input_open_index(ac_image_source *images, const ac_config *config, const char *what,
                        const char *folder, bool *is_tars)
{
    const ac_tar_options options = options_of(config, false, NULL);
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/tars/%s.index", folder, what));
    *is_tars = ac_file_is_there(path);
    if (*is_tars) {
        AC_TRY(ac_tar_images_open(images, path, &options));
        st = ac_place_list_select(images, config->input.path, what);
    }
out:
    free(path);
    return st;
}

ac_status
ac_tar_input_open_all(ac_image_source *images, const ac_comm *comm, const ac_config *config,
                      const ac_tar_input *input, bool *is_tars)
{
    opener self = { .comm = comm, .config = config, .input = input };
    int64_t count;
    ac_status st = AC_OK;

    *is_tars = false;
    if (!input->path)
        return AC_OK;
    self.options = options_of(config, input->captioned, comm->heartbeat);
    ac_part_prefix(self.prefix, config);
    AC_TRY(ac_agree_all(comm, comm->rank == 0 ? find(&self, config) : AC_OK));
    count = self.tars.count;
    ac_broadcast_bytes_all(comm, &count, sizeof count, 0);
    if (count == 0)
        goto out;
    AC_TRY(share_all(&self));
    AC_TRY(unpack_all(&self));
    if (!self.finished)
        AC_TRY(make_index_all(&self));
    st = await(&self, self.index);
    if (st == AC_OK)
        st = ac_tar_images_open(images, self.index, &self.options);
    AC_TRY(ac_agree_all(comm, st));
    *is_tars = true;
    AC_TRY(ac_agree_all(comm, comm->rank == 0 ? log_notes(images, input->what) : AC_OK));
    st = ac_images_select_all(images, comm, config, input->path, input->what);
out:
    opener_free(&self);
    return st;
}

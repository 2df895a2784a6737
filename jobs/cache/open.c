#include "jobs/cache/open.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "io/file/file_look.h"
#include "io/file/io_failure.h"
#include "io/file/path.h"
#include "io/text/text_source.h"
#include "jobs/cache/build.h"
#include "jobs/cache/labels.h"
#include "jobs/runtime/progress.h"
#include "jobs/runtime/visible.h"

/* From the lines of a text file, in a run of its own. */
static ac_status
build_all(const ac_comm *comm, const ac_config *job, ac_clip_model *clip, char *path,
          const char *folder)
{
    ac_config config = *job; /* borrows its texts */

    config.input.path = path;
    config.output.shard_items = AC_CACHE_SHARD_ITEMS;
    return ac_build_cache_all(comm, &config, clip, folder);
}

/* Local: can this path be used? */
static ac_status
check_path(const ac_comm *comm, const ac_config *config, const char *path, char *is_text)
{
    struct stat info;

    if (ac_file_stat(path, &info) != 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? ac_error_set(AC_E_IO,
                                  "cache.path: %s: there is no such cache or text file", path)
                   : ac_error_set(ac_io_failure(errno), "cache.path: %s: cannot be read: %s",
                                  path, strerror(errno));
    *is_text = !S_ISDIR(info.st_mode);
    if (*is_text && config->compute.parts > 1)
        return ac_error_set(AC_E_ARG,
                            "cache.path: %s: parts of a run need a cache folder, which they "
                            "share: build it first (antarctic build-cache)",
                            path);
    if (*is_text && comm->rank == 0 && ac_text_source_is_tar(path))
        return ac_error_set(
            AC_E_FORMAT,
            "cache.path: %s: a tar, not a list of entries: build a cache of its "
            "texts first (antarctic build-cache)",
            path);
    if (!*is_text && config->retrieval.templates)
        return ac_error_set(AC_E_ARG,
                            "cache.path: %s: a cache, whose entries are embedded already; "
                            "retrieval.templates needs a text file with a label per line",
                            path);
    return AC_OK;
}

/* Local: a cache that the ranks have built just now. */
static ac_status
open_built(ac_cache *cache, const ac_comm *comm, const ac_config *config, const char *folder)
{
    char *path = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/manifest.json", folder));
    AC_TRY(ac_visible_wait(path, config, comm->heartbeat));
    AC_TRY(ac_cache_open(cache, folder));
    for (int64_t i = 0; i < cache->shard_count; i++) {
        free(path);
        AC_TRY(ac_cache_shard_path(&path, folder, i));
        AC_TRY(ac_visible_wait(path, config, comm->heartbeat));
    }
out:
    free(path);
    return st;
}

/* Of one path. */
static ac_status
open_one_all(ac_cache_set *self, const ac_comm *comm, const ac_config *config,
             ac_clip_model *clip, char *path, const char *build, const char *work,
             double *seconds)
{
    ac_cache cache = { 0 };
    char is_text = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_agree_all(comm, check_path(comm, config, path, &is_text)));
    ac_broadcast_bytes_all(comm, &is_text, sizeof is_text,
                           0); /* what rank 0 sees decides for all */
    if (is_text) {
        const double started = ac_progress_clock();
        if (config->retrieval.templates)
            AC_TRY(ac_labels_build_all(comm, config, clip, path, build, work));
        else
            AC_TRY(build_all(comm, config, clip, path, build));
        *seconds += ac_progress_clock() - started;
        if (config->sample && !config->retrieval.templates && comm->rank == 0)
            ac_log(AC_LOG_INFO,
                   "cache.path: %s is embedded for this sample alone; antarctic build-cache "
                   "makes a cache of it that all runs share",
                   path);
    }
    st = is_text ? open_built(&cache, comm, config, build) : ac_cache_open(&cache, path);
    if (st == AC_OK)
        st = ac_cache_check_model(&cache, clip->text_fingerprint, clip->path,
                                  clip->net.config.projection_dim);
    if (st == AC_OK)
        st = ac_cache_set_add_take(self, &cache);
    st = ac_agree_all(comm, st);
out:
    ac_cache_close(&cache);
    return st;
}

ac_status
ac_caches_open_or_build_all(ac_cache_set *self, const ac_comm *comm, const ac_config *config,
                            ac_clip_model *clip, const char *folder, double *seconds)
{
    ac_texts paths = { 0 };
    char *path = NULL, *build = NULL, *work = NULL;
    ac_status st = ac_config_paths(config->cache.path, &paths);

    *seconds = 0;
    AC_TRY(ac_agree_all(comm, st));
    for (int64_t i = 0; i < paths.count; i++) {
        st = ac_duplicate(&path, ac_texts_at(&paths, i), ac_texts_size(&paths, i));
        if (st == AC_OK)
            st = paths.count == 1
                     ? ac_path_format(&build, "%s/cache", folder)
                     : ac_path_format(&build, "%s/caches/%lld", folder, (long long) i);
        if (st == AC_OK)
            st = ac_path_format(&work, "%s/labels-%lld", folder, (long long) i);
        AC_TRY(ac_agree_all(comm, st));
        AC_TRY(open_one_all(self, comm, config, clip, path, build, work, seconds));
        free(path);
        free(build);
        free(work);
        path = build = work = NULL;
    }
out:
    ac_texts_free(&paths);
    free(path);
    free(build);
    free(work);
    return st;
}

#include "jobs/cache/open.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "io/file/path.h"
#include "io/text/text_source.h"
#include "jobs/cache/build.h"
#include "jobs/runtime/progress.h"

/* From the lines of cache.path, in a run of its own. */
static ac_status
build_all(const ac_comm *comm, const ac_config *job, ac_clip_model *clip, const char *folder)
{
    ac_config config = *job; /* borrows its texts */

    config.input.path = job->cache.path;
    config.output.shard_items = AC_CACHE_SHARD_ITEMS;
    return ac_build_cache_all(comm, &config, clip, folder);
}

ac_status
ac_cache_open_or_build_all(ac_cache *self, const ac_comm *comm, const ac_config *config,
                           ac_clip_model *clip, const char *folder, double *seconds)
{
    const char *path = config->cache.path;
    struct stat info;
    char *built = NULL, is_text;
    ac_status st =
        stat(path, &info) == 0
            ? AC_OK
            : ac_error_set(AC_E_IO, "cache.path: %s: there is no such cache or text file",
                           path);

    *seconds = 0;
    if (st == AC_OK && !S_ISDIR(info.st_mode) && config->compute.parts > 1)
        st = ac_error_set(AC_E_ARG,
                          "cache.path: %s: parts of a run need a cache folder, which they "
                          "share: build it first (antarctic build-cache)",
                          path);
    if (st == AC_OK && comm->rank == 0 && ac_text_source_is_tar(path))
        st = ac_error_set(AC_E_FORMAT,
                          "cache.path: %s: a tar, not a list of entries: build a cache of its "
                          "texts first (antarctic build-cache)",
                          path);
    AC_TRY(ac_agree_all(comm, st));
    is_text = !S_ISDIR(info.st_mode);
    ac_broadcast_bytes_all(comm, &is_text, sizeof is_text,
                           0); /* what rank 0 sees decides for all */
    if (is_text) {
        const double started = ac_progress_clock();
        AC_TRY(ac_agree_all(comm, ac_path_format(&built, "%s/cache", folder)));
        AC_TRY(build_all(comm, config, clip, built));
        *seconds = ac_progress_clock() - started;
        path = built;
    }
    st = ac_cache_open(self, path);
    if (st == AC_OK)
        st = ac_cache_check_model(self, clip->text_fingerprint, clip->path,
                                  clip->net.config.projection_dim);
    st = ac_agree_all(comm, st);
out:
    free(built);
    return st;
}

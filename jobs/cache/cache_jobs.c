/* The jobs build-cache, where the run folder is the cache, and extend-cache: new entries join a
 * cache. Both need CLIP's text tower. */
#include "jobs/cache/cache_jobs.h"

#include <sys/stat.h>

#include "engine/base/log.h"
#include "io/file/file_look.h"
#include "io/text/text_source.h"
#include "jobs/cache/build.h"
#include "jobs/cache/embed.h"
#include "jobs/cache/extend.h"
#include "jobs/runtime/models.h"

/* Rank 0 tells where the cache is; then CLIP goes. */
static ac_status
finish(ac_clip_model *clip, const ac_comm *comm, ac_status st, const char *cache)
{
    if (st == AC_OK && comm->rank == 0)
        ac_log(AC_LOG_INFO, "cache: %s", cache);
    ac_clip_model_free(clip);
    return st;
}

static ac_status
run_build_cache_all(const ac_comm *comm, const ac_config *config, const char *folder,
                    ac_locks *locks)
{
    ac_clip_model clip = { 0 };
    ac_status st = ac_models_open_all(comm, config, AC_CLIP_TEXT, &clip, NULL);

    (void) locks;
    if (st == AC_OK)
        st = ac_build_cache_all(comm, config, &clip, folder);
    return finish(&clip, comm, st, folder);
}

static ac_status
run_extend_cache_all(const ac_comm *comm, const ac_config *config, const char *folder,
                     ac_locks *locks)
{
    ac_clip_model clip = { 0 };
    ac_status st = ac_models_open_all(comm, config, AC_CLIP_TEXT, &clip, NULL);

    if (st == AC_OK)
        st = ac_extend_cache_all(comm, config, &clip, folder, locks);
    return finish(&clip, comm, st, config->cache.path);
}

/* Mining counts in half of the memory that it gets (mining/mine.c), and spills what does not
 * fit to the disk. An n-gram and its counts take about the bytes of a few of its occurrences.
 */
static void
size_mining(ac_sizing *sizing, const ac_config *config)
{
    enum { BYTES_PER_BYTE = 8 };
    const char *input = config->input.path;
    ac_texts sources = { 0 };
    ac_skip skip = { 0 };
    struct stat info;

    if (!input ||
        !(config->ngrams.unigrams || config->ngrams.bigrams || config->ngrams.trigrams))
        return;
    if (ac_skip_init(&skip, config->input.skip) == AC_OK &&
        ac_text_sources_list(&sources, &input, 1, &skip) == AC_OK)
        for (int64_t i = 0; i < sources.count; i++)
            if (ac_file_stat(ac_texts_at(&sources, i), &info) == 0)
                sizing->more += BYTES_PER_BYTE * (int64_t) info.st_size;
    ac_skip_free(&skip);
    ac_texts_free(&sources);
}

static ac_status
size_cache(ac_sizing *sizing, const ac_config *config)
{
    size_mining(sizing, config);
    return ac_sizing_add_clip(sizing, config, AC_CLIP_TEXT);
}

const ac_job ac_job_build_cache = {
    .name = "build-cache",
    .summary = "entries from a list, or n-grams mined from text -> a cache",
    .stages = ac_build_cache_stages,
    .run = run_build_cache_all,
    .no_update =
        "entries are numbered in the order of their text; extend-cache adds new ones to a "
        "cache",
    .size = size_cache,
};

const ac_job ac_job_extend_cache = {
    .name = "extend-cache",
    .summary = "a cache + new entries -> the same cache, extended",
    .stages = ac_extend_cache_stages,
    .run = run_extend_cache_all,
    .no_update = "it is run once for each text that a cache is extended by",
    .size = size_cache,
};

#include "jobs/cache/summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engine/base/log.h"
#include "io/file/file_look.h"
#include "io/file/json_write.h"
#include "io/file/publish.h"
#include "jobs/runtime/memory_limit.h"
#include "jobs/runtime/progress.h"
#include "jobs/runtime/summary.h"

static int64_t
bytes_on_disk(const ac_cache *cache)
{
    int64_t bytes = 0;

    for (int64_t i = 0; i < cache->shard_count; i++) {
        struct stat info;
        char *path = NULL;
        if (ac_cache_shard_path(&path, cache->folder, i) == AC_OK &&
            ac_file_stat(path, &info) == 0)
            bytes += info.st_size;
        free(path);
    }
    return bytes;
}

static void
push_positions(ac_buffer *b, const ac_cache_source *s)
{
    if (s->positions)
        ac_buffer_printf(
            b,
            "  \"positions\": {\"computed\": %lld, \"own_length\": %lld, \"padded\": %lld},\n",
            (long long) s->positions, (long long) s->positions_alone,
            (long long) s->positions_padded);
}

static void
say(const ac_cache *cache, const ac_cache_source *s)
{
    if (s->cut)
        ac_log(AC_LOG_WARNING,
               "%lld entries are longer than CLIP's context and were truncated for embedding",
               (long long) s->cut);
    if (s->duplicates)
        ac_log(AC_LOG_INFO, "%lld entries were there already and were left out",
               (long long) s->duplicates);
    if (s->positions)
        ac_log(AC_LOG_INFO,
               "text tower: %lld positions computed; without shared prefixes %lld (%.1f times "
               "as many), padded to the context %lld (%.1f times as many)",
               (long long) s->positions, (long long) s->positions_alone,
               (double) s->positions_alone / (double) s->positions,
               (long long) s->positions_padded,
               (double) s->positions_padded / (double) s->positions);
    ac_log(AC_LOG_INFO, "%lld entries in the cache, %lld of them new",
           (long long) cache->entries, (long long) s->entries);
}

ac_status
ac_cache_summary_all(const ac_run *run, const ac_cache *cache, const ac_cache_source *source,
                     double started)
{
    const int64_t memory = ac_peak_memory_all(run->comm);
    const double seconds = ac_progress_clock() - started;
    ac_buffer b = { 0 };
    ac_status st;

    if (run->comm->rank != 0)
        return AC_OK;
    say(cache, source);
    ac_summary_begin(&b, run, source->entries, ac_run_bad(run, run->manifest.stage_count - 1));
    ac_buffer_printf(&b, "  \"entries\": %lld,\n  \"duplicates\": %lld,\n  \"cut\": %lld,\n",
                     (long long) cache->entries, (long long) source->duplicates,
                     (long long) source->cut);
    push_positions(&b, source);
    ac_summary_compute(&b, run);
    ac_buffer_printf(&b,
                     "  \"wall_seconds\": %.3f,\n  \"peak_memory_bytes\": %lld,\n  "
                     "\"disk_bytes\": %lld,\n",
                     seconds, (long long) memory, (long long) bytes_on_disk(cache));
    st = ac_summary_publish(&b, run, (ac_summary_stage){ 0 });
    ac_buffer_free(&b);
    return st;
}

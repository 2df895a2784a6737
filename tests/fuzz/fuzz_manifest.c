/* AC_TEST_LIBRARIES: ac_jobs */
/* The manifests of runs and caches, and a run's journal. Promises: refused, or counts that fit
 * together. */
#include <string.h>

#include "cache_builder/cache.h"
#include "jobs/job_table.h"
#include "jobs/runtime/run_view.h"
#include "tests/support/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const stages[] = { "embed", "retrieve", "generate" };
    const char *folder = fuzz_folder("manifest.json", data, n);
    ac_cache cache = { 0 };
    ac_run_view view = { 0 };
    ac_manifest manifest = { 0 };
    int64_t good, bad;

    if (ac_cache_open(&cache, folder) == AC_OK) {
        int64_t rows = 0;
        for (int64_t i = 0; i < cache.shard_count; i++)
            rows += cache.shards[i].rows;
        FUZZ_CHECK(rows == cache.entries && cache.dimension > 0);
    }
    ac_cache_close(&cache);
    if (ac_run_view_open(&view, folder, ac_job_table) == AC_OK &&
        ac_run_view_count(&view, &good, &bad) == AC_OK)
        FUZZ_CHECK(good >= 0 && bad >= 0);
    ac_run_view_close(&view);
    FUZZ_CHECK(ac_manifest_init(&manifest, stages, 3, 40, 8) == AC_OK);
    ac_manifest_replay(&manifest, (const char *) data, n);
    ac_manifest_free(&manifest);
    return 0;
}

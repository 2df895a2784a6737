#include "jobs/runtime/summary.h"

#include <stdlib.h>

#include "engine/kernels/kernel_set.h"
#include "engine/linear/compute.h"
#include "io/file/json_write.h"
#include "io/file/publish.h"
#include "jobs/runtime/version.h"

void
ac_summary_begin(ac_buffer *out, const ac_run *run, int64_t ok, int64_t bad)
{
    ac_buffer_printf(out,
                     "{\n  \"job\": \"%s\",\n  \"version\": \"%s\",\n  \"state\": \"done\",\n  "
                     "\"items\": %lld,\n  \"ok\": %lld,\n  \"bad\": %lld,\n",
                     run->manifest.job, AC_VERSION, (long long) run->manifest.items,
                     (long long) ok, (long long) bad);
}

void
ac_summary_ranks(ac_buffer *out, const ac_comm *comm)
{
    ac_buffer_printf(out, "  \"ranks\": %d,\n", comm->size);
    if (!comm->threads)
        return;
    ac_buffer_push_text(out, "  \"threads\": [");
    for (int r = 0; r < comm->size; r++)
        ac_buffer_printf(out, "%s%d", r ? ", " : "", comm->threads[r]);
    ac_buffer_push_text(out, "],\n");
}

void
ac_summary_compute(ac_buffer *out, const ac_run *run)
{
    const char *backend = run->manifest.kernels;

    ac_summary_ranks(out, run->comm);
    ac_buffer_printf(out, "  \"precision\": \"%s\",\n",
                     ac_precision_names[run->config->compute.precision]);
    ac_buffer_printf(out, "  \"kernels\": \"%s\",\n  \"backend\": ", ac_kernels()->name);
    ac_json_text(out, backend);
    ac_buffer_printf(out, ",\n  \"equal_bytes\": %s,\n",
                     ac_compute_is_portable(backend) ? "true" : "false");
}

static void
push_stage(ac_buffer *out, ac_summary_stage stage, bool first)
{
    ac_buffer_printf(out, "%s\n    {\"name\": \"%s\", \"seconds\": %.3f, \"items\": %lld}",
                     first ? "" : ",", stage.name, stage.seconds, (long long) stage.items);
}

ac_status
ac_summary_publish(ac_buffer *out, const ac_run *run, ac_summary_stage before)
{
    char *path = NULL;
    ac_status st = AC_OK;

    ac_buffer_push_text(out, "  \"stages\": [");
    if (before.name)
        push_stage(out, before, true);
    for (int s = 0; s < run->manifest.stage_count; s++) {
        const ac_stage_record *stage = &run->manifest.stages[s];
        push_stage(out, (ac_summary_stage){ stage->name, stage->seconds, ac_run_rows(run, s) },
                   s == 0 && !before.name);
    }
    AC_TRY(ac_buffer_push_text(out, "\n  ]\n}\n"));
    AC_TRY(ac_run_path(run, &path, "summary.json"));
    st = ac_publish_file(path, out->data, out->size);
out:
    free(path);
    return st;
}

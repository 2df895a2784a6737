#include "jobs/cli/commands/submit_estimate.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "io/file/path.h"
#include "jobs/cli/commands/job_process.h"
#include "jobs/cli/terminal.h"

enum { OWN_WORDS = 12 };

/* How far an estimate is off at least, either way: two samples may agree by chance. */
static const double least_spread = 0.1;

/* What a sample's run took. */
typedef struct sample {
    int64_t items, of; /* of how many the input has */
    double seconds;    /* of the stages that go over the items */
    double before;     /* of what is done once: a cache from a text */
} sample;

static ac_status
read_summary(sample *self, const char *folder)
{
    char *path = NULL;
    json_t *root = NULL, *stages;
    const json_t *stage;
    size_t i;
    ac_status st = ac_path_format(&path, "%s/summary.json", folder);

    AC_TRY(st);
    if (!(root = json_load_file(path, 0, NULL)))
        AC_FAIL(AC_E_FORMAT, "%s: the sample's run left no summary", path);
    self->items = json_integer_value(json_object_get(root, "items"));
    self->of = json_integer_value(json_object_get(root, "sample_of"));
    self->of = self->of ? self->of : self->items;
    stages = json_object_get(root, "stages");
    json_array_foreach(stages, i, stage)
    {
        const char *name = json_string_value(json_object_get(stage, "name"));
        const double seconds = json_number_value(json_object_get(stage, "seconds"));
        if (name && strcmp(name, "cache") == 0)
            self->before += seconds;
        else
            self->seconds += seconds;
    }
out:
    json_decref(root);
    free(path);
    return st;
}

/* @param[out] why  where there is no sample: the reason */
static ac_status
run_sample(sample *self, const ac_submit_request *request, const char *folder, int64_t threads,
           int64_t items, ac_buffer *why)
{
    const ac_arguments *a = request->a;
    char **words = NULL, *run = NULL, *log = NULL, count[32], use[64];
    int n = 1, code;
    ac_status st = AC_OK;

    snprintf(count, sizeof count, "%lld", (long long) items);
    snprintf(use, sizeof use, "compute.threads=%lld", (long long) threads);
    AC_TRY(ac_path_format(&run, "%s/run%s", folder, count));
    AC_TRY(ac_path_format(&log, "%s/said%s", folder, count));
    AC_TRY(ac_alloc(&words, OWN_WORDS + 2 * (int64_t) a->set_count, sizeof *words));
    words[n++] = (char *) request->job->name;
    words[n++] = request->config_path;
    for (int i = 0; i < a->set_count; i++) {
        if (strcmp(a->set[i].option->name, "set") != 0)
            continue;
        words[n++] = "--set";
        words[n++] = (char *) a->set[i].value;
    }
    words[n++] = "--set";
    words[n++] = use;
    words[n++] = "--sample";
    words[n++] = count;
    words[n++] = "--run";
    words[n++] = run;
    AC_TRY(ac_job_process_run(words, log, AC_ESTIMATE_SECONDS / 2.0, &code, why));
    if (code == 0)
        st = read_summary(self, run);
    else if (code < 0) {
        ac_buffer_reset(why);
        ac_buffer_printf(why, "%lld images did not end in %d s: take a smaller --sample%s",
                         (long long) items, AC_ESTIMATE_SECONDS / 2,
                         ac_config_has(request->job->name, "cache.path")
                             ? ", and a cache that is built already"
                             : "");
        st = why->status;
    }
out:
    free(words);
    free(run);
    free(log);
    return st;
}

static void
print_estimate(const ac_submit_request *request, const sample s[2], int64_t threads)
{
    const double each[2] = { s[0].seconds / (double) s[0].items,
                             s[1].seconds / (double) s[1].items };
    const double mean = (s[0].seconds + s[1].seconds) / (double) (s[0].items + s[1].items);
    const double apart = (each[0] > each[1] ? each[0] - each[1] : each[1] - each[0]) / mean,
                 spread = apart > least_spread ? apart : least_spread;
    /* a core's seconds per item, over the cores of a node */
    const double hours =
        mean * (double) threads * (double) s[0].of / (double) request->cores / 3600;
    const double low = hours * (1 - spread / 2), high = hours * (1 + spread);
    const int64_t nodes = request->nodes * (request->array ? request->array : 1);

    if (high < 0.01)
        ac_terminal_print("  estimate         less than 0.01 node-hours for %lld image%s\n",
                          (long long) s[0].of, s[0].of == 1 ? "" : "s");
    else
        ac_terminal_print(
            "  estimate         %.3g to %.3g node-hours for %lld images, %.3g to %.3g hours on "
            "%lld node%s\n",
            low, high, (long long) s[0].of, low / (double) nodes, high / (double) nodes,
            (long long) nodes, nodes == 1 ? "" : "s");
    ac_terminal_print(
        "                   (%lld images, computed here on %lld core%s: %.3g s of a core each, "
        "%.3g core-hours per million;\n",
        (long long) (s[0].items + s[1].items), (long long) threads, threads == 1 ? "" : "s",
        mean * (double) threads, mean * (double) threads * 1e6 / 3600);
    ac_terminal_print("                   the nodes' CPU may be another)\n");
    if (s[0].before > 0)
        ac_terminal_print("                   and %.3g s once, for a cache from a text\n",
                          s[0].before);
}

ac_status
ac_submit_estimate(const ac_submit_request *request, int64_t items)
{
    const int64_t here = sysconf(_SC_NPROCESSORS_ONLN),
                  threads = request->threads < here ? request->threads : here;
    const int64_t part[2] = { items / 2 + 1, items - items / 2 - 1 }; /* other images, too */
    sample s[2] = { { 0 }, { 0 } };
    ac_buffer why = { 0 };
    char *folder = NULL;
    ac_status st = AC_OK;

    if (items == 0)
        return AC_OK;
    if (!request->job->preview) {
        ac_terminal_print("  estimate         none: %s does not go over its items one by one\n",
                          request->job->name);
        return AC_OK;
    }
    fflush(stdout);
    AC_TRY(ac_job_folder_make(&folder, "sample"));
    for (int i = 0; i < 2 && !why.size; i++) {
        if (part[i] > 0)
            AC_TRY(run_sample(&s[i], request, folder, threads, part[i], &why));
    }
    if (!why.size && s[1].items == 0) /* one image alone was asked for, or is there */
        s[1] = s[0];
    if (why.size)
        ac_terminal_print("  estimate         none: %s\n", why.data);
    else if (s[0].items == 0)
        ac_terminal_print("  estimate         none: there are no images\n");
    else
        print_estimate(request, s, threads);
out:
    ac_job_folder_remove(folder);
    free(folder);
    ac_buffer_free(&why);
    return st;
}

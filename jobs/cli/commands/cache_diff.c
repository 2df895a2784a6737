/* antarctic cache-diff: what differs between two caches, as JSON lines. */
#include <stdio.h>
#include <string.h>

#include "cache_builder/difference.h"
#include "engine/base/log.h"
#include "io/file/json_write.h"
#include "jobs/cli/commands/commands.h"
#include "jobs/cli/options.h"
#include "jobs/cli/terminal.h"

static const ac_option options[] = {
    { "tolerance", 0, "T",
      "embeddings whose numbers differ by no more than T are the same (default: 0, the bits)" },
    { NULL, 0, NULL, NULL },
};

static const char *const words[AC_CACHE_CHANGES] = { "removed", "added", "changed" };

static ac_status
print_change(void *context, ac_cache_change change, const char *entry, size_t n,
             const int64_t ids[2], double difference)
{
    ac_buffer *b = context;

    ac_buffer_reset(b);
    ac_buffer_printf(b, "{\"change\": \"%s\", ", words[change]);
    ac_json_field(b, "entry", entry, n);
    if (ids[0] >= 0)
        ac_buffer_printf(b, ", \"a\": %lld", (long long) ids[0]);
    if (ids[1] >= 0)
        ac_buffer_printf(b, ", \"b\": %lld", (long long) ids[1]);
    if (change == AC_CACHE_CHANGED)
        ac_buffer_printf(b, ", \"difference\": %.9g", difference);
    ac_buffer_push_text(b, "}\n");
    if (b->status == AC_OK)
        ac_terminal_json(b->data, b->size);
    return b->status;
}

/* What the caches as wholes were made by. */
static bool
print_identity(ac_buffer *b, const char *name, const char *x, const char *y)
{
    if (strcmp(x, y) == 0)
        return false;
    ac_buffer_reset(b);
    ac_buffer_printf(b, "{\"change\": \"%s\", \"a\": ", name);
    ac_json_text(b, x);
    ac_buffer_push_text(b, ", \"b\": ");
    ac_json_text(b, y);
    ac_buffer_push_text(b, "}\n");
    if (b->status == AC_OK)
        ac_terminal_json(b->data, b->size);
    return true;
}

static ac_status
compare(const char *const *paths, double tolerance)
{
    ac_cache a = { 0 }, b = { 0 };
    ac_cache_difference d;
    ac_buffer line = { 0 };
    bool other;
    ac_status st = AC_OK;

    AC_TRY(ac_cache_open(&a, paths[0]));
    AC_TRY(ac_cache_open(&b, paths[1]));
    other = print_identity(&line, "model", a.model, b.model);
    other = print_identity(&line, "prefix", a.prefix, b.prefix) || other;
    AC_TRY(line.status);
    AC_TRY(ac_cache_compare(&a, &b, tolerance, print_change, &line, &d));
    ac_log(AC_LOG_INFO,
           "%lld entries, %lld entries: %lld removed, %lld added, %lld with another embedding, "
           "%lld the same; %lld at another id",
           (long long) a.entries, (long long) b.entries, (long long) d.counts[AC_CACHE_REMOVED],
           (long long) d.counts[AC_CACHE_ADDED], (long long) d.counts[AC_CACHE_CHANGED],
           (long long) d.same, (long long) d.moved);
    if (other || d.moved || d.same != a.entries || d.same != b.entries)
        st = ac_error_set(AC_E_ARG, "%s and %s differ", paths[0], paths[1]);
out:
    ac_cache_close(&a);
    ac_cache_close(&b);
    ac_buffer_free(&line);
    return st;
}

ac_status
ac_command_cache_diff(int argc, char **argv)
{
    ac_arguments a = { 0 };
    double tolerance = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(stdout, "cache-diff CACHE_A CACHE_B [--tolerance T]",
                        "Compares two caches, entry by entry: a JSON line for each that was "
                        "removed or added, or has another embedding. Exit code 0: the same; 1: "
                        "they differ; 2: one cannot be read.",
                        options);
        goto out;
    }
    if (a.word_count != 2)
        AC_FAIL(AC_E_ARG, "cache-diff needs two caches; cache-diff --help shows the usage");
    AC_TRY(ac_arguments_real(&a, "tolerance", &tolerance));
    if (tolerance < 0)
        AC_FAIL(AC_E_ARG, "--tolerance: %g is below 0", tolerance);
    st = compare(a.words, tolerance);
out:
    ac_arguments_free(&a);
    return st;
}

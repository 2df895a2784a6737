/* antarctic export: ours become other programs' files. Which ones, the options and the kind of folder say. */
#include "cache_builder/exchange.h"
#include "engine/base/log.h"
#include "jobs/commands/commands.h"
#include "jobs/options.h"
#include "jobs/runtime/run.h"

static const ac_option options[] = {
    { "out", 0, "PATH", "the folder to write into" },
    { NULL, 0, NULL, NULL },
};

static ac_status
export_cache(const char *path, const char *out)
{
    ac_cache cache = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_cache_open(&cache, path));
    AC_TRY(ac_run_make_folder(out));
    AC_TRY(ac_cache_export(&cache, out));
    ac_log(AC_LOG_INFO, "%lld entries: %s/postcache.txt, postcache.npy", (long long) cache.entries, out);
out:
    ac_cache_close(&cache);
    return st;
}

ac_status
ac_command_export(int argc, char **argv)
{
    ac_arguments a = { 0 };
    const char *out;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(stdout, "export CACHE --out FOLDER", "What this program made, in other programs' files.", options);
        goto out;
    }
    AC_TRY(ac_arguments_need(&a, "out", &out));
    if (a.word_count != 1)
        AC_TRY(ac_error_set(AC_E_ARG, "export needs one cache; export --help says how"));
    AC_TRY(export_cache(a.words[0], out));
out:
    ac_arguments_free(&a);
    return st;
}

/* antarctic export: ours become other programs' files. Which ones, the options and the kind of
 * folder say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_builder/exchange.h"
#include "engine/base/log.h"
#include "io/file/file_look.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "jobs/cli/commands/commands.h"
#include "jobs/cli/commands/export_dataset.h"
#include "jobs/cli/commands/export_run.h"
#include "jobs/cli/options.h"
#include "jobs/runtime/manifest.h"
#include "jobs/runtime/run.h"

static const ac_option options[] = {
    { "out", 0, "PATH", "the file or folder to write" },
    { "format", 0, "F",
      "of a run: coco (results for scorers), csv, txt (KEY.txt under --out, or beside each "
      "image), xmp (KEY.xmp, the same: a sidecar with the caption as description and alt "
      "text), h5 (one HDF5 file that needs no other), or webdataset (tars with image, caption "
      "and scores); of an image dataset: webdataset, or folder; "
      "review: a page in which a person accepts, edits or rejects captions" },
    { "reviewed", 0, NULL,
      "of a run: captions as a person left them (import-review); rejected ones are left out" },
    { "without", 0, "RUN", "of an image dataset: leave out what this run of dedupe drops" },
    { "layer-norms", 0, "FILE", "merge these layer norms (a training run's) into --model" },
    { "model", 0, "DIR", "the Hugging Face folder of the BART that --layer-norms belongs to" },
    { NULL, 0, NULL, NULL },
};

/* Not a cache being built, but a run whose results are exported with --format. Says nothing by
 * itself: the error before stays. */
static bool
is_run_of_images(const char *path)
{
    static const char *const jobs[] = { "caption", "tag", "embed-images" };
    ac_manifest manifest = { 0 };
    char *file = NULL;
    bool found = false;

    if (ac_path_format(&file, "%s/manifest.json", path) == AC_OK && ac_file_is_readable(file) &&
        ac_manifest_read(&manifest, file) == AC_OK)
        for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
            found = found || strcmp(manifest.job, jobs[i]) == 0;
    ac_manifest_free(&manifest);
    free(file);
    return found;
}

static ac_status
export_cache(const char *path, const char *out)
{
    ac_cache cache = { 0 };
    ac_status st = AC_OK;

    st = ac_cache_open(&cache, path);
    if (st != AC_OK && is_run_of_images(path))
        st = ac_error_set(AC_E_ARG,
                          "%s is a run without a cache of its own: give --format coco, csv, "
                          "txt, xmp, h5 or webdataset to export its results",
                          path);
    AC_TRY(st);
    AC_TRY(ac_run_make_folder(out));
    AC_TRY(ac_cache_export(&cache, out));
    ac_log(AC_LOG_INFO, "%lld entries: %s/postcache.txt, postcache.npy",
           (long long) cache.entries, out);
out:
    ac_cache_close(&cache);
    return st;
}

static ac_status
export_layer_norms(const ac_arguments *a, const char *out)
{
    const char *model;
    ac_status st = ac_arguments_need(a, "model", &model);

    if (st == AC_OK && a->word_count)
        st = ac_error_set(AC_E_ARG,
                          "\"%s\": export --layer-norms takes no folder but --model and --out",
                          a->words[0]);
    return st == AC_OK ? ac_export_layer_norms(ac_arguments_get(a, "layer-norms"), model, out)
                       : st;
}

ac_status
ac_command_export(int argc, char **argv)
{
    ac_arguments a = { 0 };
    const char *out;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(
            stdout,
            "export CACHE --out FOLDER\n       antarctic export RUN --format "
            "coco|csv|txt|xmp|h5|webdataset [--reviewed] --out PATH\n"
            "       antarctic export RUN --format review --out FILE.html\n"
            "       antarctic export DATASET --format webdataset|folder --out FOLDER\n"
            "       antarctic export --layer-norms FILE --model BART --out FOLDER",
            "Writes results in other programs' formats: a cache as postcache.txt and "
            "postcache.npy, a run's captions, a model merged with its layer norms.",
            options);
        goto out;
    }
    if (ac_arguments_has(&a, "out"))
        ac_publish_remove_left_over(ac_arguments_get(&a, "out"));
    if (ac_arguments_has(&a, "format")) {
        if (a.word_count != 1)
            AC_FAIL(AC_E_ARG, "export needs one run folder; export --help shows the usage");
        const char *format = ac_arguments_get(&a, "format"), *to = ac_arguments_get(&a, "out"),
                   *without = ac_arguments_get(&a, "without");
        const bool is_dataset = ac_is_image_dataset(a.words[0]);
        if (without && !is_dataset)
            AC_FAIL(AC_E_ARG, "--without is for image datasets, which %s is not", a.words[0]);
        st = is_dataset
                 ? ac_export_dataset(a.words[0], format, to, without)
                 : ac_export_run(a.words[0], format, to, ac_arguments_has(&a, "reviewed"));
        goto out;
    }
    AC_TRY(ac_arguments_need(&a, "out", &out));
    if (ac_arguments_has(&a, "layer-norms")) {
        st = export_layer_norms(&a, out);
        goto out;
    }
    if (a.word_count != 1)
        AC_FAIL(AC_E_ARG, "export needs one cache; export --help shows the usage");
    if (ac_is_image_dataset(a.words[0]))
        AC_FAIL(AC_E_ARG, "%s is an image dataset: give --format webdataset or folder",
                a.words[0]);
    AC_TRY(export_cache(a.words[0], out));
out:
    ac_arguments_free(&a);
    return st;
}

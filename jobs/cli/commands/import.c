/* antarctic import: other programs' files become ours. Which ones, the options say. */
#include <stdlib.h>

#include "cache_builder/exchange.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "jobs/cli/commands/commands.h"
#include "jobs/models/clip_model.h"
#include "jobs/cli/options.h"

static const ac_option options[] = {
    { "text", 0, "FILE",
      "a cache: its entries, one per line, empty lines kept (default: entries.txt in the "
      "folder "
      "of embeddings)" },
    { "embeddings", 0, "FILE…|FOLDER",
      "a cache: one row per entry; .npy or .npz files, or a .txt list or pattern of them, in "
      "order; a folder of emb*.npy or text_emb/text_emb_*.npy" },
    { "array", 0, "NAME", "which array of a .npz file, where it has several matrices" },
    { "model", 0, "DIR", "a cache: the CLIP model that made the embeddings" },
    { "vocabulary", 0, "FILE", "that model's vocabulary, where it is not beside the model" },
    { "prefix", 0, "TEXT",
      "a cache: what was prepended to each entry for embedding (default: as "
      "clip-grams' args.txt says, else nothing)" },
    { "checkpoint", 0, "FILE.ckpt", "layer norms: a Lightning checkpoint of the reference" },
    { "out", 0, "PATH",
      "what to write: the cache's folder, or the safetensors file of layer norms" },
    { NULL, 0, NULL, NULL },
};

static ac_status
import_cache(const ac_arguments *a, const char *out)
{
    ac_clip_options o = { .towers = AC_CLIP_TEXT,
                          .vocabulary = ac_arguments_get(a, "vocabulary") };
    ac_import from = { .text = ac_arguments_get(a, "text"),
                       .array = ac_arguments_get(a, "array"),
                       .prefix = ac_arguments_get(a, "prefix") };
    const char **embeddings = NULL;
    ac_clip_model clip = { 0 };
    ac_cache identity = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&embeddings, a->word_count + 1, sizeof *embeddings));
    AC_TRY(ac_arguments_need(a, "embeddings", &embeddings[0]));
    for (int i = 0; i < a->word_count;
         i++) /* --embeddings emb*.npy, as the shell spells it out */
        embeddings[i + 1] = a->words[i];
    from.embeddings = embeddings;
    from.count = a->word_count + 1;
    AC_TRY(ac_arguments_need(a, "model", &o.model));
    AC_TRY(ac_clip_model_open(&clip, &o));
    AC_TRY(ac_cache_identity_set(&identity, clip.text_fingerprint, clip.path, "",
                                 clip.net.config.projection_dim));
    AC_TRY(ac_cache_import(&from, &identity, AC_COMPRESSION_ZSTD, out));
    ac_log(AC_LOG_INFO, "%s: a cache of the entries and embeddings, unchanged", out);
out:
    free(embeddings);
    ac_cache_close(&identity);
    ac_clip_model_free(&clip);
    return st;
}

ac_status
ac_command_import(int argc, char **argv)
{
    ac_arguments a = { 0 };
    const char *out;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(
            stdout,
            "import --text FILE --embeddings FILE…|FOLDER --model CLIP --out CACHE\n       "
            "antarctic import --checkpoint FILE.ckpt --out FILE.safetensors",
            "Converts other programs' files: a cache's texts and embeddings, or a checkpoint's "
            "layer norms.",
            options);
        goto out;
    }
    if (a.word_count && !ac_arguments_has(&a, "embeddings"))
        AC_FAIL(AC_E_ARG, "\"%s\": import takes options only; import --help lists them",
                a.words[0]);
    AC_TRY(ac_arguments_need(&a, "out", &out));
    st = ac_arguments_has(&a, "checkpoint")
             ? ac_import_checkpoint(ac_arguments_get(&a, "checkpoint"), out)
             : import_cache(&a, out);
out:
    ac_arguments_free(&a);
    return st;
}

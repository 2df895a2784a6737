/* ngrams: the lines and the best n-grams of text files, as a cache would hold them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_builder/mining/mining.h"
#include "io/file/json_write.h"
#include "io/file/path.h"
#include "jobs/runtime/memory_limit.h"
#include "jobs/cli/tools/tools.h"

static const ac_option options[] = {
    { "topk-ngrams", 0, "N", "n-grams of each kind (default: 10000)" },
    { "filter", 0, "F", "bigrams and trigrams seen fewer times are dropped (default: 3)" },
    { "lower", 0, "B", "lower-case (default: true)" },
    { "use-line", 0, "B", "each line is an entry (default: false)" },
    { "unigrams", 0, "B", "most frequent words (default: true)" },
    { "bigrams", 0, "B", "by pointwise mutual information (default: true)" },
    { "trigrams", 0, "B", "by pointwise mutual information (default: true)" },
    { "cross-lines", 0, "B",
      "n-grams continue over the ends of lines and files (default: true)" },
    { "unique", 0, "B", "an entry that was there before is dropped (default: false)" },
    { "member-extension", 0, "E", "of the members of a tar that are text (default: txt)" },
    { "memory", 0, "MB",
      "counts beyond it are spilled to $TMPDIR (default: half the machine's)" },
    { NULL, 0, NULL, NULL },
};

static ac_status
read_options(const ac_arguments *a, ac_mining_options *o)
{
    int64_t megabytes = ac_machine_memory() >> 21;
    ac_status st = AC_OK;

    *o = (ac_mining_options){
        .wanted = { true, true, true, false },
        .lower = true,
        .cross_lines = true,
        .most = 10000,
        .filter = 3,
        .member_extension = "txt",
    };
    AC_TRY(ac_arguments_int(a, "topk-ngrams", &o->most, 1, 1000000000));
    AC_TRY(ac_arguments_int(a, "filter", &o->filter, 1, INT64_MAX));
    AC_TRY(ac_arguments_bool(a, "lower", &o->lower));
    AC_TRY(ac_arguments_bool(a, "use-line", &o->wanted[AC_ENTRY_LINE]));
    AC_TRY(ac_arguments_bool(a, "unigrams", &o->wanted[AC_ENTRY_UNIGRAM]));
    AC_TRY(ac_arguments_bool(a, "bigrams", &o->wanted[AC_ENTRY_BIGRAM]));
    AC_TRY(ac_arguments_bool(a, "trigrams", &o->wanted[AC_ENTRY_TRIGRAM]));
    AC_TRY(ac_arguments_bool(a, "cross-lines", &o->cross_lines));
    AC_TRY(ac_arguments_bool(a, "unique", &o->unique));
    AC_TRY(ac_arguments_int(a, "memory", &megabytes, 1, INT64_MAX >> 20));
    if (ac_arguments_has(a, "member-extension"))
        o->member_extension = ac_arguments_get(a, "member-extension");
    o->memory = megabytes << 20;
    o->unpack = ac_arguments_has(a, "memory") ? o->memory : 2 * o->memory;
    if (!o->wanted[0] && !o->wanted[1] && !o->wanted[2] && !o->wanted[3])
        st = ac_error_set(AC_E_ARG, "no entries are requested: switch on --use-line, "
                                    "--unigrams, --bigrams or --trigrams");
out:
    return st;
}

static void
print_mined(const ac_mined *mined)
{
    static const char *const names[AC_ENTRY_KINDS] = { "unigram", "bigram", "trigram", "line" };
    ac_buffer line = { 0 };

    for (int64_t i = 0; i < mined->entries.count; i++) {
        ac_buffer_printf(&line, "{\"kind\": \"%s\", \"text\": ", names[mined->kinds[i]]);
        ac_json_string(&line, ac_texts_at(&mined->entries, i),
                       ac_texts_size(&mined->entries, i));
        if (mined->kinds[i] != AC_ENTRY_LINE)
            ac_buffer_printf(&line, ", \"count\": %lld", (long long) mined->counts[i]);
        if (!isnan(mined->pmis[i]))
            ac_buffer_printf(&line, ", \"pmi\": %.17g", mined->pmis[i]);
        ac_buffer_push_char(&line, '}');
        ac_json_put(&line);
    }
    ac_buffer_free(&line);
}

static ac_status
make_scratch(char **folder)
{
    const char *place = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
    const ac_status st = ac_path_format(folder, "%s/antarctic-ngrams-XXXXXX", place);

    if (st != AC_OK)
        return st;
    if (!mkdtemp(*folder)) {
        free(*folder);
        *folder = NULL;
        return ac_error_set(AC_E_IO,
                            "%s: no folder can be created there for spilled counts; set TMPDIR",
                            place);
    }
    return AC_OK;
}

ac_status
ac_tool_ngrams(int argc, char **argv)
{
    ac_arguments a = { 0 };
    ac_mining_options o;
    ac_mining_report report;
    ac_mined mined = { 0 };
    char *scratch = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_arguments_parse(&a, options, argc, argv));
    if (a.help) {
        ac_options_help(stdout, "ngrams [options] FILE|FOLDER…",
                        "Text files (.txt, gzip, zstd, tar; - for standard input) -> "
                        "{\"kind\", \"text\", \"count\", \"pmi\"} on each line.",
                        options);
        goto out;
    }
    AC_TRY(read_options(&a, &o));
    if (a.word_count == 0)
        AC_FAIL(AC_E_ARG, "no text given: name files or folders, or - for standard input");
    AC_TRY(make_scratch(&scratch));
    o.scratch = scratch;
    o.skip = ac_skip_default;
    AC_TRY(ac_mine(&mined, &report, a.words, a.word_count, &o));
    print_mined(&mined);
    if (fflush(stdout) != 0)
        AC_FAIL(AC_E_IO, "standard output cannot be written");
    ac_mining_report_log(&report);
out:
    if (scratch)
        rmdir(scratch);
    free(scratch);
    ac_mined_free(&mined);
    ac_arguments_free(&a);
    return st;
}

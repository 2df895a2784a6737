/* The command report: a run's report.html, written again. */
#include "io/file/publish.h"
#include "jobs/job_table.h"
#include "jobs/report/run_report.h"

#include <stdio.h>

#include "jobs/cli/commands/commands.h"
#include "jobs/cli/options.h"
#include "jobs/cli/terminal.h"

ac_status
ac_command_report(int argc, char **argv)
{
    static const ac_option options[] = {
        { "out", 0, "FILE", "the file to write (default: RUN/report.html)" },
        { "images", 0, "N", "show at most N images, chosen evenly from all (default: 10000)" },
        { "pictures", 0, "N", "the former name of --images" },
        { NULL, 0, NULL, NULL },
    };
    ac_arguments a;
    int64_t images = AC_REPORT_IMAGES;
    const char *out;
    ac_status st = ac_arguments_parse(&a, options, argc, argv);

    if (st != AC_OK)
        return st;
    if (a.help) {
        ac_options_help(stdout, "report RUN [--out FILE]",
                        "Writes a run's report again: one HTML file that needs no network.",
                        options);
        goto out;
    }
    AC_TRY(ac_arguments_int(&a, "pictures", &images, 1, 1000000));
    AC_TRY(ac_arguments_int(&a, "images", &images, 1, 1000000));
    if (a.word_count != 1)
        AC_FAIL(AC_E_ARG, "one run folder is needed: antarctic report RUN [--out FILE]");
    out = ac_arguments_get(&a, "out");
    if (out)
        ac_publish_remove_left_over(out);
    AC_TRY(ac_run_report_write(a.words[0], ac_job_table, out, images));
    ac_terminal_print("%s%s\n", out ? out : a.words[0], out ? "" : "/report.html");
out:
    ac_arguments_free(&a);
    return st;
}

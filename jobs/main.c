/* The program: which job, command or tool. The only file that ends the process. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/linear/compute.h"
#include "jobs/cli/endings.h"
#include "jobs/cli/job_launch.h"
#include "jobs/cli/programs.h"
#include "jobs/cli/terminal.h"
#include "jobs/job_table.h"

static void
end_process(int code)
{
    _exit(code);
}

/* OpenBLAS chooses its kernels when it is loaded, and does not know every CPU: tell it, and
 * begin again, unless the job does without (all libraries are loaded once more). */
static void
choose_openblas_kernels(int argc, char **argv)
{
    const ac_job *job = argc > 1 ? ac_job_find(argv[1]) : NULL;
    const char *wanted = ac_compute_openblas_coretype();
    char self[4096];
    ssize_t n;

    if (!wanted || getenv("OPENBLAS_CORETYPE") || (job && job->no_products))
        return;
    setenv("OPENBLAS_CORETYPE", wanted, 1);
    n = readlink("/proc/self/exe", self, sizeof self - 1); /* by its name, which tools show */
    if (n <= 0)
        return;
    self[n] = '\0';
    execv(self, argv); /* where that fails, its own choice must do */
}

/* argv[0] is the name of a job, a command or a tool. */
static int
dispatch(int argc, char **argv)
{
    const ac_job *job = ac_job_find(argv[0]);
    const ac_program *program = ac_program_find(argv[0]);

    if (job)
        return ac_job_launch(job, argc, argv);
    if (program)
        return ac_program_launch(program, argc, argv);
    return ac_programs_unknown(argv[0]);
}

/* captions.h5 keeps each of its shards open, and many systems allow 1,024 files unless asked.
 * Not more than MOST_FILES: launchers of children close as many. */
static void
allow_open_files(void)
{
    enum { MOST_FILES = 65536 };
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= MOST_FILES)
        return;
    files.rlim_cur = files.rlim_max < MOST_FILES ? files.rlim_max : MOST_FILES;
    (void) setrlimit(RLIMIT_NOFILE, &files);
}

/* Where standard input, output or error is closed, the next file that is opened would take its
 * number, and what is printed would be written into it. Nothing can be read from, or written
 * to, what stands there instead: so it is closed, as before. */
static void
hold_standard_files(void)
{
    static const int flags[] = { O_WRONLY, O_RDONLY, O_RDONLY };

    for (int i = 0; i <= STDERR_FILENO; i++)
        if (fcntl(i, F_GETFD) < 0 && open("/dev/null", flags[i]) < 0)
            return; /* without /dev/null */
}

/* What was printed is all that was wanted. */
static int
end_of_output(const char *name)
{
    const ac_status st = ac_terminal_flush(AC_OK);

    if (st != AC_OK)
        ac_terminal_error(name);
    return ac_exit_code(st);
}

int
main(int argc, char **argv)
{
    hold_standard_files();
    choose_openblas_kernels(argc, argv);
    allow_open_files();
    ac_endings_install(end_process);
    ac_log_set(ac_terminal_line, NULL, AC_LOG_INFO);
    if (argc < 2) {
        ac_programs_help(stderr);
        return ac_exit_code(AC_E_ARG);
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0) {
        if (argc > 2)
            return dispatch(2, (char *[]){ argv[2], "--help", NULL });
        ac_programs_help(stdout);
        return end_of_output("help");
    }
    if (strcmp(argv[1], "--version") == 0) {
        ac_programs_version(stdout);
        return end_of_output("--version");
    }
    return dispatch(argc - 1, argv + 1);
}

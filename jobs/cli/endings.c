#include "jobs/cli/endings.h"

#include <errno.h>
#include <jansson.h>
#include <mpi.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/mapped.h"
#include "engine/base/text.h"
#include "jobs/cli/terminal.h"
#include "jobs/runtime/child.h"

static ac_end_process end_process; /* main's */

int
ac_exit_code(ac_status st)
{
    switch (st) {
    case AC_OK: return 0;
    case AC_E_ARG: return 1;
    case AC_E_BAD_ITEMS: return 3;
    case AC_E_RETRY: return 74;
    case AC_E_STOPPED: return 75;
    default: return 2;
    }
}

void
ac_exit_codes_help(FILE *f)
{
    fprintf(
        f,
        "exit codes:\n"
        "   0  done; rejected items, if any, are within limits.max_bad_items\n"
        "   1  usage or config: the command line or the config is wrong\n"
        "   2  failure: input, output, model or memory is missing, damaged, refused or full\n"
        "   3  more rejected items than allowed; finished shards stay, run again with another "
        "limit\n"
        "  70  a bug of this program\n"
        "  74  stalled, or a transient input/output error: try again\n"
        "  75  stopped on request; the same command resumes\n");
}

/* Where all ranks stalled each gets the time to say where it stands, before the launcher ends
 * those that are left. */
void
ac_end_now(ac_status st, const char *message)
{
    const struct timespec pause = { 2, 0 };

    ac_terminal_complain("antarctic: ", message, "");
    if (st == AC_E_RETRY)
        nanosleep(&pause, NULL);
    end_process(ac_exit_code(st));
}

static void
on_bug(const char *text)
{
    int initialized = 0, finalized = 0;

    ac_terminal_complain("antarctic: a bug of this program: ", text, "");
    fprintf(stderr, "Please report it with the command and this line.\n");
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    if (initialized && !finalized)
        MPI_Abort(MPI_COMM_WORLD, AC_EXIT_BUG);
    end_process(AC_EXIT_BUG);
}

/* jansson (2.14) does not survive that memory is refused to its parser (an assertion, a
 * segmentation fault), and where it does, that cannot be told from a damaged file: a lock would
 * seem nobody's. So there the process ends, in order, as it does at any failure. */
static void *
memory_for_json(size_t n)
{
    void *memory = malloc(n);

    if (!memory)
        ac_end_now(AC_E_NOMEM, "out of memory while reading or writing JSON");
    return memory;
}

static void
on_alarm(int number)
{
    static const char text[] = "antarctic: MPI cannot start or end: a rank is missing, or "
                               "launcher and MPI library do not match\n";

    (void) number;
    if (write(STDERR_FILENO, text, sizeof text - 1) >= 0 || errno)
        end_process(ac_exit_code(AC_E_RETRY));
}

void
ac_guard_launcher(double minutes)
{
    signal(SIGALRM, on_alarm);
    alarm(minutes > 0 ? (unsigned) (60 * minutes) + 10 : 0);
}

void
ac_guard_launcher_off(void)
{
    alarm(0);
}

static void
put(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        return; /* nobody is left to tell */
}

/* With a question mark for each character that a terminal would obey. */
static void
put_name(char *name)
{
    const size_t n = strlen(name);
    size_t to = 0, obeyed;

    for (size_t i = 0; i < n; i += obeyed ? obeyed : 1) {
        obeyed = ac_text_obeyed(name + i, n - i);
        name[to++] = obeyed ? '?' : name[i];
    }
    name[to] = '\0';
    put(name);
}

/* A mapped file lacks what is read: it was truncated, or its disk or server fails. Only what a
 * signal handler may do is done: the name lies ready, nothing is formatted. */
static void
on_bus_error(int number, siginfo_t *info, void *context)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;
    static ac_mapped_file file;
    struct stat now;
    bool there, shorter;

    (void) context;
    if (atomic_flag_test_and_set(&said)) /* another thread tells, and ends all */
        for (;;)
            pause();
    if (info->si_code <= 0 || !ac_mapped_find(&file, info->si_addr)) { /* a bug, or a kill */
        signal(number, SIG_DFL);
        raise(number); /* once this handler is left */
        return;
    }
    there = file.name[0] && stat(file.name, &now) == 0 && S_ISREG(now.st_mode);
    shorter = there && (size_t) now.st_size <= file.at;
    put("antarctic: ");
    if (file.name[0])
        put_name(file.name);
    else
        put("a mapped file");
    put(shorter
            ? ": is shorter than it was when it was opened: it was truncated or written "
              "again while it was in use; restore it, and run again\n"
            : ": cannot be read any more: an input/output error of its disk or file server, "
              "or it was replaced while it was in use; run again\n");
    ac_terminal_wait_until_read(STDERR_FILENO);
    end_process(ac_exit_code(shorter ? AC_E_IO : AC_E_RETRY));
}

void
ac_endings_catch_bus_errors(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

void
ac_endings_install(ac_end_process end)
{
    end_process = end;
    ac_endings_catch_bus_errors();
    ac_bug_handler_set(on_bug);
    json_set_alloc_funcs(memory_for_json, free);
}

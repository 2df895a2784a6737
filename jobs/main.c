/* The program: which job, command or tool; MPI's life cycle; exit codes. The only file that
 * ends the process. */
#include <errno.h>
#include <jansson.h>
#include <mpi.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/linear/compute.h"
#include "jobs/cli/commands/commands.h"
#include "jobs/cli/help.h"
#include "jobs/cli/job_arguments.h"
#include "jobs/jobs.h"
#include "jobs/cli/options.h"
#include "jobs/runtime/attempt.h"
#include "jobs/runtime/child.h"
#include "jobs/runtime/run_log.h"
#include "jobs/runtime/signals.h"
#include "jobs/cli/tools/tools.h"
#include "jobs/version.h"

typedef struct job {
    const char *name, *what;
    ac_job_run run;
} job;

static const job jobs[] = {
    { "caption", "images + cache + models -> captions, candidates, scores, tables",
      ac_job_caption_all },
    { "train", "captioned images + cache + models -> layer norms, checkpoints, metrics",
      ac_job_train_all },
    { "tag", "images + cache -> the best entries for each image", ac_job_tag_all },
    { "embed-images", "images -> CLIP embeddings in HDF5", ac_job_embed_images_all },
    { "build-cache", "text: a list of entries, or to mine n-grams from -> a cache",
      ac_job_build_cache_all },
    { "extend-cache", "a cache + new entries -> the same cache, grown",
      ac_job_extend_cache_all },
};

enum { JOBS = sizeof jobs / sizeof *jobs };

/* Commands (on what jobs made) and tools (JSON lines, arrays): one process, without MPI. */
typedef enum tool_kind { KIND_COMMAND = 0, KIND_TOOL } tool_kind;

typedef struct tool {
    tool_kind kind;
    const char *name, *what;
    ac_status (*run)(int argc, char **argv);
} tool;

static const tool tools[] = {
    { KIND_COMMAND, "status", "how a run stands", ac_command_status },
    { KIND_COMMAND, "submit", "a job's batch script for Slurm, written and submitted",
      ac_command_submit },
    { KIND_COMMAND, "verify", "every checksum and count of runs, caches and files",
      ac_command_verify },
    { KIND_COMMAND, "recaption",
      "images of a run captioned again, with other settings if wanted", ac_command_recaption },
    { KIND_COMMAND, "report", "write a run's report.html again", ac_command_report },
    { KIND_COMMAND, "import", "other programs' files -> a cache", ac_command_import },
    { KIND_COMMAND, "export", "a cache or a run -> other programs' files", ac_command_export },
    { KIND_TOOL, "tokenize", "texts <-> token ids of CLIP, BART, GPT-2", ac_tool_tokenize },
    { KIND_TOOL, "preprocess", "images -> CLIP's input, as .npy", ac_tool_preprocess },
    { KIND_TOOL, "embed", "images or texts -> CLIP embeddings, as .npy", ac_tool_embed },
    { KIND_TOOL, "topk", "nearest entries of a cache or a .npy", ac_tool_topk },
    { KIND_TOOL, "generate", "BART on tables or token ids", ac_tool_generate },
    { KIND_TOOL, "inspect", "what a file or folder is, and what is in it", ac_tool_inspect },
    { KIND_TOOL, "ngrams", "the best n-grams of text files", ac_tool_ngrams },
    { KIND_TOOL, "measure", "this machine's speed, and the compute settings it speaks for",
      ac_tool_measure },
    { KIND_TOOL, "loss", "BART's loss and the gradients of its layer norms", ac_tool_loss },
};

enum { TOOLS = sizeof tools / sizeof *tools };

static int
exit_code(ac_status st)
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

static void
print_line(void *context, ac_log_level level, const char *line)
{
    static const char *const marks[] = { "error: ", "warning: ", "", "" };

    (void) context;
    fprintf(stderr, "%s%s\n", marks[level], line);
}

/* In debug builds the place in the source too. */
static void
print_error(const char *name)
{
    const char *place = ac_error_place();

    fprintf(stderr, "antarctic %s: %s%s%s%s\n", name, ac_error_message(), place[0] ? " (" : "",
            place, place[0] ? ")" : "");
}

static void
on_bug(const char *text)
{
    int initialized = 0, finalized = 0;

    fprintf(stderr,
            "antarctic: a bug of this program: %s\nPlease report it with the command and this "
            "line.\n",
            text);
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    if (initialized && !finalized)
        MPI_Abort(MPI_COMM_WORLD, AC_EXIT_BUG);
    _exit(AC_EXIT_BUG);
}

static void
print_tools(FILE *f, tool_kind kind, const char *title)
{
    fprintf(f, "\n%s\n", title);
    for (size_t i = 0; i < TOOLS; i++)
        if (tools[i].kind == kind)
            fprintf(f, "  %-14s %s\n", tools[i].name, tools[i].what);
}

static void
print_help(FILE *f)
{
    fprintf(f,
            "antarctic %s: captions for image archives, from a cache of phrases, with CLIP and "
            "BART\n\n",
            AC_VERSION);
    fprintf(f, "  antarctic JOB CONFIG.yaml [--run DIR] [--set key.path=value]…    alone, or "
               "under mpirun or srun\n");
    fprintf(f, "  antarctic JOB --print-config [CONFIG.yaml]                       every key, "
               "its value and its meaning\n");
    fprintf(f, "  antarctic COMMAND … | TOOL … | help [NAME] | --version\n\njobs:\n");
    for (size_t i = 0; i < JOBS; i++)
        fprintf(f, "  %-14s %s\n", jobs[i].name, jobs[i].what);
    print_tools(f, KIND_COMMAND, "commands on what jobs made (one process; NAME --help):");
    print_tools(f, KIND_TOOL, "tools (one process, without MPI; NAME --help):");
    fprintf(f, "\n");
    ac_exit_codes_help(f);
}

/* On the watchdog's thread: this rank can neither go on nor reach agreement with the others.
 * Where all ranks stalled each gets the time to say where it stands, before the launcher ends
 * those that are left. */
static void
end_now(ac_status st, const char *message)
{
    const struct timespec pause = { 2, 0 };

    fprintf(stderr, "antarctic: %s\n", message);
    if (st == AC_E_RETRY)
        nanosleep(&pause, NULL);
    _exit(exit_code(st));
}

static const ac_option job_options[] = {
    { "run", 0, "DIR", "the run folder (default: runs/JOB-CONFIGNAME)" },
    { "set", 0, "KEY=VALUE", "set a key of the config; may be given often" },
    { "print-config", 0, NULL, "print the whole config, commented, and end" },
    { NULL, 0, NULL, NULL },
};

/* This rank's share of the node's cores, and no more than it is bound to; under Slurm, what the
 * job was given. */
static int
default_threads(const ac_comm *comm)
{
    const char *given = getenv("SLURM_CPUS_PER_TASK");
    const long cores = sysconf(_SC_NPROCESSORS_ONLN),
               share = cores > comm->node_size ? cores / comm->node_size : 1;
    cpu_set_t bound;

    if (given && atoi(given) > 0)
        return atoi(given);
    if (sched_getaffinity(0, sizeof bound, &bound) == 0 && CPU_COUNT(&bound) < share)
        return CPU_COUNT(&bound) > 0 ? CPU_COUNT(&bound) : 1;
    return (int) share;
}

/* A launcher ends all ranks at the first that ends badly, and may lose what it has not read
 * yet: wait, shortly, until it has. */
static void
wait_until_read(int fd)
{
    const struct timespec pause = { 0, 5000000 };
    struct stat info;
    int unread = 0;

    if (fstat(fd, &info) != 0 || !S_ISFIFO(info.st_mode))
        return;
    for (int i = 0; i < 200 && ioctl(fd, FIONREAD, &unread) == 0 && unread > 0; i++)
        nanosleep(&pause, NULL);
}

/* From now on rank 0's lines go to RUN/log.txt too, behind a line that says who begins. */
static void
start_log(ac_run_log *log, const ac_comm *comm, const char *name, const char *config,
          const char *folder)
{
    char host[256] = "unknown", header[4096];

    gethostname(host, sizeof host - 1);
    snprintf(header, sizeof header, "antarctic %s: %s %s --run %s, %d rank%s, process %d on %s",
             AC_VERSION, name, config, folder, comm->size, comm->size == 1 ? "" : "s",
             (int) getpid(), host);
    ac_run_log_init(log, comm->rank == 0 ? folder : NULL, header);
    ac_log_set(ac_run_log_line, log, AC_LOG_DEBUG);
}

static void
stop_log(ac_run_log *log, ac_status st)
{
    ac_log(AC_LOG_DEBUG, "exit %d%s%s", exit_code(st), st == AC_OK ? "" : ": ",
           st == AC_OK ? "" : ac_error_message());
    ac_log_set(print_line, NULL, AC_LOG_INFO);
    ac_run_log_close(log);
}

static void
on_alarm(int number)
{
    static const char text[] = "antarctic: MPI does not start or end: a rank is missing, or "
                               "the launcher and MPI do not agree\n";

    (void) number;
    if (write(STDERR_FILENO, text, sizeof text - 1) >= 0 || errno)
        _exit(exit_code(AC_E_RETRY));
}

/* Before the watchdog lives and after its end, MPI itself may wait for ever. */
static void
guard_launcher(double minutes)
{
    signal(SIGALRM, on_alarm);
    alarm(minutes > 0 ? (unsigned) (60 * minutes) + 10 : 0);
}

/* What was printed must have arrived. */
static ac_status
check_output(ac_status st)
{
    if (st == AC_OK && (fflush(stdout) != 0 || ferror(stdout)))
        return ac_error_set(AC_E_IO, "standard output cannot be written: %s", strerror(errno));
    return st;
}

static void
say(const job *j, const ac_comm *comm, ac_status st)
{
    if (st != AC_OK && comm->rank == 0) /* agreed: every rank has the same status and message */
        print_error(j->name);
}

/* jansson (2.14) does not survive that memory is refused to its parser (an assertion, a
 * segmentation fault), and where it does, that cannot be told from a damaged file: a lock would
 * seem nobody's. So there the process ends, in order, as it does at any failure. */
static void *
memory_for_json(size_t n)
{
    void *memory = malloc(n);

    if (!memory)
        end_now(AC_E_NOMEM, "out of memory while reading or writing JSON");
    return memory;
}

/* In the run folder, locked and watched. */
static ac_status
run_in_folder(const job *j, const char *config_path, const ac_config *config,
              const ac_comm *comm, const char *folder)
{
    ac_attempt attempt = { 0 };
    ac_run_log log;
    ac_status st;

    start_log(&log, comm, j->name, config_path, folder);
    ac_compute_init(config->compute.threads ? (int) config->compute.threads
                                            : default_threads(comm));
    ac_signals_init();
    st = ac_attempt_begin_all(&attempt, comm, config, folder, j->name, end_now, exit_code);
    if (st == AC_OK)
        st = j->run(comm, config, folder, &attempt.locks);
    ac_attempt_end(&attempt, st);
    say(j, comm, st);
    stop_log(&log, st);
    return st;
}

/* st: of reading words and config. Wrong ones are wrong on every rank, unless the ranks see
 * other files: they agree before anything else. */
static ac_status
run_job(const job *j, const ac_arguments *a, const ac_config *config, ac_status st)
{
    ac_comm comm;
    ac_heartbeat heartbeat = { 0 };
    char *folder = NULL;

    ac_comm_init(&comm, MPI_COMM_WORLD);
    comm.heartbeat = &heartbeat;
    ac_heartbeat_phase(&heartbeat, "start");
    if (st == AC_OK)
        st = ac_job_run_folder(&folder, j->name, a, 0);
    st = ac_agree_all(&comm, st);
    if (st == AC_OK)
        st = run_in_folder(j, a->words[0], config, &comm, folder);
    else
        say(j, &comm, st);
    if (st != AC_OK) {
        wait_until_read(STDERR_FILENO);
        AC_MPI(MPI_Barrier(comm.mpi));
    }
    ac_comm_free(&comm);
    free(folder);
    return st;
}

/* By mpirun or srun: there may be other ranks. */
static bool
is_launched(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK");
}

static int
main_job(const job *j, int argc, char **argv)
{
    ac_arguments a;
    ac_config config = { 0 };
    ac_buffer text = { 0 };
    ac_status st = ac_arguments_parse(&a, job_options, argc, argv);
    int code, threads;

    if (st == AC_OK && a.help) {
        ac_job_help(stdout, j->name, j->what, job_options);
        ac_arguments_free(&a);
        return 0;
    }
    if (st == AC_OK)
        st = ac_job_config_read(&config, &a, 0);
    if (st == AC_OK && ac_arguments_has(&a, "print-config")) {
        st = ac_config_print(&config, j->name, &text);
        if (st == AC_OK)
            fputs(text.data, stdout);
        if ((st = check_output(st)) != AC_OK)
            print_error(j->name);
        ac_buffer_free(&text);
        ac_config_free(&config);
        ac_arguments_free(&a);
        return exit_code(st);
    }
    if (st == AC_OK && a.word_count != 1)
        st = ac_error_set(
            AC_E_ARG, "%s needs one config file; antarctic %s --print-config shows every key",
            j->name, j->name);
    if (st == AC_OK)
        st = ac_config_check(&config, j->name);
    if (st != AC_OK && !is_launched()) {
        print_error(j->name);
        ac_config_free(&config);
        ac_arguments_free(&a);
        return exit_code(st);
    }
    guard_launcher(config.limits.stall_minutes);
    /* Open MPI 4.1 prefers osc/rdma between nodes, whose windows fail over TCP (MPI_ERR_WIN):
     * sm, ucx and pt2pt are left */
    setenv("OMPI_MCA_osc", "^rdma", 0);
    if (!is_launched()) {
        /* alone, Open MPI starts a daemon for the ranks one might spawn: two seconds for
         * nothing */
        setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
        /* such processes share one folder in /tmp, which one removes while another makes it:
         * then MPI_Init fails; a rank alone needs none */
        setenv("OMPI_MCA_orte_create_session_dirs", "0", 0);
    }
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &threads);
    alarm(0);
    st = run_job(j, &a, &config, st);
    guard_launcher(config.limits.stall_minutes);
    MPI_Finalize();
    alarm(0);
    code = exit_code(st);
    ac_config_free(&config);
    ac_arguments_free(&a);
    return code;
}

/* OpenBLAS chooses its kernels when it is loaded, and does not know every CPU: tell it, and
 * begin again. */
static void
choose_openblas_kernels(char **argv)
{
    const char *wanted = ac_compute_openblas_coretype();
    char self[4096];
    ssize_t n;

    if (!wanted || getenv("OPENBLAS_CORETYPE"))
        return;
    setenv("OPENBLAS_CORETYPE", wanted, 1);
    n = readlink("/proc/self/exe", self, sizeof self - 1); /* by its name, which tools show */
    if (n <= 0)
        return;
    self[n] = '\0';
    execv(self, argv); /* where that fails, its own choice must do */
}

static int
main_tool(const tool *t, int argc, char **argv)
{
    const ac_status st = check_output(t->run(argc, argv));

    if (st != AC_OK)
        print_error(t->name);
    return exit_code(st);
}

/* Run the job or tool of this name; -1: there is none. */
static int
dispatch(const char *name, int argc, char **argv)
{
    for (size_t i = 0; i < JOBS; i++)
        if (strcmp(name, jobs[i].name) == 0)
            return main_job(&jobs[i], argc, argv);
    for (size_t i = 0; i < TOOLS; i++)
        if (strcmp(name, tools[i].name) == 0)
            return main_tool(&tools[i], argc, argv);
    return -1;
}

static int
main_unknown(const char *name)
{
    const char *names[JOBS + TOOLS + 1] = { 0 }, *near;
    size_t n = 0;

    for (size_t i = 0; i < JOBS; i++)
        names[n++] = jobs[i].name;
    for (size_t i = 0; i < TOOLS; i++)
        names[n++] = tools[i].name;
    near = ac_nearest_word(name, names);
    fprintf(stderr,
            "antarctic: \"%s\" is no job, command or tool%s%s%s; antarctic help lists them\n",
            name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return 1;
}

int
main(int argc, char **argv)
{
    int code;

    choose_openblas_kernels(argv);
    ac_bug_handler_set(on_bug);
    json_set_alloc_funcs(memory_for_json, free);
    ac_log_set(print_line, NULL, AC_LOG_INFO);
    if (argc < 2) {
        print_help(stderr);
        return 1;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0) {
        if (argc > 2)
            return (code = dispatch(argv[2], 2, (char *[]){ argv[2], "--help", NULL })) >= 0
                       ? code
                       : main_unknown(argv[2]);
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("antarctic %s\n", AC_VERSION);
        return 0;
    }
    code = dispatch(argv[1], argc - 1, argv + 1);
    return code >= 0 ? code : main_unknown(argv[1]);
}

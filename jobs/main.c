/* The program: which job, command or tool; MPI's life cycle; exit codes. The only file that ends the process. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/nn/compute.h"
#include "jobs/commands/commands.h"
#include "jobs/jobs.h"
#include "jobs/options.h"
#include "jobs/runtime/run_log.h"
#include "jobs/runtime/signals.h"
#include "jobs/tools/tools.h"
#include "jobs/version.h"

enum { EXIT_BUG = 70 };

typedef struct job {
    const char *name, *what;
    ac_job_run run;
} job;

static const job jobs[] = {
    { "caption", "pictures + cache + models -> captions, candidates, scores, tables", ac_job_caption_all },
    { "tag", "pictures + cache -> the best entries for each picture", ac_job_tag_all },
    { "embed-images", "pictures -> CLIP embeddings in HDF5", ac_job_embed_images_all },
    { "build-cache", "a text file, one entry a line -> a cache", ac_job_build_cache_all },
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
    { KIND_COMMAND, "report", "write a run's report.html again", ac_command_report },
    { KIND_COMMAND, "import", "other programs' files -> a cache", ac_command_import },
    { KIND_COMMAND, "export", "a cache -> other programs' files", ac_command_export },
    { KIND_TOOL, "tokenize", "texts <-> token ids of CLIP, BART, GPT-2", ac_tool_tokenize },
    { KIND_TOOL, "preprocess", "pictures -> CLIP's input, as .npy", ac_tool_preprocess },
    { KIND_TOOL, "embed", "pictures or texts -> CLIP embeddings, as .npy", ac_tool_embed },
    { KIND_TOOL, "topk", "nearest entries of a cache or a .npy", ac_tool_topk },
    { KIND_TOOL, "generate", "BART on tables or token ids", ac_tool_generate },
    { KIND_TOOL, "measure", "this machine's speed, and the compute settings it speaks for", ac_tool_measure },
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

static void
on_bug(const char *text)
{
    int initialized = 0, finalized = 0;

    fprintf(stderr, "antarctic: a bug of this program: %s\nPlease report it with the command and this line.\n", text);
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    if (initialized && !finalized)
        MPI_Abort(MPI_COMM_WORLD, EXIT_BUG);
    _exit(EXIT_BUG);
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
    fprintf(f, "antarctic %s: captions for image archives, from a cache of phrases, with CLIP and BART\n\n", AC_VERSION);
    fprintf(f, "  antarctic JOB CONFIG.yaml [--run DIR] [--set key.path=value]…    alone, or under mpirun or srun\n");
    fprintf(f, "  antarctic JOB --print-config [CONFIG.yaml]                       every key, its value and its meaning\n");
    fprintf(f, "  antarctic COMMAND … | TOOL … | help [NAME] | --version\n\njobs:\n");
    for (size_t i = 0; i < JOBS; i++)
        fprintf(f, "  %-14s %s\n", jobs[i].name, jobs[i].what);
    print_tools(f, KIND_COMMAND, "commands on what jobs made (one process; NAME --help):");
    print_tools(f, KIND_TOOL, "tools (one process, without MPI; NAME --help):");
    fprintf(f, "\nexit codes: 0 done; 1 usage or config; 2 failure; 3 more bad items than allowed; 70 a bug; 74 try again; 75 stopped on request\n");
}

static const ac_option job_options[] = {
    { "run", 0, "DIR", "the run folder (default: runs/JOB-CONFIGNAME)" },
    { "set", 0, "KEY=VALUE", "set a key of the config; may be given often" },
    { "print-config", 0, NULL, "print the whole config, commented, and end" },
    { NULL, 0, NULL, NULL },
};

static ac_status
read_config(ac_config *config, const ac_arguments *a)
{
    ac_status st = AC_OK;

    AC_TRY(ac_config_init(config));
    if (a->word_count)
        AC_TRY(ac_config_read(config, a->words[0]));
    for (int i = 0; i < a->set_count; i++)
        if (strcmp(a->set[i].option->name, "set") == 0)
            AC_TRY(ac_config_set(config, a->set[i].value));
out:
    return st;
}

/* runs/JOB-CONFIGNAME */
static ac_status
run_folder(char **out, const char *name, const ac_arguments *a)
{
    const char *given = ac_arguments_get(a, "run"), *slash = strrchr(a->words[0], '/'), *base = slash ? slash + 1 : a->words[0];
    const char *dot = strrchr(base, '.');
    int n = given ? asprintf(out, "%s", given) : asprintf(out, "runs/%s-%.*s", name, dot ? (int) (dot - base) : (int) strlen(base), base);

    return n < 0 ? ac_error_set(AC_E_NOMEM, "out of memory for a path") : AC_OK;
}

static int
default_threads(const ac_comm *comm)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return cores > comm->node_size ? (int) (cores / comm->node_size) : 1;
}

/* From now on rank 0's lines go to RUN/log.txt too, behind a line that says who begins. */
static void
start_log(ac_run_log *log, const ac_comm *comm, const char *name, const char *config, const char *folder)
{
    char host[256] = "unknown", header[4096];

    gethostname(host, sizeof host - 1);
    snprintf(header, sizeof header, "antarctic %s: %s %s --run %s, %d rank%s, process %d on %s", AC_VERSION, name, config, folder, comm->size,
             comm->size == 1 ? "" : "s", (int) getpid(), host);
    ac_run_log_init(log, comm->rank == 0 ? folder : NULL, header);
    ac_log_set(ac_run_log_line, log, AC_LOG_DEBUG);
}

static void
stop_log(ac_run_log *log, ac_status st)
{
    ac_log(AC_LOG_DEBUG, "exit %d%s%s", exit_code(st), st == AC_OK ? "" : ": ", st == AC_OK ? "" : ac_error_message());
    ac_log_set(print_line, NULL, AC_LOG_INFO);
    ac_run_log_close(log);
}

static ac_status
run_job(const job *j, const ac_arguments *a, const ac_config *config)
{
    ac_comm comm;
    ac_run_log log;
    char *folder = NULL;
    ac_status st = AC_OK;

    AC_TRY(ac_comm_init(&comm, MPI_COMM_WORLD));
    AC_TRY(ac_agree_all(&comm, run_folder(&folder, j->name, a)));
    start_log(&log, &comm, j->name, a->words[0], folder);
    ac_compute_init(config->compute.threads ? (int) config->compute.threads : default_threads(&comm));
    ac_signals_init();
    st = j->run(&comm, config, folder);
    if (st != AC_OK && comm.rank == 0) /* agreed: every rank has the same status and message */
        fprintf(stderr, "antarctic %s: %s\n", j->name, ac_error_message());
    stop_log(&log, st);
    ac_comm_free(&comm);
out:
    free(folder);
    return st;
}

static int
main_job(const job *j, int argc, char **argv)
{
    ac_arguments a;
    ac_config config = { 0 };
    ac_buffer text = { 0 };
    ac_status st = ac_arguments_parse(&a, job_options, argc, argv);
    int code;

    if (st == AC_OK && a.help) {
        char usage[64];
        snprintf(usage, sizeof usage, "%s CONFIG.yaml [options]", j->name);
        ac_options_help(stdout, usage, j->what, job_options);
        ac_arguments_free(&a);
        return 0;
    }
    if (st == AC_OK)
        st = read_config(&config, &a);
    if (st == AC_OK && ac_arguments_has(&a, "print-config")) {
        st = ac_config_print(&config, j->name, &text);
        fputs(text.data, stdout);
        ac_buffer_free(&text);
        ac_config_free(&config);
        ac_arguments_free(&a);
        return exit_code(st);
    }
    if (st == AC_OK && a.word_count != 1)
        st = ac_error_set(AC_E_ARG, "%s needs one config file; antarctic %s --print-config shows every key", j->name, j->name);
    if (st == AC_OK)
        st = ac_config_check(&config, j->name);
    if (st != AC_OK) { /* the same on every rank: one says it, and the launcher sees each end */
        const char *rank = getenv("OMPI_COMM_WORLD_RANK") ? getenv("OMPI_COMM_WORLD_RANK") : getenv("PMIX_RANK");
        if (!rank || strcmp(rank, "0") == 0)
            fprintf(stderr, "antarctic %s: %s\n", j->name, ac_error_message());
        ac_config_free(&config);
        return exit_code(st);
    }
    MPI_Init(NULL, NULL);
    st = run_job(j, &a, &config);
    MPI_Finalize();
    code = exit_code(st);
    ac_config_free(&config);
    ac_arguments_free(&a);
    return code;
}

/* OpenBLAS chooses its kernels when it is loaded, and does not know every CPU: tell it, and begin again. */
static void
choose_openblas_kernels(char **argv)
{
    const char *wanted = ac_compute_openblas_coretype();

    if (!wanted || getenv("OPENBLAS_CORETYPE"))
        return;
    setenv("OPENBLAS_CORETYPE", wanted, 1);
    execv("/proc/self/exe", argv); /* where that fails, its own choice must do */
}

static int
main_tool(const tool *t, int argc, char **argv)
{
    const ac_status st = t->run(argc, argv);

    if (st != AC_OK)
        fprintf(stderr, "antarctic %s: %s\n", t->name, ac_error_message());
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
    fprintf(stderr, "antarctic: \"%s\" is no job, command or tool%s%s%s; antarctic help lists them\n", name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return 1;
}

int
main(int argc, char **argv)
{
    int code;

    choose_openblas_kernels(argv);
    ac_bug_handler_set(on_bug);
    ac_log_set(print_line, NULL, AC_LOG_INFO);
    if (argc < 2) {
        print_help(stderr);
        return 1;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        if (argc > 2)
            return (code = dispatch(argv[2], 2, (char *[]) { argv[2], "--help", NULL })) >= 0 ? code : main_unknown(argv[2]);
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

#include "jobs/cli/job_launch.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "engine/kernels/kernel_set.h"
#include "engine/linear/compute.h"
#include "io/file/path.h"
#include "jobs/cli/endings.h"
#include "jobs/cli/help.h"
#include "jobs/cli/job_arguments.h"
#include "jobs/cli/mpi_start.h"
#include "jobs/cli/options.h"
#include "jobs/cli/terminal.h"
#include "jobs/runtime/attempt.h"
#include "jobs/runtime/job_limits.h"
#include "jobs/runtime/run_log.h"
#include "jobs/runtime/signals.h"
#include "jobs/runtime/version.h"

static const ac_option job_options[] = {
    { "run", 0, "DIR", "the run folder (default: runs/JOB-CONFIGNAME)" },
    { "set", 0, "KEY=VALUE", "set a key of the config; may be repeated" },
    { "print-config", 0, NULL, "print the resolved config with a comment per key, and exit" },
};
/* Of jobs of images; others take them too, to say why not. */
static const ac_option image_options[] = {
    { "sample", 0, "N",
      "N images alone, spread over the input, in a run of their own (default: "
      "runs/JOB-CONFIGNAME-sample): to see results and speed first" },
    { "update", 0, "[=hash]",
      "the images changed: compute new and changed ones, drop removed ones (changed: another "
      "size or modification time; =hash: other bytes)" },
    { "dry-run", 0, NULL, "with --update: show what it would do, and exit" },
};
enum {
    JOB_OPTIONS = sizeof job_options / sizeof *job_options,
    IMAGE_OPTIONS = sizeof image_options / sizeof *image_options,
    MOST_OPTIONS = 24
};

/* Those of every job, and the job's own. images: those of jobs of images too. */
static void
list_options(ac_option options[MOST_OPTIONS], const ac_job *job, bool images)
{
    int n = 0;

    for (; n < JOB_OPTIONS; n++)
        options[n] = job_options[n];
    for (int i = 0; images && i < IMAGE_OPTIONS; i++)
        options[n++] = image_options[i];
    for (const ac_short_form *s = job->short_forms; s && s->option; s++) {
        AC_CHECK(n < MOST_OPTIONS - 1);
        options[n++] = (ac_option){ s->option, 0, s->argument, s->help };
    }
    options[n] = (ac_option){ NULL, 0, NULL, NULL };
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
    ac_log(AC_LOG_DEBUG, "kernels %s", ac_kernels()->name);
    if (ac_kernels_are_slow())
        ac_log(AC_LOG_WARNING, "kernels generic: products run many times slower than on a CPU "
                               "with AVX2; results are the same");
}

/* What each rank has, for the log and the summary. Collective. */
static ac_status
log_limits_all(ac_comm *comm, const ac_config *config, int threads)
{
    ac_job_limits limits;
    int own, share;
    int64_t bound = ac_mpi_is_bound_short(comm, &own, &share);
    ac_status st = ac_agree_all(comm, ac_alloc(&comm->threads, comm->size, sizeof threads));

    if (st != AC_OK)
        return st;
    AC_MPI(MPI_Allgather(&threads, 1, MPI_INT, comm->threads, 1, MPI_INT, comm->mpi));
    ac_sum_int64_all(comm, &bound, 1);
    ac_job_limits_read(&limits, "");
    for (int from = 0, to; from < comm->size; from = to) {
        for (to = from + 1; to < comm->size && comm->threads[to] == comm->threads[from];)
            to++;
        ac_log(AC_LOG_DEBUG, "threads: %d on each of ranks %d to %d", comm->threads[from], from,
               to - 1);
    }
    ac_log(AC_LOG_DEBUG, "this node: %lld MB of memory (%s), %lld cores (%s)",
           (long long) (limits.memory >> 20), limits.memory_from, (long long) limits.cores,
           limits.cores_from);
    if (config->limits.memory > limits.memory)
        ac_log(AC_LOG_WARNING, "limits.memory is %lld MB, but %s allows %lld MB",
               (long long) (config->limits.memory >> 20), limits.memory_from,
               (long long) (limits.memory >> 20));
    if (bound)
        ac_log(AC_LOG_WARNING,
               "%lld of %d ranks are bound to fewer cores than the job may use (rank 0: %d of "
               "%d): start with mpirun --bind-to none (srun --cpu-bind=none)",
               (long long) bound, comm->size, own < share ? own : share, share);
    return AC_OK;
}

static void
stop_log(ac_run_log *log, ac_status st)
{
    ac_log(AC_LOG_DEBUG, "exit %d%s%s", ac_exit_code(st), st == AC_OK ? "" : ": ",
           st == AC_OK ? "" : ac_error_message());
    ac_log_set(ac_terminal_line, NULL, AC_LOG_INFO);
    ac_run_log_close(log);
}

static void
say(const ac_job *job, const ac_comm *comm, ac_status st)
{
    if (st != AC_OK && comm->rank == 0) /* agreed: every rank has the same status and message */
        ac_terminal_error(job->name);
}

/* In the run folder, locked and watched. */
static ac_status
run_in_folder(const ac_job *job, const char *config_path, const ac_config *config,
              ac_comm *comm, const char *folder)
{
    const int threads =
        config->compute.threads ? (int) config->compute.threads : ac_mpi_threads(comm);
    ac_attempt attempt = { 0 };
    ac_run_log log;
    ac_status st;

    start_log(&log, comm, job->name, config_path, folder);
    ac_compute_init(threads);
    st = log_limits_all(comm, config, threads);
    ac_signals_init();
    if (st == AC_OK)
        st = ac_attempt_begin_all(&attempt, comm, config, folder, job->name, ac_end_now,
                                  ac_exit_code);
    if (st == AC_OK)
        st = job->run(comm, config, folder, &attempt.locks);
    ac_attempt_end(&attempt, st);
    ac_signals_end();
    if (st == AC_OK)
        st = ac_agree_all(comm, ac_terminal_check_output());
    say(job, comm, st);
    stop_log(&log, st);
    return st;
}

/* --dry-run: the run is neither locked nor changed. */
static ac_status
show_update(const ac_job *job, const ac_config *config, const ac_comm *comm, const char *folder)
{
    ac_status st = job->preview(comm, config, folder, stdout);

    if (comm->rank == 0 && st == AC_OK)
        st = ac_terminal_flush(st);
    st = ac_agree_all(comm, st);
    say(job, comm, st);
    return st;
}

/* A sample does not take the folder of the whole run. */
static ac_status
find_folder(char **folder, const ac_job *job, const ac_arguments *a)
{
    char *whole = NULL;
    ac_status st = ac_job_run_folder(folder, job, a, 0);

    if (st != AC_OK || !ac_arguments_has(a, "sample") || ac_arguments_has(a, "run"))
        return st;
    whole = *folder;
    st = ac_path_format(folder, "%s-sample", whole);
    free(whole);
    return st;
}

/* st: of reading words and config. Wrong ones are wrong on every rank, unless the ranks see
 * other files: they agree before anything else. */
static ac_status
run_job(const ac_job *job, const ac_arguments *a, const ac_config *config, ac_status st)
{
    ac_comm comm;
    ac_heartbeat heartbeat = { 0 };
    char *folder = NULL;

    ac_comm_init(&comm, MPI_COMM_WORLD);
    comm.heartbeat = &heartbeat;
    ac_heartbeat_phase(&heartbeat, "start");
    if (st == AC_OK)
        st = ac_mpi_check_launcher(&comm);
    if (st == AC_OK)
        st = find_folder(&folder, job, a);
    if (st == AC_OK)
        st = ac_kernels_use(ac_kernel_set_names[config->compute.kernels]);
    st = ac_agree_all(&comm, st);
    if (st == AC_OK && ac_arguments_has(a, "dry-run"))
        st = show_update(job, config, &comm, folder);
    else if (st == AC_OK)
        st = run_in_folder(job, a->word_count ? a->words[0] : "", config, &comm, folder);
    else
        say(job, &comm, st);
    if (st != AC_OK) {
        ac_terminal_wait_until_read(STDERR_FILENO);
        AC_MPI(MPI_Barrier(comm.mpi));
    }
    ac_comm_free(&comm);
    free(folder);
    return st;
}

/* st: of reading the command line and the config. */
static ac_status
run_under_mpi(const ac_job *job, const ac_arguments *a, const ac_config *config, ac_status st)
{
    int threads;

    ac_guard_launcher(config->limits.stall_minutes);
    ac_mpi_prepare();
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &threads);
    ac_guard_launcher_off();
    ac_endings_catch_bus_errors();
    st = run_job(job, a, config, st);
    ac_guard_launcher(config->limits.stall_minutes);
    MPI_Finalize();
    ac_guard_launcher_off();
    return st;
}

static ac_status
print_config(const ac_job *job, const ac_config *config)
{
    ac_buffer text = { 0 };
    ac_status st = ac_config_print(config, job->name, &text);

    if (st == AC_OK)
        ac_terminal_json(text.data, text.size);
    ac_buffer_free(&text);
    return ac_terminal_flush(st);
}

/* Who gives no config may not know that there is one. */
static ac_status
check_config(const ac_config *config, const ac_job *job, const ac_arguments *a)
{
    const ac_status st = ac_config_check(config, job->name);

    return st != AC_OK && !a->word_count
               ? ac_error_set(st, "%s; antarctic %s --help shows an example of a config",
                              ac_error_message(), job->name)
               : st;
}

int
ac_job_launch(const ac_job *job, int argc, char **argv)
{
    ac_option options[MOST_OPTIONS];
    ac_arguments a;
    ac_config config = { 0 };
    const char *word = NULL;
    ac_status st;

    list_options(options, job, true);
    st = ac_arguments_parse(&a, options, argc, argv);
    if (st == AC_OK && a.help) {
        list_options(options, job, job->preview != NULL);
        ac_job_help(stdout, job, options);
        if ((st = ac_terminal_flush(st)) != AC_OK)
            ac_terminal_error(job->name);
        goto out;
    }
    if (st == AC_OK)
        st = ac_job_word_take(&word, job, &a);
    if (st == AC_OK && a.word_count > 1)
        st = ac_error_set(AC_E_ARG, "%s takes one config file, and \"%s\" is a second one",
                          job->name, a.words[1]);
    if (st == AC_OK)
        st = ac_job_config_read(&config, &a, 0);
    if (st == AC_OK)
        st = ac_job_short_apply(&config, job, &a, word);
    if (st == AC_OK && ac_arguments_has(&a, "print-config")) {
        if ((st = print_config(job, &config)) != AC_OK)
            ac_terminal_error(job->name);
        goto out;
    }
    if (st == AC_OK)
        st = ac_job_update_read(&config, &a, job);
    if (st == AC_OK)
        st = ac_job_sample_read(&config, &a, job);
    if (st == AC_OK)
        st = check_config(&config, job, &a);
    if (st != AC_OK && !ac_mpi_is_launched())
        ac_terminal_error(job->name);
    else
        st = run_under_mpi(job, &a, &config, st);
out:
    ac_config_free(&config);
    ac_arguments_free(&a);
    return ac_exit_code(st);
}

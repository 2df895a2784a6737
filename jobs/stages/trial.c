#include "jobs/stages/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/log.h"

enum { TRIAL_SECONDS = 120, POLL_MILLISECONDS = 5 };

extern char **environ;

/* Wait for the child, at most TRIAL_SECONDS. true: it came to an end by itself. */
static bool
ends_by_itself(const ac_pipeline *p, pid_t child)
{
    const struct timespec pause = { 0, POLL_MILLISECONDS * 1000000L };
    const double started = ac_progress_clock();
    int how = 0;

    for (;;) {
        const pid_t done = waitpid(child, &how, WNOHANG);
        if (done == child)
            return WIFEXITED(how);
        if (done < 0 && errno != EINTR)
            return true; /* nothing known against it */
        if (ac_progress_clock() - started > TRIAL_SECONDS) {
            kill(child, SIGKILL);
            waitpid(child, &how, 0);
            return false;
        }
        ac_pulse_beat(p->comm->pulse);
        nanosleep(&pause, NULL);
    }
}

static ac_status
try_picture(const ac_pipeline *p, int64_t item, bool *crashes)
{
    ac_status st = AC_OK;
    posix_spawn_file_actions_t actions;
    char *path = NULL, *out = NULL, size[32], pixels[32];
    pid_t child;
    int error;

    AC_TRY(ac_duplicate(&path, ac_texts_at(&p->pictures.paths, item), ac_texts_size(&p->pictures.paths, item)));
    AC_TRY(ac_run_path(&p->run, &out, "journal/%strial.tmp.%d.npy", p->run.prefix, p->comm->rank));
    snprintf(size, sizeof size, "%lld", (long long) p->clip.net.config.image_size);
    snprintf(pixels, sizeof pixels, "%lld", (long long) p->config->limits.max_pixels);
    {
        char *words[] = { "antarctic", "preprocess", "--threads", "1", "--size", size, "--max-pixels", pixels, "--out", out, "--", path, NULL };
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        error = posix_spawn(&child, "/proc/self/exe", &actions, NULL, words, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    if (error)
        ac_log(AC_LOG_WARNING, "%s was in hand when an earlier attempt died, and cannot be tried alone: %s", path, strerror(error));
    else
        *crashes = !ends_by_itself(p, child);
    unlink(out);
out:
    free(path);
    free(out);
    return st;
}

ac_status
ac_trial_all(ac_pipeline *p)
{
    ac_run *run = &p->run;
    bool *crashes = NULL;
    ac_status st = AC_OK;

    if (run->suspect_count == 0) /* the same on all ranks */
        return AC_OK;
    ac_pulse_phase(p->comm->pulse, "trial of suspects");
    st = ac_alloc(&crashes, run->manifest.items, sizeof *crashes);
    for (int64_t i = p->comm->rank; st == AC_OK && i < run->suspect_count; i += p->comm->size) {
        const ac_hand_item *s = &run->suspects[i];
        const int64_t shard = s->item / run->manifest.shard_items;
        if (s->stage == AC_STAGE_EMBED && !run->manifest.stages[AC_STAGE_EMBED].shards[shard].done)
            st = try_picture(p, s->item, &crashes[s->item]);
    }
    AC_TRY(ac_agree_all(p->comm, st));
    AC_TRY(ac_run_quarantine_all(run, crashes, &p->pictures.keys));
out:
    free(crashes);
    return st;
}

#include "jobs/runtime/progress.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "io/file/json_write.h"
#include "io/file/publish.h"

enum { TAG_PROGRESS = 7 };

double
ac_progress_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

ac_status
ac_progress_begin_all(ac_progress *self, const ac_comm *comm, const char *json_path,
                      const char *job, const char *stage, const char *unit, int64_t done,
                      int64_t bad, int64_t total)
{
    *self = (ac_progress){
        .comm = comm,
        .json_path = json_path,
        .job = job,
        .stage = stage,
        .unit = unit,
        .total = total,
        .done = done,
        .bad = bad,
        .done_at_start = done,
        .last_tenth = total > 0 ? (int) (10 * done / total) : 10,
        .started = ac_progress_clock(),
        .last_line = ac_progress_clock(),
        .terminal = isatty(STDERR_FILENO),
        .request = MPI_REQUEST_NULL,
    };
    ac_heartbeat_phase(comm->heartbeat, stage);
    return ac_alloc(&self->outgoing, 2, sizeof *self->outgoing);
}

static void
format_duration(char text[32], double seconds)
{
    long s = (long) (seconds + 0.5);

    if (s < 3600)
        snprintf(text, 32, "%ld:%02ld", s / 60, s % 60);
    else
        snprintf(text, 32, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
}

static void
format_line(const ac_progress *self, char *line, size_t size)
{
    double seconds = ac_progress_clock() - self->started;
    double rate = seconds > 0 ? (double) (self->done - self->done_at_start) / seconds : 0;
    char eta[32] = "?";

    if (rate > 0)
        format_duration(eta, (double) (self->total - self->done) / rate);
    snprintf(line, size, "%s: %lld/%lld %s, %.3g/s, ETA %s", self->stage,
             (long long) self->done, (long long) self->total, self->unit, rate, eta);
    if (self->bad) {
        size_t used = 0;
        while (line[used])
            used++;
        snprintf(line + used, size - used, ", %lld rejected", (long long) self->bad);
    }
    if (self->note[0]) {
        size_t used = strlen(line);
        snprintf(line + used, size - used, ", %s", self->note);
    }
}

/* For `antarctic status`. A progress file that cannot be written is no reason to stop a run. */
static void
write_json(const ac_progress *self)
{
    ac_buffer json = { 0 };
    double seconds = ac_progress_clock() - self->started;

    ac_buffer_push_text(&json, "{\"job\": ");
    ac_json_text(&json, self->job);
    ac_buffer_push_text(&json, ", \"stage\": ");
    ac_json_text(&json, self->stage);
    ac_buffer_push_text(&json, ", \"unit\": ");
    ac_json_text(&json, self->unit);
    ac_buffer_printf(&json,
                     ", \"done\": %lld, \"total\": %lld, \"bad\": %lld, \"seconds\": %.3f, "
                     "\"rate\": %.6g, \"time\": %lld}\n",
                     (long long) self->done, (long long) self->total, (long long) self->bad,
                     seconds,
                     seconds > 0 ? (double) (self->done - self->done_at_start) / seconds : 0,
                     (long long) time(NULL));
    if (json.status == AC_OK && self->json_path &&
        ac_publish_file(self->json_path, json.data, json.size) != AC_OK)
        ac_log(AC_LOG_DEBUG, "%s",
               ac_error_message()); /* progress that cannot be told ends no run */
    ac_buffer_free(&json);
}

/* A longer line would continue in the next row, and each redrawing leave one. INT_MAX: the
 * terminal does not say. */
static int
line_columns(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1
                                                                           : INT_MAX;
}

static void
show(ac_progress *self)
{
    double now = ac_progress_clock();
    int tenth = self->total > 0 ? (int) (10 * self->done / self->total) : 10;
    char line[256];

    if (self->json_path && now - self->last_json >= 1) {
        write_json(self);
        self->last_json = now;
    }
    if (self->terminal && now - self->last_drawn >= 0.1) {
        format_line(self, line, sizeof line);
        fprintf(stderr, "\r\033[K%.*s", line_columns(), line);
        self->drawn = true;
        self->last_drawn = now;
    }
    if (now - self->last_line >= 30 ||
        (tenth > self->last_tenth &&
         tenth < 10)) { /* the last tenth has the stage's last line */
        format_line(self, line, sizeof line);
        ac_log(self->terminal ? AC_LOG_DEBUG : AC_LOG_INFO, "%s",
               line); /* on a terminal: for log.txt alone */
        self->last_line = now;
    }
    self->last_tenth = tenth;
}

static void
receive_report(ac_progress *self)
{
    int64_t report[2];

    AC_MPI(MPI_Recv(report, 2, MPI_INT64_T, MPI_ANY_SOURCE, TAG_PROGRESS, self->comm->mpi,
                    MPI_STATUS_IGNORE));
    self->done += report[0];
    self->bad += report[1];
    self->reports++;
}

/* Those that have arrived. */
static void
receive_reports(ac_progress *self)
{
    int waiting = 0;

    while (MPI_Iprobe(MPI_ANY_SOURCE, TAG_PROGRESS, self->comm->mpi, &waiting,
                      MPI_STATUS_IGNORE) == MPI_SUCCESS &&
           waiting)
        receive_report(self);
}

/* Rank 0: those too that are still on their way. A barrier alone does not bring them in: its
 * messages go other ways than the reports. */
static void
receive_all_reports(ac_progress *self)
{
    int64_t sent = self->comm->rank == 0 ? 0 : self->reports, all = 0;

    AC_MPI(MPI_Reduce(&sent, &all, 1, MPI_INT64_T, MPI_SUM, 0, self->comm->mpi));
    while (self->comm->rank == 0 && self->reports < all)
        receive_report(self);
    AC_MPI(MPI_Barrier(self->comm->mpi));
}

void
ac_progress_count(ac_progress *self, int64_t items, int64_t bad)
{
    if (self->comm->rank == 0) {
        self->done += items;
        self->bad += bad;
    } else {
        AC_MPI(MPI_Wait(&self->request,
                        MPI_STATUS_IGNORE)); /* 16 bytes, sent eagerly: no waiting for rank 0 */
        self->outgoing[0] = items;
        self->outgoing[1] = bad;
        AC_MPI(MPI_Isend(self->outgoing, 2, MPI_INT64_T, 0, TAG_PROGRESS, self->comm->mpi,
                         &self->request));
        self->reports++;
    }
}

void
ac_progress_add(ac_progress *self, int64_t items, int64_t bad)
{
    ac_progress_count(self, items, bad);
    ac_progress_tick(self);
}

void
ac_progress_tick(ac_progress *self)
{
    ac_heartbeat_beat(self->comm->heartbeat);
    if (self->comm->rank != 0)
        return;
    receive_reports(self);
    show(self);
}

void
ac_progress_end_all(ac_progress *self)
{
    char line[256];
    double seconds = ac_progress_clock() - self->started;

    AC_MPI(MPI_Wait(&self->request, MPI_STATUS_IGNORE));
    receive_all_reports(self);
    ac_heartbeat_phase(self->comm->heartbeat, "between stages");
    if (self->comm->rank == 0) {
        if (self->drawn)
            fprintf(stderr, "\r\033[K");
        snprintf(line, sizeof line, "%s: %lld/%lld %s in %.1f s", self->stage,
                 (long long) self->done, (long long) self->total, self->unit, seconds);
        ac_log(AC_LOG_INFO, "%s%s", line,
               self->done == self->done_at_start && self->done ? " (done before)" : "");
        if (self->json_path)
            write_json(self);
    }
    free(self->outgoing);
    self->outgoing = NULL;
}

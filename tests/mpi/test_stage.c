/* The loop of all stages with a toy job of three: shards claimed, made by all ranks together,
 * and shared out in ranges. Whoever fails, and wherever, all ranks hear of it; what was
 * published is not made again; the files are the same whatever the ranks. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/config/config.h"
#include "io/file/checksum.h"
#include "io/file/path.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"
#include "jobs/runtime/signals.h"
#include "jobs/runtime/stage.h"
#include "tests/mpi/check.h"

enum {
    ITEMS = 47,
    SHARD_ITEMS = 4,
    SHARDS = 12,
    STAGES = 3,
    REJECTED = 5 /* each fifth item */
};

static char folder[] = "/tmp/antarctic-stage.XXXXXX";

/* What a stage of the toy job is to do, and what it did on this rank. */
typedef struct toy {
    int64_t fails_at; /* a shard; -1: none */
    int failing_rank; /* of a stage of all ranks together, and of open */
    bool open_fails;
    int opened, closed, made;
    int64_t computed;       /* of a stage of all ranks together: what is to be written */
    int64_t write_fails_at; /* of it; 0: none */
} toy;

static ac_status
toy_open(void *context, ac_stage *stage)
{
    toy *self = context;

    self->opened++;
    if (self->open_fails && stage->run->comm->rank == self->failing_rank)
        return ac_error_set(AC_E_NOMEM, "no memory for the toy");
    return AC_OK;
}

static void
toy_close(void *context)
{
    ((toy *) context)->closed++;
}

/* One line per item: what the stage before wrote, and this stage's name. */
static ac_status
write_shard(ac_stage *stage, ac_stage_shard *shard)
{
    ac_buffer text = { 0 }, before = { 0 };
    char *path = NULL;
    ac_status st = AC_OK;

    if (stage->number > 0) {
        AC_TRY(ac_run_shard_path(stage->run, stage->number - 1, shard->number, &path));
        AC_TRY(ac_text_file_read(path, &before));
        AC_TRY(ac_buffer_push(&text, before.data, before.size));
    }
    for (int64_t i = shard->first; i < shard->first + shard->count; i++) {
        ac_inflight_begin(&stage->run->inflight, 0, i, 1);
        shard->bad += i % REJECTED == 0;
        AC_TRY(ac_buffer_printf(&text, "%s %d\n", stage->type->name, (int) i));
    }
    shard->rows = shard->count - shard->bad;
    AC_TRY(ac_publish_file(shard->path, text.data, text.size));
    st = ac_file_checksum(shard->path, shard->checksum);
out:
    ac_buffer_free(&text);
    ac_buffer_free(&before);
    free(path);
    return st;
}

static ac_status
fail(const ac_stage_shard *shard)
{
    return ac_error_set(AC_E_IO, "toy: shard %d fails", (int) shard->number);
}

static ac_status
toy_shard(void *context, ac_stage *stage, ac_stage_shard *shard)
{
    toy *self = context;
    ac_status st = AC_OK;

    CHECK(shard->root == stage->run->comm->rank);
    AC_TRY(ac_stage_tick(stage, shard->count / 2));
    if (shard->number == self->fails_at) {
        ac_inflight_begin(&stage->run->inflight, 0, shard->first, shard->count);
        return fail(shard);
    }
    AC_TRY(write_shard(stage, shard));
    self->made++;
out:
    return st;
}

static ac_status
toy_shard_all(void *context, ac_stage *stage, ac_stage_shard *shard)
{
    toy *self = context;
    const ac_comm *comm = stage->run->comm;
    int64_t sum = comm->rank + 1;
    ac_status st = shard->number == self->fails_at && comm->rank == self->failing_rank
                       ? fail(shard)
                       : AC_OK;

    AC_TRY(ac_agree_all(comm, st));
    ac_sum_int64_all(comm, &sum, 1);
    CHECK(sum == (int64_t) comm->size * (comm->size + 1) / 2); /* all work on the same shard */
    CHECK(stage->todo[stage->at] == shard->number && stage->at % comm->size == shard->root);
    if (shard->root == comm->rank)
        self->computed = shard->number;
out:
    return st;
}

/* What this rank was the root of, once per round. */
static ac_status
toy_write(void *context, ac_stage *stage, ac_stage_shard *shard)
{
    toy *self = context;
    ac_status st = AC_OK;

    CHECK(shard->number == self->computed && shard->root == stage->run->comm->rank);
    self->computed = -1;
    if (self->write_fails_at && shard->number == self->write_fails_at)
        return fail(shard);
    AC_TRY(write_shard(stage, shard));
    self->made++;
out:
    return st;
}

static const ac_stage_type first = { .name = "first",
                                     .folder = "a",
                                     .unit = "items",
                                     .crashes_before_probe = 1,
                                     .open = toy_open,
                                     .shard = toy_shard,
                                     .close = toy_close },
                           second = { .name = "second",
                                      .folder = "b",
                                      .unit = "items",
                                      .sharing = AC_SHARDS_TOGETHER,
                                      .crashes_before_probe = 1,
                                      .open = toy_open,
                                      .shard = toy_shard_all,
                                      .write = toy_write,
                                      .close = toy_close },
                           third = { .name = "third", /* neither open nor close */
                                     .folder = "c",
                                     .unit = "items",
                                     .sharing = AC_SHARDS_RANGES,
                                     .crashes_before_probe = 1,
                                     .shard = toy_shard };
static const ac_stage_type *const stages[] = { &first, &second, &third, NULL };

static void
open_run(ac_run *run, const ac_comm *comm, const ac_config *config)
{
    const ac_run_identity id = {
        .job = "embed-images", /* a name that the config knows */
        .stages = stages,
        .items = ITEMS,
        .input = "",
        .clip = "",
        .cache = "",
        .bart = "",
        .kernels = "",
    };

    CHECK(ac_run_open_all(run, comm, config, folder, &id) == AC_OK);
}

/* A run that is not there yet. */
static void
clear_folder(const ac_comm *comm)
{
    char command[128];

    MPI_Barrier(comm->mpi);
    if (comm->rank == 0) {
        snprintf(command, sizeof command, "rm -rf %s/*", folder);
        CHECK(system(command) == 0);
    }
    MPI_Barrier(comm->mpi);
}

static int64_t
sum_all(const ac_comm *comm, int64_t n)
{
    ac_sum_int64_all(comm, &n, 1);
    return n;
}

static int64_t
done_shards(const ac_run *run, int stage)
{
    int64_t n = 0;

    for (int i = 0; i < SHARDS; i++)
        n += run->manifest.stages[stage].shards[i].done;
    return n;
}

/* Every line of a finished run, and its counts. */
static void
check_files(const ac_run *run)
{
    ac_buffer text = { 0 }, expected = { 0 };
    char *path = NULL;

    for (int shard = 0; shard < SHARDS; shard++) {
        ac_buffer_reset(&expected);
        for (int s = 0; s < STAGES; s++)
            for (int i = shard * SHARD_ITEMS; i < (shard + 1) * SHARD_ITEMS && i < ITEMS; i++)
                ac_buffer_printf(&expected, "%s %d\n", stages[s]->name, i);
        CHECK(ac_run_shard_path(run, STAGES - 1, shard, &path) == AC_OK);
        ac_buffer_reset(&text);
        CHECK(ac_text_file_read(path, &text) == AC_OK);
        CHECK(text.size == expected.size && memcmp(text.data, expected.data, text.size) == 0);
        free(path);
    }
    for (int s = 0; s < STAGES; s++) {
        CHECK(ac_run_bad(run, s) == (ITEMS + REJECTED - 1) / REJECTED);
        CHECK(ac_run_rows(run, s) + ac_run_bad(run, s) == ITEMS);
    }
    ac_buffer_free(&text);
    ac_buffer_free(&expected);
}

/* Nothing is in flight once a stage is over, however it ended. */
static void
check_nothing_in_flight(const ac_run *run)
{
    ac_inflight_items *items = NULL;
    int64_t count = 0, capacity = 0;
    char *path = NULL;

    CHECK(ac_run_path(run, &path, "journal/%04d.hand", run->comm->rank) == AC_OK);
    CHECK(access(path, F_OK) == 0);
    CHECK(ac_inflight_read(path, &items, &count, &capacity) == AC_OK);
    CHECK(count == 0);
    free(items);
    free(path);
    MPI_Barrier(run->comm->mpi); /* rank 0 removes these files when it opens the run again */
}

/* Once a stage is over, its progress is that of the finished shards alone. */
static void
check_progress(const ac_run *run, int stage)
{
    ac_buffer text = { 0 };
    char *path = NULL, expected[64];
    int64_t done = 0;

    for (int i = 0; i < SHARDS; i++) {
        int64_t from, count;
        ac_run_shard_items(run, i, &from, &count);
        done += run->manifest.stages[stage].shards[i].done ? count : 0;
    }
    if (run->comm->rank == 0) {
        snprintf(expected, sizeof expected, "\"done\": %d, \"total\": %d,", (int) done, ITEMS);
        CHECK(ac_run_path(run, &path, "progress.json") == AC_OK);
        CHECK(ac_text_file_read(path, &text) == AC_OK);
        CHECK(strstr(text.data, expected) != NULL);
    }
    free(path);
    ac_buffer_free(&text);
}

static void
finish(const ac_comm *comm, const ac_config *config, int64_t made_before)
{
    int64_t made = made_before;
    ac_run run = { 0 };

    open_run(&run, comm, config);
    for (int s = 0; s < STAGES; s++) {
        toy t = { .fails_at = -1 };
        CHECK(ac_stage_run_all(&run, stages[s], &t) == AC_OK);
        made += sum_all(comm, t.made);
        check_nothing_in_flight(&run);
        check_progress(&run, s);
    }
    CHECK(made == STAGES * SHARDS); /* each once, and none twice */
    check_files(&run);
    ac_run_free(&run);
    MPI_Barrier(
        comm->mpi); /* a rank that is done may change the files that others still check */
}

static void
every_shard_once(const ac_comm *comm, const ac_config *config)
{
    ac_run run = { 0 };

    clear_folder(comm);
    finish(comm, config, 0);
    open_run(&run, comm, config); /* and not again */
    for (int s = 0; s < STAGES; s++) {
        toy t = { .fails_at = 0, .open_fails = true };
        CHECK(done_shards(&run, s) == SHARDS);
        CHECK(ac_stage_run_all(&run, stages[s], &t) == AC_OK);
        CHECK(t.opened == 0 && t.made == 0);
        CHECK(t.closed == (stages[s]->close ? 1 : 0));
    }
    CHECK(ac_run_finish_all(&run) == AC_OK);
    ac_run_free(&run);
    open_run(&run, comm, config);
    CHECK(run.finished_before);
    ac_run_free(&run);
}

/* One shard of one stage fails, on each rank in turn where all work together: the same failure
 * everywhere, and what was published counts. */
static void
a_failure_is_everyones(const ac_comm *comm, const ac_config *config, int failing_stage,
                       int failing_rank)
{
    toy t = { .fails_at = SHARDS / 2, .failing_rank = failing_rank };
    int64_t made = 0;
    ac_run run = { 0 };

    clear_folder(comm);
    open_run(&run, comm, config);
    for (int s = 0; s < failing_stage; s++) {
        toy good = { .fails_at = -1 };
        CHECK(ac_stage_run_all(&run, stages[s], &good) == AC_OK);
        made += sum_all(comm, good.made);
    }
    CHECK(ac_stage_run_all(&run, stages[failing_stage], &t) == AC_E_IO);
    CHECK(strstr(ac_error_message(), "toy: shard 6 fails") != NULL);
    made += sum_all(comm, t.made);
    CHECK(made < (failing_stage + 1) * SHARDS);
    CHECK(done_shards(&run, failing_stage) == sum_all(comm, t.made));
    CHECK(t.closed == t.opened);
    check_nothing_in_flight(&run);
    check_progress(&run, failing_stage);
    ac_run_free(&run);
    finish(comm, config, made);
}

/* So is a file that cannot be written; what other ranks wrote in the same round counts. */
static void
a_failed_write_is_everyones(const ac_comm *comm, const ac_config *config)
{
    toy t = { .fails_at = -1, .write_fails_at = SHARDS / 2 }, good = { .fails_at = -1 };
    int64_t made;
    ac_run run = { 0 };

    clear_folder(comm);
    open_run(&run, comm, config);
    CHECK(ac_stage_run_all(&run, stages[0], &good) == AC_OK);
    CHECK(ac_stage_run_all(&run, stages[1], &t) == AC_E_IO);
    CHECK(strstr(ac_error_message(), "toy: shard 6 fails") != NULL);
    made = sum_all(comm, t.made);
    CHECK(made >= SHARDS / 2 / comm->size * comm->size && done_shards(&run, 1) == made);
    ac_run_free(&run);
    finish(comm, config, SHARDS + made);
}

static void
memory_that_is_not_there(const ac_comm *comm, const ac_config *config)
{
    for (int s = 0; s < 2; s++) {
        for (int rank = 0; rank < comm->size; rank++) {
            toy t = { .fails_at = -1, .failing_rank = rank, .open_fails = true };
            ac_run run = { 0 };
            int64_t made;
            clear_folder(comm);
            open_run(&run, comm, config);
            if (s == 1) {
                toy good = { .fails_at = -1 };
                CHECK(ac_stage_run_all(&run, stages[0], &good) == AC_OK);
            }
            CHECK(ac_stage_run_all(&run, stages[s], &t) == AC_E_NOMEM);
            CHECK(t.opened == 1 && t.closed == 1);
            made = s * SHARDS + sum_all(comm, t.made);
            CHECK(s == 0 || sum_all(comm, t.made) == 0); /* no rank began without the others */
            ac_run_free(&run);
            finish(comm, config, made);
        }
    }
}

/* What is gone or damaged is made again, in its stage alone. */
static void
a_lost_file_is_made_again(const ac_comm *comm, const ac_config *config)
{
    char path[64];

    clear_folder(comm);
    finish(comm, config, 0);
    if (comm->rank == 0) {
        snprintf(path, sizeof path, "%s/a/00003.h5", folder);
        CHECK(unlink(path) == 0);
        snprintf(path, sizeof path, "%s/c/00011.h5", folder);
        CHECK(ac_publish_file(path, "damaged\n", 8) == AC_OK);
    }
    MPI_Barrier(comm->mpi);
    finish(comm, config, STAGES * SHARDS - 2);
}

static void
copy_on_rank_0(const ac_comm *comm, const char *from, const char *to)
{
    char command[192];

    MPI_Barrier(comm->mpi);
    if (comm->rank == 0) {
        snprintf(command, sizeof command, "cp %s/%s %s/%s", folder, from, folder, to);
        CHECK(system(command) == 0);
    }
    MPI_Barrier(comm->mpi);
}

/* The journals alone tell what is done, where the manifest is as old as the run; and a line
 * that a kill cut short does not swallow the next one. */
static void
a_cut_journal_is_read(const ac_comm *comm, const ac_config *config)
{
    toy t = { .fails_at = SHARDS / 2 };
    ac_run run = { 0 };
    int64_t made;
    char path[64];
    FILE *f;

    clear_folder(comm);
    open_run(&run, comm, config);
    copy_on_rank_0(comm, "manifest.json", "first.json");
    CHECK(ac_stage_run_all(&run, stages[0], &t) == AC_E_IO);
    made = sum_all(comm, t.made);
    ac_run_free(&run);
    snprintf(path, sizeof path, "%s/journal/%04d.jsonl", folder, comm->rank);
    CHECK((f = fopen(path, "a")) != NULL);
    CHECK(fputs("{\"stage\": \"fir", f) >= 0 && fclose(f) == 0);
    finish(comm, config, made);
    copy_on_rank_0(comm, "first.json", "manifest.json");
    finish(comm, config, STAGES * SHARDS);
}

/* The last test: a stop is not taken back. */
static void
one_told_to_stop_stops_all(const ac_comm *comm, const ac_config *config)
{
    toy t = { .fails_at = -1 };
    ac_run run = { 0 };
    ac_status st;

    clear_folder(comm);
    open_run(&run, comm, config);
    if (comm->rank == 0)
        raise(SIGUSR1);
    st = ac_stage_run_all(&run, stages[0], &t);
    CHECK(done_shards(&run, 0) == sum_all(comm, t.made));
    if (comm->size == 1)
        CHECK(done_shards(&run, 0) == 0);
    /* the others may have done all before they heard of it */
    CHECK(st == (done_shards(&run, 0) < SHARDS ? AC_E_STOPPED : AC_OK));
    CHECK(ac_stage_run_all(&run, stages[1], &t) == AC_E_STOPPED); /* all at the same shard */
    CHECK(strstr(ac_error_message(), "12 of 12 shards of stage second") != NULL);
    CHECK(done_shards(&run, 1) == 0);
    check_nothing_in_flight(&run);
    ac_run_free(&run);
}

int
main(int argc, char **argv)
{
    ac_comm comm;
    ac_config config;

    MPI_Init(&argc, &argv);
    ac_comm_init(&comm, MPI_COMM_WORLD);
    ac_signals_init();
    CHECK(ac_config_init(&config) == AC_OK);
    config.output.shard_items = SHARD_ITEMS;
    if (comm.rank == 0)
        CHECK(mkdtemp(folder) != NULL);
    ac_broadcast_bytes_all(&comm, folder, sizeof folder, 0);
    every_shard_once(&comm, &config);
    a_failure_is_everyones(&comm, &config, 0, 0);
    for (int rank = 0; rank < comm.size; rank++)
        a_failure_is_everyones(&comm, &config, 1, rank);
    a_failure_is_everyones(&comm, &config, 2, 0);
    a_failed_write_is_everyones(&comm, &config);
    memory_that_is_not_there(&comm, &config);
    a_lost_file_is_made_again(&comm, &config);
    a_cut_journal_is_read(&comm, &config);
    one_told_to_stop_stops_all(&comm, &config);
    clear_folder(&comm);
    if (comm.rank == 0)
        CHECK(rmdir(folder) == 0);
    ac_config_free(&config);
    ac_comm_free(&comm);
    MPI_Finalize();
    return 0;
}

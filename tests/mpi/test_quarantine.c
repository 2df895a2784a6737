/* What is in flight, and the memory of what ended a run's processes: usable when zeroed; files
 * of earlier attempts are read, removed and not trusted; suspects by the rows of their stages;
 * what is confirmed on any rank is quarantined on all. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file/path.h"
#include "io/file/publish.h"
#include "jobs/runtime/quarantine.h"
#include "tests/mpi/check.h"

enum { ITEMS = 10 };

static char folder[] = "/tmp/antarctic-quarantine.XXXXXX";

static const ac_stage_type cheap = { .name = "cheap", .folder = "a" }, /* 0 deaths: as 1 */
    dear = { .name = "dear", .folder = "b", .crashes_before_probe = 2 },
                           dearest = { .name = "dearest",
                                       .folder = "c",
                                       .crashes_before_probe = 3 };
static const ac_stage_type *const stages[] = { &cheap, &dear, &dearest, NULL };

static void
zeroed_objects(void)
{
    ac_inflight inflight = { 0 };
    ac_quarantine quarantine = { 0 };
    int64_t count = 0, capacity = 0;
    ac_inflight_items *items = NULL;

    FILE *as_input = tmpfile(); /* a zeroed object is not open: descriptor 0 is another's */

    CHECK(as_input != NULL && dup2(fileno(as_input), STDIN_FILENO) == STDIN_FILENO);
    ac_inflight_begin(&inflight, 0, 3, 1);
    ac_inflight_end(&inflight, 0);
    ac_inflight_clear(&inflight);
    ac_inflight_close(&inflight);
    ac_inflight_close(&inflight);
    CHECK(lseek(STDIN_FILENO, 0, SEEK_END) == 0); /* nothing was written, and it is open */
    CHECK(fclose(as_input) == 0);
    CHECK(ac_inflight_read("/no/such/file", &items, &count, &capacity) == AC_OK && count == 0);
    CHECK(!ac_quarantine_has(&quarantine, 0));
    ac_quarantine_free(&quarantine);
    ac_quarantine_free(&quarantine);
}

static char *
path_of(const char *name)
{
    char *path = NULL;

    CHECK(ac_path_format(&path, "%s/%s", folder, name) == AC_OK);
    return path;
}

/* Threads begin and end in slots of their own; what is open is what a death would leave. */
static void
slots_of_threads(void)
{
    enum { SLOTS = 4 };
    char *path = path_of("0000.hand");
    ac_inflight inflight = { 0 };
    ac_inflight_items *items = NULL;
    int64_t count = 0, capacity = 0;

    CHECK(ac_inflight_open(&inflight, path, SLOTS) == AC_OK);
    CHECK(ac_inflight_read(path, &items, &count, &capacity) == AC_OK && count == 0);
    inflight.stage = 2;
    omp_set_num_threads(SLOTS);
#pragma omp parallel for schedule(static, 1)
    for (int i = 0; i < SLOTS; i++) {
        ac_inflight_begin(&inflight, i, 10 * i, i + 1);
        if (i == 1)
            ac_inflight_end(&inflight, i);
    }
    CHECK(ac_inflight_read(path, &items, &count, &capacity) == AC_OK && count == SLOTS - 1);
    for (int i = 0; i < count; i++) {
        const int slot = i ? i + 1 : 0;
        CHECK(items[i].stage == 2 && items[i].first == 10 * slot && items[i].count == slot + 1);
    }
    ac_inflight_clear(&inflight);
    count = 0;
    CHECK(ac_inflight_read(path, &items, &count, &capacity) == AC_OK && count == 0);
    ac_inflight_close(&inflight);
    CHECK(unlink(path) == 0);
    free(items);
    free(path);
}

/* As a process that died left it. */
static void
leave(const char *name, const ac_inflight_items *items, int count)
{
    char *path = path_of(name);

    CHECK(ac_publish_file(path, (const char *) items, (size_t) count * sizeof *items) == AC_OK);
    free(path);
}

static bool
is_there(const char *name)
{
    char *path = path_of(name);
    const bool there = access(path, F_OK) == 0;

    free(path);
    return there;
}

static void
read_again(ac_quarantine *q, const char *prefix)
{
    ac_quarantine_free(q);
    CHECK(ac_quarantine_init(q, ITEMS) == AC_OK);
    CHECK(ac_quarantine_read(q, folder, prefix, stages) == AC_OK);
}

/* A suspect at the first death, the second, the third: by its stage. Where attempts between two
 * deaths were well, it is still the second. */
static void
deaths_are_counted_by_stage(void)
{
    const ac_inflight_items all[] = { { 0, 1, 1 }, { 1, 4, 2 }, { 2, 8, 1 }, { -1, -1, 0 } };
    ac_quarantine q = { 0 };

    for (int death = 1; death <= 4; death++) {
        const int expected = death < 3 ? death : 3;
        leave("0000.hand", all, 2);
        leave("0001.hand", all + 2, 2);
        read_again(&q, "");
        CHECK(!is_there("0000.hand") && !is_there("0001.hand"));
        CHECK(q.suspect_count == expected);
        for (int64_t i = 0; i < q.suspect_count; i++)
            CHECK(q.suspects[i].stage < expected);
        read_again(&q, "");
        CHECK(q.suspect_count == 0);
    }
    ac_quarantine_free(&q);
}

static void
files_are_not_trusted(void)
{
    static const ac_inflight_items wild[] = {
        { 0, ITEMS, 1 }, { 0, 0, ITEMS + 1 }, { 3, 0, 1 },         { -2, 0, 1 },   { 0, -5, 1 },
        { 0, 3, -1 },    { 0, INT64_MAX, 1 }, { 0, 1, INT64_MAX }, { 0, 0, ITEMS }
    };
    static const char lines[] =
        "{\"item\": 3, \"key\": \"c\"}\n{\"item\": 10}\n{\"item\": -1}\n"
        "{\"item\": \"x\"}\n{\"item\": 4, \"ke";
    char *path = path_of("crashed.jsonl");
    ac_quarantine q = { 0 };

    leave("0000.hand", wild, sizeof wild / sizeof *wild);
    CHECK(ac_publish_file(path, lines, sizeof lines - 1) == AC_OK);
    read_again(&q, "");
    CHECK(q.suspect_count == 1 && q.suspects[0].count == ITEMS);
    for (int i = 0; i < ITEMS; i++)
        CHECK(ac_quarantine_has(&q, i) == (i == 3));
    CHECK(!ac_quarantine_has(&q, ITEMS));
    /* a part reads its own alone; what is quarantined holds for all */
    leave("p1-0000.hand", wild, sizeof wild / sizeof *wild);
    leave("p2-0000.hand", wild, sizeof wild / sizeof *wild);
    read_again(&q, "p2-");
    CHECK(q.suspect_count == 1 && ac_quarantine_has(&q, 3));
    CHECK(is_there("p1-0000.hand") && !is_there("p2-0000.hand"));
    read_again(&q, ""); /* a whole run reads all */
    CHECK(q.suspect_count == 1 && !is_there("p1-0000.hand"));
    CHECK(unlink(path) == 0);
    free(path);
    ac_quarantine_free(&q);
}

/* Each rank confirms another item, and one that is quarantined already. */
static void
confirmed_on_any_rank(const ac_comm *comm)
{
    bool crashed[ITEMS] = { 0 };
    ac_quarantine q = { 0 }, again = { 0 };
    ac_texts keys = { 0 };
    const ac_item_names names = ac_item_names_of_texts(&keys);
    const ac_inflight_items left = { 0, 7, 2 };

    CHECK(ac_quarantine_init(&q, ITEMS) == AC_OK);
    if (comm->rank == 0) {
        leave("0000.hand", &left, 1);
        read_again(&q, "");
        q.crashed[9] = true;
    }
    CHECK(ac_quarantine_share_all(&q, comm) == AC_OK);
    CHECK(q.suspect_count == 1 && q.suspects[0].first == 7 && ac_quarantine_has(&q, 9));
    crashed[comm->rank] = crashed[9] = true;
    CHECK(ac_quarantine_add_all(&q, comm, crashed) == comm->size);
    for (int i = 0; i < ITEMS; i++) {
        CHECK(crashed[i] == (i < comm->size));
        CHECK(ac_quarantine_has(&q, i) == (i < comm->size || i == 9));
    }
    CHECK(ac_quarantine_add_all(&q, comm, crashed) == 0);
    if (comm->rank == 0) {
        for (int i = 0; i < ITEMS; i++)
            CHECK(ac_texts_push(&keys, "a \"key\"\n", 8) == AC_OK);
        CHECK(ac_quarantine_write(&q, folder, "", &names) == AC_OK);
        read_again(&again, "");
        CHECK(memcmp(q.crashed, again.crashed, sizeof crashed) == 0);
    }
    ac_texts_free(&keys);
    ac_quarantine_free(&again);
    ac_quarantine_free(&q);
}

int
main(int argc, char **argv)
{
    ac_comm comm;
    char command[64];

    MPI_Init(&argc, &argv);
    ac_comm_init(&comm, MPI_COMM_WORLD);
    if (comm.rank == 0)
        CHECK(mkdtemp(folder) != NULL);
    ac_broadcast_bytes_all(&comm, folder, sizeof folder, 0);
    zeroed_objects();
    if (comm.rank == 0) {
        slots_of_threads();
        deaths_are_counted_by_stage();
        files_are_not_trusted();
    }
    confirmed_on_any_rank(&comm);
    if (comm.rank == 0) {
        snprintf(command, sizeof command, "rm -r %s", folder);
        CHECK(system(command) == 0);
    }
    ac_comm_free(&comm);
    MPI_Finalize();
    return 0;
}

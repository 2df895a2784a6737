/* Mining over ranks: the golden settings give what one process gives, with plenty of memory and
 * with so little that counts are spilled, in large and small pieces; failures of one rank are
 * failures of all, and leave nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs/cache/mining/mine.h"
#include "tests/support/golden.h"

static ac_comm comm;
static char folder[64]; /* the same on all ranks; holds "scratch" */
static char scratch[80];

static int64_t
files_in(const char *path)
{
    DIR *d = opendir(path);
    int64_t count = 0;

    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        count += e->d_name[0] != '.';
    closedir(d);
    return count;
}

static ac_mining_options
options_of(const json_t *setting)
{
    return (ac_mining_options){
        .wanted = { true, true, true, json_is_true(json_object_get(setting, "use_line")) },
        .lower = json_is_true(json_object_get(setting, "lower")),
        .cross_lines = json_is_true(json_object_get(setting, "cross_lines")),
        .most = json_integer_value(json_object_get(setting, "topk_ngrams")),
        .filter = json_integer_value(json_object_get(setting, "filter")),
        .member_extension = "txt",
        .scratch = scratch,
        .memory = 100000000,
    };
}

static void
assert_same(const ac_mined *a, const ac_mined *b)
{
    const int64_t n = b->entries.count;

    assert_int_equal(a->entries.count, n);
    assert_int_equal(a->entries.bytes.size, b->entries.bytes.size);
    assert_memory_equal(a->entries.bytes.data, b->entries.bytes.data, b->entries.bytes.size);
    assert_memory_equal(a->entries.offsets, b->entries.offsets,
                        (size_t) (n + 1) * sizeof *b->entries.offsets);
    assert_memory_equal(a->kinds, b->kinds, (size_t) n * sizeof *b->kinds);
    assert_memory_equal(a->counts, b->counts, (size_t) n * sizeof *b->counts);
    assert_memory_equal(a->pmis, b->pmis, (size_t) n * sizeof *b->pmis); /* the same bits */
}

static void
check_all(const char *corpus, const json_t *setting, int64_t memory, int64_t piece_bytes,
          int64_t least_runs)
{
    ac_mining_options o = options_of(setting);
    ac_mined alone = { 0 }, together = { 0 };
    ac_mining_report report, report_alone;

    if (comm.rank == 0) {
        assert_int_equal(mkdir(scratch, 0777), 0);
        assert_int_equal(ac_mine(&alone, &report_alone, &corpus, 1, &o), AC_OK);
    }
    o.memory = memory;
    o.piece_bytes = piece_bytes;
    if (ac_mine_inputs_all(&comm, NULL, &corpus, 1, &o, NULL, &together, &report) != AC_OK)
        fail_msg("%s", ac_error_message());
    assert_int_equal(report.words, json_integer_value(json_object_get(setting, "words")));
    assert_int_equal(report.lines, json_integer_value(json_object_get(setting, "lines")));
    assert_int_equal(report.distinct[1],
                     json_integer_value(json_object_get(setting, "bigrams_kept")));
    assert_int_equal(report.distinct[2],
                     json_integer_value(json_object_get(setting, "trigrams_kept")));
    assert_true(report.runs >= least_runs);
    if (comm.rank == 0) {
        assert_same(&together, &alone);
        assert_int_equal(files_in(scratch), 0);
        assert_int_equal(rmdir(scratch), 0);
    } else {
        assert_int_equal(together.entries.count, 0);
    }
    ac_mined_free(&alone);
    ac_mined_free(&together);
}

static void
as_one_process(void **state)
{
    char *corpus = golden_path("ngrams/corpus"), *path = golden_path("ngrams/settings.json");
    json_t *root, *setting;
    const char *name;

    (void) state;
    if (!corpus || !path)
        skip();
    root = test_read_json(path);
    json_object_foreach(json_object_get(root, "settings"), name, setting)
        check_all(corpus, setting, 100000000, 0, 0);
    setting = json_object_get(json_object_get(root, "settings"), "small");
    if (setting)
        check_all(corpus, setting, 100000000, 300, 0);
    setting = json_object_get(json_object_get(root, "settings"), "lines");
    if (setting)
        check_all(corpus, setting, 200000, 2000, 2 * comm.size);
    setting = json_object_get(json_object_get(root, "settings"), "within_lines");
    if (setting)
        check_all(corpus, setting, 200000, 5000, 1);
    json_decref(root);
    free(corpus);
    free(path);
}

/* A rank whose disk is full (files limited to 64 KB) while counts are spilled: all ranks fail,
 * and the scratch folder is empty. */
static void
full_disk(void **state)
{
    char *corpus = golden_path("ngrams/corpus");
    struct rlimit before, little = { 65536, 0 };
    ac_mining_options o = { .wanted = { true, true, true, false },
                            .lower = true,
                            .cross_lines = true,
                            .most = 100,
                            .filter = 1,
                            .member_extension = "txt",
                            .scratch = scratch,
                            .memory = 200000,
                            .piece_bytes = 2000 };
    ac_mining_report report;

    (void) state;
    if (!corpus)
        skip();
    signal(SIGXFSZ, SIG_IGN);
    for (int failing = 0; failing < comm.size; failing++) {
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        little.rlim_max = before.rlim_max;
        if (comm.rank == failing)
            assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
        assert_int_equal(ac_mine_inputs_all(&comm, NULL, (const char *const *) &corpus, 1, &o,
                                            NULL, NULL, &report),
                         AC_E_IO);
        assert_non_null(strstr(ac_error_message(), "cannot be spilled"));
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        if (comm.rank == 0)
            assert_int_equal(files_in(scratch), 0);
        MPI_Barrier(comm.mpi);
    }
    free(corpus);
}

static void
nothing_to_mine(void **state)
{
    const ac_mining_options o = { .wanted = { true, false, false, false },
                                  .most = 10,
                                  .filter = 1,
                                  .member_extension = "txt",
                                  .scratch = scratch,
                                  .memory = 1000000 };
    ac_mining_report report;
    const char *const missing = "no-such-text", *const empty = folder;

    (void) state;
    assert_int_equal(ac_mine_inputs_all(&comm, NULL, &missing, 1, &o, NULL, NULL, &report),
                     AC_E_IO);
    assert_non_null(strstr(ac_error_message(), "no-such-text"));
    assert_int_equal(ac_mine_inputs_all(&comm, NULL, &empty, 1, &o, NULL, NULL, &report),
                     AC_E_FORMAT);
    assert_non_null(strstr(ac_error_message(), "no text in this folder"));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(as_one_process),
                                        cmocka_unit_test(full_disk),
                                        cmocka_unit_test(nothing_to_mine) };
    int failed;

    MPI_Init(&argc, &argv);
    ac_comm_init(&comm, MPI_COMM_WORLD);
    strcpy(folder, "mining-XXXXXX");
    if (comm.rank == 0 && !mkdtemp(folder))
        return 1;
    ac_broadcast_bytes_all(&comm, folder, sizeof folder, 0);
    snprintf(scratch, sizeof scratch, "%s/scratch", folder);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Barrier(comm.mpi);
    if (comm.rank == 0) {
        rmdir(scratch);
        failed += rmdir(folder) != 0;
    }
    ac_comm_free(&comm);
    MPI_Finalize();
    return failed;
}

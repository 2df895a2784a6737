/* Locks that a process holds: the watchdog renews each of them, ends the process where one is
 * lost, and all go at once at its end. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "jobs/runtime/watchdog.h"
#include "tests/mpi/check.h"

enum { LONG_AGO = 1000000000 };

static char said[2048];
static ac_status ended_with;

/* In place of the end of the process: of the watchdog's thread. */
static void
end_thread(ac_status st, const char *message)
{
    ended_with = st;
    snprintf(said, sizeof said, "%s", message);
    pthread_exit(NULL);
}

static time_t
renewed(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? info.st_mtime : -1;
}

static void
make_old(const char *path)
{
    const struct timespec times[2] = { { LONG_AGO, 0 }, { LONG_AGO, 0 } };

    CHECK(utimensat(AT_FDCWD, path, times, 0) == 0);
}

/* Is it, within ten seconds? */
static bool
becomes_new(const char *path)
{
    for (int i = 0; i < 500 && renewed(path) == LONG_AGO; i++)
        nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
    return renewed(path) > LONG_AGO;
}

static void
check_all_are_renewed(ac_watchdog *dog, const char *run, const char *cache)
{
    CHECK(ac_watchdog_start(dog) == AC_OK);
    make_old(run);
    make_old(cache);
    CHECK(becomes_new(run));
    CHECK(becomes_new(cache));
    ac_watchdog_stop(dog);
    CHECK(ended_with == AC_OK);
}

static void
check_a_lost_one_ends(ac_watchdog *dog, const char *run, const char *cache)
{
    CHECK(unlink(cache) == 0);
    CHECK(ac_watchdog_start(dog) == AC_OK);
    CHECK(pthread_join(dog->thread, NULL) == 0);
    CHECK(ended_with == AC_E_RETRY);
    CHECK(strstr(said, cache) != NULL);
    CHECK(access(run, F_OK) == 0);
}

int
main(int argc, char **argv)
{
    char folder[] = "/tmp/antarctic-lock.XXXXXX", run[64], cache[64];
    ac_locks locks;
    ac_heartbeat heartbeat = { 0 };
    ac_watchdog dog = { .heartbeat = &heartbeat,
                        .locks = &locks,
                        .sign = "",
                        .grace_seconds = 1,
                        .renew_seconds = 0.01,
                        .end = end_thread };
    ac_lock first = { 0 }, second = { 0 };
    int rank;

    ac_locks_init(&locks);
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank == 0) {
        CHECK(mkdtemp(folder) != NULL);
        snprintf(run, sizeof run, "%s/lock", folder);
        snprintf(cache, sizeof cache, "%s/cache-lock", folder);
        CHECK(ac_lock_take(&first, &locks, run) == AC_OK);
        CHECK(ac_lock_take(&second, &locks, cache) == AC_OK);
        check_all_are_renewed(&dog, run, cache);
        ac_locks_remove_files(&locks);
        CHECK(access(run, F_OK) != 0 && access(cache, F_OK) != 0);
        ac_lock_release(&first);
        ac_lock_release(&second);
        CHECK(ac_lock_take(&second, &locks, cache) == AC_OK);
        CHECK(ac_lock_take(&first, &locks, run) == AC_OK);
        ac_lock_release(
            &second); /* in neither order of taking does a released one stay in the list */
        CHECK(ac_lock_take(&second, &locks, cache) == AC_OK);
        check_a_lost_one_ends(&dog, run, cache);
        ac_lock_release(&first);
        ac_lock_release(&second);
        CHECK(rmdir(folder) == 0);
    }
    ac_locks_free(&locks);
    MPI_Finalize();
    return 0;
}

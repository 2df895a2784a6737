/* Memory held once a node: one rank fills, all read the same pages; each rank fails in turn;
 * sizes that differ are refused. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/comm/shared.h"

#define CHECK(x) AC_CHECK(x)

enum { SIZE = 24 << 20 };

/* This process's share of the memory it maps, in bytes: a page that n processes map counts 1 /
 * n for each. */
static double
proportional_bytes(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    double kilobytes = -1;

    CHECK(f);
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "Pss: %lf kB", &kilobytes) == 1)
            break;
    fclose(f);
    return kilobytes * 1024;
}

static void
filled_by_one(const ac_comm *comm)
{
    ac_shared s = { 0 };
    double before = proportional_bytes(), grown, all;
    int filling, fills;
    unsigned char *p;

    AC_MPI(MPI_Barrier(comm->mpi));
    CHECK(ac_shared_init_all(&s, comm, SIZE, AC_OK) == AC_OK);
    CHECK(s.size == SIZE);
    p = s.bytes;
    if (s.fills) {
        for (size_t i = 0; i < SIZE; i++)
            p[i] = (unsigned char) (i * 7 + i / 251);
        ac_shared_filled(s.bytes, s.size); /* moved into huge pages, the content stays */
    }
    CHECK(ac_agree_all(comm, AC_OK) == AC_OK);
    for (size_t i = 0; i < SIZE; i++)
        CHECK(p[i] == (unsigned char) (i * 7 + i / 251));
    AC_MPI(MPI_Barrier(comm->mpi));
    fills = s.fills;
    AC_MPI(MPI_Allreduce(&fills, &filling, 1, MPI_INT, MPI_SUM, comm->mpi));
    grown = proportional_bytes() - before;
    AC_MPI(MPI_Barrier(comm->mpi));
    AC_MPI(MPI_Allreduce(&grown, &all, 1, MPI_DOUBLE, MPI_SUM, comm->mpi));
    if (comm->rank == 0)
        printf("%d ranks: %d filled, together they grew by %.1f MB for a block of %.1f MB\n",
               comm->size, filling, all / 1e6, SIZE / 1e6);
    if (comm->node_size == comm->size) { /* one node, as in this test */
        CHECK(filling == 1);
        CHECK(all < 1.5 * SIZE); /* copies would be comm->size times SIZE; the rest is what MPI
                                    allocates */
    }
    ac_shared_free(&s);
    ac_shared_free(&s); /* twice is allowed */
}

static void
failures(const ac_comm *comm)
{
    for (int r = 0; r < comm->size; r++) {
        ac_shared s = { 0 };
        const ac_status st = ac_shared_init_all(
            &s, comm, 4096,
            comm->rank == r ? ac_error_set(AC_E_IO, "the file is gone") : AC_OK);
        CHECK(st == AC_E_IO && strstr(ac_error_message(), "the file is gone") && !s.bytes);
        ac_shared_free(&s);
    }
    for (int r = 1; r < comm->size && comm->node_size == comm->size; r++) {
        ac_shared s = { 0 };
        CHECK(ac_shared_init_all(&s, comm, comm->rank == r ? 8192 : 4096, AC_OK) ==
              AC_E_FORMAT);
        CHECK(!s.bytes);
    }
}

static bool other_proc; /* this rank's /proc is not that of the others */

/* In place of libc's: where /proc is another, the same path leads to another file. */
int
open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode = 0;

    if (other_proc && strncmp(path, "/proc/", 6) == 0 && strstr(path, "/fd/")) {
        const int fd = memfd_create("another", MFD_CLOEXEC);
        CHECK(fd >= 0 && ftruncate(fd, SIZE) == 0);
        return fd;
    }
    va_start(args, flags);
    if (flags & O_CREAT)
        mode = va_arg(args, mode_t);
    va_end(args);
    return openat(AT_FDCWD, path, flags, mode);
}

/* Ranks in containers of their own hold copies; none takes another process's file for the
 * memory. */
static void
other_containers(const ac_comm *comm)
{
    ac_shared s = { 0 };

    other_proc = comm->rank == 1;
    CHECK(ac_shared_init_all(&s, comm, SIZE, AC_OK) == AC_OK);
    other_proc = false;
    if (comm->size > 1 && comm->node_size == comm->size)
        CHECK(s.fills);
    ac_shared_free(&s);
}

int
main(int argc, char **argv)
{
    ac_comm comm;

    MPI_Init(&argc, &argv);
    ac_comm_init(&comm, MPI_COMM_WORLD);
    filled_by_one(&comm);
    failures(&comm);
    other_containers(&comm);
    ac_comm_free(&comm);
    MPI_Finalize();
    return 0;
}

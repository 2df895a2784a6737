#include "engine/comm/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/memory.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

/* Bytes mapped for `size` of them: whole huge pages where it is worth one. */
static size_t
room_of(size_t size)
{
    if (size < AC_HUGE_PAGE)
        return size ? size : 1;
    return (size + AC_HUGE_PAGE - 1) & ~(size_t) (AC_HUGE_PAGE - 1);
}

/* `room` bytes of addresses that begin where a huge page may; NULL: none are left. The caller
 * maps over them. */
static void *
aligned_place(size_t room)
{
    char *p = mmap(NULL, room + AC_HUGE_PAGE, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    size_t before;

    if (p == MAP_FAILED)
        return NULL;
    before = -(uintptr_t) p & (AC_HUGE_PAGE - 1);
    if (before)
        munmap(p, before);
    munmap(p + before + room, AC_HUGE_PAGE - before);
    return p + before;
}

static ac_status
map(ac_shared *self, int fd, size_t size)
{
    const size_t room = room_of(size);
    void *place = room < AC_HUGE_PAGE ? NULL : aligned_place(room);
    void *p = mmap(
        place, room, PROT_READ | PROT_WRITE,
        (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED) | (place ? MAP_FIXED : 0), fd, 0);

    if (p == MAP_FAILED)
        return ac_error_set(AC_E_NOMEM, "out of memory: %zu bytes for packed weights (%s)",
                            size, strerror(errno));
    if (place)
        ac_memory_prefer_huge(p, room);
    self->bytes = p;
    self->size = size;
    return AC_OK;
}

void
ac_shared_filled(void *bytes, size_t size)
{
    if (size >= AC_HUGE_PAGE)
        madvise(bytes, room_of(size), MADV_COLLAPSE); /* an older kernel has no such advice */
}

void
ac_shared_free(ac_shared *self)
{
    if (self->bytes)
        munmap(self->bytes, room_of(self->size));
    *self = (ac_shared){ 0 };
}

/* What the first rank of a node tells the others. */
typedef struct invitation {
    long process;
    int fd;
    unsigned long long size, device, file; /* device and file: which memory it is */
} invitation;

static int
create(size_t size)
{
    int fd = memfd_create("antarctic", MFD_CLOEXEC);

    if (fd >= 0 && ftruncate(fd, (off_t) room_of(size)) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Where a rank has a /proc of its own (one container per rank), another process has this number
 * there: its file is not the one meant. */
static int
join(const invitation *i)
{
    char path[64];
    struct stat info;
    int fd;

    snprintf(path, sizeof path, "/proc/%ld/fd/%d", i->process, i->fd);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0 &&
        (fstat(fd, &info) != 0 || info.st_dev != i->device || info.st_ino != i->file)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Collective over the node. The memory's descriptor, or -1 on all of them; *same: all want the
 * same size. */
static int
open_on_node(MPI_Comm node, int rank, size_t size, bool *same)
{
    invitation mine = { .size = size };
    struct stat info;
    int fd = -1, ok, all;

    if (rank == 0) {
        fd = create(size);
        if (fd >= 0 && fstat(fd, &info) == 0) {
            mine.device = info.st_dev;
            mine.file = info.st_ino;
        }
        mine.process = (long) getpid();
        mine.fd = fd;
    }
    AC_MPI(MPI_Bcast(&mine, sizeof mine, MPI_BYTE, 0, node));
    if (rank != 0 && mine.fd >= 0 && mine.size == size)
        fd = join(&mine);
    ok = mine.size == size;
    AC_MPI(MPI_Allreduce(&ok, &all, 1, MPI_INT, MPI_MIN, node));
    *same = all;
    ok = fd >= 0;
    AC_MPI(MPI_Allreduce(&ok, &all, 1, MPI_INT, MPI_MIN, node));
    if (!all && fd >= 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

ac_status
ac_shared_init_all(ac_shared *self, const ac_comm *comm, size_t size, ac_status st)
{
    MPI_Comm node;
    bool same = true;
    int fd = -1;

    *self = (ac_shared){ 0 };
    st = ac_agree_all(comm, st);
    if (st != AC_OK)
        return st;
    if (comm->node_size > 1) {
        AC_MPI(MPI_Comm_split_type(comm->mpi, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL,
                                   &node));
        fd = open_on_node(node, comm->node_rank, size, &same);
        AC_MPI(MPI_Comm_free(&node));
        if (fd < 0 && same && comm->node_rank == 0)
            ac_log(AC_LOG_INFO,
                   "the ranks of this node cannot share memory: each holds a copy of the "
                   "packed weights (%.1f GB)",
                   (double) size / 1e9);
    }
    self->fills = fd < 0 || comm->node_rank == 0;
    st = same ? map(self, fd, size)
              : ac_error_set(AC_E_FORMAT, "the ranks of a node see models of different sizes: "
                                          "is the file being replaced?");
    if (fd >= 0)
        close(fd);
    st = ac_agree_all(comm, st);
    if (st != AC_OK)
        ac_shared_free(self);
    return st;
}

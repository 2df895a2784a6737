/* What a rank waits for: LD_PRELOAD of bench/scale/measure.py. Each call of MPI that waits, and
 * each call that a shared file system's server answers, becomes a line of
 * $SCALE_TRACE/PROCESS.txt: when it began, seconds that it took, its name, and the process's
 * CPU seconds; and at each stage's end its memory. */
#include <dlfcn.h>
#include <fcntl.h>
#include <mpi.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static FILE *out;
static MPI_Request claim = MPI_REQUEST_NULL; /* under way */

static double
read_clock(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static double
now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

/* Only between MPI_Init_thread and MPI_Finalize. */
static void
note(const char *name, double begun)
{
    if (out)
        fprintf(out, "%.7f %.7f %s %.7f\n", begun, now() - begun, name,
                read_clock(CLOCK_PROCESS_CPUTIME_ID));
}

static void
note_memory(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "re");
    char line[256];
    long kb;

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Pss: %ld", &kb) == 1 && out)
            fprintf(out, "%.7f %ld pss\n", now(), kb);
        else if (sscanf(line, "Private_Dirty: %ld", &kb) == 1 && out)
            fprintf(out, "%.7f %ld private\n", now(), kb);
    if (f)
        fclose(f);
}

static void
begin(void)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/%d.txt",
             getenv("SCALE_TRACE") ? getenv("SCALE_TRACE") : ".", (int) getpid());
    out = fopen(path, "we");
    note("begin", now());
}

int
MPI_Init_thread(int *argc, char ***argv, int required, int *provided)
{
    const int r = PMPI_Init_thread(argc, argv, required, provided);

    begin();
    return r;
}

int
MPI_Finalize(void)
{
    note_memory();
    note("end", now());
    if (out)
        fclose(out);
    out = NULL;
    return PMPI_Finalize();
}

/* ---- MPI ---- */

#define TIMED(name, parameters, arguments) \
    int name parameters                    \
    {                                      \
        const double begun = now();        \
        const int r = P##name arguments;   \
        note(#name, begun);                \
        return r;                          \
    }

TIMED(MPI_Barrier, (MPI_Comm c), (c))
TIMED(MPI_Bcast, (void *x, int n, MPI_Datatype t, int root, MPI_Comm c), (x, n, t, root, c))
TIMED(MPI_Reduce,
      (const void *x, void *y, int n, MPI_Datatype t, MPI_Op o, int root, MPI_Comm c),
      (x, y, n, t, o, root, c))
TIMED(MPI_Allreduce, (const void *x, void *y, int n, MPI_Datatype t, MPI_Op o, MPI_Comm c),
      (x, y, n, t, o, c))
TIMED(MPI_Allgather,
      (const void *x, int n, MPI_Datatype t, void *y, int m, MPI_Datatype u, MPI_Comm c),
      (x, n, t, y, m, u, c))
TIMED(MPI_Recv,
      (void *x, int n, MPI_Datatype t, int from, int tag, MPI_Comm c, MPI_Status *status),
      (x, n, t, from, tag, c, status))
TIMED(MPI_Send, (const void *x, int n, MPI_Datatype t, int to, int tag, MPI_Comm c),
      (x, n, t, to, tag, c))
TIMED(MPI_Win_allocate,
      (MPI_Aint bytes, int unit, MPI_Info info, MPI_Comm c, void *base, MPI_Win *w),
      (bytes, unit, info, c, base, w))

int
MPI_Win_free(MPI_Win *w)
{
    const double begun = now();
    const int r = PMPI_Win_free(w);

    note("MPI_Win_free", begun);
    note_memory();
    return r;
}

int
MPI_Rget_accumulate(const void *x, int n, MPI_Datatype t, void *y, int m, MPI_Datatype u,
                    int rank, MPI_Aint at, int count, MPI_Datatype v, MPI_Op o, MPI_Win w,
                    MPI_Request *request)
{
    const double begun = now();
    const int r = PMPI_Rget_accumulate(x, n, t, y, m, u, rank, at, count, v, o, w, request);

    claim = *request;
    note("claim", begun);
    return r;
}

int
MPI_Wait(MPI_Request *request, MPI_Status *status)
{
    const double begun = now();
    const int is_claim = *request != MPI_REQUEST_NULL && *request == claim,
              r = PMPI_Wait(request, status);

    note(is_claim ? "claimed" : "MPI_Wait", begun);
    return r;
}

/* ---- files ---- */

/* Not of the system: they are on no shared file system. */
static int
is_traced(const char *path)
{
    static const char *const system[] = { "/proc", "/sys", "/dev", "/etc", "/usr", "/lib" };

    for (size_t i = 0; out && i < sizeof system / sizeof *system; i++) {
        size_t n = 0;
        while (system[i][n] && path[n] == system[i][n])
            n++;
        if (!system[i][n])
            return 0;
    }
    return out != NULL;
}

#define OPEN(name)                                                                       \
    int name(const char *path, int flags, ...)                                           \
    {                                                                                    \
        static int (*real)(const char *, int, ...);                                      \
        const double begun = now();                                                      \
        mode_t mode = 0;                                                                 \
        int r;                                                                           \
        va_list more;                                                                    \
        va_start(more, flags);                                                           \
        if (flags & (O_CREAT | O_TMPFILE))                                               \
            mode = va_arg(more, mode_t);                                                 \
        va_end(more);                                                                    \
        if (!real)                                                                       \
            *(void **) &real = dlsym(RTLD_NEXT, #name);                                  \
        r = real(path, flags, mode);                                                     \
        if (is_traced(path))                                                             \
            note((flags & O_ACCMODE) == O_RDONLY && !(flags & O_DIRECTORY) ? "open_read" \
                                                                           : "open",     \
                 begun);                                                                 \
        return r;                                                                        \
    }

OPEN(open)
OPEN(open64)

#define FILE_CALL(name, label, path, parameters, arguments) \
    int name parameters                                     \
    {                                                       \
        static int(*real) parameters;                       \
        const double begun = now();                         \
        int r;                                              \
        if (!real)                                          \
            *(void **) &real = dlsym(RTLD_NEXT, #name);     \
        r = real arguments;                                 \
        if (is_traced(path))                                \
            note(label, begun);                             \
        return r;                                           \
    }

FILE_CALL(rename, "rename", to, (const char *from, const char *to), (from, to))
FILE_CALL(unlink, "unlink", path, (const char *path), (path))
FILE_CALL(access, "stat", path, (const char *path, int mode), (path, mode))
FILE_CALL(stat, "stat", path, (const char *path, struct stat *s), (path, s))
FILE_CALL(stat64, "stat", path, (const char *path, struct stat64 *s), (path, s))
FILE_CALL(fsync, "fsync", "", (int fd), (fd))

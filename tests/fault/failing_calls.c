/*
 * LD_PRELOAD library: counts the program's own calls of one kind, and makes the Nth of them
 * fail.
 *
 *     FAULT_KIND   malloc | hdf5malloc | read | write | enospc | fsync | rename
 *                  (enospc: this write and all later ones fail with ENOSPC)
 *     FAULT_NTH    1, 2, …; 0 or none: only count
 *     FAULT_COUNT  a file that gets "COUNT FIRED" at the end; FIRED is 1 if a call failed
 *
 * Of malloc (calloc, realloc, asprintf, …) the places are counted, not the calls: the first
 * call from each distinct chain of FRAMES callers. Only calls made directly by the program or
 * by the libraries it stores and reads data with (HDF5, jansson, yaml) count: MPI ends the
 * process by itself when a call of its own fails. "write" is write, pwrite and fflush: stdio's
 * own calls cannot be seen.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { KNOWN = 4096, CHAINS = 1 << 16, FRAMES = 7, OWN_FRAMES = 3 };

static __thread bool inside __attribute__((
    tls_model("initial-exec"))); /* dladdr and the reading of the environment allocate */
static long count, nth;
static int fired;
static char kind[16];

extern void __asan_init(void)
    __attribute__((weak)); /* only in a program with AddressSanitizer */

static void __attribute__((constructor)) begin(void)
{
    const char *k = getenv("FAULT_KIND"), *n = getenv("FAULT_NTH");

    if (__asan_init) /* before anything is counted: until then most functions of the C library
                        cannot be called */
        __asan_init();
    snprintf(kind, sizeof kind, "%s", k ? k : "");
    nth = n ? atol(n) : 0;
}

static void __attribute__((destructor)) report(void)
{
    const char *path = getenv("FAULT_COUNT");
    char line[64];
    int fd, n;

    kind[0] = '\0';
    if (!path || strcmp(program_invocation_short_name, "antarctic") != 0 ||
        (fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644)) < 0)
        return;
    n = snprintf(line, sizeof line, "%ld %d\n", count, fired);
    if (write(fd, line, (size_t) n) < 0)
        n = 0;
    close(fd);
}

static bool
is_ours(const char *file)
{
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;

    if (strcmp(kind, "malloc") == 0 &&
        (strncmp(name, "libhdf5", 7) == 0 || (__asan_init && strncmp(name, "libyaml", 7) == 0)))
        return false; /* libyaml 0.2.5 loses a stack of its loader where memory is refused to
                         it: its leak, not ours */
    if (strcmp(kind, "hdf5malloc") == 0)
        return strncmp(name, "libhdf5", 7) == 0;
    return strcmp(name, "antarctic") == 0 || strncmp(name, "libhdf5", 7) == 0 ||
           strncmp(name, "libjansson", 10) == 0 || strncmp(name, "libyaml", 7) == 0;
}

/* The item_status on a caller's address, remembered. */
static bool
counts(void *caller)
{
    static struct {
        void *address;
        char item_status;
    } known[KNOWN];
    const size_t at = ((size_t) caller >> 2) % KNOWN;
    Dl_info info;
    bool ours;

    if (known[at].address == caller)
        return known[at].item_status;
    inside = true;
    ours = dladdr(caller, &info) && info.dli_fname && is_ours(info.dli_fname);
    inside = false;
    known[at].item_status = ours;
    known[at].address = caller;
    return ours;
}

/* Is it the first call from this chain of callers? */
static bool
is_new_chain(void)
{
    static uint64_t known[CHAINS];
    void *frames[OWN_FRAMES + FRAMES] = { 0 };
    uint64_t hash = 14695981039346656037u;
    size_t at;

    inside = true;
    backtrace(frames, OWN_FRAMES + FRAMES);
    inside = false;
    for (int i = OWN_FRAMES; i < OWN_FRAMES + FRAMES; i++)
        hash = (hash ^ (uint64_t) (uintptr_t) frames[i]) * 1099511628211u;
    hash |= 1;
    for (at = hash % CHAINS; known[at]; at = (at + 1) % CHAINS)
        if (known[at] == hash)
            return false;
    known[at] = hash;
    return true;
}

/* Is this call to fail? */
static bool
fails(const char *mine, void *caller)
{
    long now;

    if (inside || !kind[0])
        return false;
    if (strcmp(kind, mine) != 0 &&
        !(strcmp(kind, "enospc") == 0 && strcmp(mine, "write") == 0) &&
        !(strcmp(kind, "hdf5malloc") == 0 && strcmp(mine, "malloc") == 0))
        return false;
    if (!counts(caller) || (strcmp(mine, "malloc") == 0 && !is_new_chain()))
        return false;
    now = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
    if (nth && (now == nth || (now > nth && strcmp(kind, "enospc") == 0))) {
        fired = 1;
        errno = strcmp(mine, "malloc") == 0   ? ENOMEM
                : strcmp(kind, "enospc") == 0 ? ENOSPC
                                              : EIO;
        return true;
    }
    return false;
}

int MPI_Init_thread(int *argc, char ***argv, int required, int *provided);

#define REAL(name) ((__typeof__(&name)) next(#name))
#define CALLER __builtin_return_address(0)

static void *
next(const char *name)
{
    void *found;

    inside = true;
    found = dlsym(RTLD_NEXT, name);
    inside = false;
    return found;
}

/* In a program with AddressSanitizer memory must come from its allocator, whose names are there
 * from the first call on. */
#define ALLOCATOR(type, name, arguments) \
    extern type __libc_##name arguments; \
    extern type __interceptor_##name arguments __attribute__((weak))
#define ALLOCATE(name, ...) \
    (__interceptor_##name ? __interceptor_##name(__VA_ARGS__) : __libc_##name(__VA_ARGS__))

ALLOCATOR(void *, malloc, (size_t));
ALLOCATOR(void *, calloc, (size_t, size_t));
ALLOCATOR(void *, realloc, (void *, size_t));
ALLOCATOR(void *, memalign, (size_t, size_t));

void *
malloc(size_t n)
{
    return fails("malloc", CALLER) ? NULL : ALLOCATE(malloc, n);
}

void *
calloc(size_t n, size_t size)
{
    return fails("malloc", CALLER) ? NULL : ALLOCATE(calloc, n, size);
}

void *
realloc(void *p, size_t n)
{
    return fails("malloc", CALLER) ? NULL : ALLOCATE(realloc, p, n);
}

void *
aligned_alloc(size_t alignment, size_t n)
{
    return fails("malloc", CALLER) ? NULL : ALLOCATE(memalign, alignment, n);
}

int
posix_memalign(void **out, size_t alignment, size_t n)
{
    if (fails("malloc", CALLER))
        return ENOMEM;
    *out = ALLOCATE(memalign, alignment, n);
    return *out ? 0 : ENOMEM;
}

int
vasprintf(char **out, const char *format, va_list arguments)
{
    return fails("malloc", CALLER) ? -1 : REAL(vasprintf)(out, format, arguments);
}

int
asprintf(char **out, const char *format, ...)
{
    va_list arguments;
    int n;

    if (fails("malloc", CALLER))
        return -1;
    va_start(arguments, format);
    n = REAL(vasprintf)(out, format, arguments);
    va_end(arguments);
    return n;
}

extern void __lsan_disable(void) __attribute__((weak));
extern void __lsan_enable(void) __attribute__((weak));

/* What Open MPI keeps of its own start is no leak of ours. */
int
MPI_Init_thread(int *argc, char ***argv, int required, int *provided)
{
    int result;

    if (__lsan_disable)
        __lsan_disable();
    result = REAL(MPI_Init_thread)(argc, argv, required, provided);
    if (__lsan_enable)
        __lsan_enable();
    return result;
}

ssize_t
read(int fd, void *bytes, size_t n)
{
    return fails("read", CALLER) ? -1 : REAL(read)(fd, bytes, n);
}

ssize_t
pread(int fd, void *bytes, size_t n, off_t at)
{
    return fails("read", CALLER) ? -1 : REAL(pread)(fd, bytes, n, at);
}

ssize_t
write(int fd, const void *bytes, size_t n)
{
    return fails("write", CALLER) ? -1 : REAL(write)(fd, bytes, n);
}

ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    return fails("write", CALLER) ? -1 : REAL(pwrite)(fd, bytes, n, at);
}

int
fflush(FILE *f)
{
    return f != stdout && f != stderr && fails("write", CALLER) ? EOF : REAL(fflush)(f);
}

int
fsync(int fd)
{
    return fails("fsync", CALLER) ? -1 : REAL(fsync)(fd);
}

int
rename(const char *from, const char *to)
{
    return fails("rename", CALLER) ? -1 : REAL(rename)(from, to);
}

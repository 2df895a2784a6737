/* The main of fuzz harnesses where libFuzzer is not linked (it is with AC_FUZZ, and takes the
 * same arguments): replays the files and folders given, or the harness's own corpus, each file
 * as it is and in mutated forms. The limits are those that libFuzzer is given: 10 s for an
 * input, 1 GB of memory for the process. */
#include "tests/support/fuzz.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "engine/base/random.h"

enum {
    MUTATIONS = 300,
    LARGE = 1 << 16,
    LONGEST = 1 << 20,
    SEED = 1
}; /* a large file: a tenth of the mutations */

enum { MOST_SECONDS = 10, MOST_KB = 1 << 20 };

static uint8_t input[LONGEST], mutated[2 * LONGEST];
static const uint8_t *present; /* for the handler */
static size_t present_bytes;

/* Of CPU time, so that a busy machine is no fault. What took it is left in a file. */
static void
say_slow(int signal)
{
    static const char text[] = "an input took more than 10 s of CPU time: see timeout-input\n";
    FILE *f = fopen("timeout-input", "wb");

    (void) signal;
    if (f) {
        fwrite(present, 1, present_bytes, f);
        fclose(f);
    }
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(2);
    abort();
}

static void
allow_seconds(int seconds)
{
    const struct itimerval limit = { .it_value = { .tv_sec = seconds } };

    setitimer(ITIMER_PROF, &limit, NULL);
}

static void
check_memory(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    if (used.ru_maxrss > MOST_KB)
        fuzz_broken(__FILE__, __LINE__, "an input took more than 1 GB of memory");
}

/* Overwrite, cut, double or insert: one to four times, by numbers that follow from file and
 * mutation alone. */
static size_t
mutate(size_t n, uint64_t stream, uint32_t number)
{
    const int times = 1 + (int) (ac_random_uniform(SEED, stream, number, 0) * 4);

    memcpy(mutated, input, n);
    for (int t = 0; t < times; t++) {
        const double u = ac_random_uniform(SEED, stream, number, 3 * (uint32_t) t + 1);
        const size_t at = (size_t) (u * (double) (n + 1));
        const uint8_t byte =
            (uint8_t) (ac_random_uniform(SEED, stream, number, 3 * (uint32_t) t + 2) * 256);
        const int kind =
            (int) (ac_random_uniform(SEED, stream, number, 3 * (uint32_t) t + 3) * 5);
        if (kind <= 1 && at < n) {
            mutated[at] = (uint8_t) (kind ? byte : mutated[at] ^ (1 << byte % 8));
        } else if (kind == 2) {
            n = at;
        } else if (kind == 3 && n < LONGEST) {
            memmove(mutated + at + 1, mutated + at, n - at);
            mutated[at] = byte;
            n++;
        } else if (kind == 4 && n + (n - at) < LONGEST) {
            memcpy(mutated + n, mutated + at, n - at);
            n += n - at;
        }
    }
    return n;
}

/* The input at the end of a block of exactly its size, so that a sanitizer sees a read behind
 * it. */
static void
run_one(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);

    if (!copy)
        abort();
    memcpy(copy, bytes, n);
    present = bytes;
    present_bytes = n;
    allow_seconds(MOST_SECONDS);
    LLVMFuzzerTestOneInput(copy, n);
    allow_seconds(0);
    check_memory();
    free(copy);
}

static int
replay_file(const char *path, int *count)
{
    const char *name = strrchr(path, '/')
                           ? strrchr(path, '/') + 1
                           : path; /* the seed: the same wherever the tree lies */
    FILE *f = fopen(path, "rb");
    size_t n;

    if (!f) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        return 1;
    }
    n = fread(input, 1, sizeof input, f);
    fclose(f);
    run_one(input, n);
    for (uint32_t i = 0; i < (n > LARGE ? MUTATIONS / 10 : MUTATIONS); i++)
        run_one(mutated, mutate(n, ac_random_stream(name, strlen(name)), i));
    ++*count;
    return 0;
}

/* A file, or the files of a folder in order. */
static int
replay(const char *path, int *files)
{
    struct dirent **entries;
    const int count = scandir(path, &entries, NULL, alphasort);
    char inside[8192];
    int failed = 0;

    if (count < 0)
        return replay_file(path, files);
    for (int i = 0; i < count; i++) {
        snprintf(inside, sizeof inside, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            failed |= replay_file(inside, files);
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int
main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    char folder[4096];
    int failed = 0, files = 0;

    signal(SIGPROF, say_slow);
    name += strncmp(name, "fuzz_", 5) == 0 ? 5 : 0;
    snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", AC_SOURCE_DIR, name);
    if (argc < 2)
        failed |= replay(folder, &files);
    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i], &files);
    printf("%s: %d files, %d mutations each, seed %d\n", name, files, MUTATIONS, SEED);
    return failed || files == 0;
}

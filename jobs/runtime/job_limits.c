#include "jobs/runtime/job_limits.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 4096, MOST_CORES = 1 << 20 };

/* Above it a number is another word for "no limit" (v1: 9223372036854771712). */
#define MOST_BYTES ((int64_t) 1 << 60)

/* Where a cgroup file system is mounted, and which group is its top there. */
typedef struct hierarchy {
    char place[LINE], top[LINE];
} hierarchy;

/* ---- the least ---- */

/* Of a long path the end, which tells more. */
static void
set_from(char out[AC_LIMIT_FROM], const char *from)
{
    const size_t n = strlen(from), skip = n < AC_LIMIT_FROM ? 0 : n - AC_LIMIT_FROM + 1;

    memcpy(out, from + skip, n - skip + 1);
}

static void
limit_memory(ac_job_limits *self, int64_t bytes, const char *from)
{
    if (bytes <= 0 || bytes >= MOST_BYTES || (self->memory && bytes >= self->memory))
        return;
    self->memory = bytes;
    set_from(self->memory_from, from);
}

static void
limit_cores(ac_job_limits *self, int64_t cores, const char *from)
{
    if (cores < 1 || cores > MOST_CORES || (self->cores && cores >= self->cores))
        return;
    self->cores = cores;
    set_from(self->cores_from, from);
}

/* ---- files of the kernel ---- */

/* A file's first line; false: not there, or empty. */
static bool
read_line(const char *path, char line[LINE])
{
    FILE *f = fopen(path, "re");
    const bool good = f && fgets(line, LINE, f);

    if (f)
        fclose(f);
    if (good)
        line[strcspn(line, "\n")] = '\0';
    return good && line[0];
}

/* FOLDER/NAME; what is too long is not there. */
static bool
read_of(const char *folder, const char *name, char path[LINE], char line[LINE])
{
    const int n = snprintf(path, LINE, "%s/%s", folder, name);

    return n > 0 && n < LINE && read_line(path, line);
}

/* "0-3,8" names five. */
static int64_t
count_list(const char *text)
{
    int64_t count = 0;

    for (const char *p = text; *p;) {
        char *end;
        const long first = strtol(p, &end, 10);
        long last = first;
        if (end == p)
            return 0;
        if (*end == '-')
            last = strtol(end + 1, &end, 10);
        if (first < 0 || last < first || last > MOST_CORES)
            return 0;
        count += last - first + 1;
        p = *end == ',' ? end + 1 : end;
        if (*end && *end != ',')
            return 0;
    }
    return count;
}

/* A share of the time of so many cores: the whole ones, at least one. */
static int64_t
whole_cores(long long quota, long long period)
{
    return quota <= 0 || period <= 0 ? 0 : quota < period ? 1 : quota / period;
}

/* ---- one group ---- */

/* v1: the least of the groups above, which a container does not see. */
static void
look_at_hierarchy(ac_job_limits *self, const char *group)
{
    char path[LINE], line[LINE];
    long long bytes = 0;
    const int n = snprintf(path, LINE, "%s/memory.stat", group);
    FILE *f = n > 0 && n < LINE ? fopen(path, "re") : NULL;

    while (f && fgets(line, LINE, f))
        if (sscanf(line, "hierarchical_memory_limit %lld", &bytes) == 1)
            limit_memory(self, bytes, path);
    if (f)
        fclose(f);
}

static void
look_at_memory(ac_job_limits *self, const char *group)
{
    static const char *const files[] = { "memory.max", "memory.high", "memory.limit_in_bytes" };
    char path[LINE], line[LINE];

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (read_of(group, files[i], path, line)) /* "max" is 0 */
            limit_memory(self, strtoll(line, NULL, 10), path);
}

static void
look_at_time(ac_job_limits *self, const char *group)
{
    char path[LINE], line[LINE];
    long long quota, period;

    if (read_of(group, "cpu.max", path, line) &&
        sscanf(line, "%lld %lld", &quota, &period) == 2)
        limit_cores(self, whole_cores(quota, period), path);
    if (read_of(group, "cpu.cfs_period_us", path, line)) {
        period = strtoll(line, NULL, 10);
        if (read_of(group, "cpu.cfs_quota_us", path, line))
            limit_cores(self, whole_cores(strtoll(line, NULL, 10), period), path);
    }
}

static void
look_at_set(ac_job_limits *self, const char *group)
{
    static const char *const files[] = { "cpuset.cpus.effective", "cpuset.effective_cpus",
                                         "cpuset.cpus" };
    char path[LINE], line[LINE];

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (read_of(group, files[i], path, line))
            limit_cores(self, count_list(line), path);
}

/* ---- groups ---- */

/* Is the word one of the list's, which commas separate? */
static bool
has_word(const char *list, const char *word)
{
    const size_t n = strlen(word);

    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, word, n) == 0 && (p[n] == '\0' || p[n] == ','))
            return true;
    return false;
}

/* In mountinfo blanks are \040. */
static void
decode(char *text)
{
    char *to = text;

    for (const char *p = text; *p;) {
        int byte;
        if (*p == '\\' && sscanf(p + 1, "%3o", (unsigned *) &byte) == 1) {
            *to++ = (char) byte;
            p += 4;
        } else {
            *to++ = *p++;
        }
    }
    *to = '\0';
}

/* What of the group's name comes below a mount's top; NULL: the group is not below it. */
static const char *
below_top(const char *group, const char *top)
{
    const size_t n = strcmp(top, "/") == 0 ? 0 : strlen(top);

    return strncmp(group, top, n) == 0 && (!group[n] || group[n] == '/') &&
                   !strstr(group, "/..")
               ? group + n
               : NULL;
}

/* The mount of a controller of v1, or (controller "") of v2; else the usual place. Of several
 * mounts the first that shows the group: others show other groups. */
static void
find_hierarchy(hierarchy *self, const char *root, const char *controller, const char *group)
{
    bool found = false;
    char path[LINE], line[LINE];
    FILE *f;

    snprintf(path, sizeof path, "%s/proc/self/mountinfo", root);
    snprintf(self->place, LINE, "%s/sys/fs/cgroup%s%s", root, *controller ? "/" : "",
             controller);
    snprintf(self->top, LINE, "/");
    if (!(f = fopen(path, "re")))
        return;
    while (!(found && below_top(group, self->top)) && fgets(line, sizeof line, f)) {
        /* number parent device root place options … - type source super-options */
        char top[LINE], place[LINE], type[32], options[LINE];
        const char *dash = strstr(line, " - ");
        if (!dash || sscanf(line, "%*s %*s %*s %4095s %4095s", top, place) != 2 ||
            sscanf(dash + 3, "%31s %*s %4095s", type, options) != 2)
            continue;
        if (*controller ? strcmp(type, "cgroup") != 0 || !has_word(options, controller)
                        : strcmp(type, "cgroup2") != 0)
            continue;
        decode(top);
        decode(place);
        if (strlen(root) + strlen(place) >= LINE || (found && !below_top(group, top)))
            continue;
        memcpy(self->place, root, strlen(root));
        memcpy(self->place + strlen(root), place, strlen(place) + 1);
        memcpy(self->top, top, sizeof top);
        found = true;
    }
    fclose(f);
}

/* The group's folder and every one above it, up to the mount. Where the group cannot be seen (a
 * container that is shown its own group as the top), that is the mount alone. */
static void
visit_groups(ac_job_limits *self, const hierarchy *h, const char *group,
             void (*look)(ac_job_limits *self, const char *folder))
{
    const size_t place = strlen(h->place);
    char folder[2 * LINE];
    const char *below = below_top(group, h->top);

    snprintf(folder, sizeof folder, "%s%s", h->place, below ? below : "");
    if (access(folder, F_OK) != 0)
        folder[place] = '\0';
    for (;;) {
        char *slash = strrchr(folder, '/');
        if (strlen(folder) < LINE)
            look(self, folder);
        if (strlen(folder) <= place || !slash)
            return;
        *slash = '\0';
        if (strlen(folder) < place)
            return;
    }
}

static void
visit_line(ac_job_limits *self, const char *root, const char *controllers, const char *group)
{
    static const struct {
        const char *controller;
        void (*look)(ac_job_limits *self, const char *folder);
    } kinds[] = { { "memory", look_at_memory },
                  { "memory", look_at_hierarchy }, /* behind: it does not say which group */
                  { "cpu", look_at_time },
                  { "cpuset", look_at_set } };
    hierarchy h;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (*controllers && !has_word(controllers, kinds[i].controller))
            continue;
        find_hierarchy(&h, root, *controllers ? kinds[i].controller : "", group);
        visit_groups(self, &h, group, kinds[i].look);
    }
}

static void
look_at_groups(ac_job_limits *self, const char *root)
{
    char path[LINE], line[LINE];
    FILE *f;

    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (!(f = fopen(path, "re")))
        return;
    while (fgets(line, sizeof line, f)) {
        /* number:controllers:/group; of v2 "0::/group" */
        char *controllers = strchr(line, ':'),
             *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        visit_line(self, root, controllers + 1, group);
    }
    fclose(f);
}

/* ---- Slurm ---- */

/* Megabytes, or with K, M, G, T; 0: all, or not said. */
static int64_t
slurm_bytes(const char *text)
{
    char *end;
    const long long n = text ? strtoll(text, &end, 10) : 0;
    int shift = 20;

    if (n <= 0 || n > (1LL << 40))
        return 0;
    switch (*end) {
    case 'K': shift = 10; break;
    case 'G': shift = 30; break;
    case 'T': shift = 40; break;
    default: break;
    }
    return n > MOST_BYTES >> shift ? 0 : (int64_t) n << shift;
}

/* SLURM_CPUS_ON_NODE, or the first number of SLURM_JOB_CPUS_PER_NODE ("16(x2),8"). */
static int64_t
slurm_cores(const char **from)
{
    static const char *const names[] = { "SLURM_CPUS_ON_NODE", "SLURM_JOB_CPUS_PER_NODE" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = getenv(names[i]);
        if (text && atoi(text) > 0) {
            *from = names[i];
            return atoi(text);
        }
    }
    return 0;
}

static void
look_at_slurm(ac_job_limits *self)
{
    const char *cores_from = "", *each = getenv("SLURM_MEM_PER_CPU");
    const int64_t cores = slurm_cores(&cores_from);

    if (!getenv("SLURM_JOB_ID"))
        return;
    limit_memory(self, slurm_bytes(getenv("SLURM_MEM_PER_NODE")), "SLURM_MEM_PER_NODE");
    if (each && cores && slurm_bytes(each) < MOST_BYTES / cores) {
        char from[AC_LIMIT_FROM];
        snprintf(from, sizeof from, "SLURM_MEM_PER_CPU x %s", cores_from);
        limit_memory(self, slurm_bytes(each) * cores, from);
    }
    limit_cores(self, cores, cores_from);
}

/* ---- all ---- */

/* MemTotal, in kB. */
static int64_t
machine_bytes(const char *root)
{
    char path[LINE], line[LINE];
    long long kilobytes = 0;
    FILE *f;

    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    if ((f = fopen(path, "re"))) {
        while (kilobytes == 0 && fgets(line, sizeof line, f))
            if (sscanf(line, "MemTotal: %lld kB", &kilobytes) != 1)
                kilobytes = 0;
        fclose(f);
    }
    return kilobytes > 0 ? kilobytes * 1024
                         : (int64_t) sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
}

void
ac_job_limits_read(ac_job_limits *self, const char *root)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);

    *self = (ac_job_limits){ 0 };
    limit_memory(self, machine_bytes(root), "the machine");
    limit_cores(self, cores > 0 ? cores : 1, "the machine");
    look_at_groups(self, root);
    look_at_slurm(self);
}

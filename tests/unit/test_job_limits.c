/* jobs/runtime/job_limits: the least of machine, groups of both versions, and Slurm, read from
 * a made-up /proc and /sys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs/runtime/job_limits.h"

static char root[64];

static void
put(const char *path, const char *text)
{
    char whole[512];
    FILE *f;

    snprintf(whole, sizeof whole, "%s/%s", root, path);
    for (char *c = whole + strlen(root) + 1; *c; c++)
        if (*c == '/') {
            *c = '\0';
            mkdir(whole, 0755);
            *c = '/';
        }
    f = fopen(whole, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int
begin(void **state)
{
    static const char *const slurm[] = { "SLURM_JOB_ID", "SLURM_MEM_PER_NODE",
                                         "SLURM_MEM_PER_CPU", "SLURM_CPUS_ON_NODE",
                                         "SLURM_JOB_CPUS_PER_NODE" };
    (void) state;
    for (size_t i = 0; i < sizeof slurm / sizeof *slurm; i++)
        unsetenv(slurm[i]);
    snprintf(root, sizeof root, "/tmp/ac-limits-XXXXXX");
    assert_non_null(mkdtemp(root));
    put("proc/meminfo", "MemTotal:       16777216 kB\nMemFree: 1 kB\n");
    return 0;
}

static int
end(void **state)
{
    char command[128];

    (void) state;
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static ac_job_limits
limits(void)
{
    ac_job_limits l;

    ac_job_limits_read(&l, root);
    return l;
}

/* A file of v2 and what it makes of the memory, in MB. */
static void
groups_of_version_2(void **state)
{
    ac_job_limits l;

    (void) state;
    put("proc/self/cgroup", "0::/system.slice/job_7.scope/step/task\n");
    put("proc/self/mountinfo",
        "1 2 0:1 / / rw - ext4 d rw\n31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 "
        "cgroup2 rw\n");
    l = limits();
    assert_int_equal(l.memory, 16LL << 30);
    assert_string_equal(l.memory_from, "the machine");
    put("sys/fs/cgroup/system.slice/job_7.scope/step/task/memory.max", "max\n");
    put("sys/fs/cgroup/system.slice/job_7.scope/step/memory.max", "4294967296\n");
    l = limits();
    assert_int_equal(l.memory, 4LL << 30);
    put("sys/fs/cgroup/system.slice/memory.max", "1073741824\n"); /* two above */
    l = limits();
    assert_int_equal(l.memory, 1LL << 30);
    assert_non_null(strstr(l.memory_from, "system.slice/memory.max"));
    put("sys/fs/cgroup/memory.max", "536870912\n"); /* a container's own top */
    assert_int_equal(limits().memory, 512 << 20);
    put("sys/fs/cgroup/system.slice/job_7.scope/step/task/memory.max", "268435456\n");
    assert_int_equal(limits().memory, 256 << 20);
    put("sys/fs/cgroup/system.slice/other/memory.max", "1048576\n"); /* a neighbour's */
    assert_int_equal(limits().memory, 256 << 20);
}

static void
groups_of_version_1(void **state)
{
    ac_job_limits l;

    (void) state;
    put("proc/self/cgroup",
        "9:name=systemd:/\n4:memory:/slurm/uid_0/job_3\n2:cpu,cpuacct:/a/b\n"
        "0::/\n");
    put("proc/self/mountinfo",
        "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup "
        "rw,cpu,cpuacct\n35 "
        "31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("sys/fs/cgroup/memory/slurm/uid_0/job_3/memory.limit_in_bytes", "3221225472\n");
    assert_int_equal(limits().memory, 3LL << 30);
    put("sys/fs/cgroup/memory/slurm/memory.limit_in_bytes", "2147483648\n");
    assert_int_equal(limits().memory, 2LL << 30);
    put("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
    l = limits();
    assert_string_equal(l.cores_from, "the machine");
    put("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "100000\n");
    l = limits();
    assert_int_equal(l.cores, 1);
}

/* A container of version 1 that sees its own group as the mount's top, by the host's name. */
static void
a_group_that_is_the_top_of_its_mount(void **state)
{
    (void) state;
    put("proc/self/cgroup", "4:memory:/docker/abc\n");
    put("proc/self/mountinfo",
        "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup "
        "rw,memory\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "805306368\n");
    assert_int_equal(limits().memory, 768 << 20);
    put("proc/self/mountinfo", ""); /* not told: the usual places */
    assert_int_equal(limits().memory, 768 << 20);
    put("proc/self/cgroup", "0::/../../elsewhere\n");
    put("sys/fs/cgroup/memory.max", "402653184\n");
    assert_int_equal(limits().memory, 384 << 20);
}

/* A container sees none of the groups above its own, but what they allow together. */
static void
groups_above_that_are_not_seen(void **state)
{
    (void) state;
    put("proc/self/cgroup", "4:memory:/docker/abc\n");
    put("proc/self/mountinfo",
        "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("sys/fs/cgroup/memory/memory.stat",
        "cache 1\nhierarchical_memory_limit 805306368\nhierarchical_memsw_limit 1048576\n");
    assert_int_equal(limits().memory, 768 << 20);
}

/* The same hierarchy mounted more than once: only the mount that shows our group counts. */
static void
mounts_of_other_groups(void **state)
{
    (void) state;
    put("proc/self/cgroup", "0::/job/step\n");
    put("proc/self/mountinfo", "30 23 0:28 /neighbour /run/other rw - cgroup2 cgroup2 rw\n"
                               "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put("run/other/memory.max", "1048576\n");
    put("sys/fs/cgroup/job/step/memory.high", "2147483648\n");
    put("sys/fs/cgroup/job/memory.max", "3221225472\n");
    assert_int_equal(limits().memory, 2LL << 30);
    put("proc/self/mountinfo", "30 23 0:28 /jo /run/other rw - cgroup2 cgroup2 rw\n"
                               "31 23 0:28 /job /sys/fs/cgroup/job rw - cgroup2 cgroup2 rw\n");
    assert_int_equal(limits().memory, 2LL << 30);
    put("proc/self/cgroup", "0::/elsewhere\n"); /* shown by none: the first, as it is */
    put("run/other/memory.max", "1073741824\n");
    assert_int_equal(limits().memory, 1LL << 30);
}

static void
times_and_sets_of_cores(void **state)
{
    const long machine = sysconf(_SC_NPROCESSORS_ONLN);
    ac_job_limits l;

    (void) state;
    put("proc/self/cgroup", "0::/job\n");
    put("sys/fs/cgroup/job/cpu.max", "max 100000\n");
    assert_int_equal(limits().cores, machine);
    put("sys/fs/cgroup/job/cpuset.cpus.effective", "0-1023\n");
    assert_int_equal(limits().cores, machine);
    put("sys/fs/cgroup/cpu.max", "50000 100000\n"); /* half a core is one thread's */
    l = limits();
    assert_int_equal(l.cores, 1);
    put("sys/fs/cgroup/cpu.max", "max 100000\n");
    put("sys/fs/cgroup/job/cpuset.cpus.effective", "3\n");
    l = limits();
    assert_int_equal(l.cores, 1);
    if (machine > 1)
        assert_non_null(strstr(l.cores_from, "cpuset.cpus.effective"));
}

static void
slurms_variables(void **state)
{
    ac_job_limits l;

    (void) state;
    setenv("SLURM_MEM_PER_NODE", "1000", 1); /* without a job: somebody's leftover */
    assert_int_equal(limits().memory, 16LL << 30);
    setenv("SLURM_JOB_ID", "7", 1);
    l = limits();
    assert_int_equal(l.memory, 1000LL << 20);
    assert_string_equal(l.memory_from, "SLURM_MEM_PER_NODE");
    setenv("SLURM_MEM_PER_NODE", "0", 1); /* all of it */
    setenv("SLURM_MEM_PER_CPU", "300", 1);
    setenv("SLURM_CPUS_ON_NODE", "4", 1);
    l = limits();
    assert_int_equal(l.memory, 1200LL << 20);
    assert_non_null(strstr(l.memory_from, "SLURM_MEM_PER_CPU"));
    unsetenv("SLURM_CPUS_ON_NODE");
    setenv("SLURM_JOB_CPUS_PER_NODE", "1(x2),8", 1);
    l = limits();
    assert_int_equal(l.memory, 300LL << 20);
    assert_int_equal(l.cores, 1);
    setenv("SLURM_MEM_PER_NODE", "2G", 1);
    unsetenv("SLURM_MEM_PER_CPU");
    assert_int_equal(limits().memory, 2LL << 30);
    setenv("SLURM_MEM_PER_NODE", "nonsense", 1);
    assert_int_equal(limits().memory, 16LL << 30);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(groups_of_version_2, begin, end),
        cmocka_unit_test_setup_teardown(groups_of_version_1, begin, end),
        cmocka_unit_test_setup_teardown(a_group_that_is_the_top_of_its_mount, begin, end),
        cmocka_unit_test_setup_teardown(groups_above_that_are_not_seen, begin, end),
        cmocka_unit_test_setup_teardown(mounts_of_other_groups, begin, end),
        cmocka_unit_test_setup_teardown(times_and_sets_of_cores, begin, end),
        cmocka_unit_test_setup_teardown(slurms_variables, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "engine/kernels/kernel_set.h"

#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "engine/kernels/int8.h"
#include "engine/kernels/product.h"
#include "engine/kernels/vector.h"

const char *const ac_kernel_set_names[] = { "auto",     "amx",  "avx512_vnni", "avx512",
                                            "avx_vnni", "avx2", "generic",     NULL };

static const ac_kernel_set sets[] = {
#if defined(__x86_64__)
    { "amx", AC_CPU_AVX2 | AC_CPU_AVX512 | AC_CPU_AVX512_VNNI | AC_CPU_AMX_INT8,
      &ac_vector_avx512, &ac_product_avx512, &ac_int8_amx },
    { "avx512_vnni", AC_CPU_AVX2 | AC_CPU_AVX512 | AC_CPU_AVX512_VNNI, &ac_vector_avx512,
      &ac_product_avx512, &ac_int8_avx512_vnni },
    { "avx512", AC_CPU_AVX2 | AC_CPU_AVX512, &ac_vector_avx512, &ac_product_avx512,
      &ac_int8_avx512 },
    { "avx_vnni", AC_CPU_AVX2 | AC_CPU_AVX_VNNI, &ac_vector_avx2, &ac_product_avx2,
      &ac_int8_avx_vnni },
    { "avx2", AC_CPU_AVX2, &ac_vector_avx2, &ac_product_avx2, &ac_int8_avx2 },
#endif
    { "generic", 0, &ac_vector_generic, &ac_product_generic, &ac_int8_generic },
};

enum { SETS = sizeof sets / sizeof *sets };

static const ac_kernel_set *in_use; /* NULL: nothing was asked for yet */

const ac_kernel_set *
ac_kernel_sets(int *count)
{
    *count = SETS;
    return sets;
}

#if defined(__x86_64__)
/* Linux saves tiles only for a process that asked for it; threads and children inherit the
 * permission. Asking again costs one system call. */
static bool
may_use_tiles(void)
{
    enum {
        REQUEST_PERMISSION = 0x1023,
        TILE_DATA = 18
    }; /* of <asm/prctl.h>, since Linux 5.16 */
    unsigned a, b, c, d;

    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return false;
    if (!(d >> 24 & 1) || !(d >> 25 & 1)) /* AMX-TILE, AMX-INT8 */
        return false;
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}
#endif

static unsigned
instructions_here(void)
{
    unsigned found = 0;

#if defined(__x86_64__)
    unsigned a, b, c, d;

    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return 0;
    found = AC_CPU_AVX2;
    /* leaf 7, subleaf 1, EAX bit 4 (clang 14 has no word for it); AVX2 stands for the operating
     * system's consent */
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1))
        found |= AC_CPU_AVX_VNNI;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
        found |= AC_CPU_AVX512;
    if ((found & AC_CPU_AVX512) && __builtin_cpu_supports("avx512vnni"))
        found |= AC_CPU_AVX512_VNNI;
    if ((found & AC_CPU_AVX512_VNNI) && may_use_tiles())
        found |= AC_CPU_AMX_INT8;
#endif
    return found;
}

bool
ac_cpu_has(unsigned instructions)
{
    return (instructions & ~instructions_here()) == 0;
}

static const ac_kernel_set *
fastest(void)
{
    const unsigned here = instructions_here();
    int i = 0;

    while (sets[i].instructions & ~here)
        i++;
    return &sets[i];
}

/* "avx2, generic": those that this CPU runs. */
static void
list_sets(char *text, size_t size)
{
    size_t at = 0;

    for (int i = 0; i < SETS && at < size; i++)
        if (ac_cpu_has(sets[i].instructions))
            at += (size_t) snprintf(text + at, size - at, "%s%s", at ? ", " : "", sets[i].name);
}

ac_status
ac_kernels_use(const char *name)
{
    char list[128];

    if (!name || strcmp(name, "auto") == 0) {
        in_use = fastest();
        return AC_OK;
    }
    for (int i = 0; i < SETS; i++)
        if (strcmp(name, sets[i].name) == 0 && ac_cpu_has(sets[i].instructions)) {
            in_use = &sets[i];
            return AC_OK;
        }
    list_sets(list, sizeof list);
    return ac_error_set(AC_E_ARG,
                        "compute.kernels: this CPU does not run \"%s\"; it runs %s (auto: the "
                        "first of these)",
                        name, list);
}

const ac_kernel_set *
ac_kernels(void)
{
    const ac_kernel_set *set = __atomic_load_n(&in_use, __ATOMIC_RELAXED);

    if (!set) { /* threads that come here together find the same */
        set = fastest();
        __atomic_store_n(&in_use, set, __ATOMIC_RELAXED);
    }
    return set;
}

bool
ac_kernels_are_slow(void)
{
    return SETS > 1 && ac_kernels()->instructions == 0;
}

bool
ac_kernels_include(unsigned instructions)
{
    return (instructions & ~ac_kernels()->instructions) == 0;
}

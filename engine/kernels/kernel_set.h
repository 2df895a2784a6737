/**
 * The kernels of one instruction set, and the set in use. One table holds every set; whatever
 * has code for an instruction set (engine/kernels, engine/linear, engine/retrieval,
 * engine/image, engine/training) chooses by the set in use.
 *
 * All sets give the same bits: every sum has one order, and every fused multiply-add is rounded
 * once, in each of them (docs/adr/0205-the-same-bytes-on-every-cpu.md).
 */
#ifndef AC_KERNELS_KERNEL_SET_H
#define AC_KERNELS_KERNEL_SET_H

#include <stdbool.h>

#include "engine/base/status.h"

/** What a kernel may need of the CPU. */
typedef enum ac_instructions {
    AC_CPU_AVX2 = 1, /* and FMA */
    AC_CPU_AVX_VNNI = 2,
    AC_CPU_AVX512 = 4, /* AVX512F and AVX512BW */
    AC_CPU_AVX512_VNNI = 8,
    AC_CPU_AMX_INT8 = 16 /* and the operating system's permission to use tiles */
} ac_instructions;

typedef struct ac_kernel_set {
    const char *name;                 /* as in compute.kernels */
    unsigned instructions;            /* AC_CPU_…: all that its kernels may use */
    const struct ac_vector *vector;   /* engine/kernels/vector.h */
    const struct ac_product *product; /* engine/kernels/product.h */
    const struct ac_int8 *int8;       /* engine/kernels/int8.h */
} ac_kernel_set;

/** "auto", then the sets of every kind of CPU; NULL after them. */
extern const char *const ac_kernel_set_names[];

/** All sets of this build, the fastest first; the last runs everywhere. */
const ac_kernel_set *ac_kernel_sets(int *count);

/** Does this CPU have these instructions? */
bool ac_cpu_has(unsigned instructions);

/**
 * Choose the set of this process, by its name; "auto" or NULL: the fastest that this CPU runs,
 * which is also in use where nothing was chosen. Before any other thread computes.
 * @return AC_E_ARG, with a message that names it: unknown, or not one of this CPU's
 */
AC_MUST_CHECK ac_status ac_kernels_use(const char *name);

/** The set in use. */
const ac_kernel_set *ac_kernels(void);

/** Is it the set for any CPU, on x86-64, where others are many times as fast? */
bool ac_kernels_are_slow(void);

/** Do the kernels in use include those that need these instructions? */
bool ac_kernels_include(unsigned instructions);

#endif

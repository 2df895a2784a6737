/** Plain loops compiled once for each width of vectors, and chosen by the set in use. */
#ifndef AC_KERNELS_PER_SET_H
#define AC_KERNELS_PER_SET_H

#include "engine/kernels/kernel_set.h"

/**
 * AC_PER_SET(name, (parameters), (arguments)): static void name(parameters), which runs
 * `name_body` as compiled for the set in use. The body is AC_PER_SET_BODY void
 * name_body(parameters). The compiler neither fuses nor reorders floating-point operations, so
 * all give the same bits.
 */
#define AC_PER_SET_BODY static inline __attribute__((always_inline))

#if defined(__x86_64__) && defined(__clang__)
#define AC_COMPILED_FOR(instructions) __attribute__((target(instructions)))
#elif defined(__x86_64__)
#define AC_COMPILED_FOR(instructions) __attribute__((target(instructions), optimize("O3")))
#endif

#if defined(__x86_64__)
#define AC_PER_SET(name, parameters, arguments)                                             \
    AC_COMPILED_FOR("avx512f") static void name##_512 parameters { name##_body arguments; } \
    AC_COMPILED_FOR("avx2") static void name##_256 parameters { name##_body arguments; }    \
    AC_COMPILED_FOR("sse2") static void name##_128 parameters { name##_body arguments; }    \
    static void name parameters                                                             \
    {                                                                                       \
        const unsigned has = ac_kernels()->instructions;                                    \
        if (has & AC_CPU_AVX512)                                                            \
            name##_512 arguments;                                                           \
        else if (has & AC_CPU_AVX2)                                                         \
            name##_256 arguments;                                                           \
        else                                                                                \
            name##_128 arguments;                                                           \
    }
#else
#define AC_PER_SET(name, parameters, arguments) \
    static void name parameters { name##_body arguments; }
#endif

#endif

/** Loops compiled several times and chosen by the CPU at run time. */
#ifndef AC_KERNELS_SIMD_H
#define AC_KERNELS_SIMD_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
#define AC_CLONES __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#else
#define AC_CLONES
#endif

#endif

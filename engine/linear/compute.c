#include "engine/linear/compute.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "engine/kernels/kernel_set.h"

#ifdef AC_HAVE_DNNL
#include <oneapi/dnnl/dnnl.h>
#endif

/* OpenBLAS's own; its cblas.h differs between versions in what it declares. */
extern void openblas_set_num_threads(int threads);
extern char *openblas_get_corename(void);

const char *const ac_precision_names[] = { "fp32", "bf16", "int8", NULL };

void
ac_compute_init(int threads)
{
    openblas_set_num_threads(
        1); /* in its OpenMP build this sets OpenMP's number too, so ours comes after */
    omp_set_num_threads(threads);
}

ac_compute
ac_compute_without_int8(const ac_compute *self)
{
    return (ac_compute){
        .backend = self->backend,
        .precision = self->precision == AC_PRECISION_INT8 ? AC_PRECISION_FP32 : self->precision,
    };
}

ac_backend
ac_backend_resolve(const ac_compute *compute)
{
    return compute->backend == AC_BACKEND_AUTO ? AC_BACKEND_NATIVE : compute->backend;
}

#ifdef AC_HAVE_DNNL
static const char *
isa_name(void)
{
    switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41: return "sse41";
    case dnnl_cpu_isa_avx: return "avx";
    case dnnl_cpu_isa_avx2: return "avx2";
    case dnnl_cpu_isa_avx512_core: return "avx512_core";
    case dnnl_cpu_isa_avx512_core_vnni: return "avx512_core_vnni";
    case dnnl_cpu_isa_avx512_core_bf16: return "avx512_core_bf16";
    case dnnl_cpu_isa_avx512_core_amx: return "avx512_core_amx";
    default: return "other";
    }
}
#endif

const char *
ac_compute_kernels(const ac_compute *compute)
{
    static _Thread_local char text[128];

    switch (ac_backend_resolve(compute)) {
#ifdef AC_HAVE_DNNL
    case AC_BACKEND_ONEDNN: snprintf(text, sizeof text, "onednn %s", isa_name()); break;
#endif
    case AC_BACKEND_OPENBLAS:
        snprintf(text, sizeof text, "openblas %s", openblas_get_corename());
        break;
    default: return "native";
    }
    return text;
}

const char *
ac_compute_describe(const ac_compute *compute)
{
    static _Thread_local char text[64];

    if (ac_backend_resolve(compute) != AC_BACKEND_NATIVE)
        return ac_compute_kernels(compute);
    snprintf(text, sizeof text, "native %s", ac_kernels()->name);
    return text;
}

bool
ac_compute_is_portable(const char *kernels)
{
    return strncmp(kernels, "native", strlen("native")) == 0;
}

/* What matters of a manifest's text: of "native avx2, openblas Haswell" the first word, of
 * "openblas, openblas Haswell" the last part, of "onednn avx2, openblas Haswell" the first. */
static size_t
essence(const char **text)
{
    static const char native[] = "native", openblas[] = "openblas, ";

    if (strncmp(*text, native, sizeof native - 1) == 0)
        return sizeof native - 1;
    if (strncmp(*text, openblas, sizeof openblas - 1) == 0)
        *text += sizeof openblas - 1;
    return strcspn(*text, ",");
}

bool
ac_compute_kernels_agree(const char *a, const char *b)
{
    const size_t n = essence(&a), m = essence(&b);

    return n == m && memcmp(a, b, n) == 0;
}

const char *
ac_compute_openblas_coretype(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return "Haswell";
#endif
    return NULL;
}

/**
 * Loops over vectors, written once and compiled for each instruction set. Private to
 * engine/kernels.
 *
 * Sums run over 16 lanes of fused multiply-adds, element i in lane i % 16, and the lanes are
 * added in one order: the same bits in every set, on any CPU.
 */
#ifndef AC_KERNELS_VECTOR_H
#define AC_KERNELS_VECTOR_H

#include <stdint.h>

/** Rows that lie in slots: row t is x + slots[t] slot + t row. */
typedef struct ac_slot_rows {
    const float *x;
    const int32_t *slots;
    int64_t slot, row;
} ac_slot_rows;

typedef struct ac_vector {
    float (*dot)(const float *a, const float *b, int64_t n);
    void (*axpy)(float *y, float s, const float *x, int64_t n); /* y += s x */
    void (*add)(float *y, const float *x, int64_t n);           /* y += x */
    void (*scale)(float *y, float s, int64_t n);                /* y *= s */
    void (*shift)(float *y, float a, float b, int64_t n);       /* y = y - a - b */
    float (*largest)(const float *x, int64_t n); /* -inf for n = 0; a NaN is passed over */
    float (*sum)(const float *x, int64_t n);
    float (*sum_exp)(const float *x, float shift, int64_t n); /* sum of exp(x - shift) */
    float (*exp)(float *y, const float *x, float shift,
                 int64_t n); /* y = exp(x - shift), and its sum; y may be x */
    void (*gelu)(float *x, int64_t n);
    void (*gelu_new)(float *x, int64_t n);
    void (*quick_gelu)(float *x, int64_t n);
    void (*relu)(float *x, int64_t n);
    void (*silu)(float *x, int64_t n);
    void (*layernorm)(float *y, const float *x, const float *gamma, const float *beta,
                      int64_t C, float eps); /* one row */

    /* For training; here products are rounded before they are added. */
    void (*add_products)(float *y, const float *a, const float *b, int64_t n); /* y += a b */
    /* One row's layer norm; normal = (x - mean) rstd is saved unless NULL. Returns rstd. */
    float (*layernorm_saved)(float *y, float *normal, const float *x, const float *gamma,
                             const float *beta, int64_t C, float eps);
    /* dx = rstd (g - mean(g) - normal mean(g normal)), g = dy gamma; dx may be dy */
    void (*layernorm_backward)(float *dx, const float *dy, const float *normal, float rstd,
                               const float *gamma, int64_t C);
    /* d = w (d - w . d) by */
    void (*softmax_backward)(float *d, const float *w, int64_t n, float by);

    /* Attention of G heads that share T keys: the bits of dot and axpy, with keys read once.
     * y [G, T], rows ldy apart = by (q [G, D] times the keys [T, D]). */
    void (*scores)(float *y, int64_t ldy, const float *q, int64_t G, const ac_slot_rows *keys,
                   int64_t T, int64_t D, float by);
    /* y [G, D] = w [G, T], rows ldw apart, times the values [T, D]. */
    void (*weighted)(float *y, const float *w, int64_t ldw, int64_t G,
                     const ac_slot_rows *values, int64_t T, int64_t D);

    /* The most multiply-adds that this CPU makes: so many rounds on registers alone. Returns
     * the multiply-adds of all lanes; *sum depends on them all. */
    double (*multiply_adds)(int64_t rounds, float *sum);
} ac_vector;

extern const ac_vector ac_vector_generic;
#if defined(__x86_64__)
extern const ac_vector ac_vector_avx2, ac_vector_avx512;
#endif

#endif

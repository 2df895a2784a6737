/** Activations over arrays. */
#ifndef AC_KERNELS_ACTIVATION_H
#define AC_KERNELS_ACTIVATION_H

#include <stdint.h>

typedef enum ac_activation {
    AC_ACTIVATION_NONE = 0,
    AC_ACTIVATION_GELU,       /* 0.5 x (1 + erf(x / sqrt 2)) */
    AC_ACTIVATION_GELU_NEW,   /* the tanh form, GPT-2 */
    AC_ACTIVATION_QUICK_GELU, /* x sigma(1.702 x) */
    AC_ACTIVATION_RELU,
    AC_ACTIVATION_SILU /* x sigma(x) */
} ac_activation;

/** x [n] in place. The exponential is a polynomial good to about 2 ulp; erf to 1.5e-7 absolute
 * (Abramowitz, Stegun 7.1.26). */
void ac_activation_apply(ac_activation activation, float *x, int64_t n);

/** The definition, in double, of one number. */
double ac_activation_ref(ac_activation activation, double x);

/** dy [n] in place: times the activation's derivative at x [n] (what the activation was given).
 * For AC_ACTIVATION_NONE nothing. */
void ac_activation_backward(ac_activation activation, float *dy, const float *x, int64_t n);

/** y[i] = exp(x[i]) for x <= 88; below -87: 0. y may be x. */
void ac_exp(float *y, const float *x, int64_t n);

/** log of the sum of exp(x[i]), by the largest; -inf where all are. */
float ac_log_sum_exp(const float *x, int64_t n);

/** In place: x[i] becomes (x[i] - largest) - log of the sum of exp(x - largest), which keeps
 * its digits at any offset. */
void ac_log_softmax(float *x, int64_t n);

/** What ac_log_softmax would leave at x[i]. */
float ac_log_softmax_at(const float *x, int64_t n, int64_t i);

#endif

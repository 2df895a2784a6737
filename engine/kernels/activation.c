#include "engine/kernels/activation.h"

#include <math.h>
#include <string.h>

#include "engine/kernels/per_set.h"
#include "engine/kernels/vector.h"

/* exp(x) = 2^k exp(r), |r| <= ln 2 / 2, and a polynomial of degree 6 for exp(r). Branch-free,
 * so that loops vectorise. */
static inline float
exp_polynomial(float x)
{
    const float low = -87.0f, high = 88.0f;
    float clipped = x < low ? low : x > high ? high : x;
    float k = __builtin_floorf(clipped * 1.44269504f + 0.5f);
    float r = clipped - k * 0.693359375f + k * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    int32_t bits;
    float scale;

    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    bits = ((int32_t) k + 127) << 23;
    memcpy(&scale, &bits, sizeof scale);
    return x < low ? 0.0f : p * scale;
}

/* bell: exp(-x^2) */
static inline float
erf_with(float x, float bell)
{
    float a = x < 0 ? -x : x;
    float t = 1.0f / (1.0f + 0.3275911f * a);
    float p = ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t +
               0.254829592f) *
              t;
    float y = 1.0f - p * bell;

    return x < 0 ? -y : y;
}

void
ac_exp(float *y, const float *x, int64_t n)
{
    ac_kernels()->vector->exp(y, x, 0, n);
}

float
ac_log_sum_exp(const float *x, int64_t n)
{
    const ac_vector *v = ac_kernels()->vector;
    const float m = v->largest(x, n);

    return m == -INFINITY ? m : m + logf(v->sum_exp(x, m, n));
}

void
ac_log_softmax(float *x, int64_t n)
{
    const ac_vector *v = ac_kernels()->vector;
    const float m = v->largest(x, n);

    if (m > -INFINITY)
        v->shift(x, m, logf(v->sum_exp(x, m, n)), n);
}

float
ac_log_softmax_at(const float *x, int64_t n, int64_t i)
{
    const ac_vector *v = ac_kernels()->vector;
    const float m = v->largest(x, n);

    return m == -INFINITY ? m : x[i] - m - logf(v->sum_exp(x, m, n));
}

void
ac_activation_apply(ac_activation activation, float *x, int64_t n)
{
    switch (activation) {
    case AC_ACTIVATION_NONE: return;
    case AC_ACTIVATION_GELU: ac_kernels()->vector->gelu(x, n); return;
    case AC_ACTIVATION_GELU_NEW: ac_kernels()->vector->gelu_new(x, n); return;
    case AC_ACTIVATION_QUICK_GELU: ac_kernels()->vector->quick_gelu(x, n); return;
    case AC_ACTIVATION_RELU: ac_kernels()->vector->relu(x, n); return;
    case AC_ACTIVATION_SILU: ac_kernels()->vector->silu(x, n); return;
    }
}

double
ac_activation_ref(ac_activation activation, double x)
{
    switch (activation) {
    case AC_ACTIVATION_NONE: break;
    case AC_ACTIVATION_GELU: return 0.5 * x * (1 + erf(x / sqrt(2.0)));
    case AC_ACTIVATION_GELU_NEW:
        return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case AC_ACTIVATION_QUICK_GELU: return x / (1 + exp(-1.702 * x));
    case AC_ACTIVATION_RELU: return x > 0 ? x : 0;
    case AC_ACTIVATION_SILU: return x / (1 + exp(-x));
    }
    return x;
}

/* ---- derivatives ---- */

AC_PER_SET_BODY void
gelu_backward_body(float *dy, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) { /* Phi(x) + x phi(x); both have exp(-x^2 / 2) in them */
        const float bell = exp_polynomial(-0.5f * x[i] * x[i]),
                    below = 0.5f * (1.0f + erf_with(x[i] * 0.70710678118654752f, bell));
        dy[i] *= below + x[i] * 0.39894228040143268f * bell;
    }
}

AC_PER_SET_BODY void
gelu_new_backward_body(float *dy, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) { /* x s(2u): s + x s (1 - s) 2 u' */
        const float square = x[i] * x[i],
                    u = 0.79788456080286536f * x[i] * (1.0f + 0.044715f * square);
        const float s = 1.0f / (1.0f + exp_polynomial(-2.0f * u)),
                    slope = 0.79788456080286536f * (1.0f + 0.134145f * square);
        dy[i] *= s + 2.0f * x[i] * s * (1.0f - s) * slope;
    }
}

AC_PER_SET_BODY void
quick_gelu_backward_body(float *dy, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const float s = 1.0f / (1.0f + exp_polynomial(-1.702f * x[i]));
        dy[i] *= s + 1.702f * x[i] * s * (1.0f - s);
    }
}

AC_PER_SET_BODY void
relu_backward_body(float *dy, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        dy[i] = x[i] > 0 ? dy[i] : 0;
}

AC_PER_SET_BODY void
silu_backward_body(float *dy, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const float s = 1.0f / (1.0f + exp_polynomial(-x[i]));
        dy[i] *= s + x[i] * s * (1.0f - s);
    }
}

AC_PER_SET(gelu_backward, (float *dy, const float *x, int64_t n), (dy, x, n))
AC_PER_SET(gelu_new_backward, (float *dy, const float *x, int64_t n), (dy, x, n))
AC_PER_SET(quick_gelu_backward, (float *dy, const float *x, int64_t n), (dy, x, n))
AC_PER_SET(relu_backward, (float *dy, const float *x, int64_t n), (dy, x, n))
AC_PER_SET(silu_backward, (float *dy, const float *x, int64_t n), (dy, x, n))

void
ac_activation_backward(ac_activation activation, float *dy, const float *x, int64_t n)
{
    switch (activation) {
    case AC_ACTIVATION_NONE: return;
    case AC_ACTIVATION_GELU: gelu_backward(dy, x, n); return;
    case AC_ACTIVATION_GELU_NEW: gelu_new_backward(dy, x, n); return;
    case AC_ACTIVATION_QUICK_GELU: quick_gelu_backward(dy, x, n); return;
    case AC_ACTIVATION_RELU: relu_backward(dy, x, n); return;
    case AC_ACTIVATION_SILU: silu_backward(dy, x, n); return;
    }
}

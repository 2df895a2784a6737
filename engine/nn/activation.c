#include "engine/nn/activation.h"

#include <math.h>
#include <string.h>

#include "engine/nn/simd.h"

/* exp(x) = 2^k exp(r), |r| <= ln 2 / 2, and a polynomial of degree 6 for exp(r). Branch-free, so that loops vectorise. */
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

static inline float
erf_formula(float x)
{
    float a = x < 0 ? -x : x;
    float t = 1.0f / (1.0f + 0.3275911f * a);
    float p = ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t + 0.254829592f) * t;
    float y = 1.0f - p * exp_polynomial(-a * a);

    return x < 0 ? -y : y;
}

AC_CLONES void
ac_exp(float *y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = exp_polynomial(x[i]);
}

AC_CLONES static float
sum_exp(const float *x, float largest, int64_t n)
{
    float sum = 0;

#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += exp_polynomial(x[i] - largest);
    return sum;
}

AC_CLONES static float
largest_of(const float *x, int64_t n)
{
    float m = -INFINITY;

    for (int64_t i = 0; i < n; i++)
        m = x[i] > m ? x[i] : m;
    return m;
}

float
ac_log_sum_exp(const float *x, int64_t n)
{
    float m = largest_of(x, n);

    return m == -INFINITY ? m : m + logf(sum_exp(x, m, n));
}

AC_CLONES static void
gelu(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = 0.5f * x[i] * (1.0f + erf_formula(x[i] * 0.70710678118654752f));
}

AC_CLONES static void
gelu_new(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) { /* 0.5 (1 + tanh u) = 1 / (1 + exp(-2u)) */
        float u = 0.79788456080286536f * (x[i] + 0.044715f * x[i] * x[i] * x[i]);
        x[i] = x[i] / (1.0f + exp_polynomial(-2.0f * u));
    }
}

AC_CLONES static void
quick_gelu(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = x[i] / (1.0f + exp_polynomial(-1.702f * x[i]));
}

AC_CLONES static void
relu(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = x[i] > 0 ? x[i] : 0;
}

void
ac_activation_apply(ac_activation activation, float *x, int64_t n)
{
    switch (activation) {
    case AC_ACTIVATION_NONE: return;
    case AC_ACTIVATION_GELU: gelu(x, n); return;
    case AC_ACTIVATION_GELU_NEW: gelu_new(x, n); return;
    case AC_ACTIVATION_QUICK_GELU: quick_gelu(x, n); return;
    case AC_ACTIVATION_RELU: relu(x, n); return;
    }
}

double
ac_activation_ref(ac_activation activation, double x)
{
    switch (activation) {
    case AC_ACTIVATION_NONE: break;
    case AC_ACTIVATION_GELU: return 0.5 * x * (1 + erf(x / sqrt(2.0)));
    case AC_ACTIVATION_GELU_NEW: return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case AC_ACTIVATION_QUICK_GELU: return x / (1 + exp(-1.702 * x));
    case AC_ACTIVATION_RELU: return x > 0 ? x : 0;
    }
    return x;
}

/* ---- derivatives ------------------------------------------------------------------------------------------------ */

AC_CLONES static void
gelu_backward(float *dy, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) { /* Phi(x) + x phi(x) */
        const float below = 0.5f * (1.0f + erf_formula(x[i] * 0.70710678118654752f));
        dy[i] *= below + x[i] * 0.39894228040143268f * exp_polynomial(-0.5f * x[i] * x[i]);
    }
}

AC_CLONES static void
gelu_new_backward(float *dy, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) { /* x s(2u): s + x s (1 - s) 2 u' */
        const float square = x[i] * x[i], u = 0.79788456080286536f * x[i] * (1.0f + 0.044715f * square);
        const float s = 1.0f / (1.0f + exp_polynomial(-2.0f * u)), slope = 0.79788456080286536f * (1.0f + 0.134145f * square);
        dy[i] *= s + 2.0f * x[i] * s * (1.0f - s) * slope;
    }
}

AC_CLONES static void
quick_gelu_backward(float *dy, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const float s = 1.0f / (1.0f + exp_polynomial(-1.702f * x[i]));
        dy[i] *= s + 1.702f * x[i] * s * (1.0f - s);
    }
}

AC_CLONES static void
relu_backward(float *dy, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        dy[i] = x[i] > 0 ? dy[i] : 0;
}

void
ac_activation_backward(ac_activation activation, float *dy, const float *x, int64_t n)
{
    switch (activation) {
    case AC_ACTIVATION_NONE: return;
    case AC_ACTIVATION_GELU: gelu_backward(dy, x, n); return;
    case AC_ACTIVATION_GELU_NEW: gelu_new_backward(dy, x, n); return;
    case AC_ACTIVATION_QUICK_GELU: quick_gelu_backward(dy, x, n); return;
    case AC_ACTIVATION_RELU: relu_backward(dy, x, n); return;
    }
}

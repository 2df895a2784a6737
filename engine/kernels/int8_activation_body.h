/* Activations of int8's results, included by int8_body.h. Their errors are below 1e-5 of |x|, a
 * few hundredths of what rounding to 8 bits leaves, for half the instructions of
 * vector_body.h's. A NaN stays one. */

static inline vec
limited(vec x, float low, float high)
{
    return larger(smaller(x, set1(high)), set1(low));
}

/* 2^x to 3e-6 of it, -125 <= x <= 127. */
static inline vec
power_of_two(vec x)
{
    const vec magic = set1(12582912.0f); /* 1.5 2^23: adding it rounds to a whole number, which
                                            stands in the low bits */
    const vec t = x + magic, f = x - (t - magic);
    vec p = set1(9.570102207e-3f);

    p = fma_(p, f, set1(5.591785908e-2f));
    p = fma_(p, f, set1(2.402474433e-1f));
    p = fma_(p, f, set1(6.931217909e-1f));
    p = fma_(p, f, set1(9.999992847e-1f));
    return (vec) ((uvec) p + ((uvec) t << 23));
}

/* 1 / d to 7e-6 of it, 1 <= d <= 1e37: a guess within 5 % from the bits, and two of Newton's
 * steps. */
static inline vec
inverse_of(vec d)
{
    const uvec none = { 0 };
    const vec minus = set1(-0.0f) - d;
    vec r = (vec) ((none + 0x7ef311c7) - (uvec) d);

    r = fma_(fma_(minus, r, set1(1)), r, r);
    return fma_(fma_(minus, r, set1(1)), r, r);
}

/* x / (1 + 2^z) */
static inline vec
over_power(vec x, vec z)
{
    return x * inverse_of(set1(1) + power_of_two(limited(z, -125, 115)));
}

/* Abramowitz and Stegun 7.1.26, with x / sqrt 2 in it. */
static inline vec
gelu_(vec x)
{
    const vec a = (vec) ((uvec) x & ((uvec){ 0 } + 0x7fffffff)),
              t = inverse_of(fma_(set1(0.23164189f), smaller(a, set1(1e6f)), set1(1))),
              bell = power_of_two(limited(a * a * set1(-0.72134752f), -125, 0));
    vec p = set1(1.061405429f), half;

    p = fma_(p, t, set1(-1.453152027f));
    p = fma_(p, t, set1(1.421413741f));
    p = fma_(p, t, set1(-0.284496736f));
    p = fma_(p, t, set1(0.254829592f));
    half = set1(0.5f) * a * p * t * bell; /* a (1 - erf) / 2: what x > 0 lacks, x < 0 has */
    return larger(x, set1(0)) - half;
}

static inline vec
gelu_new_(vec x)
{
    return over_power(x, set1(-2.3022082f) * fma_(set1(0.044715f) * x * x, x, x));
}
static inline vec
quick_gelu_(vec x)
{
    return over_power(x, set1(-2.4554670f) * x);
}
static inline vec
silu_(vec x)
{
    return over_power(x, set1(-1.4426950f) * x);
}
static inline vec
relu_(vec x)
{
    return larger(set1(0), x); /* NaN too */
}

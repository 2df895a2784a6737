#include "engine/training/adamw.h"

#include <math.h>

void
ac_adamw_step(const ac_adamw *self, float *p, float *exp_avg, float *exp_avg_sq,
              const float *gradient, int64_t n, int64_t step, double rate)
{
    const double correction1 = 1 - pow(self->beta1, (double) step),
                 correction2 = sqrt(1 - pow(self->beta2, (double) step));
    const double shrink = 1 - rate * self->weight_decay, length = rate / correction1;

    for (int64_t i = 0; i < n; i++) {
        const double g = gradient[i];
        const double m = self->beta1 * exp_avg[i] + (1 - self->beta1) * g;
        const double v = self->beta2 * exp_avg_sq[i] + (1 - self->beta2) * g * g;
        exp_avg[i] = (float) m;
        exp_avg_sq[i] = (float) v;
        p[i] = (float) (shrink * p[i] - length * m / (sqrt(v) / correction2 + self->eps));
    }
}

double
ac_cosine_rate(double base, double t_max, int64_t warmup, int64_t step)
{
    if (step < warmup)
        return base * (double) (step + 1) / (double) warmup;
    return base * (1 + cos(acos(-1.0) * (double) (step - warmup) / t_max)) / 2;
}

double
ac_gradient_norm(const float *gradient, int64_t n)
{
    double squares = 0;

    for (int64_t i = 0; i < n; i++)
        squares += (double) gradient[i] * (double) gradient[i];
    return sqrt(squares);
}

void
ac_gradient_clip(float *gradient, int64_t n, double norm, double most)
{
    const double factor = most / (norm + 1e-6);

    for (int64_t i = 0; factor < 1 && i < n; i++)
        gradient[i] = (float) (gradient[i] * factor);
}

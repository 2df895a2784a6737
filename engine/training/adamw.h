/** The optimiser and its learning rate. Source: torch.optim.AdamW, CosineAnnealingLR,
 * clip_grad_norm_. Golden: topic train, steps. */
#ifndef AC_TRAINING_ADAMW_H
#define AC_TRAINING_ADAMW_H

#include <stdint.h>

typedef struct ac_adamw {
    double beta1, beta2, eps, weight_decay;
} ac_adamw;

/**
 * One step over n parameters, in place: p *= 1 - rate decay; moments; p -= rate m^ / (sqrt(v^)
 * + eps). Shapes: p, exp_avg, exp_avg_sq, gradient [n]. step counts from 1. Local. Cannot fail.
 */
void ac_adamw_step(const ac_adamw *self, float *p, float *exp_avg, float *exp_avg_sq,
                   const float *gradient, int64_t n, int64_t step, double rate);

/**
 * The learning rate of step `step` (from 0): rises linearly over the first `warmup` steps
 * ((step + 1) / warmup of `base`), then falls as base (1 + cos(pi k / t_max)) / 2 with k = step
 * - warmup; it rises again after k = t_max, as PyTorch's does.
 */
double ac_cosine_rate(double base, double t_max, int64_t warmup, int64_t step);

/** Euclidean length, summed in double in index order. */
double ac_gradient_norm(const float *gradient, int64_t n);

/** gradient [n] *= most / (norm + 1e-6) where that is below 1, as
 * torch.nn.utils.clip_grad_norm_. */
void ac_gradient_clip(float *gradient, int64_t n, double norm, double most);

#endif

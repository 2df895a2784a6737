/* What follows a product: bias, activation, residual. */
#include "engine/kernels/kernel_set.h"
#include "engine/kernels/vector.h"
#include "engine/linear/linear_backend.h"

void
ac_linear_finish_row(const ac_linear *self, const ac_linear_tile *t, int64_t r)
{
    const ac_vector *v = ac_kernels()->vector;
    float *y = t->y + r * self->out;

    v->add(y, self->bias + t->column, t->columns);
    ac_activation_apply(t->activation, y, t->columns);
    if (t->residual)
        v->add(y, t->residual + r * self->out, t->columns);
}

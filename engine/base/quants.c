#include "engine/base/quants.h"

#include "engine/base/tensor.h"

void
ac_quants_decode(const ac_quants *self, float *y, const ac_quants_block *b)
{
    const ac_quants_shape shape = ac_quants_shape_of(self->kind);
    const int64_t each = shape.groups ? AC_QUANTS_UNIT / shape.groups : self->block;
    const float scale = ac_f16_to_f32(b->scale),
                least = shape.has_least ? ac_f16_to_f32(b->least) : 0;

    for (int64_t first = 0; first < self->block; first += each) {
        const int64_t group = first / each;
        const float by = shape.groups ? scale * (float) b->scales[group] : scale,
                    from = shape.groups && shape.has_least ? least * (float) b->leasts[group]
                                                           : least;
        for (int64_t i = first; i < first + each; i++) {
            y[i] =
                by * (float) (shape.is_signed ? (int) (int8_t) b->codes[i] : (int) b->codes[i]);
            if (shape.has_least)
                y[i] += from;
        }
    }
}

/* Questions about a pickle's values. */
#include "io/checkpoint/pickle.h"

#include "engine/base/text.h"

bool
ac_pickle_is_global(const ac_pickle *self, int64_t i, const char *module, const char *name)
{
    const ac_pickle_value *v = i < 0 ? NULL : &self->values[i];

    return v && v->type == AC_PICKLE_GLOBAL &&
           ac_text_is(v->as.global.module, v->as.global.module_size, module) &&
           ac_text_is(v->as.global.name, v->as.global.name_size, name);
}

bool
ac_pickle_tuple(const ac_pickle *self, int64_t i, int64_t *out, int64_t n)
{
    const ac_pickle_value *v = i < 0 ? NULL : &self->values[i];
    int64_t cell;

    if (!v || v->type != AC_PICKLE_TUPLE || v->as.items.count < n)
        return false;
    cell = v->as.items.first;
    for (int64_t k = 0; k < n; k++, cell = self->cells[cell].next)
        out[k] = self->cells[cell].value;
    return true;
}

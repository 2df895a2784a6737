/* Pickles by themselves. Promises: refused, or a tree whose places all are within it; memory
 * grows with the bytes alone. */
#include <stdbool.h>

#include "io/checkpoint/pickle.h"
#include "tests/support/fuzz.h"

static const ac_pickle_rule rules[] = {
    { "torch._utils", "_rebuild_tensor_v2", AC_PICKLE_CALL },
    { "collections", "OrderedDict", AC_PICKLE_DICT },
    { "builtins", "set", AC_PICKLE_OBJECT },
    { NULL, NULL, AC_PICKLE_NONE },
};

static void
check_value(const ac_pickle *p, const ac_pickle_value *v)
{
    int64_t count = 0;

    switch (v->type) {
    case AC_PICKLE_TUPLE:
    case AC_PICKLE_LIST:
    case AC_PICKLE_DICT:
        for (int64_t c = v->as.items.first; c >= 0; c = p->cells[c].next, count++)
            FUZZ_CHECK(c < p->cell_count && p->cells[c].value >= 0 &&
                       p->cells[c].value < p->value_count);
        FUZZ_CHECK(count == v->as.items.count && (v->type != AC_PICKLE_DICT || count % 2 == 0));
        break;
    case AC_PICKLE_CALL:
    case AC_PICKLE_OBJECT:
    case AC_PICKLE_PERSISTENT:
        FUZZ_CHECK(v->as.pair.a >= -1 && v->as.pair.a < p->value_count && v->as.pair.b >= -1 &&
                   v->as.pair.b < p->value_count);
        break;
    default: break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ac_pickle p;
    size_t used = 0;

    if (ac_pickle_read(&p, data, n, rules, "fuzz", &used) == AC_OK) {
        FUZZ_CHECK(used <= n && p.root >= 0 && p.root < p.value_count);
        FUZZ_CHECK((size_t) p.value_count <= 2 * n && (size_t) p.cell_count <= n + 1);
        for (int64_t i = 0; i < p.value_count; i++)
            check_value(&p, &p.values[i]);
    }
    ac_pickle_free(&p);
    return 0;
}

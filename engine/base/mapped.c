#include "engine/base/mapped.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4096 };

/* A signal handler can reach nothing else. A slot is in use while it has a beginning, which is
 * written last and taken away first. */
typedef struct slot {
    _Atomic uintptr_t begin;
    _Atomic size_t size;
    _Atomic(char *) name; /* owned; never freed while a handler may read it: see remove */
    atomic_flag taken;
} slot;

static slot slots[MOST];

void
ac_mapped_add(const void *data, size_t size, const char *name)
{
    const size_t n = strlen(name);
    char *copy;

    if (!data || !size)
        return;
    for (int i = 0; i < MOST; i++) {
        slot *s = &slots[i];
        if (atomic_flag_test_and_set(&s->taken))
            continue;
        copy = n < AC_MAPPED_NAME ? malloc(n + 1) : NULL; /* without one, it has no name */
        if (copy)
            memcpy(copy, name, n + 1);
        atomic_store(&s->name, copy);
        atomic_store(&s->size, size);
        atomic_store(&s->begin, (uintptr_t) data);
        return;
    }
}

void
ac_mapped_remove(const void *data)
{
    for (int i = 0; data && i < MOST; i++) {
        slot *s = &slots[i];
        uintptr_t begin = (uintptr_t) data;
        if (!atomic_compare_exchange_strong(&s->begin, &begin, 0))
            continue;
        free(atomic_exchange(&s->name, NULL)); /* nobody reads what is about to be unmapped */
        atomic_flag_clear(&s->taken);
        return;
    }
}

bool
ac_mapped_find(ac_mapped_file *out, const void *address)
{
    const uintptr_t at = (uintptr_t) address;

    for (int i = 0; i < MOST; i++) {
        const uintptr_t begin = atomic_load(&slots[i].begin);
        const char *name = atomic_load(&slots[i].name);
        size_t n = 0;
        if (!begin || at < begin || at - begin >= atomic_load(&slots[i].size))
            continue;
        for (; name && name[n]; n++)
            out->name[n] = name[n];
        out->name[n] = '\0';
        out->at = at - begin;
        return true;
    }
    return false;
}

#include "jobs/runtime/stage_type.h"

#include <string.h>

const ac_stage_type *
ac_stage_type_find(const ac_stage_type *const *stages, const char *name)
{
    for (; *stages; stages++)
        if (strcmp((*stages)->name, name) == 0)
            return *stages;
    return NULL;
}

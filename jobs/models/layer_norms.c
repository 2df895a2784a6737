#include "jobs/models/layer_norms.h"

#include <stdlib.h>

ac_status
ac_layer_norms_save(const char *path, const ac_bart_trainer *trainer, const float *numbers,
                    const ac_metadata *metadata, int metadata_count)
{
    ac_tensor *items = NULL;
    ac_tensors tensors = { .count = trainer->parameter_count, .source = path };
    ac_status st = ac_alloc(&items, trainer->parameter_count, sizeof *items);

    if (st != AC_OK)
        return st;
    for (int64_t i = 0; i < tensors.count; i++)
        items[i] = (ac_tensor){ .name = trainer->parameters[i].name,
                                .dtype = AC_F32,
                                .rank = 1,
                                .shape = { trainer->bart->config.d_model },
                                .data = numbers + trainer->parameters[i].offset };
    tensors.items = items;
    st = ac_safetensors_save(path, &tensors, metadata, metadata_count);
    free(items);
    return st;
}

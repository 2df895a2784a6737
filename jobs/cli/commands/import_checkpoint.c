/* The reference's Lightning checkpoint -> a file of layer norms, as bart.layer_norms takes it.
 */
#include <stdio.h>

#include "engine/base/log.h"
#include "io/checkpoint/lightning.h"
#include "io/checkpoint/safetensors_write.h"
#include "jobs/cli/commands/commands.h"

ac_status
ac_import_checkpoint(const char *checkpoint, const char *out)
{
    ac_lightning c = { 0 };
    char epoch[24], step[24];
    const ac_metadata metadata[] = { { "format", "pt" }, { "epoch", epoch }, { "step", step } };
    int64_t numbers = 0;
    ac_status st = AC_OK;

    AC_TRY(ac_lightning_open(&c, checkpoint));
    snprintf(epoch, sizeof epoch, "%lld", (long long) c.epoch);
    snprintf(step, sizeof step, "%lld", (long long) c.step);
    for (int64_t i = 0; i < c.layer_norms.count; i++)
        numbers += ac_tensor_count(&c.layer_norms.items[i]);
    AC_TRY(ac_safetensors_save(out, &c.layer_norms, metadata,
                               c.epoch >= 0 && c.step >= 0 ? 3 : 1));
    ac_log(AC_LOG_INFO, "%s: %lld layer norms, %lld parameters", out,
           (long long) c.layer_norms.count / 2, (long long) numbers);
out:
    ac_lightning_close(&c);
    return st;
}

/* Is a run folder's run the one that was asked for? */
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/linear/compute.h"
#include "io/file/path.h"
#include "io/file/text_file.h"
#include "jobs/runtime/run.h"

const char ac_run_advice[] =
    "give --run another folder to start afresh, or restore what changed";

ac_status
ac_run_check_config(const char *folder, const ac_manifest *old, const ac_config *config,
                    const char *job)
{
    ac_status st = AC_OK;
    ac_buffer old_text = { 0 }, new_text = { 0 }, difference = { 0 };
    char fingerprint[33], *path = NULL;

    if (strcmp(old->job, job) != 0)
        return ac_error_set(AC_E_ARG, "%s: this folder holds a run of the job %s; %s", folder,
                            old->job, ac_run_advice);
    AC_TRY(ac_config_fingerprint(config, job, fingerprint));
    if (strcmp(old->config_fingerprint, fingerprint) == 0)
        goto out;
    AC_TRY(ac_path_format(&path, "%s/config.yaml", folder));
    AC_TRY(ac_text_file_read(path, &old_text));
    AC_TRY(ac_config_print(config, job, &new_text));
    AC_TRY(ac_config_difference(old_text.data, new_text.data, &difference));
    if (!difference.size && strcmp(old->precision, ac_precision_names[AC_PRECISION_INT8]) == 0)
        AC_FAIL(AC_E_ARG,
                "%s: this run began with another version (%s), whose compute.precision: int8 "
                "rounds otherwise; finish it with that version, or %s",
                folder, old->version, ac_run_advice);
    st = ac_error_set(AC_E_ARG,
                      "%s: the config differs from the one this run began with: %s; %s", folder,
                      difference.data ? difference.data : "?", ac_run_advice);
out:
    ac_buffer_free(&old_text);
    ac_buffer_free(&new_text);
    ac_buffer_free(&difference);
    free(path);
    return st;
}

ac_status
ac_run_check_models(const char *folder, const ac_manifest *old, const ac_run_identity *id)
{
    if (strcmp(old->deny, id->deny ? id->deny : "") != 0)
        return ac_error_set(
            AC_E_ARG,
            "%s: the file of retrieval.deny differs from the one this run began "
            "with%s; %s",
            folder, *old->deny ? "" : " (it had none)", ac_run_advice);
    if (strcmp(old->clip, id->clip) != 0 || strcmp(old->bart, id->bart) != 0 ||
        strcmp(old->cache, id->cache) != 0)
        return ac_error_set(
            AC_E_ARG, "%s: the %s differs from the one this run began with; %s", folder,
            strcmp(old->clip, id->clip) != 0 ? "CLIP model"
            : strcmp(old->bart, id->bart) != 0
                ? strcmp(id->job, "story") == 0 ? "language model" : "BART model"
                : "cache",
            ac_run_advice);
    if (!ac_compute_kernels_agree(old->kernels, id->kernels))
        ac_log(AC_LOG_WARNING,
               "this run began with other kernels (%s) than those here (%s): results may "
               "differ in their last bits",
               old->kernels, id->kernels);
    return AC_OK;
}

ac_status
ac_run_check_same(const char *folder, const ac_manifest *old, const ac_config *config,
                  const ac_run_identity *id)
{
    const ac_status st = ac_run_check_config(folder, old, config, id->job);

    return st == AC_OK ? ac_run_check_models(folder, old, id) : st;
}

#include "jobs/cache/input.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "cache_builder/cache.h"
#include "cache_builder/duplicates.h"
#include "engine/base/log.h"
#include "engine/base/memory.h"
#include "io/file/checksum.h"
#include "io/file/json_file.h"
#include "io/file/path.h"
#include "jobs/cache/mining/mine.h"

void
ac_texts_fingerprint(const ac_texts *texts, char hex[33])
{
    const XXH128_hash_t bounds =
        texts->count
            ? XXH3_128bits(texts->offsets, (size_t) (texts->count + 1) * sizeof *texts->offsets)
            : (XXH128_hash_t){ 0, 0 };
    const XXH128_hash_t h = XXH3_128bits_withSeed(texts->bytes.data, texts->bytes.size,
                                                  bounds.low64 ^ bounds.high64);

    ac_checksum_print(h.high64, h.low64, hex);
}

/* Later entries that are equal to an earlier one, to the byte, leave the list. */
static ac_status
drop_duplicates(ac_texts *entries)
{
    const ac_texts none = { 0 };
    ac_texts first = { 0 };
    int64_t *picked = NULL, count;
    ac_status st = AC_OK;

    AC_TRY(ac_alloc(&picked, entries->count, sizeof *picked));
    AC_TRY(ac_entries_pick_new(&none, entries, picked, &count));
    for (int64_t i = 0; i < count; i++)
        AC_TRY(ac_texts_push(&first, ac_texts_at(entries, picked[i]),
                             ac_texts_size(entries, picked[i])));
    if (count < entries->count)
        ac_log(AC_LOG_INFO, "ngrams.unique: %lld entries occurred before and are left out",
               (long long) (entries->count - count));
    ac_texts_free(entries);
    *entries = first;
    first = (ac_texts){ 0 };
out:
    ac_texts_free(&first);
    free(picked);
    return st;
}

/* A list of entries, as they stand in it. */
static ac_status
read_list(ac_texts *entries, const ac_config *config)
{
    const ac_status st = ac_cache_read_entries(config->input.path, entries);

    return st == AC_OK && config->ngrams.unique ? drop_duplicates(entries) : st;
}

/* Rank 0. A run's folder holds texts that are no corpus: its log, its keys. */
static ac_status
refuse_runs(const char *input)
{
    char *path = NULL;
    json_t *root = NULL;
    const char *job;
    ac_status st = AC_OK;

    AC_TRY(ac_path_format(&path, "%s/manifest.json", input));
    AC_TRY(ac_json_file_find(&root, path));
    job = json_string_value(json_object_get(root, "job"));
    if (job && strcmp(job, "ingest") == 0)
        st = ac_error_set(AC_E_ARG,
                          "input.path: %s is an image dataset; its captions become texts with "
                          "`antarctic export %s --format folder --out FOLDER`",
                          input, input);
    else if (job)
        st = ac_error_set(AC_E_ARG,
                          "input.path: %s is the folder of a run of %s, not of texts (the "
                          "captions of a run are its preds.txt)",
                          input, job);
out:
    json_decref(root);
    free(path);
    return st;
}

ac_status
ac_entry_input_read_all(ac_entry_input *self, const ac_comm *comm, const ac_config *config,
                        const char *folder)
{
    bool mined;
    ac_status st = AC_OK;

    if (config->compute.parts > 1)
        AC_TRY(ac_agree_all(comm,
                            ac_error_set(AC_E_ARG, "compute.parts: a cache is made by one run; "
                                                   "parts are for the jobs on images")));
    AC_TRY(ac_agree_all(comm, comm->rank == 0 ? refuse_runs(config->input.path) : AC_OK));
    mined = ac_mining_is_asked_all(comm, config);
    self->kind = mined ? "ngrams" : "lines";
    if (mined)
        AC_TRY(ac_mine_all(comm, config, folder, &self->entries));
    else if (comm->rank == 0)
        st = read_list(&self->entries, config);
    AC_TRY(ac_agree_all(comm, st));
    AC_TRY(ac_broadcast_texts_all(comm, &self->entries, 0));
    ac_texts_fingerprint(&self->entries, self->fingerprint);
out:
    return st;
}

void
ac_entry_input_free(ac_entry_input *self)
{
    ac_texts_free(&self->entries);
}

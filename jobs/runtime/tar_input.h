/**
 * An input of tars, on all ranks: they share the reading of the headers, and the index is
 * published as RUN/tars/KEY.index, so that a run that resumes need not read the tars again.
 */
#ifndef AC_JOBS_RUNTIME_TAR_INPUT_H
#define AC_JOBS_RUNTIME_TAR_INPUT_H

#include "engine/comm/comm.h"
#include "io/config/config.h"
#include "io/source/image_source.h"

/** What a job asks of an input of tars. */
typedef struct ac_tar_input {
    const char *path; /* the input */
    const char *what; /* the config's key ("input.path"): for messages, and the index's name */
    const char *folder; /* the run folder */
    bool captioned;     /* each item needs a caption (train) */
    bool compressed;    /* compressed tars are taken: made plain in RUN/tars/plain/ (ingest);
                           else they are refused, and the message names the job ingest */
} ac_tar_input;

/**
 * Collective. Opens the source where the input is tars; else *is_tars is false, and the source
 * stays as it was. Rank 0 logs what the tars hold besides items.
 */
AC_MUST_CHECK ac_status ac_tar_input_open_all(ac_image_source *images, const ac_comm *comm,
                                              const ac_config *config,
                                              const ac_tar_input *input, bool *is_tars);

/** Local. The source in one process, without a run folder, as the config wants it; where the
 * input is no tars *is_tars is false. */
AC_MUST_CHECK ac_status ac_tar_input_open_alone(ac_image_source *images,
                                                const ac_config *config, const char *path,
                                                const char *what, bool *is_tars);

/** Local. The source of a run whose input was tars, by its index; else *is_tars is false. what:
 * the config's key. */
AC_MUST_CHECK ac_status ac_tar_input_open_index(ac_image_source *images,
                                                const ac_config *config, const char *what,
                                                const char *folder, bool *is_tars);

/** Local: removes what ac_tar_input.compressed made, once nothing reads it any more. */
void ac_tar_input_remove_plain(const char *folder);

/** What input.key_prefix came to: "tar" or "none"; NULL where the source is no tars. */
const char *ac_tar_input_key_prefix(const ac_image_source *images);

/** A member of summary.json, with its comma, appended to out: what the tars hold besides items,
 * whether keys begin with their names. Nothing where the source is no tars. */
AC_MUST_CHECK ac_status ac_tar_input_push_json(const ac_image_source *images, ac_buffer *out);

#endif

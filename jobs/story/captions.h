/** What stories are told about: the captions of a run, of a captions.jsonl, or a text's lines.
 */
#ifndef AC_JOBS_STORY_CAPTIONS_H
#define AC_JOBS_STORY_CAPTIONS_H

#include <stdbool.h>

#include "engine/base/buffer.h"

/** Item i has keys[i], captions[i] (empty: there is none), and its retrieved entries as one
 * text (empty: none). Starts zeroed; owns everything. */
typedef struct ac_story_captions {
    ac_texts keys, captions, tables;
    bool *repeated;       /* [keys.count]: an earlier item has the same key; NULL: none has */
    char fingerprint[33]; /* of all of it */
} ac_story_captions;

/**
 * Local. path: a run folder with captions.jsonl; such a file (its name ends in .jsonl or
 * .ndjson); or a text file, a caption per line, whose keys are the numbers of the lines; blank
 * lines are passed over. AC_E_FORMAT for what is no text.
 */
AC_MUST_CHECK ac_status ac_story_captions_read(ac_story_captions *self, const char *path);
void ac_story_captions_free(ac_story_captions *self);

#endif

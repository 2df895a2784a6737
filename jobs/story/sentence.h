/** The first sentence of a story, which CLIP compares with the image. */
#ifndef AC_JOBS_STORY_SENTENCE_H
#define AC_JOBS_STORY_SENTENCE_H

#include "engine/base/buffer.h"

/**
 * Replaces what out held by the sentence that the prompt leaves open, as the story ends it; by
 * the story's own first one where the prompt ends with a sentence, or is "". White space around
 * is stripped. A sentence ends with . ! ? or … and what closes quotations and brackets, before
 * white space or the end; with 。！？; or with a line.
 */
AC_MUST_CHECK ac_status ac_story_first_sentence(ac_buffer *out, const char *prompt,
                                                size_t prompt_bytes, const char *text,
                                                size_t n);

#endif

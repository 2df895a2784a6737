/** Greedy search and sampling of a group of sequences. Private to engine/generation. */
#ifndef AC_GENERATION_SAMPLES_H
#define AC_GENERATION_SAMPLES_H

#include "engine/generation/group.h"

/**
 * The group's sequences into group->out, whose arrays are reserved. Sequences of a text that
 * have drawn the same tokens so far are one row of the decoder until they diverge. AC_E_NOMEM.
 * Local.
 */
AC_MUST_CHECK ac_status ac_samples_run(const ac_generation_group *group);

#endif

/** Beam search of a group of texts. Private to engine/generation. */
#ifndef AC_GENERATION_BEAM_SEARCH_H
#define AC_GENERATION_BEAM_SEARCH_H

#include "engine/generation/group.h"

/** The group's searches into group->out, whose arrays are reserved. AC_E_NOMEM. Local. */
AC_MUST_CHECK ac_status ac_beam_search_run(const ac_generation_group *group);

#endif

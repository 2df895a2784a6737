/** Blocks of an archive: shards of a run, ranges of a cache. Private to jobs/search. */
#ifndef AC_JOBS_SEARCH_ARCHIVE_BLOCKS_H
#define AC_JOBS_SEARCH_ARCHIVE_BLOCKS_H

#include "jobs/search/archive.h"

enum { AC_ARCHIVE_ENTRIES = 65536 }; /* of a cache, in a block */

/** Sets self->D. AC_E_FORMAT where sources differ. */
AC_MUST_CHECK ac_status ac_archive_find_width(ac_archive *self);

#endif

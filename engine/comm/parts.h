/** Numbered parts of a sum, shared so that every rank can add them up in the order of their
 * numbers: the same bits on any number of ranks. */
#ifndef AC_ENGINE_COMM_PARTS_H
#define AC_ENGINE_COMM_PARTS_H

#include "engine/comm/comm.h"

/** Parts [*first, *first + *count) of `parts` are this rank's. Where ranks are more than parts,
 * some have none. */
void ac_parts_mine(const ac_comm *self, int64_t parts, int64_t *first, int64_t *count);

/** What a rank tells the others beside its parts. */
typedef struct ac_parts_note {
    int64_t status; /* of the local phase before the exchange: ac_status */
    int64_t stop;   /* not 0: this rank was asked to stop */
} ac_parts_note;

/** Buffers of an exchange, kept for the next. Starts zeroed. */
typedef struct ac_parts {
    const ac_comm *comm;
    int64_t parts, first, count;
    size_t bytes;     /* of a part, rounded up to 8 */
    char *mine, *all; /* [note][count parts]; the ranks' blocks one after the other */
    int *sizes, *places;
} ac_parts;

/** Collective in its arguments alone (parts and bytes the same on all ranks); moves no message.
 */
AC_MUST_CHECK ac_status ac_parts_init(ac_parts *self, const ac_comm *comm, int64_t parts,
                                      size_t bytes);
void ac_parts_free(ac_parts *self);

/** Where this rank puts its part first + i. */
void *ac_parts_put(const ac_parts *self, int64_t i);

/**
 * Collective: one exchange. Every rank's parts and note to all ranks.
 * @return the worst status of the notes, with that rank's message; on all ranks the same
 * @param[out] stop  whether any rank was asked to stop
 */
AC_MUST_CHECK ac_status ac_parts_share_all(ac_parts *self, ac_status st, bool stop_asked,
                                           bool *stop);

/** Part p, after the exchange. */
const void *ac_parts_get(const ac_parts *self, int64_t p);

#endif

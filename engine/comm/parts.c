#include "engine/comm/parts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

enum { UNIT = 8 }; /* bytes that MPI counts in, so that an exchange may have 16 GB */

static int64_t
first_of(int64_t parts, int rank, int size)
{
    return parts * rank / size;
}

void
ac_parts_mine(const ac_comm *self, int64_t parts, int64_t *first, int64_t *count)
{
    *first = first_of(parts, self->rank, self->size);
    *count = first_of(parts, self->rank + 1, self->size) - *first;
}

ac_status
ac_parts_init(ac_parts *self, const ac_comm *comm, int64_t parts, size_t bytes)
{
    const size_t each = (bytes + UNIT - 1) / UNIT * UNIT;
    int64_t units;
    ac_status st = AC_OK;

    *self = (ac_parts){ .comm = comm, .parts = parts, .bytes = each };
    ac_parts_mine(comm, parts, &self->first, &self->count);
    units =
        comm->size * (int64_t) (sizeof(ac_parts_note) / UNIT) + parts * (int64_t) (each / UNIT);
    if (units > INT_MAX)
        return ac_error_set(AC_E_LIMIT,
                            "%lld parts of %zu bytes are more than one exchange can take",
                            (long long) parts, bytes);
    AC_TRY(ac_alloc(&self->mine,
                    (int64_t) (sizeof(ac_parts_note) + (size_t) self->count * each), 1));
    AC_TRY(ac_alloc(&self->all, units, UNIT));
    AC_TRY(ac_alloc(&self->sizes, comm->size, sizeof *self->sizes));
    AC_TRY(ac_alloc(&self->places, comm->size, sizeof *self->places));
    for (int r = 0, at = 0; r < comm->size; at += self->sizes[r++]) {
        self->places[r] = at;
        self->sizes[r] =
            (int) (sizeof(ac_parts_note) / UNIT + (size_t) (first_of(parts, r + 1, comm->size) -
                                                            first_of(parts, r, comm->size)) *
                                                      (each / UNIT));
    }
out:
    if (st != AC_OK)
        ac_parts_free(self);
    return st;
}

void
ac_parts_free(ac_parts *self)
{
    free(self->mine);
    free(self->all);
    free(self->sizes);
    free(self->places);
    *self = (ac_parts){ 0 };
}

void *
ac_parts_put(const ac_parts *self, int64_t i)
{
    AC_CHECK(i >= 0 && i < self->count);
    return self->mine + sizeof(ac_parts_note) + (size_t) i * self->bytes;
}

ac_status
ac_parts_share_all(ac_parts *self, ac_status st, bool stop_asked, bool *stop)
{
    const ac_parts_note mine = { st, stop_asked };
    bool failed = false;

    ac_debug_equal_all(self->comm, (int64_t) self->bytes * self->parts, "bytes of parts");
    memcpy(self->mine, &mine, sizeof mine);
    AC_MPI(MPI_Allgatherv(self->mine, self->sizes[self->comm->rank], MPI_INT64_T, self->all,
                          self->sizes, self->places, MPI_INT64_T, self->comm->mpi));
    *stop = false;
    for (int r = 0; r < self->comm->size; r++) {
        ac_parts_note note;
        memcpy(&note, self->all + (size_t) self->places[r] * UNIT, sizeof note);
        failed = failed || note.status != AC_OK;
        *stop = *stop || note.stop;
    }
    return failed ? ac_agree_all(self->comm, st)
                  : AC_OK; /* only then a second message: for the words */
}

const void *
ac_parts_get(const ac_parts *self, int64_t p)
{
    int r = 0;

    AC_CHECK(p >= 0 && p < self->parts);
    while (first_of(self->parts, r + 1, self->comm->size) <= p)
        r++;
    return self->all + (size_t) self->places[r] * UNIT + sizeof(ac_parts_note) +
           (size_t) (p - first_of(self->parts, r, self->comm->size)) * self->bytes;
}

/** Ranks working together: agreement on errors, broadcast and gather. Counts are int64_t; MPI's
 * INT_MAX is hidden here. */
#ifndef AC_ENGINE_COMM_COMM_H
#define AC_ENGINE_COMM_COMM_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buffer.h"
#include "engine/base/heartbeat.h"
#include "engine/base/status.h"

typedef struct ac_comm {
    MPI_Comm mpi; /* a duplicate, owned */
    int rank, size;
    int node_rank, node_size; /* among the ranks of this node */
    ac_heartbeat *heartbeat;  /* borrowed; beats with each agreement and claim; or NULL */
    int *threads;             /* [size] of each rank, owned; NULL: not said */
} ac_comm;

/* A call of MPI that fails ends the job: no rank could continue. */
#define AC_MPI(call)                                              \
    do {                                                          \
        if ((call) != MPI_SUCCESS)                                \
            ac_bug(__FILE__, __LINE__, "MPI refused: %s", #call); \
    } while (0)

/** Collective over `mpi`. */
void ac_comm_init(ac_comm *self, MPI_Comm mpi);
/** Collective. */
void ac_comm_free(ac_comm *self);

/**
 * Collective. The worst status of all ranks, on all ranks, with that rank's message ("rank R:
 * …" where it is another's). After it every rank is in the same state.
 */
AC_MUST_CHECK ac_status ac_agree_all(const ac_comm *self, ac_status st);

/** Collective. n is the same on all ranks (checked in debug builds). */
void ac_broadcast_bytes_all(const ac_comm *self, void *bytes, size_t n, int root);

/** Collective. The root's texts on all ranks; elsewhere what was there is replaced. */
AC_MUST_CHECK ac_status ac_broadcast_texts_all(const ac_comm *self, ac_texts *texts, int root);

/**
 * Collective. All ranks' bytes, one after the other in rank order, on the root.
 * @param[out] all     root: replaced; elsewhere untouched
 * @param[out] bounds  [size + 1] on the root: rank r's bytes are all[bounds[r] .. bounds[r +
 * 1])
 */
AC_MUST_CHECK ac_status ac_gather_bytes_all(const ac_comm *self, const void *bytes, size_t n,
                                            int root, ac_buffer *all, int64_t *bounds);

/** Collective. x [n] summed over the ranks, on all ranks. */
void ac_sum_int64_all(const ac_comm *self, int64_t *x, int n);

/** Collective in debug builds (AC_DEBUG_CHECKS), nothing otherwise: a value that must be equal
 * on all ranks is. */
void ac_debug_equal_all(const ac_comm *self, int64_t x, const char *what);

#endif

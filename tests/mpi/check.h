/** A check that fails ends all ranks: an assertion that jumped out of a collective would leave
 * the others waiting. */
#ifndef AC_TESTS_MPI_CHECK_H
#define AC_TESTS_MPI_CHECK_H

#include <mpi.h>
#include <stdio.h>

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            int check_rank;                                                         \
            MPI_Comm_rank(MPI_COMM_WORLD, &check_rank);                             \
            fprintf(stderr, "rank %d, %s:%d: %s\n", check_rank, __FILE__, __LINE__, \
                    #condition);                                                    \
            MPI_Abort(MPI_COMM_WORLD, 1);                                           \
        }                                                                           \
    } while (0)

#endif

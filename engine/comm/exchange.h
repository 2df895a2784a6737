/** Bytes from each rank to another. */
#ifndef AC_ENGINE_COMM_EXCHANGE_H
#define AC_ENGINE_COMM_EXCHANGE_H

#include "engine/comm/comm.h"

/**
 * Collective. Each rank's n bytes go to rank (rank + shift) % size; `received` (replaced) gets
 * those of rank (rank - shift) % size. shift is the same on all ranks. AC_E_NOMEM, on all
 * ranks, where one has no room.
 */
AC_MUST_CHECK ac_status ac_exchange_bytes_all(const ac_comm *self, int shift, const void *bytes,
                                              size_t n, ac_buffer *received);

#endif

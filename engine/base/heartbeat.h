/**
 * A rank's heartbeat: whoever works lets it beat and records phase and shard; a watchdog on
 * another thread reads it. Every function takes NULL (nobody watches) and may be called by any
 * thread.
 */
#ifndef AC_BASE_HEARTBEAT_H
#define AC_BASE_HEARTBEAT_H

#ifdef __cplusplus
typedef struct ac_heartbeat ac_heartbeat; /* of C11's atomics; C++ may pass one on */
#else

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ac_heartbeat {
    _Atomic int64_t beats;
    _Atomic int64_t shard;       /* -1: none in work */
    _Atomic(const char *) phase; /* a string that lives as long as the program */
} ac_heartbeat;

/** The rank makes progress. Cheap: between micro-batches, after an exchange. */
static inline void
ac_heartbeat_beat(ac_heartbeat *self)
{
    if (self)
        atomic_fetch_add_explicit(&self->beats, 1, memory_order_relaxed);
}

/** From now on this phase ("embed"), with no shard in work. phase must live as long as the
 * program. */
static inline void
ac_heartbeat_phase(ac_heartbeat *self, const char *phase)
{
    if (!self)
        return;
    atomic_store(&self->phase, phase);
    atomic_store(&self->shard, -1);
    ac_heartbeat_beat(self);
}

static inline void
ac_heartbeat_shard(ac_heartbeat *self, int64_t shard)
{
    if (!self)
        return;
    atomic_store(&self->shard, shard);
    ac_heartbeat_beat(self);
}

#endif
#endif

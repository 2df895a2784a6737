#include "jobs/ingest/read_ahead.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/memory.h"

/* What the threads share, under the lock. Items [taken, limit) have a slot; those before `next`
 * are begun, and `ready` says which are read. */
typedef struct ring {
    const ac_read_ahead *of;
    pthread_mutex_t lock;
    pthread_cond_t room, arrival; /* for the threads; for the one that takes */
    int64_t taken, next, limit, end;
    int64_t reading;    /* threads that read now */
    bool *ready;        /* [ring] */
    bool waits;         /* the one that takes */
    ac_status status;   /* of what failed first, which ends all */
    char message[1024]; /* its own: each thread has its last message */
} ring;

typedef struct reader {
    ring *shared;
    int number;
} reader;

static void
fail(ring *self, ac_status st)
{
    if (self->status == AC_OK) {
        self->status = st;
        snprintf(self->message, sizeof self->message, "%s", ac_error_message());
    }
    pthread_cond_broadcast(&self->room);
    pthread_cond_signal(&self->arrival);
}

/* With the lock held, which is given back meanwhile. */
static void
read_next(ring *self, int thread)
{
    const int64_t i = self->next++, slot = i % self->of->ring;
    ac_status st;

    self->reading++;
    pthread_mutex_unlock(&self->lock);
    st = self->of->read(self->of->context, i, slot, thread);
    pthread_mutex_lock(&self->lock);
    self->reading--;
    self->ready[slot] = true;
    if (st != AC_OK)
        fail(self, st);
    else if (self->waits)
        pthread_cond_signal(&self->arrival);
}

static void *
read_items(void *context)
{
    const reader *self = context;
    ring *shared = self->shared;

    pthread_mutex_lock(&shared->lock);
    while (shared->status == AC_OK && shared->next < shared->end) {
        if (shared->next < shared->limit)
            read_next(shared, self->number);
        else
            pthread_cond_wait(&shared->room, &shared->lock);
    }
    pthread_mutex_unlock(&shared->lock);
    return NULL;
}

/* The slots of what was taken are free again: told by the half ring, so that threads that wait
 * for them are not woken for each item. */
static void
free_slots(ring *self)
{
    const int64_t free = self->of->ring - (self->limit - self->taken);
    const int64_t left = self->end - self->limit;

    if (free < (self->of->apart ? self->of->ring : self->of->ring / 2))
        return;
    self->limit += left < free ? left : free;
    pthread_cond_broadcast(&self->room);
}

static bool
may_take(const ring *self)
{
    if (self->of->apart && (self->next < self->limit || self->reading))
        return false;
    return self->taken < self->next && self->ready[self->taken % self->of->ring];
}

static void
take_items(ring *self)
{
    pthread_mutex_lock(&self->lock);
    while (self->status == AC_OK && self->taken < self->end) {
        if (may_take(self)) {
            const int64_t i = self->taken, slot = i % self->of->ring;
            ac_status st;
            pthread_mutex_unlock(&self->lock);
            st = self->of->take(self->of->context, i, slot);
            pthread_mutex_lock(&self->lock);
            self->ready[slot] = false;
            self->taken++;
            if (st != AC_OK)
                fail(self, st);
            free_slots(self);
        } else if (self->next < self->limit) {
            read_next(self, 0);
        } else {
            self->waits = true;
            pthread_cond_wait(&self->arrival, &self->lock);
            self->waits = false;
        }
    }
    pthread_mutex_unlock(&self->lock);
}

ac_status
ac_read_ahead_run(const ac_read_ahead *self, int64_t first, int64_t count)
{
    ring shared = { .of = self,
                    .lock = PTHREAD_MUTEX_INITIALIZER,
                    .room = PTHREAD_COND_INITIALIZER,
                    .arrival = PTHREAD_COND_INITIALIZER,
                    .taken = first,
                    .next = first,
                    .limit = first + (count < self->ring ? count : self->ring),
                    .end = first + count };
    reader *readers = NULL;
    pthread_t *handles = NULL;
    int started = 0;
    ac_status st = AC_OK;

    AC_CHECK(self->ring >= 2 && self->threads >= 1);
    AC_TRY(ac_alloc(&shared.ready, self->ring, sizeof *shared.ready));
    AC_TRY(ac_alloc(&readers, self->threads, sizeof *readers));
    AC_TRY(ac_alloc(&handles, self->threads, sizeof *handles));
    /* what cannot be started, this thread does */
    for (; started < self->threads - 1 && started < count - 1; started++) {
        readers[started] = (reader){ &shared, started + 1 };
        if (pthread_create(&handles[started], NULL, read_items, &readers[started]) != 0)
            break;
    }
    take_items(&shared);
    for (int t = 0; t < started; t++)
        pthread_join(handles[t], NULL);
    if (shared.status != AC_OK)
        st = ac_error_set(shared.status, "%s", shared.message);
out:
    pthread_cond_destroy(&shared.room);
    pthread_cond_destroy(&shared.arrival);
    pthread_mutex_destroy(&shared.lock);
    free(shared.ready);
    free(readers);
    free(handles);
    return st;
}

/* Items read by threads before they are wanted: each once, in order, into a slot that nobody
 * else uses; a failure of any ends all, with its message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "jobs/ingest/read_ahead.h"

enum { ITEMS = 1000, FIRST = 7, MOST_RING = 33 };

typedef struct job {
    _Atomic int64_t slots[MOST_RING]; /* the item in it; 0: none */
    atomic_int reads[ITEMS], reading, overlaps;
    int64_t taken, bad_read, bad_take; /* -1: none */
    int threads;
} job;

static void
nap(int64_t i)
{
    const struct timespec pause = { 0, 20000 + i * 7919 % 50000 };

    if (i % 17 == 0)
        nanosleep(&pause, NULL);
}

static ac_status
read_one(void *context, int64_t i, int64_t slot, int thread)
{
    job *self = context;
    ac_status st = AC_OK;

    atomic_fetch_add(&self->reading, 1);
    if (thread < 0 || thread >= self->threads || atomic_load(&self->slots[slot]) != 0)
        st = ac_error_set(AC_E_FORMAT, "slot %lld is not free", (long long) slot);
    nap(i);
    atomic_fetch_add(&self->reads[i - FIRST], 1);
    atomic_store(&self->slots[slot], i);
    if (i == self->bad_read)
        st = ac_error_set(AC_E_IO, "item %lld cannot be read", (long long) i);
    atomic_fetch_sub(&self->reading, 1);
    return st;
}

static ac_status
take_one(void *context, int64_t i, int64_t slot)
{
    job *self = context;

    if (atomic_load(&self->reading) > 0)
        atomic_fetch_add(&self->overlaps, 1);
    if (i != FIRST + self->taken || atomic_load(&self->slots[slot]) != i)
        return ac_error_set(AC_E_FORMAT, "item %lld is not in slot %lld", (long long) i,
                            (long long) slot);
    nap(i + 3);
    self->taken++;
    atomic_store(&self->slots[slot], 0);
    if (i == self->bad_take)
        return ac_error_set(AC_E_LIMIT, "item %lld cannot be written", (long long) i);
    return AC_OK;
}

static ac_status
run(job *j, int threads, int64_t ring, bool apart, int64_t count)
{
    const ac_read_ahead reading = { j, read_one, take_one, ring, threads, apart };

    j->threads = threads;
    return ac_read_ahead_run(&reading, FIRST, count);
}

static void
each_item_is_read_once_and_taken_in_order(void **state)
{
    static const int64_t rings[] = { 2, 3, 16, MOST_RING }, counts[] = { 0, 1, 2, 40, ITEMS };

    (void) state;
    for (int threads = 1; threads < 5; threads++)
        for (size_t r = 0; r < 4; r++)
            for (size_t c = 0; c < 5; c++)
                for (int apart = 0; apart < 2; apart++) {
                    job j = { .bad_read = -1, .bad_take = -1 };
                    assert_int_equal(run(&j, threads, rings[r], apart, counts[c]), AC_OK);
                    assert_int_equal(j.taken, counts[c]);
                    for (int64_t i = 0; i < ITEMS; i++)
                        assert_int_equal(j.reads[i], i < counts[c]);
                    if (apart)
                        assert_int_equal(j.overlaps, 0);
                }
}

static void
a_failure_ends_all(void **state)
{
    (void) state;
    for (int threads = 1; threads < 5; threads++)
        for (int64_t bad = FIRST; bad < FIRST + ITEMS; bad += 333) {
            job reading = { .bad_read = bad, .bad_take = -1 };
            job taking = { .bad_read = -1, .bad_take = bad };
            char message[64];

            assert_int_equal(run(&reading, threads, 16, false, ITEMS), AC_E_IO);
            snprintf(message, sizeof message, "item %lld cannot be read", (long long) bad);
            assert_string_equal(ac_error_message(), message);
            assert_true(reading.taken <= bad - FIRST);
            assert_int_equal(run(&taking, threads, 16, false, ITEMS), AC_E_LIMIT);
            snprintf(message, sizeof message, "item %lld cannot be written", (long long) bad);
            assert_string_equal(ac_error_message(), message);
            assert_int_equal(taking.taken, bad - FIRST + 1);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_item_is_read_once_and_taken_in_order),
        cmocka_unit_test(a_failure_ends_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

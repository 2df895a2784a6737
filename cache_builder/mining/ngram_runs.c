#include "cache_builder/mining/ngram_runs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_builder/mining/ngram_merge.h"
#include "engine/base/memory.h"
#include "io/file/file_open.h"
#include "io/file/path.h"
#include "io/file/publish.h"

enum { BLOCK = 1 << 20 };

static ac_status
open_scratch(ac_ngram_runs *self)
{
    char *path = NULL;

    if (self->file > 0)
        return AC_OK;
    if (ac_path_format(&path, "%s/ngrams-XXXXXX", self->folder) != AC_OK)
        return AC_E_NOMEM;
    self->file = mkostemp(path, O_CLOEXEC);
    if (self->file < 0) {
        ac_error_set(ac_io_failure(errno), "%s: no scratch file can be created: %s",
                     self->folder, strerror(errno));
        free(path);
        return AC_E_IO;
    }
    unlink(path);
    free(path);
    return AC_OK;
}

static ac_status
write_at(const ac_ngram_runs *self, const char *bytes, size_t n, int64_t at)
{
    if (!ac_file_write_at(self->file, bytes, n, at))
        return ac_error_set(ac_io_failure(errno),
                            "%s: n-gram counts cannot be spilled after %lld MB: %s; free "
                            "space there, or raise limits.memory",
                            self->folder, (long long) (at >> 20), strerror(errno));
    return AC_OK;
}

static ac_status
read_at(const ac_ngram_runs *self, void *to, int64_t n, int64_t at)
{
    size_t got;

    errno = 0;
    if (!ac_file_read_at(self->file, to, (size_t) n, at, &got) || got < (size_t) n)
        return ac_error_set(ac_io_failure(errno),
                            "%s: spilled n-gram counts cannot be read: %s", self->folder,
                            errno ? strerror(errno) : "truncated");
    return AC_OK;
}

static int64_t
merging_cost(int64_t records, int64_t bytes)
{
    return records * AC_NGRAM_MERGE_ENTRY_BYTES + bytes;
}

/* A block is written when it is full; *at is where it goes. */
static ac_status
write_block(ac_ngram_runs *self, int64_t *at)
{
    ac_status st = self->block.status;

    if (st == AC_OK && self->block.size)
        st = write_at(self, self->block.data, self->block.size, *at);
    *at += (int64_t) self->block.size;
    ac_buffer_reset(&self->block);
    return st;
}

static ac_status
write_kind(ac_ngram_runs *self, const ac_ngram_counter *counter, const ac_ngram_order *order,
           int kind, int64_t *bounds, int64_t *at)
{
    ac_status st = AC_OK;

    for (int p = 0; p < AC_NGRAM_PREFIXES; p++) {
        bounds[p] = *at + (int64_t) self->block.size;
        for (int64_t i = order->bounds[kind][p]; i < order->bounds[kind][p + 1]; i++) {
            AC_TRY(ac_ngram_record_push(&self->block, counter, kind, order->places[kind][i]));
            if (self->block.size >= BLOCK)
                AC_TRY(write_block(self, at));
        }
        bounds[p + 1] = *at + (int64_t) self->block.size;
        self->costs[kind][p] += merging_cost(
            order->bounds[kind][p + 1] - order->bounds[kind][p], bounds[p + 1] - bounds[p]);
    }
out:
    return st;
}

ac_status
ac_ngram_runs_spill(ac_ngram_runs *self, const ac_ngram_counter *counter)
{
    int64_t(*bounds)[AC_NGRAM_PREFIXES + 1] = NULL, at;
    ac_ngram_order order = { 0 };
    ac_status st = AC_OK;

    AC_TRY(open_scratch(self));
    AC_TRY(ac_ngram_order_init(&order, counter));
    AC_TRY(ac_alloc(&bounds, AC_NGRAM_KINDS, sizeof *bounds));
    AC_TRY(ac_grow(&self->runs, &self->capacity, self->count + 1, sizeof *self->runs));
    at = self->file_bytes + AC_NGRAM_KINDS * (int64_t) sizeof *bounds;
    for (int kind = 0; kind < AC_NGRAM_KINDS; kind++)
        AC_TRY(write_kind(self, counter, &order, kind, bounds[kind], &at));
    AC_TRY(write_block(self, &at));
    AC_TRY(write_at(self, (const char *) bounds, AC_NGRAM_KINDS * sizeof *bounds,
                    self->file_bytes));
    self->runs[self->count++] = self->file_bytes;
    self->file_bytes = at;
out:
    free(bounds);
    ac_ngram_order_free(&order);
    return st;
}

ac_status
ac_ngram_runs_finish(ac_ngram_runs *self, ac_ngram_counter *counter, int64_t keep)
{
    ac_status st = AC_OK;

    if (ac_ngram_counter_bytes(counter) > keep) {
        AC_TRY(ac_ngram_runs_spill(self, counter));
        ac_ngram_counter_free(counter);
        goto out;
    }
    AC_TRY(ac_ngram_order_init(&self->order, counter));
    self->live = counter;
    for (int kind = 0; kind < AC_NGRAM_KINDS; kind++) {
        for (int p = 0; p < AC_NGRAM_PREFIXES; p++) {
            int64_t from = self->order.bounds[kind][p], to = self->order.bounds[kind][p + 1],
                    bytes = 0;
            for (int64_t i = from; i < to; i++)
                bytes += ac_ngram_record_bytes(counter, kind, self->order.places[kind][i]);
            self->costs[kind][p] += merging_cost(to - from, bytes);
        }
    }
out:
    return st;
}

ac_status
ac_ngram_runs_read(const ac_ngram_runs *self, int kind, int from, int to, ac_buffer *out)
{
    ac_status st = AC_OK;
    char *bytes = NULL;

    for (int64_t r = 0; r < self->count; r++) {
        const int64_t row = self->runs[r] + (int64_t) kind * (AC_NGRAM_PREFIXES + 1) *
                                                (int64_t) sizeof(int64_t);
        int64_t begin, end;
        AC_TRY(read_at(self, &begin, sizeof begin, row + from * (int64_t) sizeof begin));
        AC_TRY(read_at(self, &end, sizeof end, row + to * (int64_t) sizeof end));
        free(bytes);
        AC_TRY(ac_alloc_aligned(&bytes, end - begin, 1));
        AC_TRY(read_at(self, bytes, end - begin, begin));
        AC_TRY(ac_buffer_push(out, bytes, (size_t) (end - begin)));
    }
    if (self->live)
        for (int64_t i = self->order.bounds[kind][from]; i < self->order.bounds[kind][to]; i++)
            AC_TRY(ac_ngram_record_push(out, self->live, kind, self->order.places[kind][i]));
out:
    free(bytes);
    return st;
}

void
ac_ngram_runs_free(ac_ngram_runs *self)
{
    if (self->file > 0)
        close(self->file);
    free(self->runs);
    ac_ngram_order_free(&self->order);
    ac_buffer_free(&self->block);
    *self = (ac_ngram_runs){ 0 };
}

#include "jobs/train/batch.h"

#include <stdlib.h>

#include "engine/base/random.h"

/* What a number is drawn for: the last counter word. Epochs count in the one before. */
enum { FOR_ORDER = 0x6f726472, FOR_CAPTION = 0x63617074, FOR_TABLE = 0x7461626c };

/* What an epoch's order is made from. */
typedef struct epoch_places {
    const uint64_t *streams;
    uint64_t seed;
    uint32_t epoch;
} epoch_places;

/* Images by what was drawn for them, which is drawn again: less than it takes to keep. */
static int
compare_places(const void *a, const void *b, void *of)
{
    const epoch_places *self = of;
    const int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;
    const double p = ac_random_uniform(self->seed, self->streams[x], self->epoch, FOR_ORDER),
                 q = ac_random_uniform(self->seed, self->streams[y], self->epoch, FOR_ORDER);

    if (p != q)
        return p < q ? -1 : 1;
    return x < y ? -1 : x > y;
}

void
ac_epoch_order(const ac_captioned_set *set, uint64_t seed, int64_t epoch, int64_t *order)
{
    epoch_places places = { set->streams, seed, (uint32_t) epoch };

    for (int64_t i = 0; i < set->count; i++)
        order[i] = i;
    if (set->count)
        qsort_r(order, (size_t) set->count, sizeof *order, compare_places, &places);
}

int64_t
ac_epoch_caption(const ac_captioned_set *set, uint64_t seed, int64_t epoch, int64_t i)
{
    const int64_t first = set->caption_offsets[i], n = set->caption_offsets[i + 1] - first;

    return first +
           (int64_t) (ac_random_uniform(seed, set->streams[i], (uint32_t) epoch, FOR_CAPTION) *
                      (double) n);
}

int64_t
ac_epoch_table(const ac_captioned_set *set, uint64_t seed, int64_t epoch, int64_t i)
{
    return i * set->tables_each +
           (int64_t) (ac_random_uniform(seed, set->streams[i], (uint32_t) epoch, FOR_TABLE) *
                      (double) set->tables_each);
}

void
ac_batch_builder_free(ac_batch_builder *self)
{
    ac_id_lists_free(&self->tables);
    ac_id_lists_free(&self->inputs);
    ac_id_lists_free(&self->labels);
    free(self->streams);
    *self = (ac_batch_builder){ 0 };
}

static ac_status
copy_list(ac_id_lists *to, const ac_id_view *from, int64_t i, int64_t skip_first,
          int64_t skip_last)
{
    return ac_id_lists_push(to, from->ids + from->offsets[i] + skip_first,
                            from->offsets[i + 1] - from->offsets[i] - skip_first - skip_last);
}

ac_status
ac_batch_build(ac_batch_builder *self, const ac_captioned_set *set, uint64_t seed,
               int64_t epoch, int64_t step, const int64_t *images, int64_t n,
               ac_bart_batch *out)
{
    ac_status st = AC_OK;

    self->tables.count = self->inputs.count = self->labels.count = 0;
    AC_TRY(ac_grow(&self->streams, &self->streams_capacity, n, sizeof *self->streams));
    for (int64_t i = 0; i < n; i++) {
        const int64_t caption = ac_epoch_caption(set, seed, epoch, images[i]);
        const uint64_t both[2] = { set->streams[images[i]], (uint64_t) step };
        AC_TRY(copy_list(&self->tables, &set->tables,
                         ac_epoch_table(set, seed, epoch, images[i]), 0, 0));
        AC_TRY(copy_list(&self->inputs, &set->captions, caption, 0, 1));
        AC_TRY(copy_list(&self->labels, &set->captions, caption, 1, 0));
        self->streams[i] = ac_random_stream((const char *) both, sizeof both);
    }
    *out = (ac_bart_batch){ .B = n,
                            .ids = self->tables.ids,
                            .offsets = self->tables.offsets,
                            .decoder_ids = self->inputs.ids,
                            .labels = self->labels.ids,
                            .decoder_offsets = self->inputs.offsets,
                            .streams = step < 0 ? NULL : self->streams };
out:
    return st;
}

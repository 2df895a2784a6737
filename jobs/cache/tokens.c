#include "jobs/cache/tokens.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/models/clip_prefix.h"

enum { BLOCK = 256 }; /* entries that a thread tokenizes in one go */

/* One thread's block of entries. */
typedef struct block_result {
    ac_token_lists lists;
    int64_t cut;
    ac_status status;
    char message[256]; /* messages are kept by thread: it is handed over here */
} block_result;

static ac_status
encode_one(const ac_run *run, const ac_clip_model *clip, const ac_texts *entries, int64_t i,
           const char *prefix, ac_buffer *joined, ac_encoding *encoding)
{
    const char *text = ac_texts_at(entries, i);
    size_t n =
        ac_quarantine_has(&run->quarantine, i)
            ? 0
            : ac_texts_size(entries,
                            i); /* it keeps a place here; the cache is written without it */

    if (prefix[0]) {
        ac_buffer_reset(joined);
        ac_buffer_push_text(joined, prefix);
        if (ac_buffer_push(joined, text, n) != AC_OK)
            return joined->status;
        text = joined->data;
        n = joined->size;
    }
    return ac_tokenizer_encode(&clip->tokenizer, text, n,
                               clip->net.config.max_position_embeddings, true, encoding);
}

static void
encode_block(ac_run *run, const ac_clip_model *clip, const ac_texts *entries,
             const int64_t *order, int64_t first, int64_t n, const char *prefix,
             block_result *out)
{
    ac_buffer joined = { 0 };
    ac_encoding e = { 0 };
    ac_status st = AC_OK;

    if (!order)
        ac_inflight_begin(&run->inflight, omp_get_thread_num(), first, n);
    for (int64_t i = first; i < first + n; i++) {
        AC_TRY(encode_one(run, clip, entries, order ? order[i] : i, prefix, &joined, &e));
        out->cut += e.length > e.count;
        AC_TRY(ac_token_lists_push(&out->lists, e.ids,
                                   ac_clip_pooled_length(&clip->net.config, e.ids, e.count)));
    }
out:
    if (!order)
        ac_inflight_end(&run->inflight, omp_get_thread_num());
    if (st != AC_OK)
        snprintf(out->message, sizeof out->message, "%s", ac_error_message());
    out->status = st;
    ac_buffer_free(&joined);
    ac_encoding_free(&e);
}

ac_status
ac_entry_tokens(ac_run *run, const ac_clip_model *clip, const ac_texts *entries,
                const int64_t *order, int64_t first, int64_t n, const char *prefix,
                ac_token_lists *out, int64_t *cut)
{
    const int64_t blocks = (n + BLOCK - 1) / BLOCK;
    block_result *results = NULL;
    ac_status st = AC_OK;

    ac_token_lists_reset(out);
    AC_TRY(ac_alloc(&results, blocks, sizeof *results));
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t b = 0; b < blocks; b++)
        encode_block(run, clip, entries, order, first + b * BLOCK,
                     n - b * BLOCK < BLOCK ? n - b * BLOCK : BLOCK, prefix, &results[b]);
    for (int64_t b = 0; b < blocks; b++) {
        if (results[b].status != AC_OK)
            AC_FAIL(results[b].status, "%s", results[b].message);
        for (int64_t i = 0; i < results[b].lists.count; i++)
            AC_TRY(ac_token_lists_push(out, results[b].lists.ids + results[b].lists.offsets[i],
                                       ac_token_lists_length(&results[b].lists, i)));
        *cut += results[b].cut;
    }
out:
    for (int64_t b = 0; results && b < blocks; b++)
        ac_token_lists_free(&results[b].lists);
    free(results);
    return st;
}

/* ---- the plan ---- */

/* Root: all ranks' lists, as they were sent: lengths, then ids. Frees what was sent as soon as
 * it is read. */
static ac_status
gather_all(const ac_comm *comm, const ac_token_lists *mine, ac_token_lists *all)
{
    ac_buffer packed = { 0 }, received = { 0 };
    int64_t *bounds = NULL;
    ac_status st = AC_OK;

    ac_buffer_push(&packed, &mine->count, sizeof mine->count);
    for (int64_t i = 0; i < mine->count; i++) {
        const int32_t n = (int32_t) ac_token_lists_length(mine, i);
        ac_buffer_push(&packed, &n, sizeof n);
    }
    if (mine->count)
        ac_buffer_push(&packed, mine->ids,
                       (size_t) mine->offsets[mine->count] * sizeof *mine->ids);
    st = ac_alloc(&bounds, comm->size + 1, sizeof *bounds);
    AC_TRY(ac_agree_all(comm, st == AC_OK ? packed.status : st));
    AC_TRY(ac_gather_bytes_all(comm, packed.data, packed.size, 0, &received, bounds));
    for (int r = 0; comm->rank == 0 && r < comm->size; r++) {
        const char *at = received.data + bounds[r], *lengths = at + sizeof(int64_t), *ids;
        int64_t count;
        memcpy(&count, at, sizeof count);
        ids = lengths + (size_t) count * sizeof(int32_t);
        for (int64_t i = 0; i < count; i++) {
            int32_t n;
            memcpy(&n, lengths + (size_t) i * sizeof n, sizeof n);
            AC_TRY(ac_token_lists_push(all, (const int32_t *) (const void *) ids,
                                       n)); /* 4-byte aligned: all parts are */
            ids += (size_t) n * sizeof(int32_t);
        }
    }
out:
    ac_buffer_free(&packed);
    ac_buffer_free(&received);
    free(bounds);
    return st;
}

static ac_status
sort_entries(ac_entry_plan *self, const ac_token_lists *all, int64_t unit,
             const ac_clip_config *clip)
{
    ac_status st = AC_OK;

    AC_TRY(ac_prefix_order(all, self->order));
    AC_TRY(ac_prefix_order_positions(all, self->order, unit, AC_ENTRY_TREE_NODES,
                                     &self->positions));
    self->positions_alone = all->count ? all->offsets[all->count] : 0;
    self->positions_padded = all->count * clip->max_position_embeddings;
    if (clip->siglip) /* pads, and shares nothing */
        self->positions = self->positions_alone = self->positions_padded;
out:
    return st;
}

ac_status
ac_entry_plan_all(ac_entry_plan *self, ac_run *run, const ac_clip_model *clip,
                  const ac_texts *entries, const char *prefix)
{
    const ac_comm *comm = run->comm;
    const int64_t n = entries->count, first = n * comm->rank / comm->size,
                  count = n * (comm->rank + 1) / comm->size - first;
    ac_token_lists mine = { 0 }, all = { 0 };
    int64_t *numbers[] = { &self->positions, &self->positions_alone, &self->positions_padded };
    ac_status st = AC_OK;

    st = ac_alloc(&self->order, n, sizeof *self->order);
    if (st == AC_OK)
        st = ac_entry_tokens(run, clip, entries, NULL, first, count, prefix, &mine, &self->cut);
    AC_TRY(ac_agree_all(comm, st));
    st = gather_all(comm, &mine, &all);
    if (st == AC_OK && comm->rank == 0)
        st = sort_entries(self, &all, run->manifest.shard_items, &clip->net.config);
    AC_TRY(ac_agree_all(comm, st));
    ac_broadcast_bytes_all(comm, self->order, (size_t) n * sizeof *self->order, 0);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        ac_broadcast_bytes_all(comm, numbers[i], sizeof *numbers[i], 0);
    ac_sum_int64_all(comm, &self->cut, 1);
out:
    ac_token_lists_free(&mine);
    ac_token_lists_free(&all);
    return st;
}

void
ac_entry_plan_free(ac_entry_plan *self)
{
    free(self->order);
    *self = (ac_entry_plan){ 0 };
}

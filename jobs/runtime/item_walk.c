#include "jobs/runtime/item_walk.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "io/file/checksum.h"
#include "io/file/path.h"

enum { MOST_LOADED = 64 }; /* shards in memory at a time */

typedef struct ac_walk_slot {
    ac_shard_view view;
    int64_t shard; /* -1: none */
    int64_t used;  /* when last */
} slot;

ac_status
ac_item_walk_open(ac_item_walk *self, const ac_item_walk_options *options)
{
    const ac_manifest *m = options->manifest;
    ac_status st = AC_OK;
    bool found;

    *self = (ac_item_walk){
        .options = *options, .row = -1, .shard = -1, .updated = m->generation_count > 0
    };
    self->slot_count = self->updated ? m->generation_count : 1;
    AC_TRY(ac_alloc(&self->slots, self->slot_count, sizeof *self->slots));
    for (int64_t g = 0; g < self->slot_count; g++)
        self->slots[g].shard = -1;
    if (!self->updated)
        goto out;
    AC_TRY(ac_item_list_open(&self->list, options->folder, m->generation_count - 1, &found));
    if (!found)
        st = ac_error_set(AC_E_FORMAT,
                          "%s/generations: the list of the run's items is gone, so what "
                          "belongs to the run is not known; the job with another --run folder "
                          "starts afresh",
                          options->folder);
out:
    return st;
}

void
ac_item_walk_close(ac_item_walk *self)
{
    for (int64_t g = 0; self->slots && g < self->slot_count; g++)
        ac_shard_view_free(&self->slots[g].view);
    free(self->slots);
    ac_item_list_close(&self->list);
    ac_listed_item_free(&self->item);
    *self = (ac_item_walk){ 0 };
}

/* ---- shards ---- */

/* Are the shard's items walked over: is it through its stages, and in this share? */
static bool
is_through(const ac_item_walk *self, int64_t shard)
{
    if (self->options.shares && shard % self->options.shares != self->options.share)
        return false;
    for (int s = 0; s < self->options.through; s++)
        if (!self->options.manifest->stages[s].shards[shard].done)
            return false;
    return true;
}

static ac_status
check_files(const ac_item_walk *self, int64_t shard)
{
    static const unsigned of_stage[] = { ~0u, AC_VIEW_TABLES, AC_VIEW_CAPTIONS };
    const ac_item_walk_options *o = &self->options;
    ac_status st = AC_OK;
    char *path = NULL, found[33];

    for (int s = 0; s < o->manifest->stage_count && s < 3; s++) {
        if (!(o->parts & of_stage[s]) || !o->stages[s])
            continue;
        free(path);
        AC_TRY(ac_path_format(&path, "%s/%s/%05lld.h5", o->folder, o->stages[s]->folder,
                              (long long) shard));
        AC_TRY(ac_file_checksum(path, found));
        if (strcmp(found, o->manifest->stages[s].shards[shard].checksum) != 0)
            AC_FAIL(AC_E_FORMAT,
                    "%s: not what was published; the same command that made the run makes it "
                    "again",
                    path);
    }
out:
    free(path);
    return st;
}

/* The shard used longest ago makes room. */
static void
make_room(ac_item_walk *self)
{
    slot *oldest = NULL;

    if (self->loaded < MOST_LOADED)
        return;
    for (int64_t g = 0; g < self->slot_count; g++)
        if (self->slots[g].shard >= 0 && (!oldest || self->slots[g].used < oldest->used))
            oldest = &self->slots[g];
    ac_shard_view_free(&oldest->view);
    oldest->shard = -1;
    self->loaded--;
}

static ac_status
load(ac_item_walk *self, int64_t generation, int64_t shard)
{
    slot *at = &self->slots[generation];
    ac_status st = AC_OK;

    if (at->shard != shard) {
        if (at->shard < 0) {
            make_room(self);
            self->loaded++;
        }
        at->shard = shard;
        if (self->options.checked)
            AC_TRY(check_files(self, shard));
        AC_TRY(ac_shard_view_read(&at->view, self->options.folder, self->options.stages, shard,
                                  self->options.parts |
                                      (self->options.rejected ? AC_VIEW_BAD : 0)));
    }
    at->used = self->clock++;
    self->view = &at->view;
    self->shard = shard;
out:
    return st;
}

/* ---- items ---- */

static ac_item_text
text_at(const ac_texts *texts, int64_t i)
{
    return (ac_item_text){ ac_texts_at(texts, i), ac_texts_size(texts, i) };
}

static void
set_rejected(ac_item_walk *self, int64_t i)
{
    self->row = -1;
    self->key = text_at(&self->view->bad_keys, i);
    self->reason = text_at(&self->view->bad_reasons, i);
    self->detail = text_at(&self->view->bad_details, i);
}

/* Of a run that was never updated: what was present is row `row` of shard `shard`, or, behind
 * the rows, a rejected item; slots[0].used counts these. */
static ac_status
next_of_shards(ac_item_walk *self, bool *found)
{
    const ac_item_walk_options *o = &self->options;
    const ac_manifest *m = o->manifest;
    slot *at = &self->slots[0];
    ac_status st = AC_OK;

    for (;;) {
        if (self->view && o->rows && self->clock < self->view->n) {
            self->row = self->clock++;
            self->key = text_at(&self->view->keys, self->row);
            *found = true;
            return AC_OK;
        }
        if (self->view && o->rejected && at->used < self->view->bad_keys.count) {
            set_rejected(self, at->used++);
            *found = true;
            return AC_OK;
        }
        self->view = NULL;
        do
            self->shard++;
        while (self->shard < m->shard_count &&
               (!is_through(self, self->shard) ||
                (!o->rows && !m->stages[0].shards[self->shard].bad)));
        if (self->shard >= m->shard_count)
            return AC_OK;
        AC_TRY(load(self, 0, self->shard));
        self->clock = at->used = 0;
    }
out:
    return st;
}

/* The first of the texts, which are in order, that is not before the key. */
static int64_t
lower_bound(const ac_texts *texts, const ac_buffer *key)
{
    int64_t low = 0, high = texts->count;

    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (ac_bytes_compare(ac_texts_at(texts, middle), ac_texts_size(texts, middle),
                             key->data, key->size) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool
is_at(const ac_texts *texts, int64_t i, const ac_buffer *key)
{
    return i < texts->count && ac_texts_is(texts, i, key->data, key->size);
}

/* Rejected items are few, and in order only where none had left the input when the shard was
 * made. */
static int64_t
first_of(const ac_texts *texts, const ac_buffer *key)
{
    int64_t i = 0;

    while (i < texts->count && !is_at(texts, i, key))
        i++;
    return i;
}

/* What became of the listed item, which was read. Of items with the same key in a shard the
 * first is the one that was read; the others were rejected without. */
static ac_status
place_item(ac_item_walk *self)
{
    const ac_buffer *key = &self->item.key;
    const int64_t row = lower_bound(&self->view->keys, key);

    self->key = (ac_item_text){ key->data, key->size };
    if (is_at(&self->view->keys, row, key)) {
        self->row = row;
        return AC_OK;
    }
    self->row = -1;
    if (self->options.rejected) {
        const int64_t bad = first_of(&self->view->bad_keys, key);
        if (bad < self->view->bad_keys.count) {
            set_rejected(self, bad);
            return AC_OK;
        }
        return ac_error_set(AC_E_FORMAT,
                            "%s: shard %lld has neither a row nor a rejected item of the key "
                            "%.*s, which the list of items puts there",
                            self->options.folder, (long long) self->shard, (int) key->size,
                            key->data);
    }
    return AC_OK;
}

/* The next item of the list whose shard is there; its row where it is not rejected. */
static ac_status
next_of_list(ac_item_walk *self, bool *found)
{
    const ac_manifest *m = self->options.manifest;
    ac_listed_item *item = &self->item;
    ac_status st = AC_OK;
    bool more;

    for (;;) {
        int64_t shard;
        AC_TRY(ac_item_list_next(&self->list, item, &more));
        if (!more)
            return AC_OK;
        shard = item->number / m->shard_items;
        if (shard >= m->shard_count)
            AC_FAIL(AC_E_FORMAT, "%s: an item of shard %lld, where the manifest has %lld",
                    self->list.path, (long long) shard, (long long) m->shard_count);
        if (!is_through(self, shard))
            continue;
        if (item->status.reason != AC_GOOD) { /* rejected before it was read */
            const char *reason = ac_reject_reason_name(item->status.reason);
            self->row = -1;
            self->key = (ac_item_text){ item->key.data, item->key.size };
            self->reason = (ac_item_text){ reason, strlen(reason) };
            self->detail = (ac_item_text){ item->status.detail, strlen(item->status.detail) };
        } else {
            AC_TRY(load(self, ac_manifest_generation_of(m, shard), shard));
            AC_TRY(place_item(self));
        }
        if (self->row >= 0 ? self->options.rows : self->options.rejected)
            break;
    }
    self->place = (self->list.read - 1) / m->shard_items;
    *found = true;
out:
    return st;
}

ac_status
ac_item_walk_next(ac_item_walk *self, bool *found)
{
    ac_status st;

    *found = false;
    if (self->updated)
        return next_of_list(self, found);
    st = next_of_shards(self, found);
    self->place = self->shard;
    return st;
}

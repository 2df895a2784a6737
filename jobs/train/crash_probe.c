#include "jobs/train/crash_probe.h"

#include <stdlib.h>
#include <string.h>

#include "jobs/runtime/crash_probe.h"
#include "jobs/runtime/shard_view.h"
#include "jobs/models/prompt.h"

/* Tables and captions of the suspects. */
typedef struct accused {
    ac_texts texts;
    int64_t *owners; /* [texts.count]: the item */
    int64_t capacity;
} accused;

static ac_status
push(accused *self, const char *text, size_t n, int64_t item)
{
    ac_status st = AC_OK;

    AC_TRY(
        ac_grow(&self->owners, &self->capacity, self->texts.count + 1, sizeof *self->owners));
    self->owners[self->texts.count] = item;
    st = ac_texts_push(&self->texts, text, n);
out:
    return st;
}

/* The item's table, where its shard has one. */
static ac_status
push_table(accused *self, const ac_texts *keys, const ac_shard_view *v, int64_t item)
{
    ac_prompt prompt = { 0 };
    int64_t row = 0;
    ac_status st = AC_OK;

    while (row < v->n && (ac_texts_size(keys, item) != ac_texts_size(&v->keys, row) ||
                          memcmp(ac_texts_at(keys, item), ac_texts_at(&v->keys, row),
                                 ac_texts_size(keys, item)) != 0))
        row++;
    if (row == v->n)
        return AC_OK;
    AC_TRY(ac_prompt_join(&prompt, &v->entries, row * v->K, v->ids + row * v->K, v->K));
    st = push(self, prompt.text.data, prompt.text.size, item);
out:
    ac_prompt_free(&prompt);
    return st;
}

static ac_status
push_captions(accused *self, const ac_training_items *items, int64_t item)
{
    const bool validation = item >= items->training;
    const ac_captioned_list *list = &items->lists[validation];
    const int64_t image = validation ? item - items->training : item / items->crops;
    ac_status st = AC_OK;

    for (int64_t c = list->caption_offsets[image]; c < list->caption_offsets[image + 1]; c++)
        AC_TRY(push(self, ac_texts_at(&list->captions, c), ac_texts_size(&list->captions, c),
                    item));
out:
    return st;
}

static ac_status
collect(accused *self, const ac_pipeline *p, const ac_training_items *items)
{
    const ac_run *run = &p->run;
    ac_shard_view view = { 0 };
    ac_status st = AC_OK;

    for (int64_t s = 0; s < run->suspect_count; s++) {
        const ac_hand_items *suspects = &run->suspects[s];
        for (int64_t i = suspects->first;
             suspects->stage == AC_STAGE_RETRIEVE && i < suspects->first + suspects->count;
             i++) {
            const int64_t shard = i / run->manifest.shard_items;
            if (run->crashed[i] || !run->manifest.stages[AC_STAGE_RETRIEVE].shards[shard].done)
                continue;
            AC_TRY(
                ac_shard_view_read(&view, run->folder, shard, AC_VIEW_KEYS | AC_VIEW_TABLES));
            AC_TRY(push_table(self, &p->images.keys, &view, i));
            AC_TRY(push_captions(self, items, i));
        }
    }
out:
    ac_shard_view_free(&view);
    return st;
}

/* Rank 0. */
static ac_status
try_suspects(const ac_pipeline *p, const ac_training_items *items, bool *crashes)
{
    accused a = { 0 };
    bool *guilty = NULL;
    ac_status st = AC_OK;

    AC_TRY(collect(&a, p, items));
    if (a.texts.count == 0)
        goto out;
    AC_TRY(ac_alloc(&guilty, a.texts.count, sizeof *guilty));
    AC_TRY(
        ac_text_trial(&p->run, p->bart.path, "bart", &a.texts, "tables and captions", guilty));
    for (int64_t i = 0; i < a.texts.count; i++)
        crashes[a.owners[i]] = crashes[a.owners[i]] || guilty[i];
out:
    ac_texts_free(&a.texts);
    free(a.owners);
    free(guilty);
    return st;
}

ac_status
ac_training_trial_all(ac_pipeline *p, const ac_training_items *items)
{
    bool *crashes = NULL;
    ac_status st = AC_OK;

    if (p->run.suspect_count == 0) /* the same on all ranks */
        return AC_OK;
    ac_heartbeat_phase(p->comm->heartbeat, "trial of suspects");
    st = ac_alloc(&crashes, p->run.manifest.items, sizeof *crashes);
    if (st == AC_OK && p->comm->rank == 0)
        st = try_suspects(p, items, crashes);
    AC_TRY(ac_agree_all(p->comm, st));
    st = ac_run_quarantine_all(&p->run, crashes, &p->images.keys, false);
out:
    free(crashes);
    return st;
}

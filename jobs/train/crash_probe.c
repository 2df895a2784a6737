#include "jobs/train/crash_probe.h"

#include <stdlib.h>
#include <string.h>

#include "jobs/runtime/crash_probe.h"
#include "jobs/runtime/shard_view.h"
#include "jobs/models/prompt.h"

/* Tables and captions of the suspects. */
typedef struct suspect_texts {
    ac_texts texts;
    int64_t *owners; /* [texts.count]: the item */
    int64_t capacity;
} suspect_texts;

static ac_status
push(suspect_texts *self, const char *text, size_t n, int64_t item)
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
push_table(suspect_texts *self, const ac_image_source *images, const ac_shard_view *v,
           int64_t item)
{
    ac_prompt prompt = { 0 };
    ac_buffer key = { 0 };
    bool same = false;
    ac_status st = AC_OK;

    for (int64_t row = 0; row < v->n && !same; row++) {
        AC_TRY(ac_image_source_key_is(images, item, &v->keys, row, &key, &same));
        if (!same)
            continue;
        AC_TRY(ac_prompt_join(&prompt, &v->entries, row * v->K, v->ids + row * v->K, v->K));
        AC_TRY(push(self, prompt.text.data, prompt.text.size, item));
    }
out:
    ac_prompt_free(&prompt);
    ac_buffer_free(&key);
    return st;
}

static ac_status
push_captions(suspect_texts *self, const ac_image_source *images, int64_t item)
{
    ac_texts captions = { 0 };
    ac_status st = AC_OK;

    AC_TRY(ac_image_source_captions(images, item, &captions));
    for (int64_t c = 0; c < captions.count; c++)
        AC_TRY(push(self, ac_texts_at(&captions, c), ac_texts_size(&captions, c), item));
out:
    ac_texts_free(&captions);
    return st;
}

/* What rank 0 probes with. */
typedef struct prober {
    const ac_run *run;
    const ac_image_source *images;
    const ac_bart_model *bart;
} prober;

static ac_status
collect(suspect_texts *self, const prober *p)
{
    const ac_run *run = p->run;
    const ac_quarantine *q = &run->quarantine;
    ac_shard_view view = { 0 };
    ac_status st = AC_OK;

    for (int64_t s = 0; s < q->suspect_count; s++) {
        const ac_inflight_items *suspects = &q->suspects[s];
        for (int64_t i = suspects->first;
             suspects->stage == AC_STAGE_RETRIEVE && i < suspects->first + suspects->count;
             i++) {
            const int64_t shard = i / run->manifest.shard_items;
            if (ac_quarantine_has(q, i) ||
                !run->manifest.stages[AC_STAGE_RETRIEVE].shards[shard].done)
                continue;
            AC_TRY(ac_shard_view_read(&view, run->folder, run->stages, shard,
                                      AC_VIEW_KEYS | AC_VIEW_TABLES));
            AC_TRY(push_table(self, p->images, &view, i));
            AC_TRY(push_captions(self, p->images, i));
        }
    }
out:
    ac_shard_view_free(&view);
    return st;
}

/* An ac_crash_probe. */
static ac_status
probe_texts(void *context, bool *crashes)
{
    const prober *p = context;
    suspect_texts s = { 0 };
    bool *confirmed = NULL;
    ac_status st = AC_OK;

    if (p->run->comm->rank != 0)
        return AC_OK;
    AC_TRY(collect(&s, p));
    if (s.texts.count == 0)
        goto out;
    AC_TRY(ac_alloc(&confirmed, s.texts.count, sizeof *confirmed));
    AC_TRY(ac_crash_probe_texts(p->run, p->bart->path, "bart", &s.texts, "tables and captions",
                                confirmed));
    for (int64_t i = 0; i < s.texts.count; i++)
        crashes[s.owners[i]] = crashes[s.owners[i]] || confirmed[i];
out:
    ac_texts_free(&s.texts);
    free(s.owners);
    free(confirmed);
    return st;
}

ac_status
ac_training_probe_all(ac_run *run, const ac_image_source *images, const ac_bart_model *bart)
{
    prober p = { run, images, bart };
    const ac_item_names names = ac_item_names_of_images(images);

    return ac_crash_probe_all(run, probe_texts, &p, &names, false);
}

/* Merge: the run's files for people and tools, written by rank 0 from the shards, in the order
 * of keys. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "io/file/json_write.h"
#include "io/file/publish.h"
#include "io/file/text_file.h"
#include "jobs/caption/record.h"
#include "jobs/caption/reviews.h"
#include "jobs/caption/stages.h"
#include "jobs/runtime/evidence_json.h"
#include "jobs/runtime/item_walk.h"

enum { MAX_REFERENCES = 16 };

/* The parts of a shard that a job of so many stages has. */
static unsigned
parts_of(int stages)
{
    return AC_VIEW_KEYS | (stages > 1 ? AC_VIEW_TABLES : 0) |
           (stages > 2 ? AC_VIEW_CAPTIONS : 0);
}

/* output.evidence: where the caption's words come from. */
static ac_status
push_evidence(ac_buffer *b, ac_evidence_finder *finder, const ac_shard_view *v, int64_t i)
{
    ac_buffer_push_text(b, ", \"evidence\": ");
    return ac_evidence_push_row(b, finder, v, i);
}

static void
flush_to(ac_text_file *f, ac_buffer *b)
{
    ac_text_file_write(f, b->data ? b->data : "", b->size);
    ac_buffer_reset(b);
}

/* Over the items of a run that is through its stages, in the order of keys. */
static ac_status
walk_run(ac_item_walk *walk, const ac_run *run, unsigned parts, bool rows, bool rejected)
{
    const ac_item_walk_options options = { .folder = run->folder,
                                           .manifest = &run->manifest,
                                           .stages = run->stages,
                                           .parts = parts,
                                           .through = 1,
                                           .rows = rows,
                                           .rejected = rejected };

    return ac_item_walk_open(walk, &options);
}

/* counts: of the input's items, rows and rejected. */
static ac_status
write_bad_items(const ac_run *run, int64_t counts[2])
{
    ac_item_walk walk = { 0 };
    ac_status st = AC_OK;
    ac_text_file f = { 0 };
    ac_buffer line = { 0 };
    bool found;

    AC_TRY(ac_run_create_file(run, &f, "bad_items.jsonl"));
    AC_TRY(walk_run(&walk, run, AC_VIEW_KEYS, run->numbers != NULL, true));
    for (;;) {
        AC_TRY(ac_item_walk_next(&walk, &found));
        if (!found)
            break;
        counts[walk.row < 0]++;
        if (walk.row >= 0)
            continue;
        ac_buffer_push_text(&line, "{");
        ac_json_field(&line, "key", walk.key.bytes, walk.key.size);
        ac_buffer_push_text(&line, ", ");
        ac_json_field(&line, "reason", walk.reason.bytes, walk.reason.size);
        ac_buffer_push_text(&line, ", ");
        ac_json_field(&line, "detail", walk.detail.bytes, walk.detail.size);
        ac_buffer_push_text(&line, "}\n");
        AC_TRY(line.status);
        flush_to(&f, &line);
    }
    AC_TRY(ac_text_file_commit(&f));
out:
    ac_text_file_abandon(&f);
    ac_buffer_free(&line);
    ac_item_walk_close(&walk);
    return st;
}

/* captions.jsonl (tags.jsonl and, of labels, tags.csv for a job without captions), keys.txt,
 * preds.txt. */
typedef struct record_files {
    ac_text_file records, keys, predictions;
    ac_text_file csv; /* tags.csv: of labels */
    bool labels;      /* retrieval.templates */
    ac_evidence_finder finder;
    bool evidence;      /* output.evidence */
    ac_reviews reviews; /* of captions, by people */
    ac_buffer b, scratch;
} record_files;

/* The rows of tags.csv; before the first its head. */
static void
write_csv(record_files *self, const ac_shard_view *v, int64_t i, bool first)
{
    ac_buffer *b = &self->b;

    if (first) {
        ac_record_push_csv_head(b, v);
        ac_buffer_push_text(b, "\r\n");
    }
    for (int64_t k = i * v->K; k < (i + 1) * v->K && v->ids[k] >= 0; k++) {
        ac_record_push_csv(b, v, i, k);
        ac_buffer_push_text(b, "\r\n");
    }
    flush_to(&self->csv, b);
}

static ac_status
write_record(record_files *self, const ac_shard_view *v, int64_t i, int stages)
{
    ac_buffer *b = &self->b;
    int64_t r;
    ac_status st = AC_OK;

    ac_text_push_name_line(b, ac_texts_at(&v->keys, i), ac_texts_size(&v->keys, i));
    flush_to(&self->keys, b);
    if (stages > 2) {
        ac_text_push_line(b, ac_texts_at(&v->captions, i), ac_texts_size(&v->captions, i));
        flush_to(&self->predictions, b);
    }
    if (stages > 1) {
        ac_record_push(b, v, i, stages);
        if (self->evidence)
            AC_TRY(push_evidence(b, &self->finder, v, i));
        r = ac_reviews_of(&self->reviews, v, i, &self->scratch);
        if (r >= 0)
            ac_reviews_push(&self->reviews, r, b, v, i);
        ac_buffer_push_text(b, "}\n");
        flush_to(&self->records, b);
    }
    st = b->status;
out:
    return st;
}

static ac_status
write_records(const ac_run *run, int stages)
{
    ac_status st = AC_OK;
    record_files files = { .evidence = stages > 2 && run->config->output.evidence };
    ac_item_walk walk = { 0 };
    char *pending = NULL;
    bool found, first = true;

    if (stages > 2) {
        AC_TRY(ac_reviews_open(&files.reviews, run->folder));
        AC_TRY(ac_run_path(run, &pending, ".review-pending")); /* import-review was killed */
        (void) unlink(pending);
    }
    AC_TRY(ac_run_create_file(run, &files.keys, "keys.txt"));
    files.labels = stages == 2 && run->config->retrieval.templates;
    if (files.labels)
        AC_TRY(ac_run_create_file(run, &files.csv, "tags.csv"));
    if (stages > 1)
        AC_TRY(ac_run_create_file(run, &files.records,
                                  stages > 2 ? "captions.jsonl" : "tags.jsonl"));
    if (stages > 2)
        AC_TRY(ac_run_create_file(run, &files.predictions, "preds.txt"));
    AC_TRY(walk_run(&walk, run, parts_of(stages), true, false));
    for (;;) {
        AC_TRY(ac_item_walk_next(&walk, &found));
        if (!found)
            break;
        AC_TRY(write_record(&files, walk.view, walk.row, stages));
        if (files.labels)
            write_csv(&files, walk.view, walk.row, first);
        first = false;
    }
    AC_TRY(files.b.status);
    AC_TRY(ac_text_file_commit(&files.keys));
    if (files.labels)
        AC_TRY(ac_text_file_commit(&files.csv));
    if (stages > 1)
        AC_TRY(ac_text_file_commit(&files.records));
    if (stages > 2)
        AC_TRY(ac_text_file_commit(&files.predictions));
out:
    ac_text_file_abandon(&files.keys);
    ac_text_file_abandon(&files.records);
    ac_text_file_abandon(&files.predictions);
    ac_text_file_abandon(&files.csv);
    ac_evidence_finder_free(&files.finder);
    ac_reviews_free(&files.reviews);
    ac_buffer_free(&files.scratch);
    free(pending);
    ac_buffer_free(&files.b);
    ac_item_walk_close(&walk);
    return st;
}

/* ---- references ---- */

/* Starts zeroed. */
typedef struct references {
    ac_text_file files[MAX_REFERENCES];
    ac_buffer key, b;
    ac_texts captions;
    int64_t fewest; /* captions of an image, so far */
} references;

/* Item of the input: the one with the key of the row, searched from `item` on. The rows are a
 * subsequence of the items. */
static ac_status
find_item(references *self, const ac_image_source *images, const ac_item_walk *walk,
          int64_t *item)
{
    bool same = false;
    ac_status st = AC_OK;

    while (!same) {
        if (*item == images->count)
            AC_FAIL(AC_E_FORMAT, "%s: the input has no image of the key %.*s any more",
                    walk->options.folder, (int) walk->key.size, walk->key.bytes);
        AC_TRY(ac_image_source_key_is(images, *item, &walk->view->keys, walk->row, &self->key,
                                      &same));
        *item += !same;
    }
out:
    return st;
}

/* Over all images: the fewest captions that one has, or, where `write`, so many of each. */
static ac_status
each_reference(references *self, const ac_run *run, const ac_image_source *images, bool write)
{
    ac_item_walk walk = { 0 };
    int64_t item = 0;
    ac_status st = AC_OK;
    bool found;

    AC_TRY(walk_run(&walk, run, AC_VIEW_KEYS, true, false));
    while (self->fewest) {
        AC_TRY(ac_item_walk_next(&walk, &found));
        if (!found)
            break;
        AC_TRY(find_item(self, images, &walk, &item));
        AC_TRY(ac_image_source_captions(images, item++, &self->captions));
        if (self->captions.count < self->fewest)
            self->fewest = self->captions.count;
        for (int64_t r = 0; write && r < self->fewest; r++) {
            ac_text_push_line(&self->b, ac_texts_at(&self->captions, r),
                              ac_texts_size(&self->captions, r));
            AC_TRY(self->b.status);
            flush_to(&self->files[r], &self->b);
        }
    }
out:
    ac_item_walk_close(&walk);
    return st;
}

/* Those of before an update that are no longer: ref`first`.txt and so on. */
static ac_status
remove_references(const ac_run *run, int64_t first)
{
    ac_status st = AC_OK;

    for (int64_t r = first; st == AC_OK && r < MAX_REFERENCES; r++) {
        char *path = NULL;
        st = ac_run_path(run, &path, "ref%lld.txt", (long long) r);
        if (st == AC_OK)
            st = ac_publish_remove(path);
        free(path);
    }
    return st;
}

/* Captions that are there and cannot be used as they are: counted, the first ones named. */
static ac_status
tell_captions(const ac_image_source *images)
{
    enum { NAMED = 10 };
    ac_buffer key = { 0 }, names = { 0 };
    ac_item_status status;
    int64_t count = 0;
    ac_status st = AC_OK;

    for (int64_t i = 0; i < images->count; i++) {
        AC_TRY(ac_image_source_check_captions(images, i, &status));
        if (status.reason == AC_GOOD || !status.detail[0])
            continue;
        AC_TRY(ac_image_source_key(images, i, &key));
        if (count++ < NAMED)
            ac_buffer_printf(&names, "%s%.*s: %s: %s", count > 1 ? "; " : " ", (int) key.size,
                             key.data, ac_reject_reason_name(status.reason), status.detail);
    }
    AC_TRY(names.status);
    if (count)
        ac_log(AC_LOG_WARNING,
               "captions of %lld images are not used as they are (what is not UTF-8 becomes "
               "U+FFFD in ref*.txt):%s%s",
               (long long) count, names.data, count > NAMED ? "; …" : "");
out:
    ac_buffer_free(&key);
    ac_buffer_free(&names);
    return st;
}

/* ref0.txt …: as many as the image with fewest captions has, in the order of keys.txt. */
static ac_status
write_references(const ac_run *run, const ac_image_source *images)
{
    ac_status st = AC_OK;
    references self = { .fewest = MAX_REFERENCES };

    if (run->rows == 0) /* no image, no references */
        self.fewest = 0;
    AC_TRY(each_reference(&self, run, images, false));
    for (int64_t r = 0; r < self.fewest; r++) {
        char name[32];
        snprintf(name, sizeof name, "ref%lld.txt", (long long) r);
        AC_TRY(ac_run_create_file(run, &self.files[r], name));
    }
    AC_TRY(each_reference(&self, run, images, true));
    for (int64_t r = 0; r < self.fewest; r++)
        AC_TRY(ac_text_file_commit(&self.files[r]));
    st = remove_references(run, self.fewest);
out:
    for (int r = 0; r < MAX_REFERENCES; r++)
        ac_text_file_abandon(&self.files[r]);
    ac_buffer_free(&self.key);
    ac_buffer_free(&self.b);
    ac_texts_free(&self.captions);
    return st;
}

ac_status
ac_merge_bad_items_all(ac_run *run)
{
    int64_t counts[2] = { 0 };
    ac_status st = AC_OK;

    AC_TRY(
        ac_agree_all(run->comm, run->comm->rank == 0 ? write_bad_items(run, counts) : AC_OK));
    ac_broadcast_bytes_all(run->comm, counts, sizeof counts, 0);
    run->rows = run->numbers ? counts[0] : ac_run_rows(run, AC_STAGE_EMBED);
    run->bad = counts[1];
out:
    return st;
}

ac_status
ac_merge_references_all(const ac_run *run, const ac_image_source *images)
{
    ac_status st = AC_OK;

    if (run->comm->rank == 0) {
        AC_TRY(tell_captions(images));
        AC_TRY(write_references(run, images));
    }
out:
    return ac_agree_all(run->comm, st);
}

ac_status
ac_merge_all(const ac_run *run, const ac_image_source *images, int stages)
{
    ac_status st = AC_OK;

    AC_TRY(ac_agree_all(run->comm, run->comm->rank == 0 ? write_records(run, stages) : AC_OK));
    if (stages > 2)
        st = ac_merge_references_all(run, images);
out:
    return st;
}

/* Merge: the run's files for people and tools, written by rank 0 from the shards, in the order
 * of keys. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "io/file/json_write.h"
#include "io/file/text_file.h"
#include "jobs/caption/record.h"
#include "jobs/caption/stages.h"
#include "jobs/runtime/evidence_json.h"
#include "jobs/runtime/shard_view.h"

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

static ac_status
create(ac_text_file *f, const ac_run *run, const char *name)
{
    char *path = NULL;
    ac_status st = ac_run_path(run, &path, "%s", name);

    if (st == AC_OK)
        st = ac_text_file_create(f, path);
    free(path);
    return st;
}

static ac_status
write_bad_items(const ac_run *run)
{
    ac_status st = AC_OK;
    ac_text_file f = { 0 };
    ac_buffer line = { 0 };
    ac_shard_view v = { 0 };

    AC_TRY(create(&f, run, "bad_items.jsonl"));
    for (int64_t s = 0; s < run->manifest.shard_count; s++) {
        if (!run->manifest.stages[AC_STAGE_EMBED].shards[s].bad)
            continue;
        AC_TRY(ac_shard_view_read(&v, run->folder, run->stages, s, AC_VIEW_BAD));
        for (int64_t i = 0; i < v.bad_keys.count; i++) {
            ac_buffer_push_text(&line, "{");
            ac_record_push_text(&line, "key", &v.bad_keys, i);
            ac_buffer_push_text(&line, ", ");
            ac_record_push_text(&line, "reason", &v.bad_reasons, i);
            ac_buffer_push_text(&line, ", ");
            ac_record_push_text(&line, "detail", &v.bad_details, i);
            ac_buffer_push_text(&line, "}\n");
        }
        AC_TRY(line.status);
        flush_to(&f, &line);
    }
    AC_TRY(ac_text_file_commit(&f));
out:
    ac_text_file_abandon(&f);
    ac_buffer_free(&line);
    ac_shard_view_free(&v);
    return st;
}

/* captions.jsonl (tags.jsonl for a job without captions), keys.txt, preds.txt. */
static ac_status
write_records(const ac_run *run, int stages)
{
    ac_status st = AC_OK;
    ac_text_file records = { 0 }, keys = { 0 }, predictions = { 0 };
    ac_evidence_finder finder = { 0 };
    ac_buffer b = { 0 };
    ac_shard_view v = { 0 };

    AC_TRY(create(&keys, run, "keys.txt"));
    if (stages > 1)
        AC_TRY(create(&records, run, stages > 2 ? "captions.jsonl" : "tags.jsonl"));
    if (stages > 2)
        AC_TRY(create(&predictions, run, "preds.txt"));
    for (int64_t s = 0; s < run->manifest.shard_count; s++) {
        AC_TRY(ac_shard_view_read(&v, run->folder, run->stages, s, parts_of(stages)));
        for (int64_t i = 0; i < v.n; i++) {
            ac_text_push_line(&b, ac_texts_at(&v.keys, i), ac_texts_size(&v.keys, i));
            flush_to(&keys, &b);
            if (stages > 2) {
                ac_text_push_line(&b, ac_texts_at(&v.captions, i),
                                  ac_texts_size(&v.captions, i));
                flush_to(&predictions, &b);
            }
            if (stages > 1) {
                ac_record_push(&b, &v, i, stages);
                if (stages > 2 && run->config->output.evidence)
                    AC_TRY(push_evidence(&b, &finder, &v, i));
                ac_buffer_push_text(&b, "}\n");
                flush_to(&records, &b);
            }
            AC_TRY(b.status);
        }
    }
    AC_TRY(ac_text_file_commit(&keys));
    if (stages > 1)
        AC_TRY(ac_text_file_commit(&records));
    if (stages > 2)
        AC_TRY(ac_text_file_commit(&predictions));
out:
    ac_text_file_abandon(&keys);
    ac_text_file_abandon(&records);
    ac_text_file_abandon(&predictions);
    ac_evidence_finder_free(&finder);
    ac_buffer_free(&b);
    ac_shard_view_free(&v);
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
            ac_buffer_printf(&names, "\n    %.*s: %s: %s", (int) key.size, key.data,
                             ac_reject_reason_name(status.reason), status.detail);
    }
    AC_TRY(names.status);
    if (count)
        ac_log(AC_LOG_WARNING,
               "captions of %lld images are not used as they are (what is not UTF-8 becomes "
               "U+FFFD in ref*.txt):%s%s",
               (long long) count, names.data, count > NAMED ? "\n    …" : "");
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
    ac_text_file files[MAX_REFERENCES] = { 0 };
    ac_buffer key = { 0 }, b = { 0 };
    ac_texts captions = { 0 };
    ac_shard_view v = { 0 };
    int64_t fewest = MAX_REFERENCES;

    if (ac_run_rows(run, AC_STAGE_EMBED) == 0) /* no image, no references */
        return AC_OK;
    for (int pass = 0; pass < 2 && fewest; pass++) {
        for (int64_t s = 0; s < run->manifest.shard_count; s++) {
            int64_t first, n, good = 0;
            ac_run_shard_items(run, s, &first, &n);
            AC_TRY(ac_shard_view_read(&v, run->folder, run->stages, s, AC_VIEW_KEYS));
            for (int64_t item = first; item < first + n && fewest && good < v.n; item++) {
                bool same; /* the good ones are a subsequence of the items */
                AC_TRY(ac_image_source_key_is(images, item, &v.keys, good, &key, &same));
                if (!same)
                    continue;
                good++;
                AC_TRY(ac_image_source_captions(images, item, &captions));
                fewest = captions.count < fewest ? captions.count : fewest;
                for (int64_t r = 0; pass == 1 && r < fewest; r++) {
                    ac_text_push_line(&b, ac_texts_at(&captions, r),
                                      ac_texts_size(&captions, r));
                    AC_TRY(b.status);
                    flush_to(&files[r], &b);
                }
            }
        }
        for (int64_t r = 0; pass == 0 && r < fewest; r++) {
            char name[32];
            snprintf(name, sizeof name, "ref%lld.txt", (long long) r);
            AC_TRY(create(&files[r], run, name));
        }
    }
    for (int64_t r = 0; r < fewest; r++)
        AC_TRY(ac_text_file_commit(&files[r]));
out:
    for (int r = 0; r < MAX_REFERENCES; r++)
        ac_text_file_abandon(&files[r]);
    ac_buffer_free(&key);
    ac_buffer_free(&b);
    ac_texts_free(&captions);
    ac_shard_view_free(&v);
    return st;
}

ac_status
ac_merge_bad_items_all(const ac_run *run)
{
    return ac_agree_all(run->comm, run->comm->rank == 0 ? write_bad_items(run) : AC_OK);
}

ac_status
ac_merge_all(const ac_run *run, const ac_image_source *images, int stages)
{
    ac_status st = AC_OK;

    if (run->comm->rank == 0) {
        AC_TRY(write_records(run, stages));
        if (stages > 2) {
            AC_TRY(tell_captions(images));
            AC_TRY(write_references(run, images));
        }
    }
out:
    return ac_agree_all(run->comm, st);
}
